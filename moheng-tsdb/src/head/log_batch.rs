//! Compressing and logging the records of a batch.

use crate::Error;
use crate::format::wal_page::Compression;
use crate::wal::{LogRecord, Wal};

/// Memory that batches reuse.
#[derive(Debug, Default)]
pub(super) struct Packer {
    packed: Vec<Vec<u8>>,
    encoder: Compressor,
}

struct Compressor(snap::raw::Encoder);

impl Default for Compressor {
    fn default() -> Self {
        Self(snap::raw::Encoder::new())
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compressor")
    }
}

/// Logs records in this order with one write; empty ones are nothing.
pub(super) fn write<'a>(
    wal: &Wal,
    packer: &mut Packer,
    records: impl Iterator<Item = &'a [u8]>,
) -> Result<(), Error> {
    let packed = pack_all(packer, records);
    // A record is not written for nothing: it would create a segment.
    if packed.is_empty() {
        Ok(())
    } else {
        wal.append(&packed)
    }
}

/// Logs records like [`write`], does something else, and when that fails takes the records back.
pub(super) fn write_around<'a>(
    wal: &Wal,
    packer: &mut Packer,
    records: impl Iterator<Item = &'a [u8]>,
    inside: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    wal.append_around(&pack_all(packer, records), inside)
}

/// Packs the records that are not empty.
fn pack_all<'p, 'a: 'p>(
    packer: &'p mut Packer,
    records: impl Iterator<Item = &'a [u8]>,
) -> Vec<LogRecord<'p>> {
    let records: Vec<&[u8]> = records.filter(|record| !record.is_empty()).collect();
    let packed = &mut packer.packed;
    packed.resize_with(packed.len().max(records.len()), Vec::new);
    let encoder = &mut packer.encoder.0;
    let records = records.into_iter().zip(packed);
    records
        .map(|(record, packed)| pack(encoder, record, packed))
        .collect()
}

/// Compresses a record where that makes it smaller.
fn pack<'a>(encoder: &mut snap::raw::Encoder, record: &'a [u8], packed: &'a mut Vec<u8>) -> LogRecord<'a> {
    let room = snap::raw::max_compress_len(record.len());
    if packed.len() < room {
        packed.resize(room, 0);
    }
    match encoder.compress(record, packed) {
        Ok(length) if length < record.len() => LogRecord {
            bytes: packed.get(..length).unwrap_or_default(),
            compression: Compression::Snappy,
        },
        // Records beyond 4 GiB cannot be compressed.
        _ => LogRecord {
            bytes: record,
            compression: Compression::None,
        },
    }
}
