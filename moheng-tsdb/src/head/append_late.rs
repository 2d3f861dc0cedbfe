//! Appending what is older than the newest sample of its series; see [`super::append`].

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use foldhash::fast::FixedState;
use moheng_metrics::{AppendBatch, SampleError, SampleOutcome};

use super::append::{Accepted, AppendScratch, write_records};
use super::check_sample::BatchCounts;
use super::late_samples::{LateSample, LateValue};
use super::log_batch::{LogScratch, write_around};
use super::page::Page;
use super::published::Published;
use super::series::Tail;
use super::stats::add;
use super::{Head, SeriesId};
use crate::Error;
use crate::format::wal_histograms::{HistogramsEncoder, kind_of};
use crate::format::wal_samples::{LoggedPlace, LoggedSample, SamplesEncoder, StartedSamplesEncoder};
use crate::wal::Wal;

/// What a batch with late samples needs besides.
#[derive(Debug, Default)]
pub(super) struct LateScratch {
    /// In the order of the batch, floats first.
    pub(super) entries: Vec<LateEntry>,
    log: LogScratch,
}

/// A late sample of a batch.
#[derive(Debug)]
pub(super) struct LateEntry {
    pub(super) is_histogram: bool,
    pub(super) accepted: Accepted,
    pub(super) reference: u64,
    pub(super) sample: LateSample,
}

impl Head {
    /// From when on late samples are taken, when `first_ms` is the timestamp of the first one appended to an empty head.
    pub(super) fn late_from_ms(&self, first_ms: Option<i64>) -> Option<i64> {
        let window_ms = self.late_window_ms();
        if window_ms <= 0 {
            return None;
        }
        let in_memory = self.in_order_range().map(|(_, newest_ms)| newest_ms);
        let newest_ms = in_memory.unwrap_or(i64::MIN).max(self.valid_from_ms());
        let newest_ms = if newest_ms == i64::MIN {
            first_ms?
        } else {
            newest_ms
        };
        Some(newest_ms.saturating_sub(window_ms))
    }

    /// Leaves out late samples whose timestamp the youngest late samples of their series, or the batch, have already.
    pub(super) fn check_late(
        pages: &[Arc<Page>],
        late: &mut LateScratch,
        (outcomes, histogram_outcomes): (&mut [SampleOutcome], &mut [SampleOutcome]),
        counts: &mut BatchCounts,
    ) {
        let mut batch: HashMap<(u32, u32, i64), u64, FixedState> = HashMap::default();
        late.entries.retain(|entry| {
            let (page, slot) = (entry.accepted.page, entry.accepted.slot);
            let (time_ms, bits) = (entry.sample.timestamp_ms, entry.sample.value_bits());
            let before = batch.get(&(page, slot, time_ms)).copied().or_else(|| {
                let data = pages.get(page as usize)?.data();
                let found = data.late(slot as usize)?.find(time_ms)?;
                Some(found.value_bits())
            });
            match before {
                None => {
                    batch.insert((page, slot, time_ms), bits);
                }
                Some(before) if before == bits => counts.repeated += 1,
                Some(_) => {
                    counts.duplicate += 1;
                    let position = entry.accepted.entry as usize;
                    let outcomes = if entry.is_histogram {
                        &mut *histogram_outcomes
                    } else {
                        &mut *outcomes
                    };
                    if let Some(outcome) = outcomes.get_mut(position) {
                        *outcome = Err(SampleError::DuplicateTimestamp);
                    }
                }
            }
            before.is_none()
        });
    }

    /// Changes memory; the batch is in the logs.
    pub(super) fn publish_late(
        &self,
        pages: &[Arc<Page>],
        tails: &mut [MutexGuard<'_, Vec<Tail>>],
        scratch: &mut AppendScratch,
        published: &mut Published,
    ) {
        let publishing = published.publishing;
        let is_settled = |batch: u64| {
            batch < publishing.batch && publishing.oldest_floor.is_none_or(|floor| batch <= floor)
        };
        let (mut count, mut new_chunks) = (0, 0);
        let (mut start_ms, mut end_ms) = (i64::MAX, i64::MIN);
        scratch.late.entries.sort_by_key(|entry| entry.accepted.page);
        for entry in scratch.late.entries.drain(..) {
            let accepted = entry.accepted;
            let page = accepted.page as usize;
            let (Some(page), Some(&number)) = (pages.get(page), scratch.page_numbers.get(page)) else {
                continue;
            };
            let mut sample = entry.sample;
            sample.batch = publishing.batch;
            start_ms = start_ms.min(sample.timestamp_ms);
            end_ms = end_ms.max(sample.timestamp_ms);
            let mut data = page.data_mut();
            new_chunks += data.late_mut(accepted.slot as usize).insert(sample, is_settled);
            drop(data);
            published.find_new_late(accepted, number, tails);
            count += 1;
        }
        self.late_range().add(start_ms, end_ms);
        add(&self.counters.samples_late, count);
        add(&self.counters.chunks_created, new_chunks);
    }

    /// How much older than the newest sample of all series a sample may be, in milliseconds; 0 when each series must be in
    /// order.
    pub(crate) fn late_window_ms(&self) -> i64 {
        self.late_window_ms.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Changes how old samples may be.
    pub(crate) fn set_late_window_ms(&self, window_ms: i64) {
        self.late_window_ms
            .store(window_ms, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn late_range(&self) -> MutexGuard<'_, LateRange> {
        self.late_range.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first and the last timestamp of late samples.
#[derive(Debug, Default)]
pub(super) struct LateRange(pub(super) Option<(i64, i64)>);

impl LateRange {
    /// Adds a range; an empty one is nothing.
    pub(super) fn add(&mut self, start_ms: i64, end_ms: i64) {
        if start_ms <= end_ms {
            let (first_ms, last_ms) = self.0.unwrap_or((start_ms, end_ms));
            self.0 = Some((first_ms.min(start_ms), last_ms.max(end_ms)));
        }
    }
}

/// Logs a batch with late samples: first its new series, so that both logs can name them, then its late samples around all the
/// rest. Whatever fails, neither log keeps samples of the batch.
pub(super) fn write_with_late(wal: &Wal, late_log: &Wal, scratch: &mut AppendScratch) -> Result<(), Error> {
    if !scratch.series_record.is_empty() {
        let record = [scratch.series_record.as_slice()];
        super::log_batch::write(wal, &mut scratch.log, record.into_iter())?;
        scratch.series_record.clear();
    }
    let records = late_records(&scratch.late.entries);
    let mut packer = std::mem::take(&mut scratch.late.log);
    let records = records.iter().map(Vec::as_slice);
    let outcome = write_around(late_log, &mut packer, records, || write_records(wal, scratch));
    scratch.late.log = packer;
    outcome
}

fn late_records(entries: &[LateEntry]) -> Vec<Vec<u8>> {
    let place = |entry: &LateEntry| LoggedPlace {
        reference: entry.reference,
        timestamp_ms: entry.sample.timestamp_ms,
        start_ms: entry.sample.start_ms,
    };
    let has_starts = entries.iter().any(|entry| entry.sample.start_ms != 0);
    let mut floats = SamplesEncoder::default();
    let mut started_floats = StartedSamplesEncoder::default();
    let mut histograms: Vec<HistogramsEncoder> = Vec::new();
    for entry in entries {
        match &entry.sample.value {
            LateValue::Float(value) if has_starts => started_floats.push(place(entry), *value),
            LateValue::Float(value) => floats.push(LoggedSample {
                reference: entry.reference,
                timestamp_ms: entry.sample.timestamp_ms,
                value: *value,
            }),
            LateValue::Histogram(value) => {
                let value = value.as_ref().as_ref();
                let kind = kind_of(value, has_starts);
                if histograms.last().is_none_or(|encoder| encoder.kind() != kind) {
                    histograms.push(HistogramsEncoder::new(kind));
                }
                if let Some(encoder) = histograms.last_mut() {
                    encoder.push(place(entry), value);
                }
            }
        }
    }
    let mut records = vec![floats.record().to_vec(), started_floats.record().to_vec()];
    records.extend(histograms.into_iter().map(HistogramsEncoder::into_record));
    records
}

/// Keeps a late sample of a batch for later, and notes its series when the log does not know it.
#[cold]
pub(super) fn note_late(
    tail: &Tail,
    id: SeriesId,
    (accepted, is_histogram): (Accepted, bool),
    sample: LateSample,
    late: &mut LateScratch,
    unlogged: &mut Vec<SeriesId>,
) {
    if !tail.is_logged && !unlogged.contains(&id) {
        unlogged.push(id);
    }
    late.entries.push(LateEntry {
        is_histogram,
        accepted,
        reference: tail.reference,
        sample,
    });
}

/// The timestamp of the first sample of a batch.
pub(super) fn first_ms(batch: &AppendBatch<'_>) -> Option<i64> {
    let float_ms = batch.entries.first().map(|entry| entry.timestamp_ms);
    float_ms.or_else(|| batch.histograms.first().map(|entry| entry.timestamp_ms))
}
