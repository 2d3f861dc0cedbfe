//! The frame of an index file: the header, sections with a checksum, and the contents table at the end.
//!
//! * Header: `magic BAAAD700 u32 | version byte`.
//! * Symbols: `length u32 | count u32 | {text length uvarint, text}* | CRC-32C u32`, texts ascending. Length and checksum of
//!   every section are those of what is between them.
//! * Contents table, the last 52 bytes: the offsets of symbols, series, label indices, label offset table, postings and
//!   postings offset table, each u64, and their CRC-32C.

use super::checksum::crc32c;
use super::{ByteReader, DecodeError};

/// The size of the header.
pub(crate) const HEADER_BYTES: usize = 5;
/// The size of the contents table with its checksum.
pub(crate) const CONTENTS_BYTES: usize = 52;
/// The length in front of a section.
pub(crate) const SECTION_LENGTH_BYTES: usize = 4;
/// The checksum behind a section.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// What a new file begins with.
pub(crate) const HEADER: [u8; HEADER_BYTES] = [0xba, 0xaa, 0xd7, 0x00, 2];

/// Which version of the format a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IndexVersion {
    /// Series and symbols are named by their offset in the file.
    V1 = 1,
    /// Series are named by their offset divided by 16, symbols by their number.
    V2 = 2,
    /// As version 2, and sections nobody reads are left out.
    V3 = 3,
}

impl IndexVersion {
    /// What a series reference is multiplied with to get its offset.
    pub(crate) fn series_alignment(self) -> u64 {
        if self == Self::V1 { 1 } else { 16 }
    }
}

/// Where the sections are, in bytes from the start of the file; 0 means there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) symbols: u64,
    pub(crate) series: u64,
    pub(crate) label_indices: u64,
    pub(crate) label_offset_table: u64,
    pub(crate) postings: u64,
    pub(crate) postings_offset_table: u64,
}

/// Checks the header and returns the version.
pub(crate) fn read_header(bytes: &[u8]) -> Result<IndexVersion, DecodeError> {
    let header = bytes
        .first_chunk::<HEADER_BYTES>()
        .ok_or(DecodeError::UnexpectedEnd)?;
    if header[..4] != HEADER[..4] {
        return Err(DecodeError::Invalid("not an index file"));
    }
    match header[4] {
        1 => Ok(IndexVersion::V1),
        2 => Ok(IndexVersion::V2),
        3 => Ok(IndexVersion::V3),
        _ => Err(DecodeError::Invalid("unknown version of the index format")),
    }
}

impl Contents {
    /// Appends the table to `out`.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        for offset in [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_offset_table,
            self.postings,
            self.postings_offset_table,
        ] {
            out.extend_from_slice(&offset.to_be_bytes());
        }
        let checksum = crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&checksum.to_be_bytes());
    }

    /// Reads the last bytes of a file.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let covered = reader.bytes(CONTENTS_BYTES - CHECKSUM_BYTES)?;
        if reader.u32()? != crc32c(covered) {
            return Err(DecodeError::Invalid(
                "checksum of the contents table does not match",
            ));
        }
        let mut reader = ByteReader::new(covered);
        Ok(Self {
            symbols: reader.u64()?,
            series: reader.u64()?,
            label_indices: reader.u64()?,
            label_offset_table: reader.u64()?,
            postings: reader.u64()?,
            postings_offset_table: reader.u64()?,
        })
    }
}

/// How many bytes [`super::put_varint`] takes.
pub(crate) fn varint_bytes(value: u64) -> u64 {
    u64::from((64 - (value | 1).leading_zeros()).div_ceil(7))
}

#[cfg(test)]
mod tests {
    use super::super::put_varint;
    use super::*;

    #[test]
    fn contents_round_trip_and_damage_is_refused() {
        let contents = Contents {
            symbols: 5,
            series: 0x1234,
            label_indices: 0x5678,
            label_offset_table: 0x9abc,
            postings: 1 << 35,
            postings_offset_table: u64::MAX,
        };
        let mut bytes = Vec::new();
        contents.put(&mut bytes);
        assert_eq!(bytes.len(), CONTENTS_BYTES);
        assert_eq!(bytes[..9], [0, 0, 0, 0, 0, 0, 0, 5, 0]);
        assert_eq!(Contents::read(&bytes), Ok(contents));
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert!(Contents::read(&bytes).is_err());
            bytes[index] ^= 1;
        }
        assert!(Contents::read(&bytes[..51]).is_err());
    }

    #[test]
    fn versions_are_known_or_refused() {
        let check = |version, expected| {
            assert_eq!(read_header(&[0xba, 0xaa, 0xd7, 0, version]).ok(), expected);
        };
        check(0, None);
        check(1, Some(IndexVersion::V1));
        check(2, Some(IndexVersion::V2));
        check(3, Some(IndexVersion::V3));
        check(4, None);
        assert!(read_header(b"\xba\xaa\xd7\x01\x02").is_err());
    }

    #[test]
    fn lengths_of_integers_are_those_written() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1] {
                let mut out = Vec::new();
                put_varint(&mut out, value);
                assert_eq!(varint_bytes(value), out.len() as u64, "{value}");
            }
        }
    }
}
