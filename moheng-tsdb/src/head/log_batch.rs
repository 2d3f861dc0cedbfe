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
    let records: Vec<&[u8]> = records.filter(|record| !record.is_empty()).collect();
    let packed = &mut packer.packed;
    packed.resize_with(packed.len().max(records.len()), Vec::new);
    let encoder = &mut packer.encoder.0;
    let packed: Vec<LogRecord<'_>> = records
        .into_iter()
        .zip(packed)
        .map(|(record, packed)| pack(encoder, record, packed))
        .collect();
    wal.append(&packed)
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
