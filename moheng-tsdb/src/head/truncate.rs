//! Dropping what blocks hold: old chunks first, then the series that are left without samples.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use foldhash::fast::FixedState;

use super::page::{PAGE_SERIES, place};
use super::series::Series;
use super::stats::add;
use super::{Head, SeriesId};

/// What a truncation dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truncated {
    pub(crate) chunks: u64,
    pub(crate) series: u64,
}

impl Head {
    /// From now on no sample older than `before_ms` is taken. Returns when the batches that were checked earlier are in
    /// memory, so that what is older does not change any more.
    pub(crate) fn refuse_before(&self, before_ms: i64) {
        self.time_range
            .valid_from_ms
            .fetch_max(before_ms, Ordering::SeqCst);
        let pages = self.pages().clone();
        for page in &pages {
            // Whoever saw the earlier bound holds the tails until its samples are published.
            drop(page.tails());
        }
    }

    /// The oldest time a sample may have, in milliseconds.
    pub(crate) fn valid_from_ms(&self) -> i64 {
        self.time_range.valid_from_ms.load(Ordering::SeqCst)
    }

    /// The time of the oldest sample in milliseconds. Unlike [`Head::time_range`] it is exact; walks all series.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let pages = self.pages().clone();
        let oldest_of_page = |page: &Arc<super::page::Page>| {
            let data = page.data();
            data.series.iter().filter_map(Series::start_ms).min()
        };
        pages.iter().filter_map(oldest_of_page).min()
    }

    /// Drops the chunks that end before `before_ms`, and then the series without samples, whose references become
    /// unknown. Queries that are running keep what they captured.
    ///
    /// No sample so old is taken any more: [`Head::refuse_before`] came first.
    pub(crate) fn truncate(&self, before_ms: i64) -> Truncated {
        let pages = self.pages().clone();
        let mut chunks = 0;
        let mut empty = Vec::new();
        for (number, page) in pages.iter().enumerate() {
            // Held so that no batch is between its checks and its publication.
            let tails = page.tails();
            let mut data = page.data_mut();
            let with_late: Vec<usize> = data.late_slots().collect();
            for (slot, (series, tail)) in data.series.iter_mut().zip(&*tails).enumerate() {
                chunks += drop_before(series, before_ms);
                if series.end_ms().is_none() && !tail.is_removed && !with_late.contains(&slot) {
                    empty.push((number * PAGE_SERIES as usize + slot) as SeriesId);
                }
            }
        }
        self.time_range.start_ms.fetch_max(before_ms, Ordering::Relaxed);
        if !self.notes.deletions().is_empty() {
            // When all samples of two hours are deleted no block tells that memory begins behind them, and files still have them.
            let needed_ms = before_ms.min(self.mapped.oldest_ms().unwrap_or(i64::MAX));
            self.notes
                .change_deletions(|deletions| deletions.truncate(needed_ms));
        }
        let series = self.remove_empty(&empty) as u64;
        add(&self.counters.chunks_removed, chunks);
        add(&self.counters.series_removed, series);
        Truncated { chunks, series }
    }

    /// Removes those of the series, ascending, that are still without samples, and returns how many.
    fn remove_empty(&self, candidates: &[SeriesId]) -> usize {
        // No batch is between finding a series and locking its tail.
        let _removal = self.removal.write().unwrap_or_else(PoisonError::into_inner);
        let _creation = self.creation.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = self.pages().clone();
        let mut removed = Vec::with_capacity(candidates.len());
        for same_page in candidates.chunk_by(|a, b| place(*a).0 == place(*b).0) {
            let Some(page) = same_page.first().and_then(|&id| pages.get(place(id).0)) else {
                continue;
            };
            let mut tails = page.tails();
            let data = page.data();
            for &id in same_page {
                let slot = place(id).1;
                let is_empty = slot < data.series.len() && data.range_ms(slot).is_none();
                if let Some(tail) = tails.get_mut(slot).filter(|_| is_empty) {
                    tail.is_removed = true;
                    removed.push(id);
                }
            }
        }
        drop(pages);
        if !removed.is_empty() {
            self.index_mut().remove(&removed);
            self.notes.remove(&removed);
            self.free_pages(&removed);
        }
        removed.len()
    }

    /// The references under which the log knows the series there are.
    pub(crate) fn logged_references(&self) -> HashSet<u64, FixedState> {
        let mut references = HashSet::default();
        let pages = self.pages().clone();
        for page in &pages {
            let tails = page.tails();
            let alive = tails.iter().filter(|tail| tail.is_logged && !tail.is_removed);
            references.extend(alive.map(|tail| tail.reference));
        }
        let mut aliases = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        aliases.retain(|&(_, id)| {
            let (page, slot) = place(id);
            let tails = pages.get(page).map(|page| page.tails());
            tails.is_some_and(|tails| tails.get(slot).is_some_and(|tail| !tail.is_removed))
        });
        references.extend(aliases.iter().map(|&(reference, _)| reference));
        references
    }

    /// Gives back the memory of pages all of whose series are removed. The last page still grows.
    fn free_pages(&self, removed: &[SeriesId]) {
        let mut pages = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        let last = pages.len().saturating_sub(1);
        for same_page in removed.chunk_by(|a, b| place(*a).0 == place(*b).0) {
            let number = same_page.first().map_or(last, |&id| place(id).0);
            if let Some(page) = pages.get_mut(number).filter(|_| number < last)
                && page.tails().iter().all(|tail| tail.is_removed)
            {
                *page = Arc::default();
            }
        }
    }
}

/// Drops the chunks of a series that end before `before_ms` and returns how many.
fn drop_before(series: &mut Series, before_ms: i64) -> u64 {
    let old = series.sealed.partition_point(|chunk| chunk.end_ms() < before_ms);
    if old > 0 {
        series.sealed.drain(..old);
        series.sealed.shrink_to_fit();
    }
    let is_open_old = series.open_range().is_some_and(|(_, end_ms)| end_ms < before_ms);
    if is_open_old {
        series.drop_open();
    }
    old as u64 + u64::from(is_open_old)
}

#[cfg(test)]
mod tests;
