//! The records of a chunk snapshot, `chunk_snapshot.SEGMENT.OFFSET/`: what was in memory at a clean shutdown, in the pages and
//! segments of the write-ahead log. `SEGMENT` and `OFFSET` say how far of the log is in it.
//!
//! * 1, one series: `reference u64 | label count, {name, value}* | unused i64 | has a chunk (0 or 1)`, and when it has one `first
//!   millisecond i64 | last millisecond i64 | encoding u8 | chunk length, chunk | last value`. The last value of floats is
//!   `{timestamp i64, value f64}` four times, of which only the last value is used; of histograms, one as in the log.
//! * 2, all deletions: `length | version 1 u8, {reference, first millisecond varint, last millisecond varint}*`.
//! * 3, exemplars as in the log.

use moheng_metrics::HistogramValue;

use super::wal_annotations::{ExemplarsEncoder, LoggedExemplar, read_exemplars};
use super::wal_histograms::{LoggedValue, put_histogram, read_histogram};
use super::wal_record::{LoggedDeletion, put_labels, read_more_labels};
use super::{ByteReader, DecodeError, put_bytes, put_signed_varint, put_varint};

const SERIES: u8 = 1;
const DELETIONS: u8 = 2;
const EXEMPLARS: u8 = 3;

const DELETIONS_VERSION: u8 = 1;

/// Timestamps and values that older versions of Prometheus kept beside a chunk; only the last value is used.
const KEPT_SAMPLES: usize = 4;

/// The numbers of the encodings of integer and float histograms.
const INTEGER_ENCODINGS: [u8; 2] = [2, 5];
const FLOAT_ENCODINGS: [u8; 2] = [3, 6];

/// One record.
#[derive(Debug, PartialEq)]
pub(crate) enum SnapshotRecord<'a> {
    Series(SnapshotSeries<'a>),
    Deletions(Vec<LoggedDeletion>),
    Exemplars(Vec<LoggedExemplar>),
}

/// A series.
#[derive(Debug, PartialEq)]
pub(crate) struct SnapshotSeries<'a> {
    pub(crate) reference: u64,
    /// Ascending by name.
    pub(crate) labels: Vec<(&'a str, &'a str)>,
    pub(crate) chunk: Option<SnapshotChunk<'a>>,
}

/// The open chunk of a series.
#[derive(Debug, PartialEq)]
pub(crate) struct SnapshotChunk<'a> {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The number of the chunk's encoding.
    pub(crate) encoding: u8,
    pub(crate) data: &'a [u8],
    /// The value of the newest sample, of the kind the encoding has.
    pub(crate) last: LastValue,
}

/// The value of the newest sample of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LastValue {
    Float(f64),
    Histogram(LoggedValue),
}

/// Appends the record of a series to `out`.
pub(crate) fn put_series(out: &mut Vec<u8>, series: &SnapshotSeries<'_>) {
    out.push(SERIES);
    out.extend_from_slice(&series.reference.to_be_bytes());
    put_labels(out, series.labels.iter().copied());
    out.extend_from_slice(&0_i64.to_be_bytes());
    let Some(chunk) = &series.chunk else {
        put_varint(out, 0);
        return;
    };
    put_varint(out, 1);
    out.extend_from_slice(&chunk.start_ms.to_be_bytes());
    out.extend_from_slice(&chunk.end_ms.to_be_bytes());
    out.push(chunk.encoding);
    put_bytes(out, chunk.data);
    match &chunk.last {
        LastValue::Float(value) => {
            out.resize(out.len() + KEPT_SAMPLES * 16 - 8, 0);
            out.extend_from_slice(&value.to_bits().to_be_bytes());
        }
        LastValue::Histogram(LoggedValue::Integer(histogram)) => {
            put_histogram(out, HistogramValue::Integer(histogram));
        }
        LastValue::Histogram(LoggedValue::Float(histogram)) => {
            put_histogram(out, HistogramValue::Float(histogram));
        }
    }
}

/// Appends the record of all deletions to `out`.
pub(crate) fn put_deletions(out: &mut Vec<u8>, deletions: &[LoggedDeletion]) {
    let mut body = vec![DELETIONS_VERSION];
    for deletion in deletions {
        put_varint(&mut body, deletion.reference);
        put_signed_varint(&mut body, deletion.start_ms);
        put_signed_varint(&mut body, deletion.end_ms);
    }
    out.push(DELETIONS);
    put_bytes(out, &body);
}

/// Appends the record of exemplars to `out`.
pub(crate) fn put_exemplars(out: &mut Vec<u8>, exemplars: &[LoggedExemplar]) {
    let mut encoder = ExemplarsEncoder::default();
    for exemplar in exemplars {
        encoder.push(
            exemplar.reference,
            exemplar.timestamp_ms,
            exemplar.value,
            &exemplar.labels,
        );
    }
    out.push(EXEMPLARS);
    out.extend_from_slice(encoder.record().get(1..).unwrap_or_default());
}

/// What is behind the kind of a record that is a series: for [`read_named_series`].
#[inline]
pub(crate) fn series_body(record: &[u8]) -> Option<&[u8]> {
    record.strip_prefix(&[SERIES])
}

/// Reads the reference of a series, appends its labels to `labels`, and returns what is behind them: for [`read_open_chunk`].
pub(crate) fn read_named_series<'a>(
    body: &'a [u8],
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(u64, &'a [u8]), DecodeError> {
    let mut reader = ByteReader::new(body);
    let reference = reader.u64()?;
    read_more_labels(&mut reader, labels)?;
    Ok((reference, reader.rest()))
}

/// Reads what is behind the labels of a series.
pub(crate) fn read_open_chunk(rest: &[u8]) -> Result<Option<SnapshotChunk<'_>>, DecodeError> {
    let mut reader = ByteReader::new(rest);
    reader.u64()?;
    match reader.varint()? {
        0 => Ok(None),
        _ => read_chunk(&mut reader).map(Some),
    }
}

/// Reads a record.
pub(crate) fn read_record(record: &[u8]) -> Result<SnapshotRecord<'_>, DecodeError> {
    let (&kind, body) = record.split_first().ok_or(DecodeError::UnexpectedEnd)?;
    match kind {
        SERIES => read_series(body).map(SnapshotRecord::Series),
        DELETIONS => read_deletions(body).map(SnapshotRecord::Deletions),
        EXEMPLARS => {
            let mut exemplars = Vec::new();
            read_exemplars(body, &mut exemplars)?;
            Ok(SnapshotRecord::Exemplars(exemplars))
        }
        _ => Err(DecodeError::Invalid("unknown record type of a chunk snapshot")),
    }
}

fn read_series(body: &[u8]) -> Result<SnapshotSeries<'_>, DecodeError> {
    let mut labels = Vec::new();
    let (reference, rest) = read_named_series(body, &mut labels)?;
    Ok(SnapshotSeries {
        reference,
        labels,
        chunk: read_open_chunk(rest)?,
    })
}

fn read_chunk<'a>(reader: &mut ByteReader<'a>) -> Result<SnapshotChunk<'a>, DecodeError> {
    let start_ms = reader.u64()? as i64;
    let end_ms = reader.u64()? as i64;
    let encoding = reader.byte()?;
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let data = reader.bytes(length)?;
    let last = if INTEGER_ENCODINGS.contains(&encoding) {
        LastValue::Histogram(read_histogram(reader, true)?)
    } else if FLOAT_ENCODINGS.contains(&encoding) {
        LastValue::Histogram(read_histogram(reader, false)?)
    } else {
        reader.bytes(KEPT_SAMPLES * 16 - 8)?;
        LastValue::Float(f64::from_bits(reader.u64()?))
    };
    Ok(SnapshotChunk {
        start_ms,
        end_ms,
        encoding,
        data,
        last,
    })
}

fn read_deletions(body: &[u8]) -> Result<Vec<LoggedDeletion>, DecodeError> {
    let mut reader = ByteReader::new(body);
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let mut reader = ByteReader::new(reader.bytes(length)?);
    if reader.byte()? != DELETIONS_VERSION {
        return Err(DecodeError::Invalid("unknown version of tombstones"));
    }
    let mut deletions = Vec::new();
    while !reader.is_empty() {
        deletions.push(LoggedDeletion {
            reference: reader.varint()?,
            start_ms: reader.signed_varint()?,
            end_ms: reader.signed_varint()?,
        });
    }
    Ok(deletions)
}

#[cfg(test)]
mod tests {
    use moheng_metrics::Labels;
    use moheng_metrics::histogram::{FloatHistogram, HistogramLayout, IntegerHistogram};

    use super::*;

    fn check(series: SnapshotSeries<'_>, expected: &[u8]) {
        let mut out = Vec::new();
        put_series(&mut out, &series);
        assert!(out.starts_with(expected));
        for length in 0..out.len() {
            assert!(read_record(&out[..length]).is_err(), "{length}");
        }
        assert_eq!(read_record(&out), Ok(SnapshotRecord::Series(series)));
    }

    #[test]
    fn series_layout() {
        let series = |chunk| SnapshotSeries {
            reference: 3,
            labels: vec![("a", "b")],
            chunk,
        };
        let begin = b"\x01\0\0\0\0\0\0\0\x03\x01\x01a\x01b\0\0\0\0\0\0\0\0";
        check(series(None), &[&begin[..], &[0]].concat());
        let chunk = |encoding, last| SnapshotChunk {
            start_ms: 1,
            end_ms: -1,
            encoding,
            data: b"xy",
            last,
        };
        let mut expected = begin.to_vec();
        expected.extend(b"\x01\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02xy");
        expected.extend([0; 56]);
        expected.extend(2.5_f64.to_be_bytes());
        check(series(Some(chunk(1, LastValue::Float(2.5)))), &expected);
        let layout = HistogramLayout::exponential(2, 0.0);
        let integer = LoggedValue::Integer(IntegerHistogram::empty(layout.clone()));
        let float = LoggedValue::Float(FloatHistogram::empty(layout));
        for encoding in INTEGER_ENCODINGS {
            check(
                series(Some(chunk(encoding, LastValue::Histogram(integer.clone())))),
                begin,
            );
        }
        for encoding in FLOAT_ENCODINGS {
            check(
                series(Some(chunk(encoding, LastValue::Histogram(float.clone())))),
                begin,
            );
        }
    }

    #[test]
    fn deletions_and_exemplars_layout() {
        let deletions = vec![LoggedDeletion {
            reference: 300,
            start_ms: -1,
            end_ms: 1,
        }];
        let mut out = Vec::new();
        put_deletions(&mut out, &deletions);
        assert_eq!(out, b"\x02\x05\x01\xac\x02\x01\x02");
        assert_eq!(read_record(&out), Ok(SnapshotRecord::Deletions(deletions)));
        assert!(read_record(b"\x02\x01\x02").is_err(), "another version");

        let exemplars = vec![LoggedExemplar {
            reference: 1,
            timestamp_ms: 2,
            value: 0.5,
            labels: Labels::from_pairs([("a", "b")]),
        }];
        out.clear();
        put_exemplars(&mut out, &exemplars);
        assert_eq!(out[0], 3);
        assert_eq!(read_record(&out), Ok(SnapshotRecord::Exemplars(exemplars)));
        assert!(read_record(&[]).is_err() && read_record(&[9]).is_err());
    }
}
