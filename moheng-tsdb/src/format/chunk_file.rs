//! The files of chunks of a block: a header, then chunks end to end.
//!
//! `magic 85BD40DD u32 | version 1 | three zero bytes | {data length uvarint, encoding byte, data, CRC-32C u32}*`, the checksum
//! over encoding and data.

use super::checksum::crc32c;
use super::{ByteReader, DecodeError, put_varint};

/// The size of the header.
pub(crate) const HEADER_BYTES: usize = 8;

/// The header of every file.
pub(crate) const HEADER: [u8; HEADER_BYTES] = [0x85, 0xbd, 0x40, 0xdd, 1, 0, 0, 0];

/// A length is written in at most this many bytes, which is all one need look at to learn it.
pub(crate) const LENGTH_BYTES_MAX: usize = 5;

const CHECKSUM_BYTES: usize = 4;

/// Where a chunk is: the position of its file among those of the block, and the offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkReference(pub(crate) u64);

impl ChunkReference {
    pub(crate) fn new(file: u32, offset: u32) -> Self {
        Self(u64::from(file) << 32 | u64::from(offset))
    }

    /// From 0 on.
    pub(crate) fn file(self) -> usize {
        (self.0 >> 32) as usize
    }

    /// In bytes from the start of the file.
    pub(crate) fn offset(self) -> u64 {
        self.0 & 0xffff_ffff
    }
}

/// A chunk as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredChunk<'a> {
    /// How `data` is encoded, by the number on disk.
    pub(crate) encoding: u8,
    pub(crate) data: &'a [u8],
}

/// Checks the header of a file.
pub(crate) fn read_header(bytes: &[u8]) -> Result<(), DecodeError> {
    let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(DecodeError::UnexpectedEnd)?;
    if magic[..] != HEADER[..4] {
        return Err(DecodeError::Invalid("not a file of chunks"));
    }
    match rest.first() {
        Some(1) => Ok(()),
        Some(_) => Err(DecodeError::Invalid("unknown version of the chunk file format")),
        None => Err(DecodeError::UnexpectedEnd),
    }
}

/// Appends a chunk to `out`.
pub(crate) fn put_chunk(out: &mut Vec<u8>, encoding: u8, data: &[u8]) {
    put_varint(out, data.len() as u64);
    let start = out.len();
    out.push(encoding);
    out.extend_from_slice(data);
    let checksum = crc32c(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// How many bytes the chunk takes that begins with these; a few of them are enough.
pub(crate) fn stored_bytes(beginning: &[u8]) -> Result<usize, DecodeError> {
    let mut reader = ByteReader::new(beginning.get(..LENGTH_BYTES_MAX).unwrap_or(beginning));
    let length = reader.varint()?;
    if length > u64::from(u32::MAX) {
        return Err(DecodeError::Invalid("length of a chunk out of range"));
    }
    let prefix = beginning.len().min(LENGTH_BYTES_MAX) - reader.rest().len();
    Ok(prefix + 1 + length as usize + CHECKSUM_BYTES)
}

/// Reads the chunk at the front and checks it.
pub(crate) fn read_chunk(bytes: &[u8]) -> Result<StoredChunk<'_>, DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let covered = reader.bytes(length.checked_add(1).ok_or(DecodeError::UnexpectedEnd)?)?;
    if reader.u32()? != crc32c(covered) {
        return Err(DecodeError::Invalid("checksum of a chunk does not match"));
    }
    let (&encoding, data) = covered.split_first().ok_or(DecodeError::UnexpectedEnd)?;
    Ok(StoredChunk { encoding, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_documented_one() {
        let mut out = Vec::new();
        put_chunk(&mut out, 1, b"\x00\x0323456789");
        assert_eq!(out[..2], [10, 1]);
        assert_eq!(stored_bytes(&out).unwrap(), out.len());
        let chunk = read_chunk(&out).unwrap();
        assert_eq!((chunk.encoding, chunk.data), (1, &b"\x00\x0323456789"[..]));
        // The published check value of CRC-32C is that of the text 123456789.
        let mut known = vec![8, b'1'];
        known.extend_from_slice(b"23456789\xe3\x06\x92\x83");
        assert_eq!(read_chunk(&known).unwrap().data, b"23456789");
    }

    #[test]
    fn damage_is_refused() {
        let mut good = Vec::new();
        put_chunk(&mut good, 1, &[7; 200]);
        for length in 0..good.len() {
            assert!(read_chunk(&good[..length]).is_err());
        }
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 0x10;
            assert!(read_chunk(&bad).is_err(), "{index}");
        }
        assert!(stored_bytes(&[0xff; 20]).is_err());
        assert!(read_header(&HEADER).is_ok());
        assert!(read_header(b"\x85\xbd\x40\xdd\x02\0\0\0").is_err());
        assert!(read_header(b"\x85\xbd\x40\xdc\x01\0\0\0").is_err());
        assert!(read_header(b"\x85\xbd\x40\xdd").is_err());
    }

    #[test]
    fn references_hold_file_and_offset() {
        let reference = ChunkReference::new(3, 4_000_000_000);
        assert_eq!((reference.file(), reference.offset()), (3, 4_000_000_000));
    }
}
