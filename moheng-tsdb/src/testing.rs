//! Entry points of the codecs for fuzzing and benches. No stability promise.

mod blocks;
mod chunks;
mod files;
mod records;
pub mod simulation;

use std::io;
use std::sync::Arc;

use crate::format::wal_page::{Compression, write_record};
use crate::storage::{Directory, MemoryDirectory, OpenMode};
use crate::wal::{SegmentEvent, SegmentReader};

pub use blocks::BlockParts;
pub use chunks::{ChunkBuilder, ChunkEncoding, decode_chunk};
pub use files::check_file;

pub use records::{
    ChunkToMap, annotation_records, deletion_record, histogram_record, mapped_chunk_file, recode_record,
    recode_snapshot_extent, recode_snapshot_record, series_record,
};

/// Appends what adds a record, not compressed, to a segment of `segment_bytes` bytes.
pub fn frame_record(record: &[u8], segment_bytes: u64, out: &mut Vec<u8>) {
    write_record(record, Compression::None, segment_bytes, out);
}

/// Reads a segment of the log and returns its whole records and the number of damaged places.
///
/// # Errors
///
/// Never, in memory.
pub fn read_segment(segment: &[u8]) -> io::Result<(Vec<Vec<u8>>, usize)> {
    let directory = MemoryDirectory::new();
    directory.open("segment", OpenMode::Create)?.append(segment)?;
    let directory: Arc<dyn Directory> = Arc::new(directory);
    let mut reader = SegmentReader::open(&*directory, "segment", u64::MAX)?;
    let mut records = Vec::new();
    let mut damages = 0;
    loop {
        match reader.next_event()? {
            SegmentEvent::Record(record) => records.push(record.to_vec()),
            SegmentEvent::Damage(_) => damages += 1,
            SegmentEvent::End => return Ok((records, damages)),
        }
    }
}
