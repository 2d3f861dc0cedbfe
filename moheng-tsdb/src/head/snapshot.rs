//! Writing a chunk snapshot: all of memory that the log would otherwise have to give back.

use std::sync::PoisonError;

use moheng_metrics::histogram::NativeHistogram;

use super::page::{PAGE_SERIES, Page, place};
use super::sealed::SealedChunk;
use super::series::{Series, Tail};
use super::{Head, SeriesId};
use crate::Error;
use crate::chunk::{ChunkError, Count, Encoding, HistogramDecoder};
use crate::format::chunk_snapshot::{
    LastValue, SnapshotChunk, SnapshotSeries, put_deletions, put_exemplars, put_series,
};
use crate::format::snapshot_extent::SnapshotExtent;
use crate::format::wal_annotations::{LoggedExemplar, put_metadata};
use crate::format::wal_histograms::LoggedValue;
use crate::format::wal_record::{self, LoggedDeletion};

/// So many exemplars are in a record.
const RECORD_EXEMPLARS: usize = 1000;

/// Records of the supplement are about this long.
const RECORD_BYTES: usize = 1 << 20;

/// Where records go.
pub(crate) type PutRecord<'a> = dyn FnMut(&[u8]) -> Result<(), Error> + 'a;

impl Head {
    /// Hands out the records of a chunk snapshot and returns how many series these have. The log is closed and all full chunks are in
    /// files; batches that are on the way from the log into memory are waited for.
    ///
    /// # Errors
    ///
    /// When `put` fails, or a full chunk is in memory.
    pub(crate) fn write_snapshot(&self, put: &mut PutRecord<'_>) -> Result<u64, Error> {
        let mut series = 0;
        let pages = self.pages().clone();
        let mut scratch = PageScratch::default();
        for (number, page) in pages.iter().enumerate() {
            let first = number as SeriesId * PAGE_SERIES;
            series += self.write_page(page, first, &mut scratch, put)?;
        }
        let mut record = Vec::new();
        put_deletions(&mut record, &self.logged_deletions());
        put(&record)?;
        for exemplars in self.logged_exemplars().chunks(RECORD_EXEMPLARS) {
            record.clear();
            put_exemplars(&mut record, exemplars);
            put(&record)?;
        }
        Ok(series)
    }

    /// Hands out records of the log with what a chunk snapshot has no room for: further references of series, and metadata.
    ///
    /// # Errors
    ///
    /// When `put` fails.
    pub(crate) fn write_supplement(&self, put: &mut PutRecord<'_>) -> Result<(), Error> {
        let mut record = Vec::new();
        let aliases = self
            .aliases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (reference, id) in aliases {
            if self.reference_of(id).is_none() {
                continue;
            }
            wal_record::put_series(&mut record, reference, self.index().texts_of(id));
            flush(&mut record, RECORD_BYTES, put)?;
        }
        flush(&mut record, 1, put)?;
        let pages = self.pages().clone();
        for (number, page) in pages.iter().enumerate() {
            let tails = page.tails();
            let metadata = self.notes.metadata();
            for (id, tail) in (number as SeriesId * PAGE_SERIES..).zip(tails.iter()) {
                if let Some(metadata) = metadata.get(id).filter(|_| is_known(tail)) {
                    put_metadata(&mut record, tail.reference, metadata);
                }
            }
            drop(metadata);
            flush(&mut record, RECORD_BYTES, put)?;
        }
        flush(&mut record, 1, put)
    }

    /// Says which file of mapped chunks is not as a snapshot knows it, if one is.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(crate) fn missing_chunks(&self, extent: Option<&SnapshotExtent>) -> Result<Option<String>, Error> {
        let files = extent.map_or(&[][..], |extent| &extent.files);
        self.mapped.missing(files, self.valid_from_ms())
    }

    /// No series got a higher reference so far.
    pub(crate) fn reference_max(&self) -> u64 {
        let next = self.creation.lock().unwrap_or_else(PoisonError::into_inner);
        next.saturating_sub(1)
    }

    /// The deletions with the references of their series, ascending.
    fn logged_deletions(&self) -> Vec<LoggedDeletion> {
        let deletions = self.notes.deletions();
        let mut logged = Vec::new();
        for (id, intervals) in deletions.iter() {
            let Some(reference) = self.reference_of(id) else {
                continue;
            };
            logged.extend(intervals.iter().map(|interval| LoggedDeletion {
                reference,
                start_ms: interval.start_ms,
                end_ms: interval.end_ms,
            }));
        }
        logged.sort_unstable_by_key(|one| (one.reference, one.start_ms));
        logged
    }

    /// The exemplars of the series in memory, the oldest first.
    fn logged_exemplars(&self) -> Vec<LoggedExemplar> {
        let all: Vec<_> = {
            let ring = self.notes.exemplars();
            ring.in_order()
                .map(|(labels, exemplar)| (labels.clone(), exemplar.clone()))
                .collect()
        };
        let logged = all.into_iter().filter_map(|(labels, exemplar)| {
            let id = {
                let index = self.index();
                index.find(index.hash(&labels), &labels)
            };
            Some(LoggedExemplar {
                reference: self.reference_of(id?)?,
                timestamp_ms: exemplar.timestamp_ms.unwrap_or_default(),
                value: exemplar.value,
                labels: exemplar.labels,
            })
        });
        logged.collect()
    }

    /// The reference under which the log knows a series.
    fn reference_of(&self, id: SeriesId) -> Option<u64> {
        let (number, slot) = place(id);
        let page = self.pages().get(number).cloned()?;
        let tails = page.tails();
        let tail = tails.get(slot).filter(|tail| is_known(tail));
        tail.map(|tail| tail.reference)
    }

    fn write_page(
        &self,
        page: &Page,
        first: SeriesId,
        scratch: &mut PageScratch,
        put: &mut PutRecord<'_>,
    ) -> Result<u64, Error> {
        // Whoever is between the log and memory holds these.
        let tails = page.tails();
        let index = self.index();
        let data = page.data();
        let mut count = 0;
        for (id, (tail, series)) in (first..).zip(tails.iter().zip(&data.series)) {
            if !is_known(tail) {
                continue;
            }
            if !series.sealed.iter().all(SealedChunk::is_mapped) {
                return Err(Error::Unavailable("a full chunk is in memory".to_owned()));
            }
            scratch.chunk.clear();
            let one = SnapshotSeries {
                reference: tail.reference,
                labels: index.texts_of(id).collect(),
                chunk: open_chunk(series, &mut scratch.chunk).map_err(|error| Error::Corrupt {
                    path: "memory".to_owned(),
                    message: error.to_string(),
                })?,
            };
            scratch.record.clear();
            put_series(&mut scratch.record, &one);
            put(&scratch.record)?;
            count += 1;
        }
        Ok(count)
    }
}

/// Memory that pages reuse.
#[derive(Debug, Default)]
struct PageScratch {
    chunk: Vec<u8>,
    record: Vec<u8>,
}

/// Whether the log names a series and it is not gone.
fn is_known(tail: &Tail) -> bool {
    tail.is_logged && !tail.is_removed
}

/// The open chunk of a series, by way of `buffer`.
fn open_chunk<'a>(series: &Series, buffer: &'a mut Vec<u8>) -> Result<Option<SnapshotChunk<'a>>, ChunkError> {
    let Some((start_ms, end_ms)) = series.open_range() else {
        return Ok(None);
    };
    let encoding = series.write_open(buffer);
    let last = match encoding {
        Encoding::Xor | Encoding::Xor2 => LastValue::Float(f64::from_bits(series.value_bits())),
        Encoding::Histogram | Encoding::HistogramWithStarts => {
            LastValue::Histogram(LoggedValue::Integer(last_histogram(buffer, encoding)?))
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramWithStarts => {
            LastValue::Histogram(LoggedValue::Float(last_histogram(buffer, encoding)?))
        }
    };
    Ok(Some(SnapshotChunk {
        start_ms,
        end_ms,
        encoding: encoding.code(),
        data: buffer,
        last,
    }))
}

fn last_histogram<C: Count>(chunk: &[u8], encoding: Encoding) -> Result<NativeHistogram<C>, ChunkError> {
    let mut decoder = HistogramDecoder::<C>::new(chunk, encoding.has_starts())?;
    let mut last = None;
    while let Some((.., histogram)) = decoder.next_histogram()? {
        last = Some(histogram);
    }
    last.ok_or(ChunkError::UnexpectedEnd)
}

/// Hands a record out once it has so many bytes.
fn flush(record: &mut Vec<u8>, least_bytes: usize, put: &mut PutRecord<'_>) -> Result<(), Error> {
    if record.len() >= least_bytes {
        put(record)?;
        record.clear();
    }
    Ok(())
}
