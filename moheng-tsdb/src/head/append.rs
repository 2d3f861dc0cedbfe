//! Appending a batch: find the series, check the samples, log them, then change memory.

use std::sync::{Arc, MutexGuard, PoisonError};

use moheng_metrics::{AppendBatch, AppendEntry, Appended, HistogramEntry, SampleError, SampleOutcome};

use super::append_late::{LateScratch, first_ms, note_late, write_with_late};
use super::check_sample::{AppendBounds, BatchCounts, Taken, check_tail};
use super::isolation::Publishing;
use super::late_samples::{LateSample, LateValue};
use super::log_batch::{LogScratch, write};
use super::notes::{LockedTails, NoteScratch};
use super::page::{Page, PageData, place};
use super::published::Published;
use super::series::Tail;
use super::stats::add;
use super::{Head, SeriesId, append_histograms};
use crate::Error;
use crate::format::wal_record::put_series;
use crate::format::wal_samples::{LoggedPlace, LoggedSample, SamplesEncoder, StartedSamplesEncoder};
use crate::wal::Wal;

/// Memory that batches reuse.
#[derive(Debug, Default)]
pub(crate) struct AppendScratch {
    /// Parallel to the entries.
    ids: Vec<SeriesId>,
    /// Numbers of the pages the batch touches, ascending.
    pub(super) page_numbers: Vec<usize>,
    accepted: Vec<Accepted>,
    /// Series whose labels must be logged with this batch.
    pub(super) unlogged: Vec<SeriesId>,
    /// Whether matchers find the series of all accepted floats.
    are_published: bool,
    samples: SamplesEncoder,
    /// In place of `samples` when start timestamps are stored and the batch has some.
    started_samples: StartedSamplesEncoder,
    pub(super) histograms: HistogramScratch,
    notes: NoteScratch,
    pub(super) late: LateScratch,
    pub(super) series_record: Vec<u8>,
    pub(super) log: LogScratch,
}

/// What batches with histograms need besides.
#[derive(Debug, Default)]
pub(super) struct HistogramScratch {
    /// Parallel to the histograms.
    pub(super) ids: Vec<SeriesId>,
    pub(super) accepted: Vec<Accepted>,
    pub(super) records: Vec<Vec<u8>>,
}

/// An entry that passed the checks: where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) entry: u32,
    /// Index in the pages of the batch.
    pub(super) page: u32,
    pub(super) slot: u32,
}

impl Accepted {
    pub(super) fn new(entry: usize, page: usize, slot: usize) -> Self {
        Self {
            entry: entry as u32,
            page: page as u32,
            slot: slot as u32,
        }
    }
}

/// In place of an id when the entry was rejected already.
pub(super) const REJECTED: SeriesId = SeriesId::MAX;

impl Head {
    /// Appends a batch through the logs: late samples, which are taken when there is a log for them, through `late_log`.
    ///
    /// # Errors
    ///
    /// When a log does not take it; nothing was stored.
    pub(crate) fn append(
        &self,
        batch: &AppendBatch<'_>,
        wal: &Wal,
        late_log: Option<&Wal>,
    ) -> Result<Appended, Error> {
        let mut scratch = self.take_scratch();
        let outcome = self.append_with(batch, (wal, late_log), &mut scratch);
        self.give_scratch_back(scratch);
        outcome
    }

    fn append_with(
        &self,
        batch: &AppendBatch<'_>,
        (wal, late_log): (&Wal, Option<&Wal>),
        scratch: &mut AppendScratch,
    ) -> Result<Appended, Error> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut counts = BatchCounts::default();
        let removal = self.removal.read().unwrap_or_else(PoisonError::into_inner);
        let keys = batch.entries.iter().map(|entry| entry.series);
        self.resolve(keys, &mut scratch.ids, &mut outcomes, &mut counts);
        let mut histogram_outcomes = Vec::new();
        let keys = batch.histograms.iter().map(|entry| entry.series);
        let ids = &mut scratch.histograms.ids;
        self.resolve(keys, ids, &mut histogram_outcomes, &mut counts);
        self.resolve_notes(batch, &mut scratch.notes);
        let pages = self.pages_of(scratch);
        let mut tails: Vec<MutexGuard<'_, Vec<Tail>>> = pages.iter().map(|page| page.tails()).collect();
        drop(removal);
        let bounds = AppendBounds {
            start_ms: self.valid_from_ms(),
            late_from_ms: late_log.and_then(|_| self.late_from_ms(first_ms(batch))),
        };
        scratch.late.entries.clear();
        let has_starts =
            self.stores_starts && batch.start_timestamps_ms.iter().any(|&start_ms| start_ms != 0);
        check(
            batch,
            (bounds, has_starts),
            &mut tails,
            scratch,
            &mut outcomes,
            &mut counts,
        );
        let reduced = append_histograms::reduced(&batch.histograms);
        let replaced = reduced
            .as_ref()
            .map(|reduced| append_histograms::replace(&batch.histograms, reduced));
        let histograms = replaced.as_deref().unwrap_or(&batch.histograms);
        append_histograms::check(
            histograms,
            (bounds, self.stores_starts),
            &mut tails,
            scratch,
            &mut histogram_outcomes,
            &mut counts,
        );
        let all_outcomes = (outcomes.as_mut_slice(), histogram_outcomes.as_mut_slice());
        Self::check_late(&pages, &mut scratch.late, all_outcomes, &mut counts);
        let locked = LockedTails {
            page_numbers: &scratch.page_numbers,
            tails: &tails,
        };
        let noted = self.check_notes(batch, &locked, &mut scratch.notes);
        let accepted =
            scratch.accepted.len() + scratch.histograms.accepted.len() + scratch.late.entries.len();
        if accepted > 0 || !scratch.notes.is_empty() {
            self.encode_series(scratch, &tails);
            let written = match late_log.filter(|_| !scratch.late.entries.is_empty()) {
                Some(late_log) => write_with_late(wal, late_log, scratch),
                None => write_records(wal, scratch),
            };
            if let Err(error) = written {
                undo(&pages, &mut tails, scratch);
                return Err(error);
            }
            self.publish(batch, histograms, &pages, &mut tails, scratch);
            self.publish_notes(batch, &scratch.notes);
        }
        drop(tails);
        self.count(&counts, accepted);
        let mut appended = Appended::new(outcomes, counts.series_created);
        appended.histogram_outcomes = histogram_outcomes;
        appended.exemplar_outcomes = noted.exemplars;
        appended.metadata_outcomes = noted.metadata;
        Ok(appended)
    }

    /// The pages of the entries, ascending, so that all batches lock in the same order.
    fn pages_of(&self, scratch: &mut AppendScratch) -> Vec<Arc<Page>> {
        scratch.page_numbers.clear();
        let mut last = usize::MAX;
        let ids = scratch.ids.iter().chain(&scratch.histograms.ids);
        let ids = ids.chain(&scratch.notes.ids);
        for &id in ids.filter(|&&id| id != REJECTED) {
            let (number, _) = place(id);
            if number != last {
                scratch.page_numbers.push(number);
                last = number;
            }
        }
        scratch.page_numbers.sort_unstable();
        scratch.page_numbers.dedup();
        let pages = self.pages();
        scratch.page_numbers.retain(|&number| number < pages.len());
        scratch
            .page_numbers
            .iter()
            .filter_map(|&number| pages.get(number).cloned())
            .collect()
    }

    /// Encodes the series record of the series the log does not know.
    fn encode_series(&self, scratch: &mut AppendScratch, tails: &[MutexGuard<'_, Vec<Tail>>]) {
        scratch.series_record.clear();
        if scratch.unlogged.is_empty() {
            return;
        }
        let index = self.index();
        for &id in &scratch.unlogged {
            let (page_number, slot) = place(id);
            let tail = scratch
                .page_numbers
                .binary_search(&page_number)
                .ok()
                .and_then(|page| tails.get(page)?.get(slot));
            if let Some(tail) = tail {
                put_series(&mut scratch.series_record, tail.reference, index.texts_of(id));
            }
        }
    }

    /// Changes memory; the batch is in the log.
    fn publish(
        &self,
        batch: &AppendBatch<'_>,
        histograms: &[HistogramEntry<'_>],
        pages: &[Arc<Page>],
        tails: &mut [MutexGuard<'_, Vec<Tail>>],
        scratch: &mut AppendScratch,
    ) {
        for &id in &scratch.unlogged {
            if let Some(tail) = tail_of(id, &scratch.page_numbers, tails) {
                tail.is_logged = true;
            }
        }
        if !scratch.accepted.is_sorted_by_key(|accepted| accepted.page) {
            scratch.accepted.sort_by_key(|accepted| accepted.page);
        }
        let has_starts = self.stores_starts && !batch.start_timestamps_ms.is_empty();
        let publishing = self.isolation.begin();
        let mut published = Published::new(publishing);
        published.has_new_series = !scratch.are_published;
        for same_page in scratch.accepted.chunk_by(|a, b| a.page == b.page) {
            let Some((page, number)) = same_page.first().and_then(|accepted| {
                let page = accepted.page as usize;
                Some((pages.get(page)?, scratch.page_numbers.get(page)?))
            }) else {
                continue;
            };
            let mut data = page.data_mut();
            data.begin_batch(publishing);
            for accepted in same_page {
                let Some(entry) = batch.entries.get(accepted.entry as usize) else {
                    continue;
                };
                let start_ms = if has_starts {
                    batch.start_timestamp_ms(accepted.entry as usize)
                } else {
                    0
                };
                let is_new_chunk = push(&mut data, accepted.slot, publishing, entry, start_ms);
                published.add(*accepted, *number, entry.timestamp_ms, is_new_chunk, tails);
            }
        }
        published.has_new_series = true;
        if !scratch.histograms.accepted.is_empty() {
            self.publish_histograms(histograms, pages, tails, scratch, &mut published);
        }
        if !scratch.late.entries.is_empty() {
            self.publish_late(pages, tails, scratch, &mut published);
        }
        if !published.new_series.is_empty() {
            let mut index = self.index_mut();
            for &id in &published.new_series {
                index.publish_samples(id);
            }
        }
        self.time_range.add(published.start_ms, published.end_ms);
        self.isolation.end(publishing);
        // A series' first chunk is created with its first sample.
        add(
            &self.counters.chunks_created,
            published.new_chunks + published.new_series.len() as u64 - published.new_late_series,
        );
    }

    fn count(&self, counts: &BatchCounts, accepted: usize) {
        let counters = &self.counters;
        add(&counters.batches, 1);
        add(&counters.samples_appended, accepted as u64);
        add(&counters.samples_repeated, counts.repeated);
        add(&counters.samples_out_of_order, counts.out_of_order);
        add(&counters.samples_duplicate, counts.duplicate);
        add(&counters.samples_out_of_bounds, counts.out_of_bounds);
        add(&counters.samples_too_old, counts.too_old);
        add(&counters.samples_unknown_reference, counts.unknown_reference);
    }

    fn take_scratch(&self) -> AppendScratch {
        let mut pool = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        pool.pop().unwrap_or_default()
    }

    fn give_scratch_back(&self, scratch: AppendScratch) {
        /// A few threads append at a time; memory of a rare huge batch is not kept.
        const KEPT: usize = 8;
        const KEPT_ENTRIES: usize = 1 << 17;
        if scratch.ids.capacity() <= KEPT_ENTRIES {
            let mut pool = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
            if pool.len() < KEPT {
                pool.push(scratch);
            }
        }
    }
}

/// Returns whether that ended a chunk.
#[inline]
fn push(
    data: &mut PageData,
    slot: u32,
    publishing: Publishing,
    entry: &AppendEntry<'_>,
    start_ms: i64,
) -> bool {
    data.series_for(slot as usize, publishing)
        .is_some_and(|series| series.push_started(entry.timestamp_ms, start_ms, entry.value))
}

/// Checks every entry against the newest sample of its series and encodes those that pass. The tails move on at once, so
/// that several samples of a series in one batch are checked against each other.
fn check(
    batch: &AppendBatch<'_>,
    (bounds, has_starts): (AppendBounds, bool),
    tails: &mut [MutexGuard<'_, Vec<Tail>>],
    scratch: &mut AppendScratch,
    outcomes: &mut [SampleOutcome],
    counts: &mut BatchCounts,
) {
    scratch.accepted.clear();
    scratch.unlogged.clear();
    scratch.are_published = true;
    scratch.samples.clear();
    scratch.started_samples.clear();
    let (mut page_number, mut page) = (usize::MAX, 0);
    let mut page_tails: &mut [Tail] = &mut [];
    let ids = scratch.ids.iter().zip(outcomes);
    for (position, (entry, (&id, outcome))) in batch.entries.iter().zip(ids).enumerate() {
        if id == REJECTED {
            continue;
        }
        let (number, slot) = place(id);
        if number != page_number {
            page_number = number;
            page = scratch.page_numbers.binary_search(&number).unwrap_or(usize::MAX);
            page_tails = tails.get_mut(page).map_or(&mut [], |tails| tails.as_mut_slice());
        }
        let Some(tail) = page_tails.get_mut(slot).filter(|tail| !tail.is_removed) else {
            *outcome = Err(SampleError::UnknownReference);
            counts.unknown_reference += 1;
            continue;
        };
        let value_bits = entry.value.to_bits();
        match check_tail(tail, entry.timestamp_ms, value_bits, bounds, counts) {
            Ok(Taken::Newest) => {}
            Ok(Taken::Repeated) => continue,
            Ok(Taken::Late) => {
                let start_ms = batch.start_timestamp_ms(position);
                let sample = LateSample::new(
                    entry.timestamp_ms,
                    if has_starts { start_ms } else { 0 },
                    LateValue::Float(entry.value),
                );
                let accepted = Accepted::new(position, page, slot);
                note_late(
                    tail,
                    id,
                    (accepted, false),
                    sample,
                    &mut scratch.late,
                    &mut scratch.unlogged,
                );
                continue;
            }
            Err(error) => {
                *outcome = Err(error);
                continue;
            }
        }
        scratch.are_published &= tail.is_published;
        if !tail.is_logged && scratch.unlogged.last() != Some(&id) {
            scratch.unlogged.push(id);
        }
        if has_starts {
            let place = LoggedPlace {
                reference: tail.reference,
                timestamp_ms: entry.timestamp_ms,
                start_ms: batch.start_timestamp_ms(position),
            };
            scratch.started_samples.push(place, entry.value);
        } else {
            scratch.samples.push(LoggedSample {
                reference: tail.reference,
                timestamp_ms: entry.timestamp_ms,
                value: entry.value,
            });
        }
        scratch.accepted.push(Accepted::new(position, page, slot));
    }
}

/// Logs the batch: new series first, then its samples.
pub(super) fn write_records(wal: &Wal, scratch: &mut AppendScratch) -> Result<(), Error> {
    let fixed: [&[u8]; 4] = [
        &scratch.series_record,
        scratch.notes.metadata_record(),
        scratch.samples.record(),
        scratch.started_samples.record(),
    ];
    let histograms = scratch.histograms.records.iter().map(Vec::as_slice);
    let exemplars = scratch.notes.exemplar_record();
    write(
        wal,
        &mut scratch.log,
        fixed.into_iter().chain(histograms).chain([exemplars]),
    )
}

/// Sets the tails back to what memory holds.
#[cold]
fn undo(pages: &[Arc<Page>], tails: &mut [MutexGuard<'_, Vec<Tail>>], scratch: &AppendScratch) {
    for accepted in scratch.accepted.iter().chain(&scratch.histograms.accepted) {
        let page = accepted.page as usize;
        let (Some(page), Some(tails)) = (pages.get(page), tails.get_mut(page)) else {
            continue;
        };
        let data = page.data();
        let slot = accepted.slot as usize;
        if let (Some(series), Some(tail)) = (data.series.get(slot), tails.get_mut(slot)) {
            tail.set_from(series);
        }
    }
}

fn tail_of<'a>(
    id: SeriesId,
    page_numbers: &[usize],
    tails: &'a mut [MutexGuard<'_, Vec<Tail>>],
) -> Option<&'a mut Tail> {
    let (page_number, slot) = place(id);
    let page = page_numbers.binary_search(&page_number).ok()?;
    tails.get_mut(page)?.get_mut(slot)
}
