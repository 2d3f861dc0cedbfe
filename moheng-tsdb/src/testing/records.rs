//! Records of the log.

use crate::format::DecodeError;
use crate::format::wal_annotations::{ExemplarsEncoder, put_metadata, read_exemplars, read_metadata};
use crate::format::wal_histograms::{HistogramsEncoder, read_histograms};
use crate::format::wal_record::{
    RecordKind, put_deletion, put_mapped_chunk, put_series, read_deletions, read_mapped_chunks, read_series,
    record_kind,
};
use crate::format::wal_samples::{SamplesEncoder, StartedSamplesEncoder, read_samples, read_started_samples};

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
            samples.into_iter().for_each(|sample| encoder.push(sample));
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
