//! The series of an index file.
//!
//! Each is `length uvarint | body | CRC-32C u32` at an offset that 16 divides. Body: `label count | {name, value}* | chunk
//! count | chunks`, names and values by symbol, all uvarint. First chunk: `start varint | end - start uvarint | reference
//! uvarint`; the others: `start - end before uvarint | end - start uvarint | reference - reference before varint`. Start and end
//! are the times of the first and last sample.

use super::checksum::crc32c;
use super::chunk_file::ChunkReference;
use super::index_file::CHECKSUM_BYTES;
use super::{ByteReader, DecodeError, put_signed_varint, put_varint};

/// What the index says of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkMeta {
    /// The time of the first sample.
    pub(crate) start_ms: i64,
    /// The time of the last sample.
    pub(crate) end_ms: i64,
    pub(crate) reference: ChunkReference,
}

/// Appends count and chunks.
pub(crate) fn put_chunks(out: &mut Vec<u8>, chunks: &[ChunkMeta]) {
    put_varint(out, chunks.len() as u64);
    let mut previous: Option<&ChunkMeta> = None;
    for chunk in chunks {
        let length = chunk.end_ms.wrapping_sub(chunk.start_ms) as u64;
        match previous {
            None => {
                put_signed_varint(out, chunk.start_ms);
                put_varint(out, length);
                put_varint(out, chunk.reference.0);
            }
            Some(before) => {
                put_varint(out, chunk.start_ms.wrapping_sub(before.end_ms) as u64);
                put_varint(out, length);
                put_signed_varint(out, chunk.reference.0.wrapping_sub(before.reference.0) as i64);
            }
        }
        previous = Some(chunk);
    }
}

/// Appends a series whose chunks [`put_chunks`] wrote. `body` is memory to use.
pub(crate) fn put_series(
    out: &mut Vec<u8>,
    labels: impl ExactSizeIterator<Item = (u32, u32)>,
    chunks: &[u8],
    body: &mut Vec<u8>,
) {
    body.clear();
    put_varint(body, labels.len() as u64);
    for (name, value) in labels {
        put_varint(body, u64::from(name));
        put_varint(body, u64::from(value));
    }
    body.extend_from_slice(chunks);
    put_varint(out, body.len() as u64);
    out.extend_from_slice(body);
    out.extend_from_slice(&crc32c(body).to_be_bytes());
}

/// How many bytes the series takes that begins with these; ten of them are enough.
pub(crate) fn stored_bytes(beginning: &[u8]) -> Result<usize, DecodeError> {
    let mut reader = ByteReader::new(beginning);
    let length = reader.varint()?;
    let prefix = beginning.len() - reader.rest().len();
    usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(prefix + CHECKSUM_BYTES))
        .ok_or(DecodeError::Invalid("length of a series out of range"))
}

/// Reads the series at the front into `labels` and `chunks`, replacing what they hold.
pub(crate) fn read_series(
    bytes: &[u8],
    labels: &mut Vec<(u32, u32)>,
    chunks: &mut Vec<ChunkMeta>,
) -> Result<(), DecodeError> {
    let mut reader = ByteReader::new(bytes);
    let length = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    let body = reader.bytes(length)?;
    if reader.u32()? != crc32c(body) {
        return Err(DecodeError::Invalid("checksum of a series does not match"));
    }
    let mut reader = ByteReader::new(body);
    let count = counted(&mut reader, 2)?;
    labels.clear();
    labels.reserve(count);
    for _ in 0..count {
        labels.push((symbol(&mut reader)?, symbol(&mut reader)?));
    }
    read_chunks(&mut reader, chunks)
}

fn read_chunks(reader: &mut ByteReader<'_>, chunks: &mut Vec<ChunkMeta>) -> Result<(), DecodeError> {
    let count = counted(reader, 3)?;
    chunks.clear();
    chunks.reserve(count);
    let mut previous = ChunkMeta {
        start_ms: 0,
        end_ms: 0,
        reference: ChunkReference(0),
    };
    for index in 0..count {
        let start_ms = if index == 0 {
            reader.signed_varint()?
        } else {
            previous.end_ms.wrapping_add(reader.varint()? as i64)
        };
        let end_ms = start_ms.wrapping_add(reader.varint()? as i64);
        if end_ms < start_ms {
            return Err(DecodeError::Invalid("a chunk ends before it starts"));
        }
        let reference = if index == 0 {
            reader.varint()?
        } else {
            previous.reference.0.wrapping_add(reader.signed_varint()? as u64)
        };
        previous = ChunkMeta {
            start_ms,
            end_ms,
            reference: ChunkReference(reference),
        };
        chunks.push(previous);
    }
    Ok(())
}

/// Reads how many entries follow, each of at least `entry_bytes` bytes.
fn counted(reader: &mut ByteReader<'_>, entry_bytes: usize) -> Result<usize, DecodeError> {
    let count = usize::try_from(reader.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
    if count > reader.rest().len() / entry_bytes {
        return Err(DecodeError::UnexpectedEnd);
    }
    Ok(count)
}

fn symbol(reader: &mut ByteReader<'_>) -> Result<u32, DecodeError> {
    u32::try_from(reader.varint()?).map_err(|_| DecodeError::Invalid("symbol out of range"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chunk(start_ms: i64, end_ms: i64, reference: u64) -> ChunkMeta {
        ChunkMeta {
            start_ms,
            end_ms,
            reference: ChunkReference(reference),
        }
    }

    #[test]
    fn layout_is_the_documented_one() {
        let mut chunks = Vec::new();
        put_chunks(
            &mut chunks,
            &[chunk(-1, 4, 8), chunk(5, 300, 72), chunk(200, 201, 8)],
        );
        assert_eq!(
            chunks,
            [
                3, // count
                1, 5, 8, // the first
                1, 0xa7, 2, 0x80,
                1, // start after the end before, length, reference after the one before
                0x9c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x7f // they overlap
            ]
        );
        let mut out = Vec::new();
        put_series(&mut out, [(1, 300)].into_iter(), &[0], &mut Vec::new());
        assert_eq!(out[..6], [5, 1, 1, 0xac, 2, 0]);
        assert_eq!(out.len(), 10);
        assert_eq!(stored_bytes(&out).unwrap(), 10);
    }

    proptest! {
        #[test]
        fn series_round_trip(
            labels in prop::collection::vec(any::<(u32, u32)>(), 0..20),
            times in prop::collection::vec((any::<i64>(), 0..1_i64 << 40, any::<u64>()), 0..20),
            damage in any::<(usize, u8)>(),
        ) {
            let chunks: Vec<ChunkMeta> = times
                .into_iter()
                .map(|(start_ms, length, reference)| chunk(start_ms, start_ms.saturating_add(length), reference))
                .collect();
            let mut encoded = Vec::new();
            put_chunks(&mut encoded, &chunks);
            let mut out = Vec::new();
            put_series(&mut out, labels.iter().copied(), &encoded, &mut Vec::new());
            prop_assert_eq!(stored_bytes(&out).unwrap(), out.len());
            let (mut read_labels, mut read_chunks) = (Vec::new(), Vec::new());
            read_series(&out, &mut read_labels, &mut read_chunks).unwrap();
            prop_assert_eq!(&read_labels, &labels);
            prop_assert_eq!(&read_chunks, &chunks);
            let index = damage.0 % out.len();
            let before = out[index];
            out[index] = damage.1;
            if before != damage.1 {
                prop_assert!(read_series(&out, &mut read_labels, &mut read_chunks).is_err());
            }
        }
    }
}
