//! Chunk snapshots: what was in memory at a clean shutdown.

use std::io;

use moheng_metrics::SampleBuffer;

use super::mapped::check_chunk;
use super::watch::Watch;
use super::{Problem, Report};
use crate::Error;
use crate::chunk::Encoding;
use crate::format::chunk_snapshot::{SnapshotRecord, read_record};
use crate::format::names;
use crate::storage::{Directory, list_or_empty};
use crate::wal::{SegmentEvent, SegmentReader};

/// Without a snapshot the log is read.
const AFFECTED: &str = "how fast the next start is; the log has the samples";

pub(super) fn verify_chunk_snapshots(
    directory: &dyn Directory,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the data directory"))?;
    let is_snapshot = |name: &str| names::chunk_snapshot_place(name).is_some();
    for entry in entries
        .iter()
        .filter(|entry| entry.is_directory && is_snapshot(&entry.name))
    {
        let failed = Error::io(format!("listing {}", entry.name));
        for file in list_or_empty(directory, &entry.name).map_err(failed)? {
            let path = format!("{}/{}", entry.name, file.name);
            if names::segment_number(&file.name).is_none() {
                continue;
            }
            if watch.start(&path).is_break() {
                return Ok(());
            }
            verify_segment(directory, &path, file.size_bytes, report)?;
            let _ = watch.add(file.size_bytes);
        }
    }
    Ok(())
}

fn verify_segment(
    directory: &dyn Directory,
    path: &str,
    size_bytes: u64,
    report: &mut Report,
) -> Result<(), Error> {
    let fail = || Error::io(format!("reading {path}"));
    let mut reader = match SegmentReader::open(directory, path, size_bytes) {
        // A server was started meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        reader => reader.map_err(fail())?,
    };
    let mut samples = SampleBuffer::new();
    loop {
        let offset = reader.whole_end();
        let problem = match reader.next_event().map_err(fail())? {
            SegmentEvent::Record(record) => {
                let outcome = check_record(record, &mut samples, &mut report.counts.snapshot_series);
                outcome
                    .err()
                    .map(|message| Problem::damage(path, message).at(offset))
            }
            SegmentEvent::Damage(damage) => Some(Problem::damage(path, damage.message).at(damage.offset)),
            SegmentEvent::End => return Ok(()),
        };
        if let Some(problem) = problem {
            report.add(problem.affecting(AFFECTED));
        }
    }
}

fn check_record(record: &[u8], samples: &mut SampleBuffer, series_count: &mut u64) -> Result<(), String> {
    let SnapshotRecord::Series(series) = read_record(record).map_err(|error| error.to_string())? else {
        return Ok(());
    };
    *series_count += 1;
    let Some(chunk) = series.chunk else {
        return Ok(());
    };
    let encoding = Encoding::from_code(chunk.encoding)
        .ok_or_else(|| format!("the encoding {} of a chunk is not known", chunk.encoding))?;
    check_chunk(encoding, chunk.data, (chunk.start_ms, chunk.end_ms), samples)
}
