//! Opening: look, lock, read the log, set damage aside.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::blocks::Blocks;
use super::chunk_snapshot::{ChunkSnapshot, Refusal, SnapshotFindings, Snapshots, clean_snapshots};
use super::late;
use super::replay::{ReadLog, read_log};
use super::reserve::Reserve;
use super::{Db, DbBuilder, Shared, Worker};
use crate::format::names;
use crate::format::wal_page::PAGE_BYTES;
use crate::head::{FoundChunks, Head, MappedDamage, load_mapped_chunks, set_damage_aside};
use crate::storage::{Directory, File, OpenMode, list_or_empty};
use crate::wal::{LogFiles, RepairPlan, SegmentShape, Wal, WalOptions, remove_unfinished, repair_segment};
use crate::{Error, ReplayStats, Settings, WalSync};

/// How often to look whether there is something to compact.
const COMPACTION_INTERVAL: Duration = Duration::from_mins(1);

/// How often full chunks are moved from memory to files.
pub(super) const MAPPING_INTERVAL: Duration = Duration::from_mins(1);

pub(super) fn open(builder: &DbBuilder) -> Result<Db, Error> {
    let settings = &builder.settings;
    check(settings)?;
    let directory = &builder.directory;
    refuse_unsupported(&**directory)?;
    let lock = if builder.is_read_only {
        None
    } else {
        Some(prepare(&**directory)?)
    };

    let blocks = Blocks::open(directory, builder.is_read_only)?;
    let begin = builder.clock.monotonic();
    let head_start_ms = blocks.head_start_ms().unwrap_or(i64::MIN);
    let rebuilt = rebuild(builder, head_start_ms)?;
    let (head, read, damage) = (rebuilt.head, rebuilt.read, rebuilt.damage);
    let mut replay = read.stats.clone();
    replay.had_damaged_chunks = damage.is_some();
    let refused = rebuilt.snapshots.refused.as_ref();
    replay.refused_snapshot = refused.map(|(_, refusal)| refusal.message().to_owned());
    replay.duration = builder.clock.monotonic().saturating_sub(begin);
    report(&replay);

    let reserve = Reserve::open(directory, settings.reserve_bytes, builder.is_read_only)?;
    let (wal, late_log) = open_logs(builder, &read, damage.as_ref(), &head)?.unzip();
    if !builder.is_read_only {
        clean_snapshots(&**directory, &rebuilt.snapshots)?;
    }
    let shared = Arc::new(Shared {
        directory: Arc::clone(directory),
        head,
        blocks,
        wal,
        late_log,
        late_is_due: AtomicBool::new(false),
        lock: Mutex::new(lock),
        replay,
        clock: Arc::clone(&builder.clock),
        compaction: Mutex::default(),
        retention: settings.retention,
        reserve,
        log_segments: SegmentShape {
            size_bytes: settings.wal_segment_bytes,
            compression: settings.wal_compression,
        },
        has_starts: settings.start_timestamps,
        ulid_count: AtomicU64::new(0),
        snapshots: Snapshots {
            is_wanted: settings.snapshot_on_close,
            current: rebuilt.snapshots.used,
        },
    });
    if !builder.is_read_only {
        shared.clean_blocks()?;
    }
    let workers = if builder.has_worker && !builder.is_read_only {
        start_workers(&shared, settings.wal_sync)?
    } else {
        Vec::new()
    };
    Ok(Db {
        shared,
        workers: Mutex::new(workers),
    })
}

/// Memory as it was, and what was found about the files that it is made of.
struct Rebuilt {
    head: Head,
    read: ReadLog,
    damage: Option<MappedDamage>,
    snapshots: SnapshotFindings,
}

/// Rebuilds memory: of a chunk snapshot and the log behind it when there is one and it is whole, otherwise of all of the log.
fn rebuild(builder: &DbBuilder, head_start_ms: i64) -> Result<Rebuilt, Error> {
    let directory = &*builder.directory;
    let settings = &builder.settings;
    let files = list_log(directory)?;
    let mut snapshots = SnapshotFindings::default();
    if let Some(snapshot) = ChunkSnapshot::newest(directory, &files)? {
        let (head, found) = new_head(builder, head_start_ms)?;
        let damage = found.damage.clone();
        let outcome = if let Some(damage) = &damage {
            Err(Refusal::Useless(format!("mapped chunks are damaged: {damage}")))
        } else if found.has_straddling {
            Err(Refusal::Useless("blocks hold parts of mapped chunks".to_owned()))
        } else {
            let mut replay = head.replay(found);
            snapshot
                .restore(directory, &files, &head, &mut replay, settings)
                .map(|()| replay)
        };
        match outcome {
            Ok(replay) => {
                // Another process may go on writing while this one only reads.
                let files = list_log(directory)?;
                let is_covered = files.checkpoint_number() < Some(snapshot.place.0);
                let covered = is_covered.then_some(snapshot.place);
                let read = read_log(directory, files, replay, covered)?;
                snapshots.used = Some(snapshot);
                return Ok(Rebuilt {
                    head,
                    read,
                    damage,
                    snapshots,
                });
            }
            Err(refusal) => snapshots.refused = Some((snapshot, refusal)),
        }
    }
    let (head, found) = new_head(builder, head_start_ms)?;
    let damage = found.damage.clone();
    let read = read_log(directory, list_log(directory)?, head.replay(found), None)?;
    Ok(Rebuilt {
        head,
        read,
        damage,
        snapshots,
    })
}

fn list_log(directory: &dyn Directory) -> Result<LogFiles, Error> {
    LogFiles::list(directory).map_err(Error::io("listing the write-ahead log"))
}

/// An empty head, and the full chunks in files that it will have.
fn new_head(builder: &DbBuilder, head_start_ms: i64) -> Result<(Head, FoundChunks), Error> {
    let settings = &builder.settings;
    let (mapped, found) = load_mapped_chunks(&builder.directory, head_start_ms)?;
    let head = Head::new(settings.limits)
        .with_starts(settings.start_timestamps)
        .with_exemplars(settings.max_exemplars)
        .with_mapped(mapped);
    head.refuse_before(head_start_ms);
    head.set_late_window_ms(settings.out_of_order_window_ms);
    Ok((head, found))
}

fn check(settings: &Settings) -> Result<(), Error> {
    if settings.wal_segment_bytes < PAGE_BYTES as u64 {
        return Err(Error::Invalid(format!(
            "wal_segment_bytes is {}, at least {PAGE_BYTES} are needed",
            settings.wal_segment_bytes
        )));
    }
    late::check_window(settings.out_of_order_window_ms)
}

/// Repairs the logs, makes them durable, and opens them for writing: that of late samples second. `None` when read-only.
fn open_logs(
    builder: &DbBuilder,
    read: &ReadLog,
    damage: Option<&MappedDamage>,
    head: &Head,
) -> Result<Option<(Wal, Wal)>, Error> {
    if builder.is_read_only {
        return Ok(None);
    }
    let directory = &*builder.directory;
    let settings = &builder.settings;
    remove_unfinished(directory)?;
    repair(directory, &read.repairs)?;
    repair_mapped(directory, damage, head)?;
    sync_segments(directory, names::WAL, &read.files)?;
    sync_segments(directory, names::LATE_SAMPLES_LOG, &read.late_files)?;
    if settings.out_of_order_window_ms > 0 {
        late::create_log(directory)?;
    }
    let options = |log, files: &LogFiles, size_bytes| WalOptions {
        directory: Arc::clone(&builder.directory),
        log,
        clock: Arc::clone(&builder.clock),
        policy: settings.wal_sync,
        segment_bytes: settings.wal_segment_bytes,
        compression: settings.wal_compression,
        next_number: files.next_number,
        size_bytes,
    };
    let wal = Wal::new(options(names::WAL, &read.files, read.stats.size_bytes));
    let late_size_bytes = read.late_size_bytes;
    let late_options = options(names::LATE_SAMPLES_LOG, &read.late_files, late_size_bytes);
    let late_log = Wal::beside(late_options, &wal);
    Ok(Some((wal, late_log)))
}

fn start_workers(shared: &Arc<Shared>, policy: WalSync) -> Result<Vec<Worker>, Error> {
    let compacting = Arc::clone(shared);
    let mut workers = vec![Worker::start(
        "moheng-compaction",
        COMPACTION_INTERVAL,
        move || {
            compacting.reserve.restore_if_room();
            if let Err(error) = compacting.reload_blocks() {
                tracing::error!(%error, "looking for new blocks failed; it is tried again");
            }
            if let Err(error) = compacting.compact() {
                tracing::error!(%error, "compaction failed; it is tried again");
            }
        },
    )?];
    let mapping = Arc::clone(shared);
    workers.push(Worker::start("moheng-mapping", MAPPING_INTERVAL, move || {
        if let Err(error) = mapping.reserve.run(|| mapping.map_chunks()) {
            tracing::error!(%error, "full chunks stay in memory; moving them to files is tried again");
        }
    })?);
    if let WalSync::Interval(interval) = policy {
        let syncing = Arc::clone(shared);
        workers.push(Worker::start("moheng-wal-sync", interval, move || {
            syncing.reserve.restore_if_room_is_known();
            // A failure poisons the log, which logs it and refuses every later append.
            let _ = syncing.logs().try_for_each(Wal::sync_in_background);
        })?);
    }
    Ok(workers)
}

/// Looks for what would be lost or hidden if this version used the directory.
pub(crate) fn refuse_unsupported(directory: &dyn Directory) -> Result<(), Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the data directory"))?;
    if entries.iter().any(|entry| entry.name == names::RESTORE_MARKER) {
        return Err(Error::Invalid(format!(
            "a restore into the data directory has not finished (it holds {}); empty it and restore again",
            names::RESTORE_MARKER
        )));
    }
    Ok(())
}

/// Locks the directory and makes sure that there is a log.
fn prepare(directory: &dyn Directory) -> Result<Arc<dyn File>, Error> {
    let lock = directory.open(names::LOCK, OpenMode::Lock).map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            Error::Locked(names::LOCK.to_owned())
        } else {
            Error::io(format!("locking {}", names::LOCK))(error)
        }
    })?;
    directory
        .create_directory(names::WAL)
        .and_then(|()| directory.sync_directory(""))
        .map_err(Error::io(format!("creating {}", names::WAL)))?;
    Ok(lock)
}

/// Repairs what was found. Without room for that the log is left as it is: nothing is ever added to old segments.
fn repair(directory: &dyn Directory, plans: &[RepairPlan]) -> Result<(), Error> {
    for plan in plans {
        match repair_segment(directory, plan) {
            Err(Error::Full(message)) => {
                tracing::warn!(%message, segment = %plan.segment.path, "no room to repair; left as it is");
            }
            other => other?,
        }
    }
    Ok(())
}

/// Sets damaged files of mapped chunks aside. Without room for that they are left as they are, and read up to the damage again.
fn repair_mapped(directory: &dyn Directory, damage: Option<&MappedDamage>, head: &Head) -> Result<(), Error> {
    let Some(damage) = damage else {
        return Ok(());
    };
    tracing::warn!(%damage, "damage in mapped chunks; their samples are read from the log");
    match set_damage_aside(directory, damage) {
        Ok(next_number) => head.mapped.set_next_number(next_number),
        Err(Error::Full(message)) => {
            tracing::warn!(%message, "no room to set damaged chunks aside; left as they are");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What a killed process wrote last may not be durable yet, and what is written from now on needs the series that it names.
/// Segments that are full are durable; those of late samples are ended earlier, too.
fn sync_segments(directory: &dyn Directory, log: &str, files: &LogFiles) -> Result<(), Error> {
    let count = if log == names::WAL { 1 } else { usize::MAX };
    for segment in files.segments.iter().rev().take(count) {
        directory
            .open(&segment.path, OpenMode::Append)
            .and_then(|file| file.sync())
            .map_err(Error::io(format!("syncing {}", segment.path)))?;
    }
    if files.segments.is_empty() {
        return Ok(());
    }
    directory
        .sync_directory(log)
        .map_err(Error::io(format!("syncing {log}")))
}

fn report(replay: &ReplayStats) {
    for (kind, count) in &replay.skipped_records {
        tracing::warn!(
            kind,
            count,
            "records of the write-ahead log are not supported yet; they stay in it"
        );
    }
    if replay.unknown_references > 0 {
        tracing::warn!(
            samples = replay.unknown_references,
            "samples of series the write-ahead log does not name"
        );
    }
    if replay.unknown_notes > 0 {
        tracing::warn!(
            count = replay.unknown_notes,
            "exemplars, metadata or deletions of series the write-ahead log does not name"
        );
    }
    tracing::info!(
        segments = replay.segments,
        samples = replay.samples,
        restored_series = replay.restored_series,
        mapped_chunks = replay.mapped_chunks,
        duration = ?replay.duration,
        "write-ahead log read"
    );
}
