//! Compiled [`NameFilter`]s.

use moheng_metrics::Pattern;

use super::NameFilter;
use crate::HostError;

/// Decides which names are kept.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    All,
    Include(Pattern),
    Exclude(Pattern),
}

impl Filter {
    pub(super) fn new(collector: &'static str, filter: &NameFilter) -> Result<Self, HostError> {
        Ok(match filter {
            NameFilter::All => Self::All,
            NameFilter::Include(pattern) => Self::Include(unanchored(collector, pattern)?),
            NameFilter::Exclude(pattern) => Self::Exclude(unanchored(collector, pattern)?),
        })
    }

    pub(super) fn keeps(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Include(pattern) => pattern.is_match(name),
            Self::Exclude(pattern) => !pattern.is_match(name),
        }
    }
}

/// A pattern that may match anywhere in a name; [`Pattern`] by itself must match all of it.
pub(super) fn unanchored(collector: &'static str, pattern: &str) -> Result<Pattern, HostError> {
    // Compiled alone first, so that an error shows the pattern as it was given.
    Pattern::new(pattern)
        .and_then(|_| Pattern::new(&format!(".*(?:{pattern}).*")))
        .map_err(|source| HostError::Pattern { collector, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_anywhere_unless_anchored() {
        #[track_caller]
        fn check(filter: &NameFilter, kept: &[&str], dropped: &[&str]) {
            let filter = Filter::new("test", filter).unwrap();
            assert!(kept.iter().all(|name| filter.keeps(name)), "{filter:?}");
            assert!(!dropped.iter().any(|name| filter.keeps(name)), "{filter:?}");
        }
        check(&NameFilter::All, &["", "a"], &[]);
        check(
            &NameFilter::Include("lo|th1".into()),
            &["lo", "loop", "eth1"],
            &["eth0"],
        );
        check(&NameFilter::Exclude("^lo$".into()), &["loop"], &["lo"]);
        check(&NameFilter::Include("a|^b".into()), &["xa", "bx"], &["xb"]);
        let error = Filter::new("arp", &NameFilter::Include("(".into())).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("collector arp: invalid regular expression \"(\""),
            "{error}"
        );
    }
}
