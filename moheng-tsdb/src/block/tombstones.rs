//! [`Tombstones`]: which samples of which series of a block are deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Error;
use crate::format::names;
use crate::format::tombstones::{Tombstone, read_tombstones, write_tombstones};
use crate::storage::{Directory, read_to_end, write_atomically};

/// The file may be this long.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A range of time, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl Interval {
    /// Whether some millisecond is in both.
    pub(crate) fn overlaps(self, start_ms: i64, end_ms: i64) -> bool {
        self.start_ms <= end_ms && start_ms <= self.end_ms
    }

    /// This one and others, ascending; those that overlap or touch are one.
    pub(crate) fn joined_with(self, others: &[Self]) -> Arc<[Self]> {
        join(others.iter().copied().chain([self]).collect()).into()
    }
}

/// The deletions of a block. The ranges of a series ascend and do not touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Tombstones {
    by_series: BTreeMap<u64, Arc<[Interval]>>,
}

impl Tombstones {
    /// Reads the file of a block; none is an empty one.
    pub(super) fn read(directory: &dyn Directory, block: &str) -> Result<Self, Error> {
        let path = names::block_tombstones(block);
        let content = match read_to_end(directory, &path, FILE_BYTES_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(Error::io(format!("reading {path}")))?,
        };
        let stored = read_tombstones(&content).map_err(|error| Error::Corrupt {
            path,
            message: error.to_string(),
        })?;
        let mut by_series: BTreeMap<u64, Vec<Interval>> = BTreeMap::new();
        for tombstone in stored {
            by_series.entry(tombstone.series).or_default().push(Interval {
                start_ms: tombstone.start_ms,
                end_ms: tombstone.end_ms,
            });
        }
        let joined = by_series
            .into_iter()
            .map(|(series, intervals)| (series, join(intervals).into()));
        Ok(Self {
            by_series: joined.collect(),
        })
    }

    /// Writes the file of a block.
    pub(super) fn write(&self, directory: &dyn Directory, block: &str) -> Result<(), Error> {
        let path = names::block_tombstones(block);
        let stored = self.by_series.iter().flat_map(|(&series, intervals)| {
            intervals.iter().map(move |interval| Tombstone {
                series,
                start_ms: interval.start_ms,
                end_ms: interval.end_ms,
            })
        });
        write_atomically(directory, &path, &write_tombstones(stored))
            .map_err(Error::io(format!("writing {path}")))
    }

    /// Deletes a range of a series.
    pub(super) fn add(&mut self, series: u64, interval: Interval) {
        let before = self.by_series.get(&series).map_or(&[][..], |intervals| intervals);
        let joined = interval.joined_with(before);
        self.by_series.insert(series, joined);
    }

    /// The ranges of a series.
    pub(super) fn of(&self, series: u64) -> Option<&Arc<[Interval]>> {
        self.by_series.get(&series)
    }

    /// The series with deletions.
    pub(super) fn series(&self) -> impl Iterator<Item = u64> {
        self.by_series.keys().copied()
    }

    /// How many ranges there are.
    pub(super) fn count(&self) -> u64 {
        self.by_series
            .values()
            .map(|intervals| intervals.len() as u64)
            .sum()
    }
}

/// Sorts ranges and makes one of those that overlap or touch.
fn join(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|interval| interval.start_ms <= interval.end_ms);
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match joined.last_mut() {
            Some(last) if interval.start_ms <= last.end_ms.saturating_add(1) => {
                last.end_ms = last.end_ms.max(interval.end_ms);
            }
            _ => joined.push(interval),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined() {
        let check = |ranges: &[(i64, i64)], expected: &[(i64, i64)]| {
            let mut tombstones = Tombstones::default();
            for &(start_ms, end_ms) in ranges {
                tombstones.add(7, Interval { start_ms, end_ms });
            }
            let found: Vec<_> = tombstones
                .of(7)
                .unwrap()
                .iter()
                .map(|i| (i.start_ms, i.end_ms))
                .collect();
            assert_eq!(found, expected);
        };
        check(&[(5, 10)], &[(5, 10)]);
        check(&[(5, 10), (11, 12), (14, 20)], &[(5, 12), (14, 20)]);
        check(&[(14, 20), (1, 2), (0, 30)], &[(0, 30)]);
        check(&[(i64::MIN, 0), (5, i64::MAX), (1, 4)], &[(i64::MIN, i64::MAX)]);
        check(&[(5, 4), (1, 1)], &[(1, 1)]);
    }
}
