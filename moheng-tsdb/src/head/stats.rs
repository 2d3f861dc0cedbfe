//! What the head counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Head;
use super::page::PageData;
use super::series::Series;
use crate::{HeadStats, SampleStats};

/// Counters of the append path, added to once per batch.
#[derive(Debug, Default)]
pub(crate) struct HeadCounters {
    pub(crate) series_created: AtomicU64,
    pub(crate) series_removed: AtomicU64,
    pub(crate) chunks_created: AtomicU64,
    pub(crate) chunks_removed: AtomicU64,
    pub(crate) samples_appended: AtomicU64,
    pub(crate) samples_repeated: AtomicU64,
    pub(crate) samples_out_of_order: AtomicU64,
    pub(crate) samples_duplicate: AtomicU64,
    pub(crate) samples_out_of_bounds: AtomicU64,
    pub(crate) samples_late: AtomicU64,
    pub(crate) samples_too_old: AtomicU64,
    pub(crate) samples_unknown_reference: AtomicU64,
    pub(crate) samples_invalid_labels: AtomicU64,
    pub(crate) samples_series_limit: AtomicU64,
    pub(crate) batches: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

impl Head {
    pub(crate) fn stats(&self) -> (HeadStats, SampleStats) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let range = self.time_range();
        let index = self.index();
        let head = HeadStats {
            series: index.used().len() as u64,
            series_created: read(&counters.series_created),
            series_removed: read(&counters.series_removed),
            chunks: read(&counters.chunks_created).saturating_sub(read(&counters.chunks_removed)),
            chunks_created: read(&counters.chunks_created),
            chunks_removed: read(&counters.chunks_removed),
            chunks_mapped: self.mapped.written_chunks(),
            mapped_bytes: self.mapped.size_bytes(),
            start_ms: range.map(|(start_ms, _)| start_ms),
            end_ms: range.map(|(_, end_ms)| end_ms),
            labels: index.labels.len() as u64,
            label_text_bytes: index.labels.text_bytes() as u64,
        };
        let samples = SampleStats {
            batches: read(&counters.batches),
            appended: read(&counters.samples_appended),
            repeated: read(&counters.samples_repeated),
            out_of_order: read(&counters.samples_out_of_order),
            duplicate_timestamp: read(&counters.samples_duplicate),
            out_of_bounds: read(&counters.samples_out_of_bounds),
            late: read(&counters.samples_late),
            too_old: read(&counters.samples_too_old),
            unknown_reference: read(&counters.samples_unknown_reference),
            invalid_labels: read(&counters.samples_invalid_labels),
            series_limit: read(&counters.samples_series_limit),
        };
        (head, samples)
    }

    /// The memory of all samples in bytes; walks all series.
    pub(crate) fn chunk_bytes(&self) -> u64 {
        let pages = self.pages().clone();
        pages.iter().map(|page| data_bytes(&page.data())).sum()
    }
}

fn data_bytes(data: &PageData) -> u64 {
    let series = data.series.iter().map(|series| series.heap_bytes() as u64);
    let late = data.late_samples().map(|late| late.heap_bytes() as u64);
    series.sum::<u64>() + late.sum::<u64>() + (data.series.capacity() * size_of::<Series>()) as u64
}
