//! Appending a batch: find the series, check the samples, log them, then change memory.

use std::sync::{Arc, MutexGuard, PoisonError};

use moheng_metrics::{
    AppendBatch, AppendEntry, Appended, Labels, SampleError, SampleOutcome, SeriesKey, SeriesRef,
};

use super::index::LabelIndex;
use super::page::{Page, PageData, place};
use super::series::Tail;
use super::stats::add;
use super::{Head, SeriesId};
use crate::Error;
use crate::format::wal_page::Compression;
use crate::format::wal_record::put_series;
use crate::format::wal_samples::{LoggedSample, SamplesEncoder};
use crate::wal::{LogRecord, Wal};

/// Memory that batches reuse.
#[derive(Debug, Default)]
pub(crate) struct AppendScratch {
    /// Parallel to the entries.
    ids: Vec<SeriesId>,
    /// Numbers of the pages the batch touches, ascending.
    page_numbers: Vec<usize>,
    accepted: Vec<Accepted>,
    /// Series whose labels must be logged with this batch.
    unlogged: Vec<SeriesId>,
    samples: SamplesEncoder,
    series_record: Vec<u8>,
    packed: [Vec<u8>; 2],
    encoder: Compressor,
}

/// An entry that passed the checks: where it goes.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    entry: u32,
    /// Index in the pages of the batch.
    page: u32,
    slot: u32,
}

/// In place of an id when the entry was rejected already.
pub(super) const REJECTED: SeriesId = SeriesId::MAX;

/// Which samples the head takes.
#[derive(Clone, Copy, Debug)]
struct AppendBounds {
    /// The oldest time.
    start_ms: i64,
}

/// Sums up what happened to the entries.
#[derive(Debug, Default)]
struct BatchCounts {
    repeated: u64,
    out_of_order: u64,
    duplicate: u64,
    out_of_bounds: u64,
    unknown_reference: u64,
    series_created: usize,
}

struct Compressor(snap::raw::Encoder);

impl Default for Compressor {
    fn default() -> Self {
        Self(snap::raw::Encoder::new())
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

impl Head {
    /// Appends a batch through the log.
    ///
    /// # Errors
    ///
    /// When the log does not take it; nothing was stored.
    pub(crate) fn append(&self, batch: &AppendBatch<'_>, wal: &Wal) -> Result<Appended, Error> {
        let mut scratch = self.take_scratch();
        let outcome = self.append_with(batch, wal, &mut scratch);
        self.give_scratch_back(scratch);
        outcome
    }

    fn append_with(
        &self,
        batch: &AppendBatch<'_>,
        wal: &Wal,
        scratch: &mut AppendScratch,
    ) -> Result<Appended, Error> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut counts = BatchCounts::default();
        let removal = self.removal.read().unwrap_or_else(PoisonError::into_inner);
        self.resolve(batch, scratch, &mut outcomes, &mut counts);
        let pages = self.pages_of(scratch);
        let mut tails: Vec<MutexGuard<'_, Vec<Tail>>> = pages.iter().map(|page| page.tails()).collect();
        drop(removal);
        let bounds = AppendBounds {
            start_ms: self.valid_from_ms(),
        };
        check(
            &batch.entries,
            bounds,
            &mut tails,
            scratch,
            &mut outcomes,
            &mut counts,
        );
        if !scratch.accepted.is_empty() {
            self.encode_series(scratch, &tails);
            if let Err(error) = write(wal, scratch) {
                undo(&pages, &mut tails, scratch);
                return Err(error);
            }
            self.publish(batch, &pages, &mut tails, scratch);
        }
        drop(tails);
        self.count(&counts, scratch.accepted.len());
        Ok(Appended::new(outcomes, counts.series_created).with_floats_only(batch))
    }

    /// Finds or creates the series of every entry; outcomes are final only where they are errors.
    fn resolve(
        &self,
        batch: &AppendBatch<'_>,
        scratch: &mut AppendScratch,
        outcomes: &mut Vec<SampleOutcome>,
        counts: &mut BatchCounts,
    ) {
        scratch.ids.clear();
        let mut missing = Vec::new();
        let mut index = None;
        for (position, entry) in batch.entries.iter().enumerate() {
            let found = match entry.series {
                SeriesKey::Reference(SeriesRef(number)) => number
                    .checked_sub(1)
                    .and_then(|id| SeriesId::try_from(id).ok())
                    .filter(|&id| id != REJECTED)
                    .ok_or(SampleError::UnknownReference),
                SeriesKey::Labels(labels) => {
                    let index = index.get_or_insert_with(|| self.index());
                    self.find_series(index, labels).map(|found| {
                        found.unwrap_or_else(|| {
                            missing.push((position, labels));
                            REJECTED
                        })
                    })
                }
            };
            scratch.ids.push(found.unwrap_or(REJECTED));
            outcomes.push(found.map(|id| SeriesRef(u64::from(id) + 1)));
        }
        drop(index);
        if !missing.is_empty() {
            self.create_missing(&missing, scratch, outcomes, counts);
        }
        counts.unknown_reference = outcomes
            .iter()
            .filter(|outcome| **outcome == Err(SampleError::UnknownReference))
            .count() as u64;
    }

    fn find_series(&self, index: &LabelIndex, labels: &Labels) -> Result<Option<SeriesId>, SampleError> {
        if let Some(id) = index.find(index.hash(labels), labels) {
            return Ok(Some(id));
        }
        let limits = &self.limits;
        let is_over = |limit: Option<usize>, size: usize| limit.is_some_and(|limit| size > limit);
        let is_bad_label = |(name, value): (&str, &str)| {
            is_over(limits.label_name_bytes, name.len()) || is_over(limits.label_value_bytes, value.len())
        };
        let is_bad = labels.is_empty()
            || is_over(limits.labels_per_series, labels.len())
            || labels.iter().any(is_bad_label);
        if is_bad {
            add(&self.counters.samples_invalid_labels, 1);
            return Err(SampleError::InvalidLabels);
        }
        Ok(None)
    }

    #[cold]
    fn create_missing(
        &self,
        missing: &[(usize, &Labels)],
        scratch: &mut AppendScratch,
        outcomes: &mut [SampleOutcome],
        counts: &mut BatchCounts,
    ) {
        let labels: Vec<&Labels> = missing.iter().map(|&(_, labels)| labels).collect();
        let (ids, created) = self.find_or_create(&labels, None);
        counts.series_created = created;
        for (&(position, _), id) in missing.iter().zip(ids) {
            if let (Some(outcome), Some(slot)) = (outcomes.get_mut(position), scratch.ids.get_mut(position)) {
                *outcome = id.map(|id| SeriesRef(u64::from(id) + 1));
                *slot = id.unwrap_or(REJECTED);
            }
            if id.is_err() {
                add(&self.counters.samples_series_limit, 1);
            }
        }
    }

    /// The pages of the entries, ascending, so that all batches lock in the same order.
    fn pages_of(&self, scratch: &mut AppendScratch) -> Vec<Arc<Page>> {
        scratch.page_numbers.clear();
        let mut last = usize::MAX;
        for &id in scratch.ids.iter().filter(|&&id| id != REJECTED) {
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
        let publishing = self.isolation.begin();
        let (mut start_ms, mut end_ms) = (i64::MAX, i64::MIN);
        let mut new_chunks = 0;
        let mut unpublished = Vec::new();
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
                start_ms = start_ms.min(entry.timestamp_ms);
                end_ms = end_ms.max(entry.timestamp_ms);
                new_chunks += u64::from(push(&mut data, accepted.slot, publishing, entry));
                let tail = tails
                    .get_mut(accepted.page as usize)
                    .and_then(|tails| tails.get_mut(accepted.slot as usize));
                if let Some(tail) = tail.filter(|tail| !tail.is_published) {
                    tail.is_published = true;
                    unpublished.push(*number as SeriesId * super::page::PAGE_SERIES + accepted.slot);
                }
            }
        }
        if !unpublished.is_empty() {
            let mut index = self.index_mut();
            for &id in &unpublished {
                index.publish_samples(id);
            }
        }
        self.time_range.add(start_ms, end_ms);
        self.isolation.end(publishing);
        // A series' first chunk is created with its first sample.
        add(
            &self.counters.chunks_created,
            new_chunks + unpublished.len() as u64,
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

#[inline]
fn push(
    data: &mut PageData,
    slot: u32,
    publishing: super::isolation::Publishing,
    entry: &AppendEntry<'_>,
) -> bool {
    data.push(slot as usize, publishing, entry.timestamp_ms, entry.value)
}

/// Checks every entry against the newest sample of its series and encodes those that pass. The tails move on at once, so
/// that several samples of a series in one batch are checked against each other.
fn check(
    entries: &[AppendEntry<'_>],
    bounds: AppendBounds,
    tails: &mut [MutexGuard<'_, Vec<Tail>>],
    scratch: &mut AppendScratch,
    outcomes: &mut [SampleOutcome],
    counts: &mut BatchCounts,
) {
    scratch.accepted.clear();
    scratch.unlogged.clear();
    scratch.samples.clear();
    let (mut page_number, mut page) = (usize::MAX, 0);
    let ids = scratch.ids.iter().zip(outcomes);
    for (position, (entry, (&id, outcome))) in entries.iter().zip(ids).enumerate() {
        if outcome.is_err() {
            continue;
        }
        let (number, slot) = place(id);
        if number != page_number {
            page_number = number;
            page = scratch.page_numbers.binary_search(&number).unwrap_or(usize::MAX);
        }
        let tail = tails.get_mut(page).and_then(|tails| tails.get_mut(slot));
        let Some(tail) = tail.filter(|tail| !tail.is_removed) else {
            *outcome = Err(SampleError::UnknownReference);
            counts.unknown_reference += 1;
            continue;
        };
        if entry.timestamp_ms < bounds.start_ms {
            *outcome = Err(SampleError::OutOfBounds);
            counts.out_of_bounds += 1;
            continue;
        }
        let value_bits = entry.value.to_bits();
        if tail.has_samples && entry.timestamp_ms <= tail.end_ms {
            if entry.timestamp_ms < tail.end_ms {
                *outcome = Err(SampleError::OutOfOrder);
                counts.out_of_order += 1;
            } else if value_bits == tail.value_bits {
                counts.repeated += 1;
            } else {
                *outcome = Err(SampleError::DuplicateTimestamp);
                counts.duplicate += 1;
            }
            continue;
        }
        if !tail.is_logged && scratch.unlogged.last() != Some(&id) {
            scratch.unlogged.push(id);
        }
        tail.has_samples = true;
        tail.end_ms = entry.timestamp_ms;
        tail.value_bits = value_bits;
        scratch.samples.push(LoggedSample {
            reference: tail.reference,
            timestamp_ms: entry.timestamp_ms,
            value: entry.value,
        });
        scratch.accepted.push(Accepted {
            entry: position as u32,
            page: page as u32,
            slot: slot as u32,
        });
    }
}

/// Logs the batch: new series first, then its samples, in one write.
fn write(wal: &Wal, scratch: &mut AppendScratch) -> Result<(), Error> {
    let [series_packed, samples_packed] = &mut scratch.packed;
    let encoder = &mut scratch.encoder.0;
    let series = pack(encoder, &scratch.series_record, series_packed);
    let samples = pack(encoder, scratch.samples.record(), samples_packed);
    if scratch.series_record.is_empty() {
        wal.append(&[samples])
    } else {
        wal.append(&[series, samples])
    }
}

/// Compresses a record where that makes it smaller.
fn pack<'a>(encoder: &mut snap::raw::Encoder, record: &'a [u8], packed: &'a mut Vec<u8>) -> LogRecord<'a> {
    let room = snap::raw::max_compress_len(record.len());
    if packed.len() < room {
        packed.resize(room, 0);
    }
    match encoder.compress(record, packed) {
        Ok(length) if length < record.len() => LogRecord {
            bytes: packed.get(..length).unwrap_or_default(),
            compression: Compression::Snappy,
        },
        // Records beyond 4 GiB cannot be compressed.
        _ => LogRecord {
            bytes: record,
            compression: Compression::None,
        },
    }
}

/// Sets the tails back to what memory holds.
#[cold]
fn undo(pages: &[Arc<Page>], tails: &mut [MutexGuard<'_, Vec<Tail>>], scratch: &AppendScratch) {
    for accepted in &scratch.accepted {
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
