//! [`MappedReplay`]: how chunks from files and samples from the log come together when the database is opened.
//!
//! Series begin with their chunks from files, and samples of the log that lie in one are left out. When the log has a sample that is
//! in order and in none of them, because a file was lost, the later chunks wait until the log has come to their time.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::sealed::SealedChunk;
use super::series::Series;
use super::{FoundChunks, SeriesId};

/// What to do with a sample of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Add,
    InMappedChunk,
    /// It is not later than all samples before it.
    NotLater,
}

/// Brings chunks from files and samples from the log together.
#[derive(Debug)]
pub(super) struct MappedReplay {
    /// Chunks whose series were not met yet.
    found: FoundChunks,
    /// Chunks that wait for the log, ascending by time.
    waiting: HashMap<SeriesId, Vec<SealedChunk>, FixedState>,
    /// The latest time of a sample that was left out, by series.
    seen_ms: Vec<i64>,
}

impl MappedReplay {
    pub(super) fn new(found: FoundChunks) -> Self {
        Self {
            found,
            waiting: HashMap::default(),
            seen_ms: Vec::new(),
        }
    }

    /// The chunks of the series with this reference.
    pub(super) fn take(&mut self, reference: u64) -> Vec<SealedChunk> {
        self.found.take(reference)
    }

    /// Whether chunks of a series wait, so that every sample must be asked for.
    #[inline]
    pub(super) fn is_waiting(&self, id: SeriesId) -> bool {
        !self.waiting.is_empty() && self.waiting.contains_key(&id)
    }

    /// What to do with a sample that is not later than all there is, or whose series has chunks that wait.
    #[cold]
    pub(super) fn judge(
        &mut self,
        id: SeriesId,
        series: &mut Series,
        timestamp_ms: i64,
        value_bits: u64,
    ) -> Verdict {
        self.attach_until(id, series, timestamp_ms);
        let newest = series.end_ms();
        if newest.is_none_or(|newest| newest < timestamp_ms) {
            return Verdict::Add;
        }
        let is_next = self.advance(id, timestamp_ms);
        let index = series
            .sealed
            .partition_point(|chunk| chunk.end_ms() < timestamp_ms);
        let later = series.sealed.get(index..).unwrap_or_default();
        if later
            .first()
            .is_some_and(|chunk| chunk.start_ms <= timestamp_ms && chunk.is_mapped())
        {
            if newest == Some(timestamp_ms) {
                series.set_value_bits(value_bits);
            }
            return Verdict::InMappedChunk;
        }
        let is_hole = is_next && series.open_range().is_none() && later.iter().all(SealedChunk::is_mapped);
        if !is_hole {
            return Verdict::NotLater;
        }
        let later: Vec<SealedChunk> = series.sealed.drain(index..).collect();
        let waiting = self.waiting.entry(id).or_default();
        waiting.splice(..0, later);
        Verdict::Add
    }

    /// Attaches all chunks that still wait; `series` finds a series and gives it to its second argument.
    pub(super) fn finish(self, mut with_series: impl FnMut(SeriesId, &mut dyn FnMut(&mut Series))) {
        for (id, mut chunks) in self.waiting {
            with_series(id, &mut |series| {
                series.attach(std::mem::take(&mut chunks));
            });
        }
    }

    fn attach_until(&mut self, id: SeriesId, series: &mut Series, timestamp_ms: i64) {
        let Some(waiting) = self.waiting.get_mut(&id) else {
            return;
        };
        let due = waiting.partition_point(|chunk| chunk.start_ms <= timestamp_ms);
        if due > 0 {
            series.attach(waiting.drain(..due).collect());
            if waiting.is_empty() {
                self.waiting.remove(&id);
            }
        }
    }

    /// Notes that the log came to this time; returns whether it is later than what was left out before.
    fn advance(&mut self, id: SeriesId, timestamp_ms: i64) -> bool {
        let index = id as usize;
        if self.seen_ms.len() <= index {
            self.seen_ms.resize(index + 1, i64::MIN);
        }
        let Some(seen_ms) = self.seen_ms.get_mut(index) else {
            return false;
        };
        let is_later = timestamp_ms > *seen_ms;
        *seen_ms = timestamp_ms.max(*seen_ms);
        is_later
    }
}
