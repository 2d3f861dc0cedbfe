//! Files of mapped chunks, `chunks_head/NNNNNN`: full chunks of series that are not in a block yet.
//!
//! `magic 0x0130bc91 u32 | version u8 | 3 zero bytes | {series reference u64 | first millisecond u64 | last millisecond u64 |
//! encoding u8 | data length | data | CRC-32C u32 of all of the chunk before it}*`. The top bit of the encoding says that
//! the samples came late. Behind the last chunk there may be zeros: space that was reserved. A chunk is referred to by the
//! file's number in the high and the offset of its series reference in the low 32 bits.

use super::checksum::crc32c;
use super::{ByteReader, DecodeError, put_varint};

/// The size of the header of a file in bytes.
pub(crate) const HEADER_BYTES: usize = 8;

const MAGIC: u32 = 0x0130_bc91;
const VERSION: u8 = 1;
const LATE_FLAG: u8 = 0x80;
/// Three numbers of eight bytes, the encoding, and a length of at most five bytes.
const CHUNK_HEADER_BYTES_MAX: usize = 3 * 8 + 1 + 5;
const CHECKSUM_BYTES: usize = 4;

/// A chunk takes at most so much beside its data.
pub(crate) const CHUNK_OVERHEAD_BYTES_MAX: usize = CHUNK_HEADER_BYTES_MAX + CHECKSUM_BYTES;

/// A chunk and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappedChunk<'a> {
    /// Of the series in the log.
    pub(crate) reference: u64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The number of the chunk's encoding.
    pub(crate) encoding: u8,
    /// Whether the samples came late, so that other chunks may overlap this one.
    pub(crate) is_late: bool,
    pub(crate) data: &'a [u8],
}

/// The header of a file.
pub(crate) fn header() -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = MAGIC.to_be_bytes();
    [a, b, c, d, VERSION, 0, 0, 0]
}

/// Checks the header of a file.
pub(crate) fn read_header(file: &[u8]) -> Result<(), DecodeError> {
    let found = file
        .first_chunk::<HEADER_BYTES>()
        .ok_or(DecodeError::UnexpectedEnd)?;
    if found[..4] != MAGIC.to_be_bytes() {
        return Err(DecodeError::Invalid("not a file of mapped chunks"));
    }
    if found[4] != VERSION {
        return Err(DecodeError::Invalid("unknown version of a file of mapped chunks"));
    }
    Ok(())
}

/// Appends a chunk to `out`.
pub(crate) fn put_chunk(out: &mut Vec<u8>, chunk: &MappedChunk<'_>) {
    let begin = out.len();
    out.extend_from_slice(&chunk.reference.to_be_bytes());
    out.extend_from_slice(&chunk.start_ms.to_be_bytes());
    out.extend_from_slice(&chunk.end_ms.to_be_bytes());
    out.push(chunk.encoding | if chunk.is_late { LATE_FLAG } else { 0 });
    put_varint(out, chunk.data.len() as u64);
    out.extend_from_slice(chunk.data);
    let checksum = crc32c(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// How many bytes the chunk at the start of `rest` takes, as its length says.
pub(crate) fn stored_bytes(rest: &[u8]) -> Result<usize, DecodeError> {
    let mut reader = ByteReader::new(rest);
    reader.bytes(3 * 8 + 1)?;
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let before = rest.len() - reader.rest().len();
    (before + CHECKSUM_BYTES)
        .checked_add(length)
        .ok_or(DecodeError::UnexpectedEnd)
}

/// Reads the chunk at the start of `rest` and returns it with its size in bytes; `None` where nothing but zeros follows.
pub(crate) fn read_chunk(rest: &[u8]) -> Result<Option<(MappedChunk<'_>, usize)>, DecodeError> {
    let beginning = rest.get(..CHUNK_HEADER_BYTES_MAX).unwrap_or(rest);
    if beginning.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let mut reader = ByteReader::new(rest);
    let reference = reader.u64()?;
    let start_ms = reader.u64()? as i64;
    let end_ms = reader.u64()? as i64;
    let encoding = reader.byte()?;
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let data = reader.bytes(length)?;
    let checked = rest.len() - reader.rest().len();
    let stored = reader.u32()?;
    if stored != crc32c(rest.get(..checked).unwrap_or_default()) {
        return Err(DecodeError::Invalid("checksum mismatch of a mapped chunk"));
    }
    let chunk = MappedChunk {
        reference,
        start_ms,
        end_ms,
        encoding: encoding & !LATE_FLAG,
        is_late: encoding & LATE_FLAG != 0,
        data,
    };
    Ok(Some((chunk, checked + CHECKSUM_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: MappedChunk<'_> = MappedChunk {
        reference: 258,
        start_ms: -1,
        end_ms: 1000,
        encoding: 2,
        is_late: true,
        data: b"data",
    };

    #[test]
    fn layout_is_the_documented_one() {
        let mut file = header().to_vec();
        assert_eq!(file, b"\x01\x30\xbc\x91\x01\0\0\0");
        put_chunk(&mut file, &CHUNK);
        let expected =
            b"\0\0\0\0\0\0\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\x03\xe8\x82\x04data";
        let end = HEADER_BYTES + expected.len();
        assert_eq!(&file[HEADER_BYTES..end], expected);
        assert_eq!(file[end..], crc32c(expected).to_be_bytes());
        read_header(&file).unwrap();
        file.extend([0; 100]);
        let (chunk, size_bytes) = read_chunk(&file[HEADER_BYTES..]).unwrap().unwrap();
        assert_eq!((chunk, size_bytes), (CHUNK, end + CHECKSUM_BYTES - HEADER_BYTES));
        assert_eq!(read_chunk(&file[HEADER_BYTES + size_bytes..]), Ok(None));
        assert_eq!(read_chunk(&[]), Ok(None));
    }

    #[test]
    fn damage_is_refused() {
        let mut chunk = Vec::new();
        put_chunk(&mut chunk, &CHUNK);
        for length in 1..chunk.len() {
            if length > 6 {
                assert!(read_chunk(&chunk[..length]).is_err(), "{length}");
            }
            let mut damaged = chunk.clone();
            damaged[length] ^= 0x10;
            assert!(read_chunk(&damaged).is_err(), "{length}");
        }
        assert!(read_header(b"\x01\x30\xbc\x91\x02\0\0\0").is_err());
        assert!(read_header(b"\x85\xbd\x40\xdd\x01\0\0\0").is_err());
        assert!(read_header(b"\x01\x30\xbc\x91\x01").is_err());
    }
}
