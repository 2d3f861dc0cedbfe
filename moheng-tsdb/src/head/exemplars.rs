//! [`ExemplarRing`]: the newest exemplars of all series together, in one ring.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use moheng_metrics::{Exemplar, Labels, SampleError, Select};

use crate::ExemplarStats;

/// As in OpenMetrics 1.0 and Prometheus: names and values together.
const MAX_CHARACTERS: usize = 128;

/// In place of a position: none.
const NONE: u32 = u32::MAX;

/// The newest exemplars of all series. Those of a series ascend by time; when there is no room the one that came first of all
/// goes.
///
/// They are kept by labels, so that those of series that are not in memory any more are still found.
#[derive(Debug)]
pub(super) struct ExemplarRing {
    slots: Vec<Slot>,
    /// The slot that is written next; the oldest exemplar is there once the ring is full.
    next: usize,
    /// How many there may be.
    limit: usize,
    chains: HashMap<Labels, Chain, FixedState>,
    appended: u64,
    out_of_order: u64,
}

#[derive(Debug)]
struct Slot {
    /// The series.
    labels: Labels,
    /// With its timestamp.
    exemplar: Exemplar,
    /// The slot of the next exemplar of the series.
    newer: u32,
}

/// Where the exemplars of a series begin and end.
#[derive(Clone, Copy, Debug)]
struct Chain {
    oldest: u32,
    newest: u32,
}

/// Whether an exemplar is to be stored behind another one of its series: `false` when it is the same.
///
/// # Errors
///
/// [`SampleError::OutOfOrder`] when it is older, or as old with a lesser value.
pub(super) fn check_behind(
    newest: &Exemplar,
    timestamp_ms: i64,
    exemplar: &Exemplar,
) -> Result<bool, SampleError> {
    let newest_ms = newest.timestamp_ms.unwrap_or(i64::MIN);
    let is_same_time = timestamp_ms == newest_ms;
    if is_same_time && exemplar.value.to_bits() == newest.value.to_bits() && exemplar.labels == newest.labels
    {
        return Ok(false);
    }
    if timestamp_ms < newest_ms || (is_same_time && exemplar.value < newest.value) {
        return Err(SampleError::OutOfOrder);
    }
    Ok(true)
}

/// Whether the labels of an exemplar are as short as they must be.
pub(super) fn is_short_enough(labels: &Labels) -> bool {
    let characters = labels
        .iter()
        .map(|(name, value)| name.chars().count() + value.chars().count());
    characters.sum::<usize>() <= MAX_CHARACTERS
}

impl ExemplarRing {
    /// A ring for at most `limit` exemplars, which takes no memory before there are some.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            next: 0,
            limit: limit.min(NONE as usize),
            chains: HashMap::default(),
            appended: 0,
            out_of_order: 0,
        }
    }

    /// Makes room for more exemplars or fewer; the newest stay.
    pub(super) fn set_limit(&mut self, limit: usize) {
        let mut slots = std::mem::take(&mut self.slots);
        if slots.len() == self.limit {
            // The oldest first.
            slots.rotate_left(self.next);
        }
        let mut changed = Self::new(limit);
        for slot in slots.iter().skip(slots.len().saturating_sub(changed.limit)) {
            let timestamp_ms = slot.exemplar.timestamp_ms.unwrap_or_default();
            changed.push(&slot.labels, timestamp_ms, &slot.exemplar);
        }
        changed.appended = self.appended;
        changed.out_of_order = self.out_of_order;
        *self = changed;
    }

    /// Whether exemplars are stored at all.
    pub(super) fn is_enabled(&self) -> bool {
        self.limit > 0
    }

    /// The newest exemplar of a series.
    pub(super) fn newest(&self, labels: &Labels) -> Option<&Exemplar> {
        let chain = self.chains.get(labels)?;
        Some(&self.slots.get(chain.newest as usize)?.exemplar)
    }

    /// Counts exemplars that were refused because they came too late.
    pub(super) fn count_out_of_order(&mut self, count: u64) {
        self.out_of_order += count;
    }

    /// Stores an exemplar that passed the checks, in the place of the oldest one when the ring is full.
    pub(super) fn push(&mut self, labels: &Labels, timestamp_ms: i64, exemplar: &Exemplar) {
        if !self.is_enabled() {
            return;
        }
        let slot = Slot {
            labels: labels.clone(),
            exemplar: Exemplar {
                timestamp_ms: Some(timestamp_ms),
                ..exemplar.clone()
            },
            newer: NONE,
        };
        let position = self.next as u32;
        self.remove_oldest_of(self.next);
        match self.slots.get_mut(self.next) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        let newest = Chain {
            oldest: position,
            newest: position,
        };
        let before = self.chains.get_mut(labels).map(|chain| {
            let before = chain.newest;
            chain.newest = position;
            before
        });
        match before {
            Some(before) => {
                if let Some(before) = self.slots.get_mut(before as usize) {
                    before.newer = position;
                }
            }
            None => {
                self.chains.insert(labels.clone(), newest);
            }
        }
        self.next = (self.next + 1) % self.limit;
        self.appended += 1;
    }

    /// Takes the exemplar at a position, the first of its series, out of the chain of its series.
    fn remove_oldest_of(&mut self, position: usize) {
        let Some(slot) = self.slots.get(position) else {
            return;
        };
        if slot.newer == NONE {
            self.chains.remove(&slot.labels);
        } else if let Some(chain) = self.chains.get_mut(&slot.labels) {
            chain.oldest = slot.newer;
        }
    }

    /// All exemplars with the labels of their series, in the order they came.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&Labels, &Exemplar)> {
        let oldest = if self.slots.len() == self.limit {
            self.next
        } else {
            0
        };
        let (newer, older) = self.slots.split_at_checked(oldest).unwrap_or_default();
        let slots = older.iter().chain(newer);
        slots.map(|slot| (&slot.labels, &slot.exemplar))
    }

    /// The exemplars of a series, ascending.
    fn of(&self, chain: Chain) -> impl Iterator<Item = &Exemplar> {
        let mut position = chain.oldest;
        std::iter::from_fn(move || {
            let slot = self.slots.get(position as usize)?;
            position = slot.newer;
            Some(&slot.exemplar)
        })
    }

    /// The exemplars of the series that some of the selections match, ascending by labels, in the time range of one that does.
    pub(super) fn select(&self, selects: &[Select]) -> Vec<(Labels, Vec<Exemplar>)> {
        let mut found = Vec::new();
        for (labels, &chain) in &self.chains {
            let matching: Vec<&Select> = selects.iter().filter(|select| select.matches(labels)).collect();
            if matching.is_empty() {
                continue;
            }
            let is_in_range = |exemplar: &&Exemplar| {
                let time_ms = exemplar.timestamp_ms.unwrap_or(i64::MIN);
                matching
                    .iter()
                    .any(|select| (select.start_ms..=select.end_ms).contains(&time_ms))
            };
            let exemplars: Vec<Exemplar> = self.of(chain).filter(is_in_range).cloned().collect();
            if !exemplars.is_empty() {
                found.push((labels.clone(), exemplars));
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        found
    }

    pub(super) fn stats(&self) -> ExemplarStats {
        let is_full = self.slots.len() == self.limit;
        let oldest = self.slots.get(if is_full { self.next } else { 0 });
        ExemplarStats {
            appended: self.appended,
            out_of_order: self.out_of_order,
            stored: self.slots.len() as u64,
            series: self.chains.len() as u64,
            limit: self.limit as u64,
            oldest_ms: oldest.and_then(|slot| slot.exemplar.timestamp_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(series: u8) -> Labels {
        Labels::from_pairs([("__name__", format!("m{series}"))])
    }

    fn exemplar(trace: usize) -> Exemplar {
        Exemplar {
            labels: Labels::from_pairs([("trace_id", trace.to_string())]),
            value: trace as f64,
            timestamp_ms: None,
        }
    }

    proptest! {
        #[test]
        fn the_newest_are_kept(
            series in prop::collection::vec(0_u8..6, 0..60),
            limit in 0_usize..12,
            changed_limit in prop::option::of(0_usize..12),
        ) {
            let mut ring = ExemplarRing::new(limit);
            let mut all: Vec<(Labels, Exemplar)> = Vec::new();
            for (number, series) in series.into_iter().enumerate() {
                let timestamp_ms = number as i64 / 3;
                ring.push(&labels(series), timestamp_ms, &exemplar(number));
                all.push((labels(series), Exemplar { timestamp_ms: Some(timestamp_ms), ..exemplar(number) }));
            }
            all.drain(..all.len().saturating_sub(limit));
            if let Some(limit) = changed_limit {
                ring.set_limit(limit);
                all.drain(..all.len().saturating_sub(limit));
            }
            let mut expected: Vec<(Labels, Vec<Exemplar>)> = Vec::new();
            let mut sorted = all.clone();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            for (labels, exemplar) in sorted {
                match expected.last_mut().filter(|last| last.0 == labels) {
                    Some(last) => last.1.push(exemplar),
                    None => expected.push((labels, vec![exemplar])),
                }
            }
            let in_order: Vec<_> = ring.in_order().map(|(labels, exemplar)| (labels.clone(), exemplar.clone())).collect();
            prop_assert_eq!(&in_order, &all);
            let everything = Select::new(Vec::new(), i64::MIN, i64::MAX);
            prop_assert_eq!(ring.select(&[everything]), expected.clone());
            let stats = ring.stats();
            prop_assert_eq!((stats.stored, stats.series), (all.len() as u64, expected.len() as u64));
            prop_assert_eq!(stats.oldest_ms, all.first().and_then(|(_, exemplar)| exemplar.timestamp_ms));
            for (labels, exemplars) in &expected {
                prop_assert_eq!(ring.newest(labels), exemplars.last());
            }
        }
    }

    #[test]
    fn selections_are_united() {
        let mut ring = ExemplarRing::new(10);
        for number in 0..6 {
            ring.push(&labels(number % 3), i64::from(number), &exemplar(number.into()));
        }
        let of = |name: &str, start_ms, end_ms| {
            let matcher = moheng_metrics::Matcher::equal("__name__", name);
            Select::new(vec![matcher], start_ms, end_ms)
        };
        let found = ring.select(&[of("m2", 3, 9), of("m0", 0, 1), of("m0", 3, 3), of("m1", 6, 7)]);
        let times: Vec<(Labels, Vec<Option<i64>>)> = found
            .into_iter()
            .map(|(labels, exemplars)| {
                let times = exemplars.iter().map(|exemplar| exemplar.timestamp_ms);
                (labels, times.collect())
            })
            .collect();
        assert_eq!(
            times,
            [(labels(0), vec![Some(0), Some(3)]), (labels(2), vec![Some(5)])]
        );
    }

    #[test]
    fn exemplars_are_checked_against_the_newest() {
        let check = |timestamp_ms, value, trace: &str, expected: Result<bool, SampleError>| {
            let newest = Exemplar {
                timestamp_ms: Some(10),
                ..exemplar(5)
            };
            let next = Exemplar {
                labels: Labels::from_pairs([("trace_id", trace)]),
                value,
                timestamp_ms: None,
            };
            assert_eq!(check_behind(&newest, timestamp_ms, &next), expected);
        };
        check(10, 5.0, "5", Ok(false));
        check(10, 5.0, "6", Ok(true));
        check(10, 6.0, "5", Ok(true));
        check(10, 4.0, "5", Err(SampleError::OutOfOrder));
        check(9, 9.0, "5", Err(SampleError::OutOfOrder));
        check(11, 0.0, "5", Ok(true));
    }
}
