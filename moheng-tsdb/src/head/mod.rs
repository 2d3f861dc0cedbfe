//! The head: series and samples in memory, their label index, and how batches get in.
//!
//! A series has a dense number, its id, in order of creation. Everything about its labels is in the [`LabelIndex`],
//! everything about its samples on a page of 256 neighbouring ids. Pages are the shards: what one target exposes
//! was created together, so it lies together, and different targets are appended to in parallel.

mod append;
mod append_histograms;
mod append_late;
mod capture;
mod cardinality;
mod check_sample;
mod create;
mod deletions;
mod exemplars;
mod index;
mod isolation;
mod label_table;
mod late_moves;
mod late_samples;
mod log_batch;
mod mapped_chunks;
mod mapped_load;
mod mapping;
mod matching;
mod metadata;
mod notes;
mod open_extra;
mod page;
mod postings;
mod published;
mod replay;
mod replay_mapped;
mod replay_notes;
mod replay_snapshot;
mod resolve;
mod restore_chunks;
mod sealed;
mod series;
mod snapshot;
mod stats;
mod truncate;
mod verify;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use append::AppendScratch;
use append_late::LateRange;
pub(crate) use capture::{Capture, CapturedSeries, Part};
use index::LabelIndex;
use isolation::Isolation;
use mapped_chunks::MappedChunks;
pub(crate) use mapped_chunks::MappedFiles;
pub(crate) use mapped_load::{FoundChunks, MappedDamage, load_mapped_chunks, set_damage_aside};
use notes::Notes;
use page::Page;
pub(crate) use replay::{Replay, ReplayCounts};
pub(crate) use sealed::SealedChunk;
pub(crate) use series::BLOCK_RANGE_MS;
use stats::HeadCounters;

use crate::Limits;

/// The number of a series in this process: dense, in order of creation, never used again.
pub(crate) type SeriesId = u32;

/// All series and samples that are in memory.
///
/// Locks are taken in this order: `removal`, `creation`, tails of pages (ascending), `index`, `pages`, files of `mapped`,
/// data of a page, `isolation`, `notes`.
#[derive(Debug)]
pub(crate) struct Head {
    /// Held shared while series are found and their tails locked, and alone while series are removed.
    removal: RwLock<()>,
    /// Held by whoever creates series; the next reference in the log.
    creation: Mutex<u64>,
    index: RwLock<LabelIndex>,
    pages: RwLock<Vec<Arc<Page>>>,
    isolation: Isolation,
    /// Full chunks that are in files.
    pub(crate) mapped: MappedChunks,
    scratch: Mutex<Vec<AppendScratch>>,
    limits: Limits,
    counters: HeadCounters,
    notes: Notes,
    /// Of samples that came in order.
    time_range: TimeRange,
    /// Of late samples; locked before the data of pages.
    late_range: Mutex<LateRange>,
    late_window_ms: AtomicI64,
    /// Whether start timestamps of appended samples are stored.
    stores_starts: bool,
    /// Further references under which the log knows series, from before the last start.
    aliases: Mutex<Vec<(u64, SeriesId)>>,
}

impl Head {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            removal: RwLock::default(),
            creation: Mutex::new(1),
            index: RwLock::default(),
            pages: RwLock::default(),
            isolation: Isolation::default(),
            mapped: MappedChunks::in_memory(),
            scratch: Mutex::default(),
            limits,
            counters: HeadCounters::default(),
            notes: Notes::new(0),
            time_range: TimeRange::default(),
            late_range: Mutex::default(),
            late_window_ms: AtomicI64::new(0),
            stores_starts: false,
            aliases: Mutex::default(),
        }
    }

    /// Says whether start timestamps of appended samples are stored.
    pub(crate) fn with_starts(mut self, stores_starts: bool) -> Self {
        self.stores_starts = stores_starts;
        self
    }

    /// Keeps so many exemplars, instead of none.
    pub(crate) fn with_exemplars(mut self, max_exemplars: usize) -> Self {
        self.notes = Notes::new(max_exemplars);
        self
    }

    /// Keeps full chunks in these files.
    pub(crate) fn with_mapped(mut self, mapped: MappedChunks) -> Self {
        self.mapped = mapped;
        self
    }

    /// The first and the last timestamp of all samples.
    pub(crate) fn time_range(&self) -> Option<(i64, i64)> {
        match (self.in_order_range(), self.late_range().0) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        }
    }

    /// The first and the last timestamp of the samples that came in order.
    fn in_order_range(&self) -> Option<(i64, i64)> {
        self.time_range.get()
    }

    fn index(&self) -> RwLockReadGuard<'_, LabelIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, LabelIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self) -> RwLockReadGuard<'_, Vec<Arc<Page>>> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first and last timestamp, grown without a lock.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "they are times, and say their unit")]
struct TimeRange {
    start_ms: AtomicI64,
    end_ms: AtomicI64,
    /// Older samples are not taken: they belong to blocks.
    valid_from_ms: AtomicI64,
}

impl Default for TimeRange {
    fn default() -> Self {
        Self {
            start_ms: AtomicI64::new(i64::MAX),
            end_ms: AtomicI64::new(i64::MIN),
            valid_from_ms: AtomicI64::new(i64::MIN),
        }
    }
}

impl TimeRange {
    fn add(&self, start_ms: i64, end_ms: i64) {
        self.start_ms.fetch_min(start_ms, Ordering::Relaxed);
        self.end_ms.fetch_max(end_ms, Ordering::Relaxed);
    }

    fn get(&self) -> Option<(i64, i64)> {
        let range = (
            self.start_ms.load(Ordering::Relaxed),
            self.end_ms.load(Ordering::Relaxed),
        );
        (range.0 <= range.1).then_some(range)
    }
}
