//! The first record of `chunk_snapshot.SEGMENT.OFFSET/supplement`, which Prometheus does not know: what a snapshot must hold, and
//! which files of mapped chunks it needs, so that no part of one is taken for all of it.
//!
//! `version 1 u8 | series varint | highest reference varint | files varint, {number u32, size u64, newest millisecond i64, last four
//! bytes}*`. The records behind it are those of the log: further references of series, and metadata.

use super::wal_record::REFERENCE_MAX;
use super::{ByteReader, DecodeError, put_varint};

const VERSION: u8 = 1;

/// What a snapshot must hold, and which files of mapped chunks it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotExtent {
    /// How many series it has.
    pub(crate) series: u64,
    /// No series got a higher reference so far, those that are gone included.
    pub(crate) reference_max: u64,
    /// The files of mapped chunks, ascending.
    pub(crate) files: Vec<FileExtent>,
}

/// A file of mapped chunks as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileExtent {
    pub(crate) number: u32,
    pub(crate) size_bytes: u64,
    /// The newest timestamp of its chunks.
    pub(crate) end_ms: i64,
    /// Its last four bytes: the checksum of its last chunk.
    pub(crate) tail: [u8; 4],
}

/// The record.
pub(crate) fn write_extent(extent: &SnapshotExtent) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_varint(&mut out, extent.series);
    put_varint(&mut out, extent.reference_max);
    put_varint(&mut out, extent.files.len() as u64);
    for file in &extent.files {
        out.extend_from_slice(&file.number.to_be_bytes());
        out.extend_from_slice(&file.size_bytes.to_be_bytes());
        out.extend_from_slice(&file.end_ms.to_be_bytes());
        out.extend_from_slice(&file.tail);
    }
    out
}

/// Reads the record.
pub(crate) fn read_extent(record: &[u8]) -> Result<SnapshotExtent, DecodeError> {
    let mut reader = ByteReader::new(record);
    if reader.byte()? != VERSION {
        return Err(DecodeError::Invalid("unknown version of a snapshot's supplement"));
    }
    let mut extent = SnapshotExtent {
        series: reader.varint()?,
        reference_max: reader.varint()?,
        files: Vec::new(),
    };
    if extent.reference_max > REFERENCE_MAX {
        return Err(DecodeError::Invalid("series reference out of range"));
    }
    for _ in 0..reader.varint()? {
        extent.files.push(FileExtent {
            number: reader.u32()?,
            size_bytes: reader.u64()?,
            end_ms: reader.u64()? as i64,
            tail: reader.u32()?.to_be_bytes(),
        });
    }
    if !reader.is_empty() {
        return Err(DecodeError::Invalid("something behind a snapshot's extent"));
    }
    Ok(extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let extent = SnapshotExtent {
            series: 300,
            reference_max: 7,
            files: vec![FileExtent {
                number: 2,
                size_bytes: 258,
                end_ms: -1,
                tail: [1, 2, 3, 4],
            }],
        };
        let record = write_extent(&extent);
        assert_eq!(
            record,
            b"\x01\xac\x02\x07\x01\0\0\0\x02\0\0\0\0\0\0\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04"
        );
        assert_eq!(read_extent(&record), Ok(extent));
        for length in 0..record.len() {
            assert!(read_extent(&record[..length]).is_err(), "{length}");
        }
        assert!(read_extent(&[&record[..], &[0]].concat()).is_err());
        assert!(read_extent(b"\x02\0\0\0").is_err(), "another version");
        assert!(
            read_extent(b"\x01\0\xff\xff\xff\xff\xff\xff\0").is_err(),
            "a huge reference"
        );
    }
}
