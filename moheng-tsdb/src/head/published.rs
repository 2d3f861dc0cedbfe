//! [`Published`]: what a batch put into memory.

use std::sync::MutexGuard;

use super::SeriesId;
use super::append::Accepted;
use super::isolation::Publishing;
use super::page::PAGE_SERIES;
use super::series::Tail;

/// Sums up what a batch put into memory.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) publishing: Publishing,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) new_chunks: u64,
    /// How many of `new_series` have only late samples.
    pub(super) new_late_series: u64,
    /// Series that matchers do not find yet.
    pub(super) new_series: Vec<SeriesId>,
    /// Whether there may be such series.
    pub(super) has_new_series: bool,
}

impl Published {
    pub(super) fn new(publishing: Publishing) -> Self {
        Self {
            publishing,
            start_ms: i64::MAX,
            end_ms: i64::MIN,
            new_chunks: 0,
            new_late_series: 0,
            new_series: Vec::new(),
            has_new_series: true,
        }
    }

    #[inline]
    pub(super) fn add(
        &mut self,
        accepted: Accepted,
        page_number: usize,
        timestamp_ms: i64,
        is_new_chunk: bool,
        tails: &mut [MutexGuard<'_, Vec<Tail>>],
    ) {
        self.start_ms = self.start_ms.min(timestamp_ms);
        self.end_ms = self.end_ms.max(timestamp_ms);
        self.new_chunks += u64::from(is_new_chunk);
        if self.has_new_series {
            self.find_new(accepted, page_number, tails);
        }
    }

    /// Notes a series whose first sample is late.
    pub(super) fn find_new_late(
        &mut self,
        accepted: Accepted,
        page_number: usize,
        tails: &mut [MutexGuard<'_, Vec<Tail>>],
    ) {
        let before = self.new_series.len();
        self.find_new(accepted, page_number, tails);
        self.new_late_series += (self.new_series.len() - before) as u64;
    }

    fn find_new(&mut self, accepted: Accepted, page_number: usize, tails: &mut [MutexGuard<'_, Vec<Tail>>]) {
        let tail = tails
            .get_mut(accepted.page as usize)
            .and_then(|tails| tails.get_mut(accepted.slot as usize));
        if let Some(tail) = tail.filter(|tail| !tail.is_published) {
            tail.is_published = true;
            self.new_series
                .push(page_number as SeriesId * PAGE_SERIES + accepted.slot);
        }
    }
}
