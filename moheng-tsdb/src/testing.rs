//! Entry points of the codecs for fuzzing and benches. No stability promise.

mod chunks;

use std::io;
use std::sync::Arc;

use crate::format::wal_page::{Compression, write_record};
use crate::format::wal_record::{LoggedSample, RecordKind, SamplesEncoder, put_series};
use crate::format::wal_record::{read_samples, read_series, record_kind};
use crate::storage::{Directory, MemoryDirectory, OpenMode};
use crate::wal::{SegmentEvent, SegmentReader};

pub use chunks::{ChunkBuilder, ChunkEncoding, decode_chunk};

/// Decodes a record of the log and encodes what was found again; `None` when it is damaged or of another kind.
pub fn recode_record(record: &[u8]) -> Option<Vec<u8>> {
    let (kind, body) = record_kind(record).ok()?;
    match kind {
        RecordKind::Series => {
            let mut out = Vec::new();
            read_series(body, &mut Vec::new(), |reference, labels| {
                put_series(&mut out, reference, labels.iter().copied());
            })
            .ok()?;
            Some(out)
        }
        RecordKind::Samples => {
            let mut samples: Vec<LoggedSample> = Vec::new();
            read_samples(body, &mut samples).ok()?;
            let mut encoder = SamplesEncoder::default();
            for sample in samples {
                encoder.push(sample);
            }
            Some(encoder.record().to_vec())
        }
        RecordKind::Unsupported(_) | RecordKind::Needed(_) => None,
    }
}

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
            SegmentEvent::Unsupported(_) | SegmentEvent::End => return Ok((records, damages)),
        }
    }
}
