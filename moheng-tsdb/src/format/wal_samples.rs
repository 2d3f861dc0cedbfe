//! The sample records of the write-ahead log.
//!
//! * Samples: `first reference u64, first timestamp i64, {reference delta, timestamp delta, value f64}*`, the deltas as
//!   signed variable-length integers and relative to the first ones.
//! * With start timestamps: `first reference varint, first timestamp varint, first start varint, value f64`, then
//!   `{reference delta to the sample before, timestamp delta to the first, start, value f64}*`, where a start is the byte 0 (not known), 1
//!   (that of the sample before) or 2 and the delta to the first one; all integers are signed.

use super::wal_record::RecordKind;
use super::{ByteReader, DecodeError, put_signed_varint};

/// The first sample of a record sets the base of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LoggedSample {
    pub(crate) reference: u64,
    pub(crate) timestamp_ms: i64,
    pub(crate) value: f64,
}

/// Which sample an entry of a record is of; the records with start timestamps share this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoggedPlace {
    pub(crate) reference: u64,
    pub(crate) timestamp_ms: i64,
    /// 0 when it is not known.
    pub(crate) start_ms: i64,
}

const START_UNKNOWN: u8 = 0;
const START_SAME: u8 = 1;
const START_EXPLICIT: u8 = 2;

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
            self.out.push(RecordKind::Samples.code());
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
            // All at once and then fewer is faster than pushing parts.
            let deltas_length = first_length + second_length;
            let deltas = u128::from(first | second << (8 * first_length));
            let value = u128::from(sample.value.to_bits().swap_bytes());
            let end = self.out.len() + deltas_length + size_of::<f64>();
            let all = deltas | value << (8 * deltas_length);
            self.out.extend_from_slice(&all.to_le_bytes());
            self.out.truncate(end);
        } else {
            put_signed_varint(&mut self.out, reference_delta);
            put_signed_varint(&mut self.out, timestamp_delta);
            self.out.extend_from_slice(&sample.value.to_bits().to_be_bytes());
        }
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

/// How many samples the body holds, and how many of them are at `start_ms` or later.
pub(crate) fn count_samples(body: &[u8], start_ms: i64) -> Result<(usize, usize), DecodeError> {
    let (mut all, mut later) = (0, 0);
    let mut reader = ByteReader::new(body);
    if reader.is_empty() {
        return Ok((all, later));
    }
    reader.u64()?;
    let first_timestamp_ms = reader.u64()? as i64;
    while !reader.is_empty() {
        reader.signed_varint()?;
        let timestamp_ms = first_timestamp_ms.wrapping_add(reader.signed_varint()?);
        reader.bytes(size_of::<f64>())?;
        all += 1;
        later += usize::from(timestamp_ms >= start_ms);
    }
    Ok((all, later))
}

/// The places of a record with start timestamps, of which each is written against the ones before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    first: Option<LoggedPlace>,
    previous: LoggedPlace,
}

impl Places {
    /// Writes what [`Places::read`] reads.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, place: LoggedPlace) {
        match self.first {
            None => {
                put_signed_varint(out, place.reference as i64);
                put_signed_varint(out, place.timestamp_ms);
                put_signed_varint(out, place.start_ms);
                self.first = Some(place);
            }
            Some(first) => {
                put_signed_varint(out, place.reference.wrapping_sub(self.previous.reference) as i64);
                put_signed_varint(out, place.timestamp_ms.wrapping_sub(first.timestamp_ms));
                if place.start_ms == 0 {
                    out.push(START_UNKNOWN);
                } else if place.start_ms == self.previous.start_ms {
                    out.push(START_SAME);
                } else {
                    out.push(START_EXPLICIT);
                    put_signed_varint(out, place.start_ms.wrapping_sub(first.start_ms));
                }
            }
        }
        self.previous = place;
    }

    pub(super) fn read(&mut self, reader: &mut ByteReader<'_>) -> Result<LoggedPlace, DecodeError> {
        let first_number = reader.signed_varint()?;
        let second_number = reader.signed_varint()?;
        let place = match self.first {
            None => {
                let place = LoggedPlace {
                    reference: first_number as u64,
                    timestamp_ms: second_number,
                    start_ms: reader.signed_varint()?,
                };
                self.first = Some(place);
                place
            }
            Some(first) => LoggedPlace {
                reference: self.previous.reference.wrapping_add(first_number as u64),
                timestamp_ms: first.timestamp_ms.wrapping_add(second_number),
                start_ms: match reader.byte()? {
                    START_UNKNOWN => 0,
                    START_SAME => self.previous.start_ms,
                    START_EXPLICIT => first.start_ms.wrapping_add(reader.signed_varint()?),
                    _ => return Err(DecodeError::Invalid("unknown marker of a start timestamp")),
                },
            },
        };
        self.previous = place;
        Ok(place)
    }
}

/// Builds a record of samples with start timestamps.
#[derive(Debug, Default)]
pub(crate) struct StartedSamplesEncoder {
    out: Vec<u8>,
    places: Places,
}

impl StartedSamplesEncoder {
    pub(crate) fn clear(&mut self) {
        self.out.clear();
        self.places = Places::default();
    }

    /// The record; empty when there is no sample.
    pub(crate) fn record(&self) -> &[u8] {
        &self.out
    }

    pub(crate) fn push(&mut self, place: LoggedPlace, value: f64) {
        if self.out.is_empty() {
            self.out.push(RecordKind::SamplesWithStarts.code());
        }
        self.places.put(&mut self.out, place);
        self.out.extend_from_slice(&value.to_bits().to_be_bytes());
    }
}

/// Reads all samples with start timestamps of the body into `samples`, replacing what it holds.
pub(crate) fn read_started_samples(
    body: &[u8],
    samples: &mut Vec<(LoggedPlace, f64)>,
) -> Result<(), DecodeError> {
    samples.clear();
    let mut reader = ByteReader::new(body);
    let mut places = Places::default();
    while !reader.is_empty() {
        let place = places.read(&mut reader)?;
        samples.push((place, f64::from_bits(reader.u64()?)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wal_record::REFERENCE_MAX;
    use super::*;

    fn sample(reference: u64, timestamp_ms: i64, value: f64) -> LoggedSample {
        LoggedSample {
            reference,
            timestamp_ms,
            value,
        }
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
        for start_ms in [i64::MIN, -1, 0, 1, 64, i64::MAX] {
            let later = samples.iter().filter(|sample| sample.timestamp_ms >= start_ms);
            let expected = (samples.len(), later.count());
            assert_eq!(count_samples(&encoder.record()[1..], start_ms), Ok(expected));
        }
        let cut = &encoder.record()[1..encoder.record().len() - 1];
        assert!(count_samples(cut, 0).is_err() && count_samples(&[], 0) == Ok((0, 0)));
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
    fn started_samples_layout() {
        let place = |reference, timestamp_ms, start_ms| LoggedPlace {
            reference,
            timestamp_ms,
            start_ms,
        };
        let samples = [
            (place(10, 1000, 900), 1.0),
            (place(12, 1001, 900), 2.0),
            (place(11, 999, 0), 2.0),
            (place(11, 1002, 0), 2.0),
            (place(13, 1000, 901), -0.0),
        ];
        let mut encoder = StartedSamplesEncoder::default();
        for (place, value) in samples {
            encoder.push(place, value);
        }
        let expected = b"\x0b\x14\xd0\x0f\x88\x0e\x3f\xf0\0\0\0\0\0\0\
            \x04\x02\x01\x40\0\0\0\0\0\0\0\
            \x01\x01\x00\x40\0\0\0\0\0\0\0\
            \x00\x04\x00\x40\0\0\0\0\0\0\0\
            \x04\x00\x02\x02\x80\0\0\0\0\0\0\0";
        assert_eq!(encoder.record(), expected);
        let mut read = Vec::new();
        read_started_samples(&encoder.record()[1..], &mut read).unwrap();
        assert_eq!(read, samples);
        for length in 2..encoder.record().len() {
            let whole = [14, 25, 36, 47];
            let outcome = read_started_samples(&encoder.record()[1..length], &mut read);
            assert_eq!(outcome.is_ok(), whole.contains(&length), "{length}");
        }
        encoder.clear();
        assert!(encoder.record().is_empty());
    }

    #[test]
    fn damaged_records_are_refused() {
        assert!(read_samples(&[0; 17], &mut Vec::new()).is_err());
        let mut bad_marker = vec![2, 2, 0];
        bad_marker.extend([0; 8]);
        bad_marker.extend([0, 0, 3]);
        bad_marker.extend([0; 8]);
        assert_eq!(
            read_started_samples(&bad_marker, &mut Vec::new()),
            Err(DecodeError::Invalid("unknown marker of a start timestamp"))
        );
    }
}
