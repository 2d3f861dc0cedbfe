//! [`Page`]: the samples of 256 neighbouring series, with the locks that guard them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use foldhash::fast::FixedState;

use super::SeriesId;
use super::isolation::{Publishing, ReadPoint};
use super::late_samples::LateSamples;
use super::series::{Series, Tail};

/// How many series share a page.
pub(crate) const PAGE_SERIES: u32 = 256;

/// The samples of [`PAGE_SERIES`] neighbouring series.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Held by an append from its checks until it is published.
    tails: Mutex<Vec<Tail>>,
    /// Changed only while `tails` is held.
    data: RwLock<PageData>,
}

/// What queries read.
#[derive(Debug, Default)]
pub(crate) struct PageData {
    pub(crate) series: Vec<Series>,
    /// How series ended before batches that a running capture may not see: (batch, newest timestamp before it).
    history: HashMap<u16, Vec<(u64, Option<i64>)>, FixedState>,
    /// Of the few series that have some; none is empty.
    late: HashMap<u16, Box<LateSamples>, FixedState>,
}

/// The page of a series and its place there.
#[inline]
pub(crate) fn place(id: SeriesId) -> (usize, usize) {
    ((id / PAGE_SERIES) as usize, (id % PAGE_SERIES) as usize)
}

impl Page {
    pub(crate) fn tails(&self) -> MutexGuard<'_, Vec<Tail>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn data(&self) -> RwLockReadGuard<'_, PageData> {
        self.data.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn data_mut(&self) -> RwLockWriteGuard<'_, PageData> {
        self.data.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PageData {
    /// Forgets what no running capture needs.
    pub(crate) fn begin_batch(&mut self, publishing: Publishing) {
        if self.history.is_empty() {
            return;
        }
        match publishing.oldest_floor {
            None => self.history.clear(),
            Some(floor) => self.history.retain(|_, ends| {
                ends.retain(|&(batch, _)| batch > floor);
                !ends.is_empty()
            }),
        }
    }

    /// The series that a sample of a batch is about to be added to.
    #[inline]
    pub(crate) fn series_for(&mut self, slot: usize, publishing: Publishing) -> Option<&mut Series> {
        let series = self.series.get_mut(slot)?;
        if series.last_batch != publishing.batch {
            if publishing
                .oldest_floor
                .is_some_and(|floor| series.last_batch > floor)
            {
                let before = (series.last_batch, series.end_before_ms);
                self.history.entry(slot as u16).or_default().push(before);
            }
            series.end_before_ms = series.end_ms();
            series.last_batch = publishing.batch;
        }
        Some(series)
    }

    /// The late samples of a series.
    #[inline]
    pub(crate) fn late(&self, slot: usize) -> Option<&LateSamples> {
        if self.late.is_empty() {
            return None;
        }
        self.late.get(&(slot as u16)).map(|late| &**late)
    }

    /// The late samples of a series, to which one is about to be added.
    pub(crate) fn late_mut(&mut self, slot: usize) -> &mut LateSamples {
        self.late.entry(slot as u16).or_default()
    }

    /// The places of the series with late samples.
    pub(crate) fn late_slots(&self) -> impl Iterator<Item = usize> {
        self.late.keys().map(|&slot| usize::from(slot))
    }

    /// All late samples.
    pub(crate) fn late_samples(&self) -> impl Iterator<Item = &LateSamples> {
        self.late.values().map(|late| &**late)
    }

    /// All late samples.
    pub(crate) fn late_samples_mut(&mut self) -> impl Iterator<Item = &mut LateSamples> {
        self.late.values_mut().map(|late| &mut **late)
    }

    /// Forgets series without late samples.
    pub(crate) fn forget_empty_late(&mut self) {
        self.late.retain(|_, late| !late.is_empty());
        if self.late.is_empty() {
            self.late = HashMap::default();
        }
    }

    /// The first and the last timestamp of a series, late samples included.
    pub(crate) fn range_ms(&self, slot: usize) -> Option<(i64, i64)> {
        let series = self.series.get(slot)?;
        let in_order = series.start_ms().zip(series.end_ms());
        let late = self.late(slot).and_then(LateSamples::range);
        match (in_order, late) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        }
    }

    /// The newest timestamp of a series that a query may see.
    pub(crate) fn visible_end_ms(&self, slot: usize, point: &ReadPoint<'_>) -> Option<i64> {
        let series = self.series.get(slot)?;
        if point.sees(series.last_batch) {
            return series.end_ms();
        }
        let older = self.history.get(&(slot as u16)).map_or(&[][..], Vec::as_slice);
        older
            .iter()
            .find(|(batch, _)| !point.sees(*batch))
            .map_or(series.end_before_ms, |(_, end_ms)| *end_ms)
    }
}
