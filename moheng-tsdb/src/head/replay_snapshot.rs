//! Rebuilding the head of a chunk snapshot; see [`super::replay`]. What is not in order is damage: nothing is left out.

use std::io;
use std::ops::Range;
use std::thread::Scope;

use moheng_metrics::{HistogramValue, Labels, SampleBuffer};

use super::create::NamedSeries;
use super::open_extra::value_bits;
use super::replay::{Logged, Replay};
use super::restore_chunks::{Beginning, Beginnings, ChunkRestorer, Restored, union, unreadable};
use crate::chunk::{ChunkError, Encoding, HistogramDecoder};
use crate::format::DecodeError;
use crate::format::chunk_snapshot::{
    SnapshotChunk, SnapshotRecord, read_named_series, read_open_chunk, read_record, series_body,
};
use crate::format::snapshot_extent::SnapshotExtent;
use crate::format::wal_record::{REFERENCE_MAX, RecordKind, read_series, record_kind};
use crate::format::wal_samples::LoggedPlace;
use crate::wal::RecordBatch;

/// A series takes more than this in a snapshot.
const SERIES_BYTES_MIN: u64 = 16;

/// A chunk snapshot that the head is being rebuilt of: this thread creates its series, others give them their chunks.
#[derive(Debug)]
pub(crate) struct SnapshotReplay<'scope, 'a, 'head> {
    replay: &'a mut Replay<'head>,
    /// Until all series are there: deletions and exemplars follow them.
    chunks: Option<ChunkRestorer<'scope>>,
    has_deletions: bool,
}

impl<'head> Replay<'head> {
    /// Begins to rebuild the head of a snapshot of this size, with so many threads for chunks.
    ///
    /// # Errors
    ///
    /// When there are no threads to be had.
    pub(crate) fn snapshot<'scope, 'a>(
        &'a mut self,
        scope: &'scope Scope<'scope, 'head>,
        threads: usize,
        (extent, size_bytes): (Option<&SnapshotExtent>, u64),
    ) -> io::Result<SnapshotReplay<'scope, 'a, 'head>> {
        let series = extent.map_or(0, |extent| extent.series.min(size_bytes / SERIES_BYTES_MIN));
        self.head.reserve_series(series as usize);
        Ok(SnapshotReplay {
            chunks: Some(ChunkRestorer::start(scope, self.head, threads)?),
            replay: self,
            has_deletions: false,
        })
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

impl SnapshotReplay<'_, '_, '_> {
    /// Applies records.
    ///
    /// # Errors
    ///
    /// When one is not well formed, or does not fit those before. The head is of no use then.
    pub(crate) fn batch(&mut self, batch: RecordBatch) -> Result<(), DecodeError> {
        let mut named = NamedSeries::default();
        let mut chunks = Vec::new();
        let mut others = Vec::new();
        for place in batch.places() {
            let record = batch.bytes(place.clone());
            let Some(body) = series_body(record) else {
                others.push(record.to_vec());
                continue;
            };
            if self.chunks.is_none() || !others.is_empty() {
                return Err(DecodeError::Invalid("a series behind the deletions"));
            }
            let rest = push_series(&mut named, body)?;
            chunks.push(place.end - rest.len()..place.end);
        }
        let all = self.create(&named, chunks)?;
        drop(named);
        if let Some(chunks) = &self.chunks
            && !all.is_empty()
        {
            chunks.restore(Beginnings { batch, all })?;
        }
        others.iter().try_for_each(|record| self.other_record(record))
    }

    /// Checks that all of a snapshot was there, as far as that can be told; `extent` is what its supplement says.
    ///
    /// # Errors
    ///
    /// When something is missing, or a chunk is not what it should be.
    pub(crate) fn finish(mut self, extent: Option<&SnapshotExtent>) -> Result<(), DecodeError> {
        self.end_series()?;
        if !self.has_deletions {
            return Err(DecodeError::Invalid("its end is missing"));
        }
        if let Some(extent) = extent {
            if extent.series != self.replay.counts.restored_series {
                return Err(DecodeError::Invalid("series are missing"));
            }
            self.replay.reference_max = self.replay.reference_max.max(extent.reference_max);
        }
        Ok(())
    }

    fn create(
        &mut self,
        named: &NamedSeries<'_>,
        chunks: Vec<Range<usize>>,
    ) -> Result<Vec<Beginning>, DecodeError> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let replay = &mut *self.replay;
        let first = replay.head.restore_series(named)?;
        replay.counts.restored_series += chunks.len() as u64;
        let mut all = Vec::with_capacity(chunks.len());
        for ((id, &reference), chunk) in (first..).zip(&named.references).zip(chunks) {
            if replay.find(reference).is_some() {
                return Err(DecodeError::Invalid("a reference twice"));
            }
            replay.reference_max = replay.reference_max.max(reference);
            replay.name(reference, id);
            all.push(Beginning {
                reference,
                id,
                sealed: replay.mapped.take(reference),
                chunk,
            });
        }
        Ok(all)
    }

    fn other_record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        self.end_series()?;
        match read_record(record)? {
            SnapshotRecord::Series(_) => {}
            SnapshotRecord::Deletions(deletions) => {
                self.has_deletions = true;
                self.replay.add_deletions(deletions);
            }
            SnapshotRecord::Exemplars(exemplars) => self.replay.add_exemplars(exemplars),
        }
        Ok(())
    }

    /// Waits until all series have their chunks.
    fn end_series(&mut self) -> Result<(), DecodeError> {
        let Some(chunks) = self.chunks.take() else {
            return Ok(());
        };
        for restored in chunks.finish()? {
            self.merge(restored)?;
        }
        Ok(())
    }

    fn merge(&mut self, restored: Restored) -> Result<(), DecodeError> {
        let replay = &mut *self.replay;
        replay.counts.mapped_chunks += restored.mapped_chunks;
        replay.counts.new_chunks += restored.new_chunks;
        replay.time_range = union(replay.time_range, restored.time_range);
        for (reference, chunk) in restored.partly {
            if let Some(chunk) = read_open_chunk(&chunk)? {
                replay.add_samples_of(reference, &chunk).map_err(unreadable)?;
            }
        }
        Ok(())
    }
}

/// Adds a series and returns what is behind its labels.
fn push_series<'a>(named: &mut NamedSeries<'a>, body: &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let before = named.labels.len();
    let (reference, rest) = read_named_series(body, &mut named.labels)?;
    let labels = named.labels.get(before..).unwrap_or_default();
    let is_well_formed = labels.is_sorted_by(|a, b| a.0 < b.0)
        && labels.iter().all(|(_, value)| !value.is_empty())
        && !labels.is_empty()
        && reference <= REFERENCE_MAX;
    if !is_well_formed {
        return Err(DecodeError::Invalid("an impossible series"));
    }
    named.references.push(reference);
    named.label_ends.push(named.labels.len());
    Ok(rest)
}
