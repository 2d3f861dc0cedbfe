//! Reads the log into the head, and finds what is damaged.

use std::sync::mpsc::{self, SyncSender};
use std::thread;

use crate::format::{DecodeError, names};
use crate::head::{Replay, ReplayCounts};
use crate::storage::Directory;
use crate::wal::{LogFiles, RecordBatch, RepairPlan, SegmentEvent, SegmentFile, SegmentReader};
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

/// What a chunk snapshot holds of the log already: all before an offset of a segment.
pub(super) type Covered = Option<(u32, u64)>;

/// Reads what is left of the logs on a thread of its own while this one applies the records.
pub(super) fn read_log(
    directory: &dyn Directory,
    files: LogFiles,
    mut replay: Replay<'_>,
    covered: Covered,
) -> Result<ReadLog, Error> {
    let late_files = LogFiles::list_log(directory, names::LATE_SAMPLES_LOG)
        .map_err(Error::io("listing the log of late samples"))?;
    let mut stats = ReplayStats::default();
    let pieces = Piece::behind(&files, covered);
    let mut repairs = read_files(directory, &files, &pieces, &mut stats, &mut |record| {
        replay.record(record)
    })?;
    for segment in files.in_order() {
        stats.size_bytes += segment.size_bytes;
    }
    let late = &mut |record: &[u8]| replay.late_record(record);
    let pieces = Piece::behind(&late_files, None);
    repairs.extend(read_files(directory, &late_files, &pieces, &mut stats, late)?);
    let late_size_bytes = late_files.in_order().map(|segment| segment.size_bytes).sum();
    let counts: ReplayCounts = replay.finish();
    stats.samples = counts.samples;
    stats.late_samples = counts.late_samples;
    stats.out_of_order = counts.out_of_order;
    stats.in_blocks = counts.in_blocks;
    stats.restored_series = counts.restored_series;
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

/// Records of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) segment: &'a SegmentFile,
    /// They end behind the first offset, and not behind the second.
    pub(super) range: (u64, u64),
}

impl<'a> Piece<'a> {
    /// All of a segment.
    pub(super) fn whole(segment: &'a SegmentFile) -> Self {
        Self {
            segment,
            range: (0, u64::MAX),
        }
    }

    /// What a snapshot does not hold.
    fn behind(files: &'a LogFiles, covered: Covered) -> Vec<Self> {
        let Some((number, offset)) = covered else {
            return files.in_order().map(Self::whole).collect();
        };
        let segments = files.segments.iter().filter(|segment| {
            segment.number > number || segment.number == number && segment.size_bytes > offset
        });
        let pieces = segments.map(|segment| Self {
            segment,
            range: (if segment.number == number { offset } else { 0 }, u64::MAX),
        });
        pieces.collect()
    }

    /// What a snapshot holds.
    pub(super) fn before(files: &'a LogFiles, (number, offset): (u32, u64)) -> Vec<Self> {
        let segments = files.segments.iter().filter(|segment| segment.number <= number);
        let pieces = segments.map(|segment| Self {
            segment,
            range: (
                0,
                if segment.number == number {
                    offset
                } else {
                    u64::MAX
                },
            ),
        });
        files.checkpoint.iter().map(Self::whole).chain(pieces).collect()
    }
}

/// What a record is applied with.
type Apply<'a> = dyn FnMut(&[u8]) -> Result<(), DecodeError> + 'a;

/// Reads pieces of one log, and says what is to be repaired.
fn read_files(
    directory: &dyn Directory,
    files: &LogFiles,
    pieces: &[Piece<'_>],
    stats: &mut ReplayStats,
    replay: &mut Apply<'_>,
) -> Result<Vec<RepairPlan>, Error> {
    if !files.missing.is_empty() {
        tracing::warn!(numbers = ?files.missing, "segments of the write-ahead log are missing");
        stats.corruptions += files.missing.len() as u64;
    }
    stats.segments += pieces.len() as u64;
    let repairs = read_pieces(directory, pieces, &mut |batch| {
        stats.corruptions += apply(&batch, replay);
        true
    })?;
    for plan in &repairs {
        tracing::warn!(
            segment = %plan.segment.path,
            offset = plan.first_damage.offset,
            damage = %plan.first_damage.message,
            places = plan.damages,
            "damage in the write-ahead log"
        );
        // What the last write left unfinished is what dying during it looks like, not damage.
        if plan.first_damage.is_unfinished && files.segments.last() == Some(&plan.segment) {
            stats.had_unfinished_write = true;
        } else {
            stats.corruptions += plan.damages;
        }
    }
    Ok(repairs)
}

/// Reads pieces on a thread of its own, and hands out their records until `on_batch` has enough; says what is to be repaired.
pub(super) fn read_pieces(
    directory: &dyn Directory,
    pieces: &[Piece<'_>],
    on_batch: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<Vec<RepairPlan>, Error> {
    let (sender, receiver) = mpsc::sync_channel(QUEUED_BATCHES);
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("moheng-replay".to_owned())
            .spawn_scoped(scope, || read_segments(directory, pieces, sender))
            .map_err(Error::io("starting the thread that reads the write-ahead log"))?;
        let mut has_enough = false;
        for batch in receiver {
            if !on_batch(batch) {
                has_enough = true;
                break;
            }
        }
        let repairs = reader
            .join()
            .unwrap_or_else(|_| Err(Error::Unavailable("reading the log panicked".to_owned())));
        if has_enough { Ok(Vec::new()) } else { repairs }
    })
}

/// How far reading may be ahead of applying.
const QUEUED_BATCHES: usize = 4;
/// Records are handed over in batches of about this size.
const BATCH_BYTES: usize = 1 << 20;

/// Applies records and returns how many of them make no sense.
fn apply(batch: &RecordBatch, replay: &mut Apply<'_>) -> u64 {
    let mut malformed = 0;
    for record in batch.records() {
        if let Err(error) = replay(record) {
            malformed += 1;
            // The checksum holds, so it was written like this: nothing to cut out.
            tracing::warn!(segment = %batch.segment(), %error, "a record is not well formed");
        }
    }
    malformed
}

/// Reads all pieces, sends their records, and says what is to be repaired.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the receiver stops when the sender is dropped"
)]
fn read_segments(
    directory: &dyn Directory,
    pieces: &[Piece<'_>],
    sender: SyncSender<RecordBatch>,
) -> Result<Vec<RepairPlan>, Error> {
    let mut repairs = Vec::new();
    for piece in pieces {
        repairs.extend(read_piece(directory, *piece, &sender)?);
    }
    Ok(repairs)
}

fn read_piece(
    directory: &dyn Directory,
    Piece { segment, range }: Piece<'_>,
    sender: &SyncSender<RecordBatch>,
) -> Result<Option<RepairPlan>, Error> {
    let fail = || Error::io(format!("reading {}", segment.path));
    let mut reader = SegmentReader::open(directory, &segment.path, segment.size_bytes).map_err(fail())?;
    let mut plan: Option<RepairPlan> = None;
    let new_batch = || RecordBatch::of(&segment.path);
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
                let before = batch.size_bytes();
                batch.push(record);
                let end = reader.whole_end();
                if end <= range.0 || range.1 < end {
                    batch.pop(before);
                    continue;
                }
                if batch.size_bytes() >= BATCH_BYTES {
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
