//! [`Deletions`]: which samples in memory are deleted, and deleting some.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use foldhash::fast::FixedState;
use moheng_metrics::{Labels, Matcher};

use super::log_batch::{LogScratch, write};
use super::page::place;
use super::{Head, SeriesId};
use crate::Error;
use crate::block::Interval;
use crate::format::wal_record::{LoggedDeletion, REFERENCE_MAX, put_deletion, put_series};
use crate::wal::Wal;

/// A record of deletions is ended when it is this long.
const RECORD_BYTES: usize = 1 << 20;

/// The deleted ranges of the series in memory, of samples that came in order. Late ones are in a block before they are deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletions {
    /// Ascending and apart from each other.
    by_series: HashMap<SeriesId, Arc<[Interval]>, FixedState>,
}

impl Deletions {
    /// The deleted ranges of a series.
    pub(crate) fn of(&self, id: SeriesId) -> Option<&Arc<[Interval]>> {
        if self.by_series.is_empty() {
            return None;
        }
        self.by_series.get(&id)
    }

    /// The deleted ranges of all series.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SeriesId, &[Interval])> {
        self.by_series.iter().map(|(&id, intervals)| (id, &**intervals))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// Deletes a range of a series.
    pub(super) fn add(&mut self, id: SeriesId, interval: Interval) {
        let before = self.by_series.get(&id).map_or(&[][..], |intervals| intervals);
        let joined = interval.joined_with(before);
        if !joined.is_empty() {
            self.by_series.insert(id, joined);
        }
    }

    /// Forgets series.
    pub(super) fn remove(&mut self, ids: &[SeriesId]) {
        for id in ids {
            self.by_series.remove(id);
        }
    }

    /// Forgets what ends before `before_ms`.
    pub(super) fn truncate(&mut self, before_ms: i64) {
        self.by_series.retain(|_, intervals| {
            let is_old = |interval: &Interval| interval.end_ms < before_ms;
            if intervals.first().is_some_and(is_old) {
                let kept = intervals.iter().filter(|interval| !is_old(interval));
                *intervals = kept.copied().collect();
            }
            !intervals.is_empty()
        });
    }
}

impl Head {
    /// Deletes the samples in order from `start_ms` to `end_ms`, both inclusive, of the series that all matchers match, and returns
    /// how many of them have samples there. Only what is there now is deleted: ranges are cut to those of the series.
    ///
    /// `in_block` are ranges of series that were deleted in the newest block. They are logged, too: the log may have these samples
    /// still, and would bring them back if the block were gone.
    ///
    /// # Errors
    ///
    /// When the log does not take it; then nothing is deleted. When it cannot be made durable; then it may come back.
    pub(crate) fn delete(
        &self,
        matchers: &[Matcher],
        (start_ms, end_ms): (i64, i64),
        in_block: &[(Labels, Interval)],
        wal: &Wal,
    ) -> Result<u64, Error> {
        // No series is removed meanwhile.
        let _removal = self.removal.read().unwrap_or_else(PoisonError::into_inner);
        // Of a batch that is appended meanwhile nothing is deleted.
        let found = match self.in_order_range() {
            None => Vec::new(),
            Some((_, newest_ms)) => {
                let ids = self.index().matching(matchers).into_owned();
                self.ranges_of(&ids, start_ms, end_ms.min(newest_ms))
            }
        };
        if found.is_empty() && in_block.is_empty() {
            return Ok(0);
        }
        let mut records = self.log_of_block(in_block);
        for (_, deletion) in &found {
            put(&mut records, |record| put_deletion(record, *deletion));
        }
        write(wal, &mut LogScratch::default(), records.iter().map(Vec::as_slice))?;
        self.notes.change_deletions(|deletions| {
            for (id, deletion) in &found {
                let interval = Interval {
                    start_ms: deletion.start_ms,
                    end_ms: deletion.end_ms,
                };
                deletions.add(*id, interval);
            }
        });
        wal.sync_as_promised()?;
        Ok(found.len() as u64)
    }

    /// Records of deletions in a block. Its series may not be in memory any more, so they are named once more.
    fn log_of_block(&self, in_block: &[(Labels, Interval)]) -> Vec<Vec<u8>> {
        let mut next_reference = self.creation.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.index();
        let mut aliases = Vec::new();
        let (mut names, mut deletions) = (vec![Vec::new()], vec![Vec::new()]);
        for (labels, interval) in in_block {
            let reference = *next_reference;
            if reference >= REFERENCE_MAX {
                break;
            }
            *next_reference += 1;
            let pairs: Vec<(&str, &str)> = labels.iter().collect();
            put(&mut names, |record| {
                put_series(record, reference, pairs.into_iter());
            });
            let id = index.find(index.hash(labels), labels);
            aliases.extend(id.map(|id| (reference, id)));
            let deletion = LoggedDeletion {
                reference,
                start_ms: interval.start_ms,
                end_ms: interval.end_ms,
            };
            put(&mut deletions, |record| put_deletion(record, deletion));
        }
        drop(index);
        let mut known = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        known.append(&mut aliases);
        names.append(&mut deletions);
        names
    }

    /// What is to be deleted of each of the series, ascending by id.
    fn ranges_of(&self, ids: &[SeriesId], start_ms: i64, end_ms: i64) -> Vec<(SeriesId, LoggedDeletion)> {
        let pages = self.pages().clone();
        let mut found = Vec::new();
        for same_page in ids.chunk_by(|a, b| place(*a).0 == place(*b).0) {
            let Some(page) = same_page.first().and_then(|&id| pages.get(place(id).0)) else {
                continue;
            };
            // Held so that no batch is between the log and memory: what is in the log before the deletion is covered by it.
            let tails = page.tails();
            let data = page.data();
            for &id in same_page {
                let slot = place(id).1;
                let series = data.series.get(slot);
                let range = series.and_then(|series| series.start_ms().zip(series.end_ms()));
                let (Some(tail), Some((first_ms, last_ms))) = (tails.get(slot), range) else {
                    continue;
                };
                let deletion = LoggedDeletion {
                    reference: tail.reference,
                    start_ms: start_ms.max(first_ms),
                    end_ms: end_ms.min(last_ms),
                };
                if deletion.start_ms <= deletion.end_ms {
                    found.push((id, deletion));
                }
            }
        }
        found
    }
}

/// Adds to the last record, or to a new one when that is long.
fn put(records: &mut Vec<Vec<u8>>, add: impl FnOnce(&mut Vec<u8>)) {
    if records.last().is_none_or(|record| record.len() >= RECORD_BYTES) {
        records.push(Vec::new());
    }
    if let Some(record) = records.last_mut() {
        add(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(start_ms: i64, end_ms: i64) -> Interval {
        Interval { start_ms, end_ms }
    }

    #[test]
    fn old_ranges_and_removed_series_are_forgotten() {
        let mut deletions = Deletions::default();
        for (id, start_ms, end_ms) in [
            (1, 0, 10),
            (1, 20, 30),
            (1, 31, 40),
            (2, 0, 19),
            (3, 5, 4),
            (4, 0, 99),
        ] {
            deletions.add(id, interval(start_ms, end_ms));
        }
        let of = |deletions: &Deletions, id| deletions.of(id).map(|intervals| intervals.to_vec());
        assert_eq!(of(&deletions, 1), Some(vec![interval(0, 10), interval(20, 40)]));
        assert_eq!(of(&deletions, 3), None, "an empty range");
        deletions.truncate(20);
        assert_eq!(of(&deletions, 1), Some(vec![interval(20, 40)]));
        assert_eq!(of(&deletions, 2), None);
        deletions.remove(&[1, 2]);
        assert_eq!(of(&deletions, 1), None);
        assert_eq!(of(&deletions, 4), Some(vec![interval(0, 99)]));
    }
}
