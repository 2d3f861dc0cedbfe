//! The records of the write-ahead log: a type byte, then the body.
//!
//! * Series: `{reference u64, label count, {name, value}*}*`.
//! * Samples: `first reference u64, first timestamp i64, {reference delta, timestamp delta, value f64}*`, the deltas as
//!   signed variable-length integers and relative to the first ones.

use super::{ByteReader, DecodeError, put_bytes, put_signed_varint, put_varint};

/// References take five bytes in chunk references, so Prometheus never hands out larger ones.
pub(crate) const REFERENCE_MAX: u64 = (1 << 40) - 1;

/// The kinds of records, by their type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Series,
    Samples,
    /// A kind that Prometheus writes and this database does not read yet; float samples are whole without it.
    Unsupported(&'static str),
    /// A kind this database does not read yet, and without which float samples would be wrong.
    Needed(&'static str),
}

/// The first sample of a record sets the base of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LoggedSample {
    pub(crate) reference: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
}

const SERIES: u8 = 1;
const SAMPLES: u8 = 2;

/// Splits the type byte off a record.
pub(crate) fn record_kind(record: &[u8]) -> Result<(RecordKind, &[u8]), DecodeError> {
    let (&kind, body) = record.split_first().ok_or(DecodeError::UnexpectedEnd)?;
    let kind = match kind {
        SERIES => RecordKind::Series,
        SAMPLES => RecordKind::Samples,
        3 => RecordKind::Needed("tombstones"),
        4 => RecordKind::Unsupported("exemplars"),
        5 => RecordKind::Unsupported("mapped chunk markers"),
        6 => RecordKind::Unsupported("metadata"),
        7 => RecordKind::Unsupported("histograms"),
        8 => RecordKind::Unsupported("float histograms"),
        9 => RecordKind::Unsupported("custom-bucket histograms"),
        10 => RecordKind::Unsupported("custom-bucket float histograms"),
        11 => RecordKind::Needed("samples with start timestamps"),
        12 => RecordKind::Unsupported("histograms with start timestamps"),
        13 => RecordKind::Unsupported("float histograms with start timestamps"),
        _ => return Err(DecodeError::Invalid("unknown record type")),
    };
    Ok((kind, body))
}

/// Starts a series record in an empty buffer, or goes on with one.
pub(crate) fn put_series<'a>(
    out: &mut Vec<u8>,
    reference: u64,
    labels: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) {
    if out.is_empty() {
        out.push(SERIES);
    }
    out.extend_from_slice(&reference.to_be_bytes());
    put_varint(out, labels.len() as u64);
    for (name, value) in labels {
        put_bytes(out, name.as_bytes());
        put_bytes(out, value.as_bytes());
    }
}

/// Calls `on_series(reference, labels)` for every series of the body; `labels` is reused.
pub(crate) fn read_series<'a>(
    body: &'a [u8],
    labels: &mut Vec<(&'a str, &'a str)>,
    mut on_series: impl FnMut(u64, &[(&'a str, &'a str)]),
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(body);
    while !reader.is_empty() {
        let reference = reader.u64()?;
        if reference > REFERENCE_MAX {
            return Err(DecodeError::Invalid("series reference out of range"));
        }
        let count = reader.varint()?;
        labels.clear();
        for _ in 0..count {
            let name = reader.text()?;
            labels.push((name, reader.text()?));
        }
        on_series(reference, labels);
    }
    Ok(())
}

/// Builds a samples record sample by sample.
#[derive(Debug, Default)]
pub(crate) struct SamplesEncoder {
    out: Vec<u8>,
    first_reference: u64,
    first_timestamp_ms: i64,
}

impl SamplesEncoder {
    pub(crate) fn clear(&mut self) {
        self.out.clear();
    }

    /// The record; empty when there is no sample.
    pub(crate) fn record(&self) -> &[u8] {
        &self.out
    }

    #[inline]
    pub(crate) fn push(&mut self, sample: LoggedSample) {
        if self.out.is_empty() {
            self.out.push(SAMPLES);
            self.out.extend_from_slice(&sample.reference.to_be_bytes());
            self.out.extend_from_slice(&sample.timestamp_ms.to_be_bytes());
            self.first_reference = sample.reference;
            self.first_timestamp_ms = sample.timestamp_ms;
        }
        let reference_delta = sample.reference.wrapping_sub(self.first_reference) as i64;
        let timestamp_delta = sample.timestamp_ms.wrapping_sub(self.first_timestamp_ms);
        if let (Some((first, first_length)), Some((second, second_length))) =
            (short_varint(reference_delta), short_varint(timestamp_delta))
        {
            // Four bytes at once and then fewer is faster than pushing them one by one.
            let both = first | second << (8 * first_length);
            let end = self.out.len() + first_length + second_length;
            self.out.extend_from_slice(&both.to_le_bytes());
            self.out.truncate(end);
        } else {
            put_signed_varint(&mut self.out, reference_delta);
            put_signed_varint(&mut self.out, timestamp_delta);
        }
        self.out.extend_from_slice(&sample.value.to_bits().to_be_bytes());
    }
}

/// A signed integer of one or two bytes, as [`put_signed_varint`] writes it: the bytes, lowest first, and their count.
#[inline]
fn short_varint(value: i64) -> Option<(u32, usize)> {
    let mapped = ((value << 1) ^ (value >> 63)) as u64;
    match mapped {
        0..0x80 => Some((mapped as u32, 1)),
        0x80..0x4000 => Some((((mapped & 0x7f) | 0x80 | (mapped >> 7 << 8)) as u32, 2)),
        _ => None,
    }
}

/// Reads all samples of the body into `samples`, replacing what it holds.
pub(crate) fn read_samples(body: &[u8], samples: &mut Vec<LoggedSample>) -> Result<(), DecodeError> {
    samples.clear();
    let mut reader = ByteReader::new(body);
    if reader.is_empty() {
        return Ok(());
    }
    let first_reference = reader.u64()?;
    let first_timestamp_ms = reader.u64()? as i64;
    while !reader.is_empty() {
        let reference = first_reference.wrapping_add(reader.signed_varint()? as u64);
        let timestamp_ms = first_timestamp_ms.wrapping_add(reader.signed_varint()?);
        let value = f64::from_bits(reader.u64()?);
        samples.push(LoggedSample {
            reference,
            timestamp_ms,
            value,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(reference: u64, timestamp_ms: i64, value: f64) -> LoggedSample {
        LoggedSample {
            reference,
            timestamp_ms,
            value,
        }
    }

    #[test]
    fn series_layout() {
        let mut out = Vec::new();
        put_series(&mut out, 258, [("a", "xy"), ("b", "z")].into_iter());
        put_series(&mut out, 3, [].into_iter());
        let expected = b"\x01\0\0\0\0\0\0\x01\x02\x02\x01a\x02xy\x01b\x01z\0\0\0\0\0\0\0\x03\0";
        assert_eq!(out, expected);
        let (kind, body) = record_kind(&out).unwrap();
        assert_eq!(kind, RecordKind::Series);
        let mut found = Vec::new();
        read_series(body, &mut Vec::new(), |reference, labels| {
            found.push((reference, labels.to_vec()));
        })
        .unwrap();
        assert_eq!(found, [(258, vec![("a", "xy"), ("b", "z")]), (3, vec![])]);
    }

    #[test]
    fn samples_layout() {
        let mut encoder = SamplesEncoder::default();
        let samples = [
            sample(10, 1000, 1.0),
            sample(9, 1001, 2.0),
            sample(200, 900, -0.0),
        ];
        for sample in samples {
            encoder.push(sample);
        }
        let expected = b"\x02\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\x03\xe8\
            \x00\x00\x3f\xf0\0\0\0\0\0\0\
            \x01\x02\x40\0\0\0\0\0\0\0\
            \xfc\x02\xc7\x01\x80\0\0\0\0\0\0\0";
        assert_eq!(encoder.record(), expected);
        let mut read = Vec::new();
        read_samples(&encoder.record()[1..], &mut read).unwrap();
        assert_eq!(read, samples);
    }

    #[test]
    fn deltas_of_every_size_round_trip() {
        let mut encoder = SamplesEncoder::default();
        let mut samples = vec![sample(1 << 20, 0, 0.5)];
        for size in [0, 1, 63, 64, 65, 127, 128, 8191, 8192, 8193, 1 << 19] {
            samples.push(sample((1 << 20) - size, size as i64, 1.5));
            samples.push(sample((1 << 20) + size, -(size as i64), 2.5));
        }
        for &sample in &samples {
            encoder.push(sample);
        }
        let mut read = Vec::new();
        read_samples(&encoder.record()[1..], &mut read).unwrap();
        assert_eq!(read, samples);
    }

    #[test]
    fn extreme_samples_round_trip() {
        let mut encoder = SamplesEncoder::default();
        let samples = [
            sample(1, i64::MAX, f64::INFINITY),
            sample(REFERENCE_MAX, i64::MIN, -1.5),
            sample(u64::MAX, 0, f64::MIN_POSITIVE),
        ];
        for sample in samples {
            encoder.push(sample);
        }
        let mut read = Vec::new();
        read_samples(&encoder.record()[1..], &mut read).unwrap();
        assert_eq!(read, samples);
    }

    #[test]
    fn damaged_records_are_refused() {
        assert!(record_kind(&[]).is_err());
        assert!(record_kind(&[14]).is_err());
        assert_eq!(
            record_kind(&[6, 1]).unwrap(),
            (RecordKind::Unsupported("metadata"), &[1_u8][..])
        );
        let refuse = |body: &[u8]| assert!(read_series(body, &mut Vec::new(), |_, _| {}).is_err());
        refuse(b"\0\0\0\0\0\0\0");
        refuse(b"\0\0\0\0\0\0\0\x01\x01");
        refuse(b"\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        refuse(b"\xff\0\0\0\0\0\0\x01\x00");
        assert!(read_samples(&[0; 17], &mut Vec::new()).is_err());
    }
}
