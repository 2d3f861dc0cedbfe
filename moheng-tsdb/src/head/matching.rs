//! From matchers to the series they select.

use std::borrow::Cow;

use moheng_metrics::{MatchOp, Matcher};

use super::SeriesId;
use super::index::LabelIndex;
use super::label_table::LabelId;
use super::postings::{self, SeriesSet};

/// Checking the candidates one by one must be this much cheaper than testing every value of a label.
const CANDIDATES_PER_VALUE: usize = 4;

impl LabelIndex {
    /// The series with samples that all matchers match, ascending by id. No matcher selects all.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> SeriesSet<'_> {
        let mut exact: Vec<SeriesSet<'_>> = Vec::new();
        let mut patterns: Vec<&Matcher> = Vec::new();
        let mut exclusions: Vec<&Matcher> = Vec::new();
        for matcher in matchers {
            if matcher.matches_empty() {
                exclusions.push(matcher);
            } else if let Some(set) = self.exact_set(matcher) {
                exact.push(set);
            } else {
                patterns.push(matcher);
            }
        }
        exact.sort_by_key(|set| set.len());
        let mut candidates = Candidates::All;
        for set in exact {
            candidates.keep(set);
        }
        self.keep_matching_all(patterns, &mut candidates);
        for matcher in exclusions {
            self.drop_excluded(matcher, &mut candidates);
        }
        match candidates {
            Candidates::All => Cow::Borrowed(self.used()),
            Candidates::Some(set) => set,
        }
    }

    /// The series of a matcher that names the values it wants.
    fn exact_set(&self, matcher: &Matcher) -> Option<SeriesSet<'_>> {
        let find = |value: &str| self.labels.find(matcher.name(), value);
        match matcher.op() {
            MatchOp::Equal => Some(Cow::Borrowed(
                find(matcher.value()).map_or(&[][..], |label| self.labels.series(label)),
            )),
            MatchOp::Regex => {
                let values = matcher.pattern()?.literal_set()?;
                let labels = values.iter().filter_map(|value| find(value));
                Some(postings::union(
                    labels.map(|label| self.labels.series(label)).collect(),
                ))
            }
            MatchOp::NotEqual | MatchOp::NotRegex => None,
        }
    }

    /// Matchers that want the label to be there: with some value, or with a value that passes a test. The one with the fewest
    /// series comes first.
    fn keep_matching_all<'a>(&'a self, patterns: Vec<&Matcher>, candidates: &mut Candidates<'a>) {
        let mut wanted: Vec<(usize, Vec<&'a [SeriesId]>, &Matcher)> = Vec::new();
        for matcher in patterns {
            let values = self.labels.labels_of(matcher.name());
            if let Candidates::Some(set) = candidates
                && set.len() * CANDIDATES_PER_VALUE <= values.len()
            {
                set.to_mut().retain(|&id| self.is_match(matcher, id));
                continue;
            }
            let is_any = accepts_any_value(matcher);
            let labels = values
                .iter()
                .filter(|&&label| is_any || matcher.matches_value(self.labels.value(label)));
            let sets: Vec<_> = labels.map(|&label| self.labels.series(label)).collect();
            wanted.push((sets.iter().map(|set| set.len()).sum(), sets, matcher));
        }
        wanted.sort_by_key(|&(count, ..)| count);
        for (count, sets, matcher) in wanted {
            match candidates {
                Candidates::Some(set) if set.len() * CANDIDATES_PER_VALUE <= count && sets.len() > 1 => {
                    set.to_mut().retain(|&id| self.is_match(matcher, id));
                }
                _ => candidates.keep(postings::union(sets)),
            }
        }
    }

    /// A matcher that series without the label pass: take away those whose value does not.
    fn drop_excluded(&self, matcher: &Matcher, candidates: &mut Candidates<'_>) {
        if accepts_everything(matcher) {
            return;
        }
        let values = self.labels.labels_of(matcher.name());
        let excluded: Vec<LabelId> = if matcher.op() == MatchOp::NotEqual {
            self.labels
                .find(matcher.name(), matcher.value())
                .into_iter()
                .collect()
        } else {
            if let Candidates::Some(set) = candidates
                && set.len() * CANDIDATES_PER_VALUE <= values.len()
            {
                set.to_mut().retain(|&id| self.is_match(matcher, id));
                return;
            }
            let is_excluded = |label: &&LabelId| !matcher.matches_value(self.labels.value(**label));
            values.iter().filter(is_excluded).copied().collect()
        };
        let sets = excluded.iter().map(|&label| self.labels.series(label));
        let excluded = postings::union(sets.filter(|set| !set.is_empty()).collect());
        if excluded.is_empty() {
            return;
        }
        let set = match std::mem::replace(candidates, Candidates::All) {
            Candidates::All => Cow::Borrowed(self.used()),
            Candidates::Some(set) => set,
        };
        let mut set = set.into_owned();
        postings::subtract(&mut set, &excluded);
        *candidates = Candidates::Some(Cow::Owned(set));
    }

    fn is_match(&self, matcher: &Matcher, id: SeriesId) -> bool {
        let name = self.labels.find_name(matcher.name());
        let label = name.and_then(|name| {
            self.labels_of(id)
                .iter()
                .find(|&&label| self.labels.name_id(label) == Some(name))
        });
        matcher.matches_value(label.map_or("", |&label| self.labels.value(label)))
    }
}

/// What is left after the matchers so far.
enum Candidates<'a> {
    All,
    Some(SeriesSet<'a>),
}

impl<'a> Candidates<'a> {
    fn keep(&mut self, set: SeriesSet<'a>) {
        *self = Self::Some(match std::mem::replace(self, Self::All) {
            Self::All => set,
            Self::Some(before) => {
                let (small, large) = if before.len() <= set.len() {
                    (before, set)
                } else {
                    (set, before)
                };
                let mut small = small.into_owned();
                postings::intersect(&mut small, &large);
                Cow::Owned(small)
            }
        });
    }
}

/// Whether the matcher holds for every value that is not empty; only obvious cases are found.
fn accepts_any_value(matcher: &Matcher) -> bool {
    match matcher.op() {
        MatchOp::NotEqual => matcher.value().is_empty(),
        MatchOp::Regex => matcher.value() == ".+",
        MatchOp::NotRegex | MatchOp::Equal => false,
    }
}

/// Whether the matcher holds whatever the value; only obvious cases are found.
fn accepts_everything(matcher: &Matcher) -> bool {
    matcher.op() == MatchOp::Regex && matcher.value() == ".*"
}

#[cfg(test)]
mod tests {
    use moheng_metrics::Labels;

    use super::*;

    /// Compares with testing every series.
    fn check(index: &LabelIndex, sets: &[Labels], matchers: &[Matcher]) {
        let expected: Vec<SeriesId> = (0..)
            .zip(sets)
            .filter(|(_, labels)| matchers.iter().all(|matcher| matcher.matches(labels)))
            .map(|(id, _)| id)
            .collect();
        assert_eq!(*index.matching(matchers), expected, "{matchers:?}");
    }

    #[test]
    fn every_pair_of_matchers_selects_what_they_match() {
        let mut index = LabelIndex::default();
        let mut sets = Vec::new();
        for number in 0..60 {
            let mut pairs = vec![("__name__", ["up", "down", "cpu"][number % 3].to_owned())];
            if number % 2 == 0 {
                pairs.push(("host", format!("h{}", number / 4)));
            }
            if number % 5 == 0 {
                pairs.push(("mode", "idle".to_owned()));
            }
            pairs.push(("number", number.to_string()));
            let labels = Labels::from_pairs(pairs);
            let id = index.add(&labels).unwrap();
            index.publish_samples(id);
            sets.push(labels);
        }
        let mut matchers = Vec::new();
        for (name, values) in [
            (
                "__name__",
                &["up", "none", "", "up|cpu", "u.*", ".*", ".+", "(up)?"][..],
            ),
            ("host", &["h1", "", "h1|h2|h99", "h1.*", ".*", ".+", "|h3"][..]),
            ("mode", &["idle", "", ".*", ".+"][..]),
            ("none", &["x", "", ".*", ".+", "x.*", "x?"][..]),
            ("number", &["3|4|5", "1.*", ".*[02468]"][..]),
        ] {
            for value in values {
                for op in [
                    MatchOp::Equal,
                    MatchOp::NotEqual,
                    MatchOp::Regex,
                    MatchOp::NotRegex,
                ] {
                    matchers.push(Matcher::new(op, name, *value).unwrap());
                }
            }
        }
        check(&index, &sets, &[]);
        for first in &matchers {
            check(&index, &sets, std::slice::from_ref(first));
            for second in &matchers {
                check(&index, &sets, &[first.clone(), second.clone()]);
                check(
                    &index,
                    &sets,
                    &[Matcher::equal("__name__", "up"), first.clone(), second.clone()],
                );
            }
        }
    }
}
