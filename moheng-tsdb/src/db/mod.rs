//! [`Db`]: the database as its users see it.

mod blocks;
mod builder;
mod chunk_snapshot;
mod compaction;
mod delete;
mod import;
mod late;
mod notes;
mod open;
mod quarantine;
mod replay;
mod reserve;
mod snapshot;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use moheng_metrics::{
    AppendBatch, Appended, SampleSink, Select, SeriesCursor, SeriesSource, SinkError, SourceError,
};

use blocks::Blocks;
pub use builder::DbBuilder;
use chunk_snapshot::Snapshots;
pub use compaction::Compacted;
pub use delete::DeletedSeries;
pub use import::{ImportOptions, ReloadedBlocks};
pub(crate) use late::LogEnds;
pub(crate) use open::refuse_unsupported;
use reserve::Reserve;
use worker::Worker;

use crate::backup::{self, Snapshot};
use crate::compact::Retention;
use crate::head::Head;
use crate::query::HeadCursor;
use crate::storage::{Directory, File, RealDirectory};
use crate::wal::{SegmentShape, Wal};
use crate::{Cardinality, Error, ReplayStats, Settings, Stats, WalStats};

/// A time series database in a directory of Prometheus's format.
///
/// It is both a [`SeriesSource`] and a [`SampleSink`], and shared between threads. What was appended is in the
/// write-ahead log before it is visible; opening the directory again reads it back.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::{AppendBatch, Labels, Matcher, SampleSink, Select, SeriesSource};
/// use moheng_tsdb::Db;
/// use moheng_tsdb::storage::MemoryDirectory;
///
/// let directory = Arc::new(MemoryDirectory::new());
/// let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
/// let db = Db::builder(directory.clone()).open()?;
/// let mut batch = AppendBatch::new();
/// batch.push_labels(&labels, 1000, 1.0);
/// let appended = db.append(&batch)?;
/// let mut next = AppendBatch::new();
/// next.push_reference(appended.outcomes[0]?, 16_000, 1.0);
/// db.append(&next)?;
/// db.close()?;
///
/// let again = Db::builder(directory).open()?;
/// assert_eq!(again.time_range(), Some((1000, 16_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Db {
    shared: Arc<Shared>,
    workers: Mutex<Vec<Worker>>,
}

#[derive(Debug)]
struct Shared {
    directory: Arc<dyn Directory>,
    head: Head,
    blocks: Blocks,
    /// `None` when read-only.
    wal: Option<Wal>,
    /// The log of late samples; `None` when read-only. Written before `wal`.
    late_log: Option<Wal>,
    late_is_due: AtomicBool,
    /// Held until the database is closed or dropped.
    lock: Mutex<Option<Arc<dyn File>>>,
    replay: ReplayStats,
    clock: Arc<dyn moheng_metrics::Clock>,
    /// Held by whoever moves samples between head and blocks.
    compaction: Mutex<()>,
    retention: Retention,
    reserve: Reserve,
    log_segments: SegmentShape,
    has_starts: bool,
    ulid_count: AtomicU64,
    snapshots: Snapshots,
}

impl Db {
    /// Opens the database in `path`, creating the directory when missing.
    ///
    /// # Errors
    ///
    /// When the directory is in use, holds something this version cannot read, or the disk fails.
    pub fn open(path: impl AsRef<Path>, settings: Settings) -> Result<Self, Error> {
        let path = path.as_ref();
        let directory =
            RealDirectory::create(path).map_err(Error::io(format!("opening {}", path.display())))?;
        Self::builder(Arc::new(directory)).settings(settings).open()
    }

    /// Opens the directory in `path` only to read, whoever writes to it: no lock is taken and nothing is changed. What is damaged is left
    /// out, and [`Db::stats`] names it. [`Db::reload_blocks`] notices new blocks; samples that are appended later are not seen.
    ///
    /// # Errors
    ///
    /// When there is no such directory, it holds something this version cannot read, or the disk fails.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let directory =
            RealDirectory::open(path).map_err(Error::io(format!("opening {}", path.display())))?;
        Self::builder(Arc::new(directory)).read_only(true).open()
    }

    /// A builder that opens the database in `directory`, for a clock, a storage or a mode of your own.
    pub fn builder(directory: Arc<dyn Directory>) -> DbBuilder {
        DbBuilder::new(directory)
    }

    /// The timestamps of the oldest and the newest sample in milliseconds. Of blocks, the range that they cover.
    pub fn time_range(&self) -> Option<(i64, i64)> {
        let blocks = self.shared.blocks.current();
        let ranges = blocks.blocks().iter().map(|block| {
            let meta = block.meta();
            (meta.start_ms, meta.end_ms - 1)
        });
        let all = ranges.chain(self.shared.head.time_range());
        all.reduce(|(start_ms, end_ms), (other_start_ms, other_end_ms)| {
            (start_ms.min(other_start_ms), end_ms.max(other_end_ms))
        })
    }

    /// What the database counts.
    pub fn stats(&self) -> Stats {
        let (head, samples) = self.shared.head.stats();
        let wal = self.shared.wal.as_ref().map(Wal::stats);
        Stats {
            head,
            samples,
            exemplars: self.shared.head.exemplar_stats(),
            wal: wal.unwrap_or(WalStats {
                size_bytes: self.shared.replay.size_bytes,
                ..WalStats::default()
            }),
            late_log: self.shared.late_log.as_ref().map(Wal::stats).unwrap_or_default(),
            replay: self.shared.replay.clone(),
            damaged_blocks: self.shared.blocks.damaged().to_vec(),
            damage: self.shared.blocks.damage(),
            space: self.shared.reserve.stats(),
        }
    }

    /// Which metrics, names and labels most series in memory have, `limit` of each kind. Walks all labels.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        self.shared.head.cardinality(limit)
    }

    /// The memory that the samples take, in bytes. Walks all series.
    pub fn sample_memory_bytes(&self) -> u64 {
        self.shared.head.chunk_bytes()
    }

    /// Does what is due: makes the log durable when the interval of [`WalSync::Interval`](crate::WalSync) is over, once a minute
    /// moves full chunks from memory to files, and takes appends again when a full disk has room again.
    ///
    /// Threads of the database do it by themselves unless [`DbBuilder::without_worker`] was asked for.
    ///
    /// # Errors
    ///
    /// When a sync of the log failed, and from then on nothing is taken; or the disk is full or fails.
    pub fn run_maintenance(&self) -> Result<(), Error> {
        let shared = &self.shared;
        shared.reserve.restore_if_room();
        shared.logs().try_for_each(Wal::sync_if_due)?;
        shared.reserve.run(|| shared.map_chunks_if_due())
    }

    /// A consistent point of the running database, to be copied while it goes on: all batches that were appended
    /// before, whole. What it covers is durable, and stays readable through it whatever is compacted or removed meanwhile. Waits for a
    /// running compaction.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let shared = &self.shared;
        let pinned = {
            // Nobody removes files until they are open.
            let _alone = shared.compaction.lock().unwrap_or_else(PoisonError::into_inner);
            let end = shared.log_ends();
            shared.logs().try_for_each(Wal::sync)?;
            backup::pin(&*shared.directory, end)?
        };
        pinned.into_snapshot(&*shared.clock)
    }

    /// Decodes every chunk in memory and checks that the label index fits the series, and re-reads every block: checksums,
    /// cross-references, samples.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] with the first thing that does not fit.
    pub fn verify(&self) -> Result<(), Error> {
        for block in self.shared.blocks.current().blocks() {
            let report = block.verify()?;
            if let Some(problem) = report.problems.first() {
                return Err(Error::Corrupt {
                    path: block.meta().ulid.to_string(),
                    message: problem.to_string(),
                });
            }
        }
        self.shared.head.verify().map_err(|message| Error::Corrupt {
            path: "memory".to_owned(),
            message,
        })
    }

    /// Makes everything durable, refuses later appends and gives the directory free. Queries go on. With
    /// [`Settings::snapshot_on_close`] a chunk snapshot is written, too.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub fn close(&self) -> Result<(), Error> {
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        drop(workers);
        let outcomes: Vec<_> = self.shared.logs().map(Wal::close).collect();
        let outcome: Result<(), Error> = outcomes.into_iter().collect();
        let mut lock = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome.is_ok() && lock.is_some() {
            self.shared.write_snapshot_on_close();
        }
        lock.take();
        outcome
    }
}

impl Shared {
    /// Moves full chunks from memory to files.
    fn map_chunks(&self) -> Result<(), Error> {
        let Some(wal) = &self.wal else {
            return Ok(());
        };
        let chunks = self.head.map_chunks(wal, self.clock.monotonic())?;
        if chunks > 0 {
            tracing::debug!(chunks, "full chunks moved to files");
        }
        Ok(())
    }

    fn map_chunks_if_due(&self) -> Result<(), Error> {
        let next = self.head.mapped.last_run().saturating_add(open::MAPPING_INTERVAL);
        if self.clock.monotonic() < next {
            return Ok(());
        }
        self.map_chunks()
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "closing the database");
        }
    }
}

impl SeriesSource for Db {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let capture = |select: &Select| self.shared.head.capture(select);
        if self.shared.blocks.any_overlaps(select) {
            self.shared.blocks.select_with(capture, select)
        } else {
            Ok(Box::new(HeadCursor::new(capture(select), select.start_ms)))
        }
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        let head = self.shared.head.label_names(select);
        let blocks = self.shared.blocks.current().label_names(select)?;
        Ok(merge_texts(head, blocks, select))
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        let head = self.shared.head.label_values(name, select);
        let blocks = self.shared.blocks.current().label_values(name, select)?;
        Ok(merge_texts(head, blocks, select))
    }
}

impl SampleSink for Db {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        let shared = &self.shared;
        let wal = shared.wal.as_ref().ok_or_else(read_only)?;
        shared.reserve.check()?;
        let appended = shared.head.append(batch, wal, shared.late_log.as_ref());
        Ok(shared.reserve.watch(appended)?)
    }

    fn sync(&self) -> Result<(), SinkError> {
        if self.shared.wal.is_none() {
            return Err(read_only());
        }
        Ok(self.shared.logs().try_for_each(Wal::sync_as_promised)?)
    }
}

/// Both, ascending and without duplicates, up to the limit.
fn merge_texts(head: Vec<String>, blocks: Vec<String>, select: &Select) -> Vec<String> {
    let mut all = head;
    all.extend(blocks);
    all.sort_unstable();
    all.dedup();
    all.truncate(select.limit.unwrap_or(usize::MAX));
    all
}

fn read_only() -> SinkError {
    SinkError::Unavailable("the database is open read-only".to_owned())
}
