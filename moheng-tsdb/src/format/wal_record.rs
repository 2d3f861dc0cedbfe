//! The records of the write-ahead log: a type byte, then the body. Here are the series, the deletions and the markers;
//! samples are in [`super::wal_samples`], histograms in [`super::wal_histograms`], exemplars and metadata in
//! [`super::wal_annotations`].
//!
//! * Series: `{reference u64, label count, {name, value}*}*`.
//! * Deletions (tombstones): `{reference u64, first millisecond varint, last millisecond varint}*`, both inclusive.
//! * Markers of mapped chunks, in the log of late samples: `{reference u64, chunk reference u64}*`; the samples of that series
//!   up to there are in that chunk.

use super::{ByteReader, DecodeError, put_bytes, put_signed_varint, put_varint};

/// References take five bytes in chunk references, so Prometheus never hands out larger ones.
pub(crate) const REFERENCE_MAX: u64 = (1 << 40) - 1;

/// The kinds of records, by their type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum RecordKind {
    Series = 1,
    Samples = 2,
    Deletions = 3,
    Exemplars = 4,
    MappedChunks = 5,
    Metadata = 6,
    Histograms = 7,
    FloatHistograms = 8,
    /// Not read by Prometheus 2.
    CustomHistograms = 9,
    /// Not read by Prometheus 2.
    CustomFloatHistograms = 10,
    /// Not read by Prometheus before 3.11, as the next two.
    SamplesWithStarts = 11,
    HistogramsWithStarts = 12,
    FloatHistogramsWithStarts = 13,
}

impl RecordKind {
    /// All of them, ascending by type byte.
    pub(crate) const ALL: [Self; 13] = [
        Self::Series,
        Self::Samples,
        Self::Deletions,
        Self::Exemplars,
        Self::MappedChunks,
        Self::Metadata,
        Self::Histograms,
        Self::FloatHistograms,
        Self::CustomHistograms,
        Self::CustomFloatHistograms,
        Self::SamplesWithStarts,
        Self::HistogramsWithStarts,
        Self::FloatHistogramsWithStarts,
    ];

    /// The type byte.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What is in the record, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Series => "series",
            Self::Samples => "samples",
            Self::Deletions => "tombstones",
            Self::Exemplars => "exemplars",
            Self::MappedChunks => "mapped chunk markers",
            Self::Metadata => "metadata",
            Self::Histograms => "histograms",
            Self::FloatHistograms => "float histograms",
            Self::CustomHistograms => "custom-bucket histograms",
            Self::CustomFloatHistograms => "custom-bucket float histograms",
            Self::SamplesWithStarts => "samples with start timestamps",
            Self::HistogramsWithStarts => "histograms with start timestamps",
            Self::FloatHistogramsWithStarts => "float histograms with start timestamps",
        }
    }
}

/// The samples of a series from `start_ms` to `end_ms`, both inclusive, were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoggedDeletion {
    pub(crate) reference: u64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

/// The late samples of a series up to here are in a mapped chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoggedMappedChunk {
    pub(crate) reference: u64,
    /// Number of the file in the high 32 bits, offset in the low ones.
    pub(crate) chunk: u64,
}

/// Splits the type byte off a record.
pub(crate) fn record_kind(record: &[u8]) -> Result<(RecordKind, &[u8]), DecodeError> {
    let (&code, body) = record.split_first().ok_or(DecodeError::UnexpectedEnd)?;
    let kind = usize::from(code)
        .checked_sub(1)
        .and_then(|index| RecordKind::ALL.get(index))
        .ok_or(DecodeError::Invalid("unknown record type"))?;
    Ok((*kind, body))
}

/// Starts a record in an empty buffer, or goes on with one.
pub(super) fn begin(out: &mut Vec<u8>, kind: RecordKind) {
    if out.is_empty() {
        out.push(kind.code());
    }
}

/// Starts a series record in an empty buffer, or goes on with one.
pub(crate) fn put_series<'a>(
    out: &mut Vec<u8>,
    reference: u64,
    labels: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) {
    begin(out, RecordKind::Series);
    out.extend_from_slice(&reference.to_be_bytes());
    put_labels(out, labels);
}

/// Writes what [`read_labels`] reads.
pub(super) fn put_labels<'a>(out: &mut Vec<u8>, labels: impl ExactSizeIterator<Item = (&'a str, &'a str)>) {
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
        read_labels(&mut reader, labels)?;
        on_series(reference, labels);
    }
    Ok(())
}

/// Reads `label count, {name, value}*` into `labels`, replacing what it holds.
pub(super) fn read_labels<'a>(
    reader: &mut ByteReader<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(), DecodeError> {
    labels.clear();
    read_more_labels(reader, labels)
}

/// Reads `label count, {name, value}*` and appends them to `labels`.
pub(super) fn read_more_labels<'a>(
    reader: &mut ByteReader<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(), DecodeError> {
    let count = reader.varint()?;
    for _ in 0..count {
        let name = reader.text()?;
        labels.push((name, reader.text()?));
    }
    Ok(())
}

/// Starts a record of deletions in an empty buffer, or goes on with one.
pub(crate) fn put_deletion(out: &mut Vec<u8>, deletion: LoggedDeletion) {
    begin(out, RecordKind::Deletions);
    out.extend_from_slice(&deletion.reference.to_be_bytes());
    put_signed_varint(out, deletion.start_ms);
    put_signed_varint(out, deletion.end_ms);
}

/// Reads all deletions of the body into `deletions`, replacing what it holds.
pub(crate) fn read_deletions(body: &[u8], deletions: &mut Vec<LoggedDeletion>) -> Result<(), DecodeError> {
    deletions.clear();
    let mut reader = ByteReader::new(body);
    while !reader.is_empty() {
        deletions.push(LoggedDeletion {
            reference: reader.u64()?,
            start_ms: reader.signed_varint()?,
            end_ms: reader.signed_varint()?,
        });
    }
    Ok(())
}

/// Starts a record of markers in an empty buffer, or goes on with one.
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(dead_code, reason = "the database has no log of late samples yet")
)]
pub(crate) fn put_mapped_chunk(out: &mut Vec<u8>, marker: LoggedMappedChunk) {
    begin(out, RecordKind::MappedChunks);
    out.extend_from_slice(&marker.reference.to_be_bytes());
    out.extend_from_slice(&marker.chunk.to_be_bytes());
}

/// Reads all markers of the body into `markers`, replacing what it holds.
pub(crate) fn read_mapped_chunks(
    body: &[u8],
    markers: &mut Vec<LoggedMappedChunk>,
) -> Result<(), DecodeError> {
    markers.clear();
    let mut reader = ByteReader::new(body);
    while !reader.is_empty() {
        markers.push(LoggedMappedChunk {
            reference: reader.u64()?,
            chunk: reader.u64()?,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn deletions_and_markers_layout() {
        let deletions = [
            LoggedDeletion {
                reference: 258,
                start_ms: -1,
                end_ms: 64,
            },
            LoggedDeletion {
                reference: 1,
                start_ms: i64::MIN,
                end_ms: i64::MAX,
            },
        ];
        let mut out = Vec::new();
        for deletion in deletions {
            put_deletion(&mut out, deletion);
        }
        assert!(out.starts_with(b"\x03\0\0\0\0\0\0\x01\x02\x01\x80\x01\0\0\0\0\0\0\0\x01\xff"));
        let mut read = Vec::new();
        read_deletions(&out[1..], &mut read).unwrap();
        assert_eq!(read, deletions);

        let marker = LoggedMappedChunk {
            reference: 3,
            chunk: 2 << 32 | 8,
        };
        out.clear();
        put_mapped_chunk(&mut out, marker);
        assert_eq!(out, b"\x05\0\0\0\0\0\0\0\x03\0\0\0\x02\0\0\0\x08");
        let mut read = Vec::new();
        read_mapped_chunks(&out[1..], &mut read).unwrap();
        assert_eq!(read, [marker]);
    }

    #[test]
    fn damaged_records_are_refused() {
        assert!(record_kind(&[]).is_err());
        assert!(record_kind(&[14]).is_err());
        assert!(record_kind(&[0, 1]).is_err());
        for (code, kind) in (1_u8..).zip(RecordKind::ALL) {
            assert_eq!(record_kind(&[code, 7]), Ok((kind, &[7_u8][..])));
            assert_eq!(kind.code(), code);
        }
        let refuse = |body: &[u8]| assert!(read_series(body, &mut Vec::new(), |_, _| {}).is_err());
        refuse(b"\0\0\0\0\0\0\0");
        refuse(b"\0\0\0\0\0\0\0\x01\x01");
        refuse(b"\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        refuse(b"\xff\0\0\0\0\0\0\x01\x00");
        assert!(read_deletions(b"\0\0\0\0\0\0\0\x01\x02", &mut Vec::new()).is_err());
        assert!(read_mapped_chunks(&[0; 15], &mut Vec::new()).is_err());
    }
}
