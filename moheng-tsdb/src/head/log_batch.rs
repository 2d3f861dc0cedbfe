//! Compressing and logging the records of a batch.

use crate::Error;
use crate::wal::{LogRecord, Packer, Wal};

/// Memory that batches reuse.
#[derive(Debug, Default)]
pub(super) struct LogScratch {
    packed: Vec<Vec<u8>>,
    packer: Packer,
}

/// Logs records in this order with one write; empty ones are nothing.
pub(super) fn write<'a>(
    wal: &Wal,
    scratch: &mut LogScratch,
    records: impl Iterator<Item = &'a [u8]>,
) -> Result<(), Error> {
    let packed = pack_all(wal, scratch, records);
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
    scratch: &mut LogScratch,
    records: impl Iterator<Item = &'a [u8]>,
    inside: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    wal.append_around(&pack_all(wal, scratch, records), inside)
}

/// Packs the records that are not empty.
fn pack_all<'p, 'a: 'p>(
    wal: &Wal,
    scratch: &'p mut LogScratch,
    records: impl Iterator<Item = &'a [u8]>,
) -> Vec<LogRecord<'p>> {
    let records: Vec<&[u8]> = records.filter(|record| !record.is_empty()).collect();
    let packed = &mut scratch.packed;
    packed.resize_with(packed.len().max(records.len()), Vec::new);
    let packer = &mut scratch.packer;
    let records = records.into_iter().zip(packed);
    records
        .map(|(record, packed)| packer.pack(wal.compression(), record, packed))
        .collect()
}
