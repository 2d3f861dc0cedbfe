//! The postings of an index file: which series have a label.
//!
//! * Postings: `length u32 | count u32 | {series reference u32}* | CRC-32C u32`, ascending, at an offset that 4 divides. The
//!   label with empty name and value stands for all series.
//! * Postings offset table: `length u32 | count u32 | {2, name, value, offset of the postings uvarint}* | CRC-32C u32`, texts
//!   with their length in front, ascending by name and value.

use super::checksum::crc32c;
use super::index_file::CHECKSUM_BYTES;
use super::{ByteReader, DecodeError, put_bytes, put_varint};

/// Length and count in front of the references.
pub(crate) const POSTINGS_PREFIX_BYTES: usize = 8;

/// How many bytes the postings of so many series take.
pub(crate) fn postings_bytes(count: usize) -> u64 {
    (POSTINGS_PREFIX_BYTES + 4 * count + CHECKSUM_BYTES) as u64
}

/// Appends the postings of a label.
pub(crate) fn put_postings(out: &mut Vec<u8>, series: &[u32]) {
    out.extend_from_slice(&(4 + 4 * series.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&(series.len() as u32).to_be_bytes());
    for reference in series {
        out.extend_from_slice(&reference.to_be_bytes());
    }
    let checksum = crc32c(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// How many bytes the postings take that begin with these four or more.
pub(crate) fn stored_bytes(beginning: &[u8]) -> Result<usize, DecodeError> {
    let length = ByteReader::new(beginning).u32()? as usize;
    Ok(4 + length + CHECKSUM_BYTES)
}

/// Appends the references of the postings at the front to `series`.
pub(crate) fn read_postings(bytes: &[u8], series: &mut Vec<u32>) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let length = reader.u32()? as usize;
    let covered = reader.bytes(length)?;
    if reader.u32()? != crc32c(covered) {
        return Err(DecodeError::Invalid("checksum of postings does not match"));
    }
    let mut reader = ByteReader::new(covered);
    let count = reader.u32()? as usize;
    let references = reader.rest();
    if references.len() != 4 * count {
        return Err(DecodeError::Invalid("postings are not as long as they say"));
    }
    let before = series.len();
    series.reserve(count);
    let (references, _) = references.as_chunks::<4>();
    series.extend(references.iter().map(|bytes| u32::from_be_bytes(*bytes)));
    if !series
        .get(before..)
        .unwrap_or_default()
        .is_sorted_by(|a, b| a < b)
    {
        series.truncate(before);
        return Err(DecodeError::Invalid("postings do not ascend"));
    }
    Ok(())
}

/// One entry of the postings offset table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PostingsEntry<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// Where the postings are, in bytes from the start of the file.
    pub(crate) offset: u64,
}

impl<'a> PostingsEntry<'a> {
    /// Appends the entry to a table.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.push(2);
        put_bytes(out, self.name.as_bytes());
        put_bytes(out, self.value.as_bytes());
        put_varint(out, self.offset);
    }

    /// Reads the entry at the front.
    pub(crate) fn read(reader: &mut ByteReader<'a>) -> Result<Self, DecodeError> {
        if reader.varint()? != 2 {
            return Err(DecodeError::Invalid(
                "an entry of the postings table has not two texts",
            ));
        }
        Ok(Self {
            name: reader.text()?,
            value: reader.text()?,
            offset: reader.varint()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_documented_one() {
        let mut out = Vec::new();
        put_postings(&mut out, &[1, 258]);
        assert_eq!(out[..16], [0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 2]);
        assert_eq!(out.len() as u64, postings_bytes(2));
        assert_eq!(stored_bytes(&out).unwrap(), out.len());
        let mut series = vec![9];
        read_postings(&out, &mut series).unwrap();
        assert_eq!(series, [9, 1, 258]);

        let entry = PostingsEntry {
            name: "job",
            value: "é",
            offset: 300,
        };
        let mut table = Vec::new();
        entry.put(&mut table);
        assert_eq!(table, b"\x02\x03job\x02\xc3\xa9\xac\x02");
        assert_eq!(PostingsEntry::read(&mut ByteReader::new(&table)), Ok(entry));
        table[0] = 3;
        assert!(PostingsEntry::read(&mut ByteReader::new(&table)).is_err());
    }

    #[test]
    fn damage_is_refused() {
        let mut good = Vec::new();
        put_postings(&mut good, &[1, 2, 3]);
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            assert!(read_postings(&bad, &mut Vec::new()).is_err(), "{index}");
            assert!(read_postings(&good[..index], &mut Vec::new()).is_err());
        }
        let mut backwards = Vec::new();
        put_postings(&mut backwards, &[2, 1]);
        let mut series = vec![7];
        assert!(read_postings(&backwards, &mut series).is_err());
        assert_eq!(series, [7]);
    }
}
