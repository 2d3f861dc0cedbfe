//! Reads the log into the head, and finds what is damaged.

use std::sync::mpsc::{self, SyncSender};
use std::thread;

use crate::format::{DecodeError, names};
use crate::head::{FoundChunks, Head, ReplayCounts};
use crate::storage::Directory;
use crate::wal::{LogFiles, RepairPlan, SegmentEvent, SegmentFile, SegmentReader};
use crate::{Error, ReplayStats};

/// What reading the log found.
pub(super) struct ReadLog {
    pub(super) files: LogFiles,
    /// The log of late samples.
    pub(super) late_files: LogFiles,
    pub(super) late_size_bytes: u64,
    pub(super) repairs: Vec<RepairPlan>,
    pub(super) stats: ReplayStats,
}

/// Reads the log on a thread of its own while this one applies the records. Samples of the chunks that were found are in memory
/// without that.
pub(super) fn read_log(directory: &dyn Directory, head: &Head, found: FoundChunks) -> Result<ReadLog, Error> {
    let files = LogFiles::list(directory).map_err(Error::io("listing the write-ahead log"))?;
    let late_files = LogFiles::list_log(directory, names::LATE_SAMPLES_LOG)
        .map_err(Error::io("listing the log of late samples"))?;
    let mut stats = ReplayStats::default();
    let mut replay = head.replay(found);
    let mut repairs = read_files(directory, &files, &mut stats, &mut |record| replay.record(record))?;
    for segment in files.in_order() {
        stats.size_bytes += segment.size_bytes;
    }
    let late = &mut |record: &[u8]| replay.late_record(record);
    repairs.extend(read_files(directory, &late_files, &mut stats, late)?);
    let late_size_bytes = late_files.in_order().map(|segment| segment.size_bytes).sum();
    let counts: ReplayCounts = replay.finish();
    stats.samples = counts.samples;
    stats.late_samples = counts.late_samples;
    stats.out_of_order = counts.out_of_order;
    stats.in_blocks = counts.in_blocks;
    stats.mapped_chunks = counts.mapped_chunks;
    stats.in_mapped_chunks = counts.in_mapped_chunks;
    stats.unknown_references = counts.unknown_references;
    stats.unknown_notes = counts.unknown_notes;
    stats.skipped_records = counts.skipped.into_iter().collect();
    stats.skipped_records.sort_unstable();
    Ok(ReadLog {
        files,
        late_files,
        late_size_bytes,
        repairs,
        stats,
    })
}

/// What a record is applied with.
type Apply<'a> = dyn FnMut(&[u8]) -> Result<(), DecodeError> + 'a;

/// Reads one log, and says what is to be repaired.
fn read_files(
    directory: &dyn Directory,
    files: &LogFiles,
    stats: &mut ReplayStats,
    replay: &mut Apply<'_>,
) -> Result<Vec<RepairPlan>, Error> {
    if !files.missing.is_empty() {
        tracing::warn!(numbers = ?files.missing, "segments of the write-ahead log are missing");
        stats.corruptions += files.missing.len() as u64;
    }
    stats.segments += files.in_order().count() as u64;
    let (sender, receiver) = mpsc::sync_channel(QUEUED_BATCHES);
    let repairs = thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("moheng-replay".to_owned())
            .spawn_scoped(scope, || read_segments(directory, files, sender))
            .map_err(Error::io("starting the thread that reads the write-ahead log"))?;
        for batch in receiver {
            stats.corruptions += apply(&batch, replay);
        }
        reader
            .join()
            .unwrap_or_else(|_| Err(Error::Unavailable("reading the log panicked".to_owned())))
    })?;
    for plan in &repairs {
        // What the last write left unfinished is what dying during it looks like, not damage.
        if plan.first_damage.is_unfinished && files.segments.last() == Some(&plan.segment) {
            stats.had_unfinished_write = true;
        } else {
            stats.corruptions += plan.damages;
        }
    }
    Ok(repairs)
}

/// How far reading may be ahead of applying.
const QUEUED_BATCHES: usize = 4;
/// Records are handed over in batches of about this size.
const BATCH_BYTES: usize = 1 << 20;

/// Whole records of one segment, one after the other.
#[derive(Debug, Default)]
struct RecordBatch {
    segment: String,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Applies records and returns how many of them make no sense.
fn apply(batch: &RecordBatch, replay: &mut Apply<'_>) -> u64 {
    let mut malformed = 0;
    let mut start = 0;
    for &end in &batch.ends {
        if let Err(error) = replay(batch.bytes.get(start..end).unwrap_or_default()) {
            malformed += 1;
            // The checksum holds, so it was written like this: nothing to cut out.
            tracing::warn!(segment = %batch.segment, %error, "a record is not well formed");
        }
        start = end;
    }
    malformed
}

/// Reads all segments, sends their records, and says what is to be repaired.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the receiver stops when the sender is dropped"
)]
fn read_segments(
    directory: &dyn Directory,
    files: &LogFiles,
    sender: SyncSender<RecordBatch>,
) -> Result<Vec<RepairPlan>, Error> {
    let mut repairs = Vec::new();
    for segment in files.in_order() {
        let Some(plan) = read_segment(directory, segment, &sender)? else {
            continue;
        };
        tracing::warn!(
            segment = %segment.path,
            offset = plan.first_damage.offset,
            damage = %plan.first_damage.message,
            places = plan.damages,
            "damage in the write-ahead log; records behind it are read"
        );
        repairs.push(plan);
    }
    Ok(repairs)
}

fn read_segment(
    directory: &dyn Directory,
    segment: &SegmentFile,
    sender: &SyncSender<RecordBatch>,
) -> Result<Option<RepairPlan>, Error> {
    let fail = || Error::io(format!("reading {}", segment.path));
    let mut reader = SegmentReader::open(directory, &segment.path, segment.size_bytes).map_err(fail())?;
    let mut plan: Option<RepairPlan> = None;
    let new_batch = || RecordBatch {
        segment: segment.path.clone(),
        ..RecordBatch::default()
    };
    let send = |batch: RecordBatch| {
        // Only a panic of the applying thread ends the channel, and then nobody wants the error.
        sender
            .send(batch)
            .map_err(|_| Error::Unavailable("applying the log panicked".to_owned()))
    };
    let mut batch = new_batch();
    loop {
        match reader.next_event().map_err(fail())? {
            SegmentEvent::Record(record) => {
                if let Some(plan) = &mut plan {
                    plan.is_inside = true;
                }
                batch.bytes.extend_from_slice(record);
                batch.ends.push(batch.bytes.len());
                if batch.bytes.len() >= BATCH_BYTES {
                    send(std::mem::replace(&mut batch, new_batch()))?;
                }
            }
            SegmentEvent::Damage(damage) => match &mut plan {
                Some(plan) => plan.damages += 1,
                None => {
                    plan = Some(RepairPlan {
                        segment: segment.clone(),
                        first_damage: damage,
                        damages: 1,
                        whole_end: reader.whole_end(),
                        is_inside: false,
                    });
                }
            },
            SegmentEvent::End => {
                send(batch)?;
                return Ok(plan);
            }
        }
    }
}
