//! Chunk snapshots, `chunk_snapshot.SEGMENT.OFFSET/`: written when the database is closed, so that opening it again does not have to
//! read the log up to there. A snapshot only saves time: whenever something about one is not as it should be, the log is read.

use std::io;
use std::sync::PoisonError;
use std::thread;

use super::Shared;
use super::replay::{Piece, read_pieces};
use crate::format::snapshot_extent::{SnapshotExtent, read_extent, write_extent};
use crate::format::{DecodeError, names};
use crate::head::{Head, Replay};
use crate::storage::{Directory, list_or_empty, remove_tree};
use crate::wal::{
    LogFiles, RecordBatch, RecordWriter, SegmentEvent, SegmentFile, SegmentReader, SegmentShape,
    SegmentsWriter, free_quarantine_name, segments_in,
};
use crate::{Error, Settings};

/// A segment of a snapshot is ended when it has grown to this, as in Prometheus.
const SEGMENT_BYTES: u64 = 128 << 20;

/// A snapshot in the directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChunkSnapshot {
    /// How far of the log is in it: up to this offset of this segment.
    pub(super) place: (u32, u64),
    pub(super) path: String,
}

/// What was found about snapshots when the database was opened.
#[derive(Debug, Default)]
pub(super) struct SnapshotFindings {
    /// The one that memory was rebuilt of.
    pub(super) used: Option<ChunkSnapshot>,
    /// One that was not used, and why.
    pub(super) refused: Option<(ChunkSnapshot, Refusal)>,
}

/// Why a snapshot is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not what was written: set aside.
    Damaged(String),
    /// It does not fit the rest, and says nothing that the log does not say.
    Useless(String),
}

impl Refusal {
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Damaged(message) | Self::Useless(message) => message,
        }
    }
}

impl ChunkSnapshot {
    /// The newest one that says more than the newest checkpoint of the log.
    pub(super) fn newest(directory: &dyn Directory, files: &LogFiles) -> Result<Option<Self>, Error> {
        let all = list(directory)?;
        let checkpoint = files.checkpoint_number();
        let newest = all.into_iter().next_back();
        Ok(newest.filter(|snapshot| checkpoint.is_none_or(|number| number < snapshot.place.0)))
    }

    /// Rebuilds memory of the snapshot, or says why not; memory is of no use then.
    pub(super) fn restore(
        &self,
        directory: &dyn Directory,
        files: &LogFiles,
        head: &Head,
        replay: &mut Replay<'_>,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let last = files.segments.last();
        if last.is_none_or(|last| (last.number, last.size_bytes) < self.place) {
            return Err(Refusal::Damaged("the write-ahead log ends before it".to_owned()));
        }
        let fail = |error: io::Error| Refusal::Damaged(error.to_string());
        let supplement = supplement_of(directory, &self.path).map_err(fail)?;
        let extent = supplement.as_ref().map(|(extent, _)| extent);
        let missing = head.missing_chunks(extent);
        if let Some(missing) = missing.unwrap_or_else(|error| Some(error.to_string())) {
            return Err(Refusal::Useless(missing));
        }
        let segments = segments_in(directory, &self.path).map_err(fail)?;
        let size_bytes = segments.iter().map(|segment| segment.size_bytes).sum();
        let pieces: Vec<Piece<'_>> = segments.iter().map(Piece::whole).collect();
        let threads = settings.replay_threads();
        thread::scope(|scope| {
            let restoring = replay.snapshot(scope, threads, (extent, size_bytes));
            let mut restoring = restoring.map_err(fail)?;
            read_strictly(directory, &pieces, &mut |batch| restoring.batch(batch))?;
            restoring
                .finish(extent)
                .map_err(|error| Refusal::Damaged(error.to_string()))
        })?;
        if let Some((_, rest)) = &supplement {
            return read_strictly(directory, &[rest.piece()], &mut |batch| {
                batch.records().try_for_each(|record| replay.record(record))
            });
        }
        // Written by Prometheus: what it does not say is in the log.
        let pieces = Piece::before(files, self.place);
        let outcome = read_pieces(directory, &pieces, &mut |batch| {
            for record in batch.records() {
                if let Err(error) = replay.covered_record(record) {
                    tracing::warn!(%error, "a record is not well formed");
                }
            }
            true
        });
        outcome
            .map(|_| ())
            .map_err(|error| Refusal::Useless(error.to_string()))
    }
}

/// What is behind the first record of a supplement.
struct Rest {
    file: SegmentFile,
    begin: u64,
}

impl Rest {
    fn piece(&self) -> Piece<'_> {
        Piece {
            segment: &self.file,
            range: (self.begin, u64::MAX),
        }
    }
}

/// The first record of the supplement of a snapshot, and where the others are; `None` when there is no supplement.
fn supplement_of(directory: &dyn Directory, snapshot: &str) -> io::Result<Option<(SnapshotExtent, Rest)>> {
    let path = names::snapshot_supplement(snapshot);
    let damaged = |message: String| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {message}"));
    let mut reader = match SegmentReader::open(directory, &path, u64::MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let extent = match reader.next_event()? {
        SegmentEvent::Record(record) => read_extent(record).map_err(|error| damaged(error.to_string()))?,
        SegmentEvent::Damage(damage) => return Err(damaged(damage.message)),
        SegmentEvent::End => return Err(damaged("it is empty".to_owned())),
    };
    let rest = Rest {
        begin: reader.whole_end(),
        file: SegmentFile {
            number: 0,
            path,
            size_bytes: u64::MAX,
        },
    };
    Ok(Some((extent, rest)))
}

/// What records are given to.
type Take<'a> = dyn FnMut(RecordBatch) -> Result<(), DecodeError> + 'a;

/// Reads pieces of which nothing may be damaged.
fn read_strictly(
    directory: &dyn Directory,
    pieces: &[Piece<'_>],
    take: &mut Take<'_>,
) -> Result<(), Refusal> {
    let mut outcome = Ok(());
    let repairs = read_pieces(directory, pieces, &mut |batch| {
        outcome = take(batch);
        outcome.is_ok()
    });
    outcome.map_err(|error| Refusal::Damaged(error.to_string()))?;
    let repairs = repairs.map_err(|error| Refusal::Damaged(error.to_string()))?;
    match repairs.first() {
        None => Ok(()),
        Some(plan) => {
            let (path, damage) = (&plan.segment.path, &plan.first_damage);
            let message = format!("{path}: byte {}: {}", damage.offset, damage.message);
            Err(Refusal::Damaged(message))
        }
    }
}

/// The snapshots there are, ascending.
fn list(directory: &dyn Directory) -> Result<Vec<ChunkSnapshot>, Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing chunk snapshots"))?;
    let mut all: Vec<ChunkSnapshot> = entries
        .into_iter()
        .filter(|entry| entry.is_directory)
        .filter_map(|entry| {
            Some(ChunkSnapshot {
                place: names::chunk_snapshot_place(&entry.name)?,
                path: entry.name,
            })
        })
        .collect();
    all.sort_unstable();
    Ok(all)
}

/// Sets a damaged snapshot aside, and removes those that were not finished or are not needed any more.
///
/// # Errors
///
/// When the disk fails. Without room the damaged one stays.
pub(super) fn clean_snapshots(directory: &dyn Directory, findings: &SnapshotFindings) -> Result<(), Error> {
    if let Some((snapshot, refusal)) = &findings.refused {
        let (path, message) = (&snapshot.path, refusal.message());
        tracing::warn!(snapshot = %path, message, "a chunk snapshot is not used; all of the log was read");
        if matches!(refusal, Refusal::Damaged(_)) {
            match set_aside(directory, path).map_err(Error::io(format!("setting aside {path}"))) {
                Err(Error::Full(message)) => {
                    tracing::warn!(%message, "no room to set a chunk snapshot aside; left as it is");
                    return Ok(());
                }
                other => other?,
            }
        }
    }
    remove_all_but(directory, findings.used.as_ref())
}

fn set_aside(directory: &dyn Directory, path: &str) -> io::Result<()> {
    directory.create_directory(names::QUARANTINE)?;
    directory.sync_directory("")?;
    let target = free_quarantine_name(directory, path, 0)?;
    directory.rename(path, &target)?;
    directory.sync_directory(names::QUARANTINE)?;
    directory.sync_directory("")
}

fn remove_all_but(directory: &dyn Directory, kept: Option<&ChunkSnapshot>) -> Result<(), Error> {
    let fail = || Error::io("removing chunk snapshots");
    for entry in list_or_empty(directory, "").map_err(fail())? {
        let finished = entry.name.strip_suffix(names::TEMPORARY_SUFFIX);
        let is_snapshot = names::chunk_snapshot_place(finished.unwrap_or(&entry.name)).is_some();
        let is_kept = kept.is_some_and(|kept| kept.path == entry.name);
        if entry.is_directory && is_snapshot && !is_kept {
            remove_tree(directory, &entry.name).map_err(fail())?;
        }
    }
    Ok(())
}

impl Shared {
    /// Writes a snapshot of memory, when that is asked for. The logs are closed. Without one the next start only takes longer, so
    /// nothing that goes wrong is an error.
    pub(super) fn write_snapshot_on_close(&self) {
        if !self.snapshots.is_wanted {
            return;
        }
        let _alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = self.clock.monotonic();
        match self.write_chunk_snapshot() {
            Ok(None) => {}
            Ok(Some(snapshot)) => {
                let duration = self.clock.monotonic().saturating_sub(begin);
                tracing::info!(snapshot = %snapshot.path, ?duration, "chunk snapshot written");
            }
            Err(error) => {
                tracing::warn!(%error, "no chunk snapshot; the next start reads the log");
            }
        }
    }

    fn write_chunk_snapshot(&self) -> Result<Option<ChunkSnapshot>, Error> {
        let Some(snapshot) = self.next_snapshot()? else {
            return Ok(None);
        };
        if self.snapshots.current.as_ref() == Some(&snapshot) {
            // Nothing was logged since.
            return Ok(None);
        }
        self.map_chunks()?;
        let directory = &*self.directory;
        let path = &snapshot.path;
        let temporary = format!("{path}{}", names::TEMPORARY_SUFFIX);
        let fail = || Error::io(format!("writing {path}"));
        remove_tree(directory, &temporary).map_err(fail())?;
        directory.create_directory(&temporary).map_err(fail())?;
        if let Err(error) = self.write_snapshot_to(&temporary) {
            if let Err(error) = remove_tree(directory, &temporary) {
                tracing::warn!(%error, path = %temporary, "removed at the next start");
            }
            return Err(error);
        }
        // One that was damaged and could not be set aside.
        remove_tree(directory, path)
            .and_then(|()| directory.rename(&temporary, path))
            .and_then(|()| directory.sync_directory(""))
            .map_err(fail())?;
        remove_all_but(directory, Some(&snapshot))?;
        Ok(Some(snapshot))
    }

    /// The snapshot that says all of the log, which is closed; `None` when there is no log.
    fn next_snapshot(&self) -> Result<Option<ChunkSnapshot>, Error> {
        let Some(wal) = &self.wal else {
            return Ok(None);
        };
        let mut place = wal.end();
        if place.1 == 0 {
            let files = LogFiles::list(&*self.directory);
            let files = files.map_err(Error::io("listing the write-ahead log"))?;
            let Some(last) = files.segments.last() else {
                return Ok(None);
            };
            place = (last.number, last.size_bytes);
        }
        Ok(Some(ChunkSnapshot {
            place,
            path: names::chunk_snapshot(place.0, place.1),
        }))
    }

    fn write_snapshot_to(&self, path: &str) -> Result<(), Error> {
        let directory = &*self.directory;
        let fail = || Error::io(format!("writing {path}"));
        let shape = SegmentShape {
            size_bytes: SEGMENT_BYTES,
            ..self.log_segments
        };
        let mut writer = SegmentsWriter::new(directory, path, shape);
        let series = self
            .head
            .write_snapshot(&mut |record| writer.record(record).map_err(fail()))?;
        let extent = SnapshotExtent {
            series,
            reference_max: self.head.reference_max(),
            files: self.head.mapped.extents()?,
        };
        let supplement = names::snapshot_supplement(path);
        let mut supplement =
            RecordWriter::create(directory, &supplement, shape.compression).map_err(fail())?;
        supplement.record(&write_extent(&extent)).map_err(fail())?;
        self.head
            .write_supplement(&mut |record| supplement.record(record).map_err(fail()))?;
        supplement.finish().map_err(fail())?;
        writer.finish().map_err(fail())?;
        Ok(())
    }
}

/// What the database does about snapshots when it is closed.
#[derive(Debug)]
pub(super) struct Snapshots {
    /// Whether one is written.
    pub(super) is_wanted: bool,
    /// The one that memory was rebuilt of.
    pub(super) current: Option<ChunkSnapshot>,
}
