//! Appending the histograms of a batch; see [`super::append`].

use std::sync::{Arc, MutexGuard};

use moheng_metrics::histogram::{HistogramLayout, MAX_SCHEMA};
use moheng_metrics::{HistogramEntry, HistogramValue, SampleError, SampleOutcome};

use super::Head;
use super::append::{Accepted, AppendScratch};
use super::append_late::note_late;
use super::check_sample::{AppendBounds, BatchCounts, Taken, check_tail};
use super::late_samples::{LateSample, LateValue};
use super::open_extra::value_bits;
use super::page::{Page, place};
use super::published::Published;
use super::series::Tail;
use crate::format::wal_histograms::{HistogramsEncoder, LoggedValue, kind_of};
use crate::format::wal_samples::LoggedPlace;

/// The histograms of a batch, those with too high a schema in a form that is stored; `None` when that changes nothing.
pub(super) fn reduced(entries: &[HistogramEntry<'_>]) -> Option<Vec<Option<LoggedValue>>> {
    if entries.iter().all(|entry| reduce(entry.value).is_none()) {
        return None;
    }
    Some(entries.iter().map(|entry| reduce(entry.value)).collect())
}

/// The histogram with a schema that is stored, when it has none and there is one.
fn reduce(value: HistogramValue<'_>) -> Option<LoggedValue> {
    let is_high = |layout: &HistogramLayout| layout.is_exponential() && layout.schema > MAX_SCHEMA;
    match value {
        HistogramValue::Integer(histogram) if is_high(&histogram.layout) => {
            let mut histogram = histogram.clone();
            histogram.reduce_for_storage().ok()?;
            Some(LoggedValue::Integer(histogram))
        }
        HistogramValue::Float(histogram) if is_high(&histogram.layout) => {
            let mut histogram = histogram.clone();
            histogram.reduce_for_storage().ok()?;
            Some(LoggedValue::Float(histogram))
        }
        _ => None,
    }
}

/// Puts what [`reduced`] returned in the place of what it came from.
pub(super) fn replace<'a>(
    entries: &[HistogramEntry<'a>],
    reduced: &'a [Option<LoggedValue>],
) -> Vec<HistogramEntry<'a>> {
    let pairs = entries.iter().zip(reduced);
    pairs
        .map(|(entry, reduced)| HistogramEntry {
            value: reduced.as_ref().map_or(entry.value, LoggedValue::as_ref),
            ..*entry
        })
        .collect()
}

/// Checks every histogram against the newest sample of its series and encodes those that pass. The tails move on at once.
pub(super) fn check(
    entries: &[HistogramEntry<'_>],
    (bounds, stores_starts): (AppendBounds, bool),
    tails: &mut [MutexGuard<'_, Vec<Tail>>],
    scratch: &mut AppendScratch,
    outcomes: &mut [SampleOutcome],
    counts: &mut BatchCounts,
) {
    let histograms = &mut scratch.histograms;
    histograms.accepted.clear();
    histograms.records.clear();
    let mut encoder: Option<HistogramsEncoder> = None;
    let has_starts = stores_starts && entries.iter().any(|entry| entry.start_timestamp_ms != 0);
    let ids = histograms.ids.iter().zip(outcomes);
    for (position, (entry, (&id, outcome))) in entries.iter().zip(ids).enumerate() {
        if outcome.is_err() {
            continue;
        }
        if !is_valid(entry.value) {
            *outcome = Err(SampleError::InvalidHistogram);
            continue;
        }
        let (number, slot) = place(id);
        let page = scratch.page_numbers.binary_search(&number).unwrap_or(usize::MAX);
        let tail = tails.get_mut(page).and_then(|tails| tails.get_mut(slot));
        let Some(tail) = tail.filter(|tail| !tail.is_removed) else {
            *outcome = Err(SampleError::UnknownReference);
            counts.unknown_reference += 1;
            continue;
        };
        match check_tail(tail, entry.timestamp_ms, value_bits(entry.value), bounds, counts) {
            Ok(Taken::Newest) => {}
            Ok(Taken::Repeated) => continue,
            Ok(Taken::Late) => {
                let start_ms = if has_starts { entry.start_timestamp_ms } else { 0 };
                let sample = LateSample::new(entry.timestamp_ms, start_ms, LateValue::of(entry.value));
                let accepted = (Accepted::new(position, page, slot), true);
                note_late(
                    tail,
                    id,
                    accepted,
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
        if !tail.is_logged && scratch.unlogged.last() != Some(&id) {
            scratch.unlogged.push(id);
        }
        let kind = kind_of(entry.value, has_starts);
        // Records are read in their order, so one of another kind is begun whenever the kind changes.
        if let Some(done) = encoder.take_if(|encoder| encoder.kind() != kind) {
            histograms.records.push(done.into_record());
        }
        let place = LoggedPlace {
            reference: tail.reference,
            timestamp_ms: entry.timestamp_ms,
            start_ms: entry.start_timestamp_ms,
        };
        encoder
            .get_or_insert_with(|| HistogramsEncoder::new(kind))
            .push(place, entry.value);
        histograms.accepted.push(Accepted::new(position, page, slot));
    }
    histograms
        .records
        .extend(encoder.map(HistogramsEncoder::into_record));
}

fn is_valid(value: HistogramValue<'_>) -> bool {
    match value {
        HistogramValue::Integer(histogram) => histogram.is_stale() || histogram.validate().is_ok(),
        HistogramValue::Float(histogram) => histogram.is_stale() || histogram.validate().is_ok(),
    }
}

impl Head {
    /// Changes memory; the batch is in the log.
    pub(super) fn publish_histograms(
        &self,
        entries: &[HistogramEntry<'_>],
        pages: &[Arc<Page>],
        tails: &mut [MutexGuard<'_, Vec<Tail>>],
        scratch: &mut AppendScratch,
        published: &mut Published,
    ) {
        let accepted = &mut scratch.histograms.accepted;
        accepted.sort_by_key(|accepted| accepted.page);
        for same_page in accepted.chunk_by(|a, b| a.page == b.page) {
            let Some((page, number)) = same_page.first().and_then(|accepted| {
                let page = accepted.page as usize;
                Some((pages.get(page)?, scratch.page_numbers.get(page)?))
            }) else {
                continue;
            };
            let mut data = page.data_mut();
            data.begin_batch(published.publishing);
            for accepted in same_page {
                let Some(entry) = entries.get(accepted.entry as usize) else {
                    continue;
                };
                let start_ms = if self.stores_starts {
                    entry.start_timestamp_ms
                } else {
                    0
                };
                let is_new_chunk = data
                    .series_for(accepted.slot as usize, published.publishing)
                    .is_some_and(|series| series.push_histogram(entry.timestamp_ms, start_ms, entry.value));
                published.add(*accepted, *number, entry.timestamp_ms, is_new_chunk, tails);
            }
        }
    }
}
