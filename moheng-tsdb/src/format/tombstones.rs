//! The file of deletions of a block.
//!
//! `magic 0130BA30 u32 | version 1 | {series reference uvarint, start varint, end varint}* | CRC-32C u32`, both ends inclusive; the
//! checksum covers the deletions only.

use super::checksum::crc32c;
use super::{ByteReader, DecodeError, put_signed_varint, put_varint};

const HEADER: [u8; 5] = [0x01, 0x30, 0xba, 0x30, 1];

/// The samples of a series in a range of time are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// As the postings name it.
    pub(crate) series: u64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

/// The content of a file.
pub(crate) fn write_tombstones(tombstones: impl Iterator<Item = Tombstone>) -> Vec<u8> {
    let mut out = HEADER.to_vec();
    for tombstone in tombstones {
        put_varint(&mut out, tombstone.series);
        put_signed_varint(&mut out, tombstone.start_ms);
        put_signed_varint(&mut out, tombstone.end_ms);
    }
    let checksum = crc32c(out.get(HEADER.len()..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
    out
}

/// Reads a whole file.
pub(crate) fn read_tombstones(file: &[u8]) -> Result<Vec<Tombstone>, DecodeError> {
    let (header, rest) = file.split_first_chunk::<5>().ok_or(DecodeError::UnexpectedEnd)?;
    if header[..4] != HEADER[..4] {
        return Err(DecodeError::Invalid("not a file of tombstones"));
    }
    if header[4] != HEADER[4] {
        return Err(DecodeError::Invalid("unknown version of the tombstones format"));
    }
    let (covered, checksum) = rest.split_last_chunk::<4>().ok_or(DecodeError::UnexpectedEnd)?;
    if u32::from_be_bytes(*checksum) != crc32c(covered) {
        return Err(DecodeError::Invalid("checksum of the tombstones does not match"));
    }
    let mut reader = ByteReader::new(covered);
    let mut tombstones = Vec::new();
    while !reader.is_empty() {
        tombstones.push(Tombstone {
            series: reader.varint()?,
            start_ms: reader.signed_varint()?,
            end_ms: reader.signed_varint()?,
        });
    }
    Ok(tombstones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_documented_one() {
        assert_eq!(
            write_tombstones([].into_iter()),
            b"\x01\x30\xba\x30\x01\x00\x00\x00\x00"
        );
        let tombstones = [
            Tombstone {
                series: 300,
                start_ms: -1,
                end_ms: 64,
            },
            Tombstone {
                series: 1,
                start_ms: i64::MIN,
                end_ms: i64::MAX,
            },
        ];
        let file = write_tombstones(tombstones.into_iter());
        assert_eq!(file[5..10], [0xac, 2, 1, 0x80, 1]);
        assert_eq!(read_tombstones(&file).unwrap(), tombstones);
    }

    #[test]
    fn damage_is_refused() {
        let tombstone = Tombstone {
            series: 5,
            start_ms: 0,
            end_ms: 1000,
        };
        let good = write_tombstones([tombstone].into_iter());
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 4;
            assert!(read_tombstones(&bad).is_err(), "{index}");
            assert!(read_tombstones(&good[..index]).is_err());
        }
    }
}
