//! Rebuilding the head of a chunk snapshot; see [`super::replay`]. What is not in order is damage: nothing is left out.

use std::sync::Arc;
use std::thread;

use moheng_metrics::{FloatColumns, HistogramValue, Labels, SampleBuffer};

use super::SeriesId;
use super::open_extra::{OpenExtra, value_bits};
use super::page::{Page, place};
use super::replay::{Logged, OpenPage, Replay};
use super::sealed::SealedChunk;
use super::series::Series;
use crate::chunk::{ChunkError, Encoding, HistogramDecoder, XorAppender};
use crate::format::DecodeError;
use crate::format::chunk_snapshot::{LastValue, SnapshotChunk, SnapshotRecord, SnapshotSeries, read_record};
use crate::format::snapshot_extent::SnapshotExtent;
use crate::format::wal_histograms::LoggedValue;
use crate::format::wal_record::{REFERENCE_MAX, RecordKind, read_series, record_kind};
use crate::format::wal_samples::LoggedPlace;

/// So few series are not worth a thread.
const SERIES_PER_THREAD: usize = 256;

/// What came of a snapshot so far.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// Whether its series are behind it: all deletions follow them.
    has_deletions: bool,
}

/// A series that was just created, and what it begins with.
struct Beginning<'a> {
    reference: u64,
    id: SeriesId,
    sealed: Vec<SealedChunk>,
    open: Option<SnapshotChunk<'a>>,
}

/// What came of some beginnings.
#[derive(Default)]
struct Begun<'a> {
    mapped_chunks: u64,
    new_chunks: u64,
    time_range: Option<(i64, i64)>,
    /// Open chunks of which other chunks, or blocks, have a part.
    partly: Vec<(u64, SnapshotChunk<'a>)>,
}

impl Replay<'_> {
    /// Applies records of a chunk snapshot, on as many threads.
    ///
    /// # Errors
    ///
    /// When one is not well formed, or does not fit those before. The head is of no use then.
    pub(crate) fn snapshot_records<'a>(
        &mut self,
        records: impl Iterator<Item = &'a [u8]>,
        threads: usize,
    ) -> Result<(), DecodeError> {
        let mut series = Vec::new();
        for record in records {
            match read_record(record)? {
                SnapshotRecord::Series(_) if self.restored.has_deletions => {
                    return Err(DecodeError::Invalid("a series behind the deletions"));
                }
                SnapshotRecord::Series(one) => series.push(one),
                SnapshotRecord::Deletions(deletions) => {
                    self.add_series(std::mem::take(&mut series), threads)?;
                    self.restored.has_deletions = true;
                    self.add_deletions(deletions);
                }
                SnapshotRecord::Exemplars(exemplars) => self.add_exemplars(exemplars),
            }
        }
        self.add_series(series, threads)
    }

    /// Checks that all of a snapshot was there, as far as that can be told; `extent` is what its supplement says.
    ///
    /// # Errors
    ///
    /// When something is missing.
    pub(crate) fn end_snapshot(&mut self, extent: Option<&SnapshotExtent>) -> Result<(), DecodeError> {
        if !self.restored.has_deletions {
            return Err(DecodeError::Invalid("its end is missing"));
        }
        if let Some(extent) = extent {
            if extent.series != self.counts.restored_series {
                return Err(DecodeError::Invalid("series are missing"));
            }
            self.reference_max = self.reference_max.max(extent.reference_max);
        }
        Ok(())
    }

    /// Applies what a snapshot without a supplement does not have of a record of the log that it covers: references and metadata.
    ///
    /// # Errors
    ///
    /// When the record is not well formed.
    pub(crate) fn covered_record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Series => {
                let mut named = Vec::new();
                let read = read_series(body, &mut Vec::new(), |reference, pairs| {
                    named.push((reference, Labels::from_pairs(pairs.iter().copied())));
                });
                for (reference, labels) in named {
                    self.reference_max = self.reference_max.max(reference);
                    let known = {
                        let index = self.head.index();
                        index.find(index.hash(&labels), &labels)
                    };
                    if let Some(id) = known.filter(|_| self.find(reference).is_none()) {
                        self.set_reference(reference, id);
                        self.attach(reference, id);
                    }
                }
                read
            }
            RecordKind::Metadata => {
                let unknown_notes = self.counts.unknown_notes;
                let outcome = self.metadata(body);
                // Of series that are gone.
                self.counts.unknown_notes = unknown_notes;
                outcome
            }
            _ => Ok(()),
        }
    }

    fn add_series(&mut self, series: Vec<SnapshotSeries<'_>>, threads: usize) -> Result<(), DecodeError> {
        if series.is_empty() {
            return Ok(());
        }
        let mut named = Vec::with_capacity(series.len());
        let mut references = Vec::with_capacity(series.len());
        for one in &series {
            let is_well_formed = one.labels.is_sorted_by(|a, b| a.0 < b.0)
                && one.labels.iter().all(|(_, value)| !value.is_empty())
                && !one.labels.is_empty()
                && one.reference <= REFERENCE_MAX;
            if !is_well_formed {
                return Err(DecodeError::Invalid("an impossible series"));
            }
            named.push(Labels::from_sorted_pairs(one.labels.iter().copied()));
            references.push(one.reference);
        }
        let labels: Vec<&Labels> = named.iter().collect();
        let (ids, created) = self.head.find_or_create(&labels, Some(&references));
        if created != series.len() {
            return Err(DecodeError::Invalid("a series twice"));
        }
        self.counts.restored_series += created as u64;
        let mut beginnings = Vec::with_capacity(series.len());
        for (one, id) in series.into_iter().zip(ids) {
            let id = id.map_err(|_| DecodeError::Invalid("too many series"))?;
            if self.find(one.reference).is_some() {
                return Err(DecodeError::Invalid("a reference twice"));
            }
            self.reference_max = self.reference_max.max(one.reference);
            self.name(one.reference, id);
            beginnings.push(Beginning {
                reference: one.reference,
                id,
                sealed: self.mapped.take(one.reference),
                open: one.chunk,
            });
        }
        let begun = begin_all(&self.head.pages(), beginnings, self.head.valid_from_ms(), threads);
        for begun in begun {
            self.merge(begun?)?;
        }
        Ok(())
    }

    fn merge(&mut self, begun: Begun<'_>) -> Result<(), DecodeError> {
        self.counts.mapped_chunks += begun.mapped_chunks;
        self.counts.new_chunks += begun.new_chunks;
        self.time_range = union(self.time_range, begun.time_range);
        for (reference, chunk) in begun.partly {
            self.add_samples_of(reference, &chunk).map_err(unreadable)?;
        }
        Ok(())
    }

    /// Adds the samples of an open chunk one by one, as if they came from the log.
    fn add_samples_of(&mut self, reference: u64, chunk: &SnapshotChunk<'_>) -> Result<(), ChunkError> {
        let encoding = Encoding::from_code(chunk.encoding).ok_or(ChunkError::InvalidLayout)?;
        let at = |timestamp_ms, start_ms| LoggedPlace {
            reference,
            timestamp_ms,
            start_ms,
        };
        let has_starts = encoding.has_starts();
        match encoding {
            Encoding::Xor | Encoding::Xor2 => {
                let mut samples = SampleBuffer::new();
                encoding.decode(chunk.data, &mut samples)?;
                let floats = &samples.floats;
                let samples = floats.timestamps_ms.iter().zip(&floats.values).enumerate();
                self.add_all(samples.map(|(index, (&timestamp_ms, &value))| Logged {
                    place: at(timestamp_ms, floats.start_timestamp_ms(index)),
                    value_bits: value.to_bits(),
                    value,
                }));
            }
            Encoding::Histogram | Encoding::HistogramWithStarts => {
                let mut decoder = HistogramDecoder::<u64>::new(chunk.data, has_starts)?;
                while let Some((timestamp_ms, start_ms, histogram)) = decoder.next_histogram()? {
                    self.add_histogram(at(timestamp_ms, start_ms), HistogramValue::Integer(&histogram));
                }
            }
            Encoding::FloatHistogram | Encoding::FloatHistogramWithStarts => {
                let mut decoder = HistogramDecoder::<f64>::new(chunk.data, has_starts)?;
                while let Some((timestamp_ms, start_ms, histogram)) = decoder.next_histogram()? {
                    self.add_histogram(at(timestamp_ms, start_ms), HistogramValue::Float(&histogram));
                }
            }
        }
        Ok(())
    }

    fn add_histogram(&mut self, place: LoggedPlace, value: HistogramValue<'_>) {
        self.add_all(std::iter::once(Logged {
            place,
            value_bits: value_bits(value),
            value,
        }));
    }
}

/// Begins series on some threads; what came of them is in their order.
fn begin_all<'a>(
    pages: &[Arc<Page>],
    mut beginnings: Vec<Beginning<'a>>,
    valid_from_ms: i64,
    threads: usize,
) -> Vec<Result<Begun<'a>, DecodeError>> {
    let threads = threads.min(beginnings.len() / SERIES_PER_THREAD).max(1);
    let share = beginnings.len().div_ceil(threads);
    thread::scope(|scope| {
        let mut helpers = Vec::new();
        while beginnings.len() > share {
            let others = beginnings.split_off(beginnings.len() - share);
            helpers.push(scope.spawn(move || begin_some(pages, others, valid_from_ms)));
        }
        let mut begun = vec![begin_some(pages, beginnings, valid_from_ms)];
        for helper in helpers.into_iter().rev() {
            let outcome = helper.join();
            begun.push(outcome.unwrap_or(Err(DecodeError::Invalid("restoring it panicked"))));
        }
        begun
    })
}

fn begin_some<'a>(
    pages: &[Arc<Page>],
    beginnings: Vec<Beginning<'a>>,
    valid_from_ms: i64,
) -> Result<Begun<'a>, DecodeError> {
    let mut begun = Begun::default();
    let mut floats = FloatColumns::default();
    let mut current: Option<OpenPage<'_>> = None;
    for one in beginnings {
        let (number, slot) = place(one.id);
        if current.as_ref().is_none_or(|page| page.number != number) {
            // The guards of the last page go before those of the next come.
            drop(current.take());
            current = pages.get(number).map(|page| OpenPage::new(number, page));
        }
        let series = current.as_mut().and_then(|page| page.data.series.get_mut(slot));
        let series = series.ok_or(DecodeError::Invalid("a series without a place"))?;
        if let (Some(first), Some(last)) = (one.sealed.first(), one.sealed.last()) {
            begun.time_range = union(begun.time_range, Some((first.start_ms, last.end_ms())));
            begun.mapped_chunks += one.sealed.len() as u64;
            begun.new_chunks += one.sealed.len() as u64;
            series.sealed = one.sealed;
        }
        let Some(open) = one.open else {
            continue;
        };
        if open.end_ms < valid_from_ms {
            // Blocks hold it.
            continue;
        }
        let is_behind = series.end_ms().is_none_or(|end_ms| end_ms < open.start_ms);
        if !is_behind || open.start_ms < valid_from_ms {
            begun.partly.push((one.reference, open));
            continue;
        }
        resume(series, &open, &mut floats).map_err(unreadable)?;
        begun.time_range = union(begun.time_range, Some((open.start_ms, open.end_ms)));
        begun.new_chunks += 1;
    }
    Ok(begun)
}

/// Goes on with an open chunk behind those of a series.
fn resume(
    series: &mut Series,
    chunk: &SnapshotChunk<'_>,
    floats: &mut FloatColumns,
) -> Result<(), ChunkError> {
    let encoding = Encoding::from_code(chunk.encoding).ok_or(ChunkError::InvalidLayout)?;
    let range = Some((chunk.start_ms, chunk.end_ms));
    if encoding == Encoding::Xor {
        let open = XorAppender::resume(chunk.data, floats)?;
        if range_of(&floats.timestamps_ms) != range {
            return Err(ChunkError::InvalidTimes);
        }
        series.resume_floats(open, floats);
        return Ok(());
    }
    let mut samples = SampleBuffer::new();
    encoding.decode(chunk.data, &mut samples)?;
    let times_ms = if encoding.is_histogram() {
        &samples.histograms.timestamps_ms
    } else {
        &samples.floats.timestamps_ms
    };
    if range_of(times_ms) != range {
        return Err(ChunkError::InvalidTimes);
    }
    let bits = match &chunk.last {
        LastValue::Float(value) => value.to_bits(),
        LastValue::Histogram(value) => value_bits(LoggedValue::as_ref(value)),
    };
    let extra = OpenExtra::resume(encoding, chunk.data, (chunk.start_ms, bits))?;
    series.resume_extra(extra);
    Ok(())
}

/// The first and the last of times that ascend; `None` when they do not, or there are none.
fn range_of(times_ms: &[i64]) -> Option<(i64, i64)> {
    let range = times_ms.first().copied().zip(times_ms.last().copied());
    range.filter(|_| times_ms.is_sorted_by(|a, b| a < b))
}

fn union(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

fn unreadable(error: ChunkError) -> DecodeError {
    DecodeError::Invalid(match error {
        ChunkError::UnexpectedEnd => "a chunk ends before its last sample",
        ChunkError::InvalidWidth => "a chunk holds an impossible bit width",
        ChunkError::InvalidLayout => "a chunk of an unknown encoding or layout",
        ChunkError::InvalidTimes => "a chunk is not of the times it should be of",
    })
}
