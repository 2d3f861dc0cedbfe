//! The records of the write-ahead log that say more about series and samples: exemplars and metadata.
//!
//! * Exemplars: `first reference u64, first timestamp i64, {reference delta, timestamp delta, value f64, label count, {name,
//!   value}*}*`, the deltas as signed variable-length integers and relative to the first ones.
//! * Metadata: `{reference, type u8, field count, {field name, value}*}*`, with the fields `UNIT` and `HELP`. Readers skip
//!   fields they do not know.

use moheng_metrics::{Labels, Metadata, MetricKind};

use super::wal_record::{RecordKind, begin, put_labels, read_labels};
use super::{ByteReader, DecodeError, put_bytes, put_signed_varint, put_varint};

const UNIT: &str = "UNIT";
const HELP: &str = "HELP";

/// An exemplar of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoggedExemplar {
    pub(crate) reference: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
    pub(crate) labels: Labels,
}

/// What is known about the metric of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedMetadata {
    pub(crate) reference: u64,
    pub(crate) metadata: Metadata,
}

/// Builds a record of exemplars.
#[derive(Debug, Default)]
pub(crate) struct ExemplarsEncoder {
    out: Vec<u8>,
    first_reference: u64,
    first_timestamp_ms: i64,
}

impl ExemplarsEncoder {
    /// Starts a new record.
    pub(crate) fn clear(&mut self) {
        self.out.clear();
    }

    /// The record; empty when there is no exemplar.
    pub(crate) fn record(&self) -> &[u8] {
        &self.out
    }

    pub(crate) fn push(&mut self, reference: u64, timestamp_ms: i64, value: f64, labels: &Labels) {
        if self.out.is_empty() {
            self.out.push(RecordKind::Exemplars.code());
            self.out.extend_from_slice(&reference.to_be_bytes());
            self.out.extend_from_slice(&timestamp_ms.to_be_bytes());
            self.first_reference = reference;
            self.first_timestamp_ms = timestamp_ms;
        }
        put_signed_varint(&mut self.out, reference.wrapping_sub(self.first_reference) as i64);
        put_signed_varint(&mut self.out, timestamp_ms.wrapping_sub(self.first_timestamp_ms));
        self.out.extend_from_slice(&value.to_bits().to_be_bytes());
        let pairs: Vec<(&str, &str)> = labels.iter().collect();
        put_labels(&mut self.out, pairs.into_iter());
    }
}

/// Reads all exemplars of the body into `exemplars`, replacing what it holds.
pub(crate) fn read_exemplars(body: &[u8], exemplars: &mut Vec<LoggedExemplar>) -> Result<(), DecodeError> {
    exemplars.clear();
    let mut reader = ByteReader::new(body);
    if reader.is_empty() {
        return Ok(());
    }
    let first_reference = reader.u64()?;
    let first_timestamp_ms = reader.u64()? as i64;
    let mut labels = Vec::new();
    while !reader.is_empty() {
        let reference = first_reference.wrapping_add(reader.signed_varint()? as u64);
        let timestamp_ms = first_timestamp_ms.wrapping_add(reader.signed_varint()?);
        let value = f64::from_bits(reader.u64()?);
        read_labels(&mut reader, &mut labels)?;
        exemplars.push(LoggedExemplar {
            reference,
            timestamp_ms,
            value,
            labels: Labels::from_pairs(labels.iter().copied()),
        });
    }
    Ok(())
}

/// Starts a record of metadata in an empty buffer, or goes on with one.
pub(crate) fn put_metadata(out: &mut Vec<u8>, reference: u64, metadata: &Metadata) {
    begin(out, RecordKind::Metadata);
    put_varint(out, reference);
    out.push(kind_code(metadata.kind));
    put_varint(out, 2);
    for (name, value) in [(UNIT, &metadata.unit), (HELP, &metadata.help)] {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

/// Reads all metadata of the body into `metadata`, replacing what it holds.
pub(crate) fn read_metadata(body: &[u8], metadata: &mut Vec<LoggedMetadata>) -> Result<(), DecodeError> {
    metadata.clear();
    let mut reader = ByteReader::new(body);
    while !reader.is_empty() {
        let reference = reader.varint()?;
        let mut found = Metadata {
            kind: kind_of(reader.byte()?),
            ..Metadata::default()
        };
        let field_count = reader.varint()?;
        for _ in 0..field_count {
            let name = reader.text()?;
            let value = reader.text()?;
            match name {
                UNIT => value.clone_into(&mut found.unit),
                HELP => value.clone_into(&mut found.help),
                _ => {}
            }
        }
        metadata.push(LoggedMetadata {
            reference,
            metadata: found,
        });
    }
    Ok(())
}

fn kind_code(kind: MetricKind) -> u8 {
    match kind {
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
        _ => 0,
    }
}

/// Types of the future are not known.
fn kind_of(code: u8) -> MetricKind {
    match code {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Untyped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_layout() {
        let labels = Labels::from_pairs([("trace_id", "ab")]);
        let mut encoder = ExemplarsEncoder::default();
        encoder.push(10, 1000, 1.0, &labels);
        encoder.push(9, 1001, 2.0, &Labels::empty());
        let expected = b"\x04\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\x03\xe8\
            \x00\x00\x3f\xf0\0\0\0\0\0\0\x01\x08trace_id\x02ab\
            \x01\x02\x40\0\0\0\0\0\0\0\x00";
        assert_eq!(encoder.record(), expected);
        let mut read = Vec::new();
        read_exemplars(&encoder.record()[1..], &mut read).unwrap();
        let exemplar = |reference, timestamp_ms, value, labels| LoggedExemplar {
            reference,
            timestamp_ms,
            value,
            labels,
        };
        assert_eq!(
            read,
            [
                exemplar(10, 1000, 1.0, labels),
                exemplar(9, 1001, 2.0, Labels::empty())
            ]
        );
        for length in [5, 20, 30, 41] {
            assert!(
                read_exemplars(&encoder.record()[1..length], &mut read).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn metadata_layout() {
        let metadata = Metadata {
            kind: MetricKind::Counter,
            unit: "s".to_owned(),
            help: "How long.".to_owned(),
        };
        let mut out = Vec::new();
        put_metadata(&mut out, 300, &metadata);
        assert_eq!(out, b"\x06\xac\x02\x01\x02\x04UNIT\x01s\x04HELP\x09How long.");
        put_metadata(&mut out, 1, &Metadata::default());
        // A field of the future.
        out.extend(b"\x02\x63\x01\x03NEW\x01x");
        let mut read = Vec::new();
        read_metadata(&out[1..], &mut read).unwrap();
        let of = |reference, metadata| LoggedMetadata { reference, metadata };
        assert_eq!(
            read,
            [
                of(300, metadata),
                of(1, Metadata::default()),
                of(2, Metadata::default())
            ]
        );
        assert!(read_metadata(&out[1..out.len() - 1], &mut read).is_err());
        for code in 0..8 {
            assert_eq!(kind_code(kind_of(code)), code);
        }
        assert_eq!(kind_of(200), MetricKind::Untyped);
    }
}
