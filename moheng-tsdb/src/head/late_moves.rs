//! Moving late samples to blocks: what is to be moved, and dropping it once it is.

use std::collections::BTreeSet;

use super::Head;
use super::append_late::LateRange;
use super::late_samples::LateSamples;
use super::stats::add;

impl Head {
    /// Begins to move the late samples that are in memory now, and returns the starts of the two-hour ranges that they are in. All
    /// batches that were logged before are in memory when this returns.
    pub(crate) fn begin_late_move(&self) -> BTreeSet<i64> {
        let pages = self.pages().clone();
        let mut starts = BTreeSet::new();
        for page in &pages {
            // Whoever logged a batch holds the tails until it is in memory.
            let _tails = page.tails();
            for late in page.data_mut().late_samples_mut() {
                late.begin_move();
                late.add_block_starts(&mut starts);
            }
        }
        starts
    }

    /// Drops the late samples that were in memory at the last [`Head::begin_late_move`]. What came since stays.
    pub(crate) fn end_late_move(&self) {
        let pages = self.pages().clone();
        // Held so that no batch adds its range between.
        let mut range = self.late_range();
        *range = LateRange::default();
        let mut chunks = 0;
        for page in &pages {
            let mut data = page.data_mut();
            chunks += data.late_samples_mut().map(LateSamples::drop_moved).sum::<u64>();
            data.forget_empty_late();
            for late in data.late_samples_mut() {
                if let Some((start_ms, end_ms)) = late.range() {
                    range.add(start_ms, end_ms);
                }
            }
        }
        add(&self.counters.chunks_removed, chunks);
    }

    /// The times of the oldest and the newest late sample in memory in milliseconds, or a wider range.
    pub(crate) fn late_range_ms(&self) -> Option<(i64, i64)> {
        self.late_range().0
    }
}
