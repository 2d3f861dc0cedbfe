//! Records of the log.

use moheng_metrics::{Exemplar, FloatColumns, HistogramValue, Labels, Metadata};

use super::chunks::ChunkEncoding;
use crate::chunk::{Encoding, XorAppender};
use crate::format::chunk_snapshot::{self, SnapshotRecord};
use crate::format::head_chunk_file::{self, MappedChunk};
use crate::format::wal_annotations::{ExemplarsEncoder, put_metadata, read_exemplars, read_metadata};
use crate::format::wal_histograms::{HistogramsEncoder, kind_of, read_histograms};
use crate::format::wal_record::{
    LoggedDeletion, RecordKind, put_deletion, put_mapped_chunk, put_series, read_deletions,
    read_mapped_chunks, read_series, record_kind,
};
use crate::format::wal_samples::{
    LoggedPlace, SamplesEncoder, StartedSamplesEncoder, read_samples, read_started_samples,
};
use crate::format::{DecodeError, snapshot_extent};

/// Decodes a record of the log and encodes what was found again; `None` when it is damaged.
pub fn recode_record(record: &[u8]) -> Option<Vec<u8>> {
    let (kind, body) = record_kind(record).ok()?;
    recode(kind, body).ok()
}

fn recode(kind: RecordKind, body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    match kind {
        RecordKind::Series => read_series(body, &mut Vec::new(), |reference, labels| {
            put_series(&mut out, reference, labels.iter().copied());
        })?,
        RecordKind::Samples => {
            let mut samples = Vec::new();
            read_samples(body, &mut samples)?;
            let mut encoder = SamplesEncoder::default();
            for sample in samples {
                encoder.push(sample);
            }
            out.extend_from_slice(encoder.record());
        }
        RecordKind::SamplesWithStarts => {
            let mut samples = Vec::new();
            read_started_samples(body, &mut samples)?;
            let mut encoder = StartedSamplesEncoder::default();
            for (place, value) in samples {
                encoder.push(place, value);
            }
            out.extend_from_slice(encoder.record());
        }
        RecordKind::Deletions => {
            let mut deletions = Vec::new();
            read_deletions(body, &mut deletions)?;
            for deletion in deletions {
                put_deletion(&mut out, deletion);
            }
        }
        RecordKind::MappedChunks => {
            let mut markers = Vec::new();
            read_mapped_chunks(body, &mut markers)?;
            for marker in markers {
                put_mapped_chunk(&mut out, marker);
            }
        }
        RecordKind::Exemplars => {
            let mut exemplars = Vec::new();
            read_exemplars(body, &mut exemplars)?;
            let mut encoder = ExemplarsEncoder::default();
            for one in exemplars {
                encoder.push(one.reference, one.timestamp_ms, one.value, &one.labels);
            }
            out.extend_from_slice(encoder.record());
        }
        RecordKind::Metadata => {
            let mut metadata = Vec::new();
            read_metadata(body, &mut metadata)?;
            for one in metadata {
                put_metadata(&mut out, one.reference, &one.metadata);
            }
        }
        RecordKind::Histograms
        | RecordKind::FloatHistograms
        | RecordKind::CustomHistograms
        | RecordKind::CustomFloatHistograms
        | RecordKind::HistogramsWithStarts
        | RecordKind::FloatHistogramsWithStarts => {
            let mut histograms = Vec::new();
            read_histograms(kind, body, &mut histograms)?;
            let mut encoder = HistogramsEncoder::new(kind);
            for histogram in histograms {
                encoder.push(histogram.place, histogram.value.as_ref());
            }
            out.extend_from_slice(encoder.record());
        }
    }
    Ok(out)
}

/// Decodes a record of a chunk snapshot, resumes its chunk, and encodes what was found again; `None` when it is damaged.
pub fn recode_snapshot_record(record: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match chunk_snapshot::read_record(record).ok()? {
        SnapshotRecord::Series(series) => {
            if let Some(chunk) = &series.chunk
                && chunk.encoding == Encoding::Xor.code()
            {
                let mut floats = FloatColumns::default();
                let mut appender = XorAppender::resume(chunk.data, &mut floats).ok()?;
                let (timestamp_ms, value_bits) = (appender.end_ms(), appender.value_bits());
                if appender.sample_count() < u16::MAX {
                    appender.push(timestamp_ms.wrapping_add(1), f64::from_bits(value_bits));
                }
            }
            chunk_snapshot::put_series(&mut out, &series);
        }
        SnapshotRecord::Deletions(deletions) => chunk_snapshot::put_deletions(&mut out, &deletions),
        SnapshotRecord::Exemplars(exemplars) => chunk_snapshot::put_exemplars(&mut out, &exemplars),
    }
    Some(out)
}

/// Decodes the first record of a chunk snapshot's supplement and encodes it again; `None` when it is damaged.
pub fn recode_snapshot_extent(record: &[u8]) -> Option<Vec<u8>> {
    let extent = snapshot_extent::read_extent(record).ok()?;
    Some(snapshot_extent::write_extent(&extent))
}

/// A record of the log that names a series.
pub fn series_record(reference: u64, labels: &Labels) -> Vec<u8> {
    let pairs: Vec<(&str, &str)> = labels.iter().collect();
    let mut out = Vec::new();
    put_series(&mut out, reference, pairs.into_iter());
    out
}

/// A record of the log with histograms (series reference, timestamp and start timestamp in milliseconds, value), which must be
/// of one flavour and, without start timestamps, all or none with custom buckets; empty when there is none.
pub fn histogram_record(histograms: &[(u64, i64, i64, HistogramValue<'_>)], has_starts: bool) -> Vec<u8> {
    let Some(first) = histograms.first() else {
        return Vec::new();
    };
    let mut encoder = HistogramsEncoder::new(kind_of(first.3, has_starts));
    for &(reference, timestamp_ms, start_ms, value) in histograms {
        let place = LoggedPlace {
            reference,
            timestamp_ms,
            start_ms,
        };
        encoder.push(place, value);
    }
    encoder.record().to_vec()
}

/// A record of the log with an exemplar, and one with metadata.
pub fn annotation_records(reference: u64, exemplar: &Exemplar, metadata: &Metadata) -> [Vec<u8>; 2] {
    let mut encoder = ExemplarsEncoder::default();
    let timestamp_ms = exemplar.timestamp_ms.unwrap_or_default();
    encoder.push(reference, timestamp_ms, exemplar.value, &exemplar.labels);
    let mut out = Vec::new();
    put_metadata(&mut out, reference, metadata);
    [encoder.record().to_vec(), out]
}

/// A record of the log that deletes samples of a series, from and to these milliseconds, both inclusive.
pub fn deletion_record(reference: u64, start_ms: i64, end_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_deletion(
        &mut out,
        LoggedDeletion {
            reference,
            start_ms,
            end_ms,
        },
    );
    out
}

/// A chunk to map: series reference, first and last timestamp in milliseconds, encoding and bytes.
pub type ChunkToMap = (u64, (i64, i64), ChunkEncoding, Vec<u8>);

/// A file of mapped chunks.
pub fn mapped_chunk_file(chunks: &[ChunkToMap]) -> Vec<u8> {
    let mut out = head_chunk_file::header().to_vec();
    for (reference, (start_ms, end_ms), encoding, data) in chunks {
        let chunk = MappedChunk {
            reference: *reference,
            start_ms: *start_ms,
            end_ms: *end_ms,
            encoding: encoding.code(),
            is_late: false,
            data,
        };
        head_chunk_file::put_chunk(&mut out, &chunk);
    }
    out
}
