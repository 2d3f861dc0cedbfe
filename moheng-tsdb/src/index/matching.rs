//! From matchers to the series they select.

use std::ops::ControlFlow;
use std::sync::Arc;

use moheng_metrics::{MatchOp, Matcher};

use super::postings::{intersect, subtract, unite};
use super::reader::{MANY_LISTS_BYTES, ONE_LIST_BYTES};
use super::{IndexReader, SeriesReader};
use crate::Error;
use crate::storage::Window;

/// Checking the candidates one by one must be this much cheaper than testing every value of a label.
const CANDIDATES_PER_VALUE: usize = 4;

/// The series that all matchers match, ascending. No matcher selects all.
pub(crate) fn matching(index: &Arc<IndexReader>, matchers: &[Matcher]) -> Result<Vec<u32>, Error> {
    let mut exact: Vec<Vec<u32>> = Vec::new();
    let mut patterns: Vec<&Matcher> = Vec::new();
    let mut exclusions: Vec<&Matcher> = Vec::new();
    for matcher in matchers {
        if matcher.matches_empty() {
            exclusions.push(matcher);
        } else if let Some(values) = wanted_values(matcher) {
            let set = index.with_values(matcher.name(), values)?;
            if set.is_empty() {
                return Ok(set);
            }
            exact.push(set);
        } else {
            patterns.push(matcher);
        }
    }
    exact.sort_by_key(Vec::len);
    let mut candidates: Option<Vec<u32>> = None;
    for set in exact {
        keep(&mut candidates, set);
    }
    keep_matching_all(index, &patterns, &mut candidates)?;
    let mut set = match candidates {
        Some(set) => set,
        None => index.all_series()?,
    };
    for matcher in exclusions {
        index.drop_excluded(matcher, &mut set)?;
    }
    Ok(set)
}

impl IndexReader {
    /// The series that have one of these values.
    fn with_values<'v>(&self, name: &str, values: impl Iterator<Item = &'v str>) -> Result<Vec<u32>, Error> {
        let mut series = Vec::new();
        let mut window = Window::default();
        let mut lists = 0;
        for value in values {
            if let Some(offset) = self.table.find(&self.blob, name, value)? {
                self.read_postings(offset, &mut window, ONE_LIST_BYTES, &mut series)?;
                lists += 1;
            }
        }
        if lists > 1 {
            unite(&mut series);
        }
        Ok(series)
    }

    /// Where the postings are of the label with each value that matches.
    fn matching_lists(&self, matcher: &Matcher) -> Result<Vec<u64>, Error> {
        // What a negated pattern begins with says nothing about the values wanted.
        let pattern = matcher.pattern().filter(|_| matcher.op() == MatchOp::Regex);
        let prefix = pattern.and_then(|pattern| pattern.prefix()).unwrap_or_default();
        let is_any = accepts_any_value(matcher);
        let mut offsets = Vec::new();
        self.visit_values(matcher.name(), prefix, |value, offset| {
            if !value.starts_with(prefix) {
                return Ok(ControlFlow::Break(()));
            }
            if is_any || matcher.matches_value(value) {
                offsets.push(offset);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(offsets)
    }

    /// The series in any of these lists.
    fn union(&self, lists: &[u64]) -> Result<Vec<u32>, Error> {
        let mut series = Vec::new();
        let mut window = Window::default();
        for &offset in lists {
            self.read_postings(offset, &mut window, MANY_LISTS_BYTES, &mut series)?;
        }
        if lists.len() > 1 {
            unite(&mut series);
        }
        Ok(series)
    }

    /// The series of `set` that are in any of these lists. Only what is common is brought into order, which is most of the
    /// work of [`IndexReader::union`].
    fn intersect_with_any(&self, set: &[u32], lists: &[u64]) -> Result<Vec<u32>, Error> {
        let mut common = Vec::new();
        let mut window = Window::default();
        let (mut list, mut kept) = (Vec::new(), Vec::new());
        for &offset in lists {
            list.clear();
            self.read_postings(offset, &mut window, MANY_LISTS_BYTES, &mut list)?;
            if list.len() <= set.len() {
                intersect(&mut list, set);
                common.extend_from_slice(&list);
            } else {
                kept.clear();
                kept.extend_from_slice(set);
                intersect(&mut kept, &list);
                common.extend_from_slice(&kept);
            }
        }
        if lists.len() > 1 {
            unite(&mut common);
        }
        Ok(common)
    }

    /// The series that have the label, with a value that begins so and passes a test.
    fn with_values_where(
        &self,
        name: &str,
        prefix: &str,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<u32>, Error> {
        let mut series = Vec::new();
        let mut window = Window::default();
        let mut lists = 0;
        self.visit_values(name, prefix, |value, offset| {
            if !value.starts_with(prefix) {
                return Ok(ControlFlow::Break(()));
            }
            if is_wanted(value) {
                self.read_postings(offset, &mut window, MANY_LISTS_BYTES, &mut series)?;
                lists += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if lists > 1 {
            unite(&mut series);
        }
        Ok(series)
    }

    /// A matcher that series without the label pass: takes away those whose value does not.
    fn drop_excluded(self: &Arc<Self>, matcher: &Matcher, set: &mut Vec<u32>) -> Result<(), Error> {
        if set.is_empty() || accepts_everything(matcher) {
            return Ok(());
        }
        let name = matcher.name();
        let excluded = match (matcher.op(), matcher.pattern()) {
            (MatchOp::NotEqual, _) => self.with_values(name, std::iter::once(matcher.value()))?,
            (MatchOp::NotRegex, Some(pattern)) if pattern.literal_set().is_some() => {
                let values = pattern.literal_set().unwrap_or_default();
                self.with_values(name, values.iter().map(String::as_str))?
            }
            _ if set.len() * CANDIDATES_PER_VALUE <= self.value_count(name) => {
                return retain_matching(self, matcher, set);
            }
            (MatchOp::NotRegex, Some(pattern)) => {
                let prefix = pattern.prefix().unwrap_or_default();
                self.with_values_where(name, prefix, |value| pattern.is_match(value))?
            }
            _ => self.with_values_where(name, "", |value| !matcher.matches_value(value))?,
        };
        subtract(set, &excluded);
        Ok(())
    }
}

/// Matchers that want the label to be there: with some value, or with a value that passes a test. The one that matches the
/// smallest part of its label's values comes first.
fn keep_matching_all(
    index: &Arc<IndexReader>,
    patterns: &[&Matcher],
    candidates: &mut Option<Vec<u32>>,
) -> Result<(), Error> {
    let mut wanted = Vec::new();
    for &matcher in patterns {
        let value_count = index.value_count(matcher.name());
        if let Some(set) = candidates
            && set.len() * CANDIDATES_PER_VALUE <= value_count
        {
            retain_matching(index, matcher, set)?;
            continue;
        }
        let lists = index.matching_lists(matcher)?;
        wanted.push((lists.len() as f64 / value_count.max(1) as f64, lists, matcher));
    }
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, lists, matcher) in wanted {
        match candidates {
            None => *candidates = Some(index.union(&lists)?),
            Some(set) if set.len() * CANDIDATES_PER_VALUE <= lists.len() => {
                retain_matching(index, matcher, set)?;
            }
            Some(set) => *set = index.intersect_with_any(set, &lists)?,
        }
    }
    Ok(())
}

/// The values a matcher names, if it does.
fn wanted_values(matcher: &Matcher) -> Option<impl Iterator<Item = &str>> {
    let (one, many) = match matcher.op() {
        MatchOp::Equal => (Some(matcher.value()), &[][..]),
        MatchOp::Regex => (None, matcher.pattern()?.literal_set()?),
        MatchOp::NotEqual | MatchOp::NotRegex => return None,
    };
    Some(one.into_iter().chain(many.iter().map(String::as_str)))
}

fn keep(candidates: &mut Option<Vec<u32>>, set: Vec<u32>) {
    *candidates = Some(match candidates.take() {
        None => set,
        Some(before) => {
            let (mut small, large) = if before.len() <= set.len() {
                (before, set)
            } else {
                (set, before)
            };
            intersect(&mut small, &large);
            small
        }
    });
}

/// Looks at the series themselves.
fn retain_matching(index: &Arc<IndexReader>, matcher: &Matcher, set: &mut Vec<u32>) -> Result<(), Error> {
    let mut reader = SeriesReader::new(Arc::clone(index));
    let mut kept = Vec::with_capacity(set.len());
    for &series in &*set {
        reader.read(series)?;
        if matcher.matches_value(reader.label(matcher.name())?.unwrap_or_default()) {
            kept.push(series);
        }
    }
    *set = kept;
    Ok(())
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
