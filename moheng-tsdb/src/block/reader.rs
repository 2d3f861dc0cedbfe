//! [`Block`]: a block that is read.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use moheng_metrics::{Labels, Matcher, Select, SeriesCursor, SeriesSource, SourceError};

use super::chunk_files::ChunkFiles;
use super::meta::{self, BlockMeta};
use super::tombstones::{Interval, Tombstones};
use super::verify::{BlockReport, verify};
use crate::Error;
use crate::index::{IndexReader, SeriesReader, matching};
use crate::query::BlockCursor;
use crate::storage::Directory;

/// A block that is read. Clones share it, and files stay open while a query uses them, whatever happens to the names.
#[derive(Clone, Debug)]
pub struct Block {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: Arc<dyn Directory>,
    path: String,
    meta: BlockMeta,
    index: Arc<IndexReader>,
    chunks: Arc<ChunkFiles>,
    tombstones: RwLock<Arc<Tombstones>>,
    /// Held while deletions are written.
    deleting: Mutex<()>,
    /// How often reading has found damage, and what it was the first time.
    damage_count: AtomicU64,
    damage: OnceLock<String>,
}

impl Block {
    /// Opens the block in `path`, a directory in `directory`: one that this crate or Prometheus wrote.
    ///
    /// # Errors
    ///
    /// When one of its files is missing or damaged, or the disk fails. Damage to single series and chunks is found when they
    /// are read.
    pub fn open(directory: Arc<dyn Directory>, path: &str) -> Result<Self, Error> {
        let meta = BlockMeta::read(&*directory, path)?;
        let index = IndexReader::open(&*directory, path)?;
        let chunks = ChunkFiles::open(&*directory, path)?;
        let tombstones = Tombstones::read(&*directory, path)?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                meta,
                index: Arc::new(index),
                chunks: Arc::new(chunks),
                tombstones: RwLock::new(Arc::new(tombstones)),
                deleting: Mutex::new(()),
                damage_count: AtomicU64::new(0),
                damage: OnceLock::new(),
                directory,
            }),
        })
    }

    /// What the block says of itself, with the deletions since.
    pub fn meta(&self) -> BlockMeta {
        let mut meta = self.shared.meta.clone();
        meta.stats.tombstones = self.tombstones().count();
        meta
    }

    /// The size of index and chunks in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.shared.index.size_bytes() + self.shared.chunks.size_bytes()
    }

    /// Memory held while no query runs, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.shared.index.heap_bytes()
    }

    /// Deletes the samples from `start_ms` to `end_ms`, both inclusive, of the series that all matchers match. They are not
    /// handed out any more; the space is given back when the block is compacted. Returns how many series had chunks there.
    ///
    /// # Errors
    ///
    /// When the disk fails. All of it is deleted then or nothing, and a restart may undo that; deleting again makes sure.
    pub fn delete(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Result<u64, Error> {
        let shared = &*self.shared;
        let _guard = shared.deleting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = (*self.tombstones()).clone();
        let mut reader = SeriesReader::new(Arc::clone(&shared.index));
        let mut count = 0;
        for series in matching(&shared.index, matchers)? {
            reader.read(series)?;
            let chunks = reader.chunks();
            let Some((first_ms, last_ms)) =
                time_range(chunks.iter().map(|chunk| (chunk.start_ms, chunk.end_ms)))
            else {
                continue;
            };
            let is_hit = |interval: Interval| interval.overlaps(start_ms, end_ms);
            let mut ranges = chunks.iter().map(|chunk| Interval {
                start_ms: chunk.start_ms,
                end_ms: chunk.end_ms,
            });
            if ranges.any(is_hit) {
                let interval = Interval {
                    start_ms: start_ms.max(first_ms),
                    end_ms: end_ms.min(last_ms),
                };
                changed.add(u64::from(series), interval);
                count += 1;
            }
        }
        if count == 0 {
            return Ok(0);
        }
        changed.write(&*shared.directory, &shared.path)?;
        let total = changed.count();
        *shared.tombstones.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(changed);
        meta::update(&*shared.directory, &shared.path, |json| {
            json.stats.num_tombstones = total;
        })?;
        Ok(count)
    }

    /// The deleted ranges of the series that all matchers match.
    pub(crate) fn deleted_of(&self, matchers: &[Matcher]) -> Result<Vec<(Labels, Interval)>, Error> {
        let tombstones = self.tombstones();
        let mut reader = SeriesReader::new(Arc::clone(self.index()));
        let mut found = Vec::new();
        for series in matching(self.index(), matchers)? {
            let Some(intervals) = tombstones.of(u64::from(series)) else {
                continue;
            };
            reader.read(series)?;
            let labels = reader.labels()?;
            found.extend(intervals.iter().map(|interval| (labels.clone(), *interval)));
        }
        Ok(found)
    }

    /// Marks the block as one that is not to be compacted, because that failed.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn mark_failed(&self) -> Result<(), Error> {
        let _guard = self
            .shared
            .deleting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        meta::update(&*self.shared.directory, &self.shared.path, |json| {
            json.compaction.failed = true;
        })
    }

    /// Adds a hint to the description of the block, for whoever opens it the next time.
    pub(crate) fn add_hint(&self, hint: &str) -> Result<(), Error> {
        let _guard = self
            .shared
            .deleting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        meta::update(&*self.shared.directory, &self.shared.path, |json| {
            json.compaction.hints.push(hint.to_owned());
        })
    }

    /// Reads every byte of the block and checks checksums and all references between its parts.
    ///
    /// # Errors
    ///
    /// When the disk fails. Damage is in the report.
    pub fn verify(&self) -> Result<BlockReport, Error> {
        verify(self, &mut |_| ControlFlow::Continue(()))
    }

    pub(crate) fn index(&self) -> &Arc<IndexReader> {
        &self.shared.index
    }

    pub(crate) fn chunks(&self) -> &Arc<ChunkFiles> {
        &self.shared.chunks
    }

    /// Remembers an error that says that the block is damaged.
    pub(crate) fn note_damage(&self, error: &Error) {
        if !matches!(error, Error::Corrupt { .. }) {
            return;
        }
        self.shared.damage_count.fetch_add(1, Ordering::Relaxed);
        self.shared.damage.get_or_init(|| {
            tracing::error!(%error, block = self.shared.path, "a query has found damage");
            error.to_string()
        });
    }

    /// How often reading has found damage.
    pub(crate) fn damage_count(&self) -> u64 {
        self.shared.damage_count.load(Ordering::Relaxed)
    }

    /// What reading has found to be damaged first.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.shared.damage.get().map(String::as_str)
    }

    pub(crate) fn path(&self) -> &str {
        &self.shared.path
    }

    /// The deletions of a series at this moment.
    pub(crate) fn deleted(&self) -> Deleted {
        Deleted(self.tombstones())
    }

    /// The selected series, by a cursor that keeps the block open.
    pub(crate) fn cursor(&self, select: &Select) -> Result<BlockCursor, Error> {
        let series = if self.overlaps(select) {
            matching(self.index(), &select.matchers).inspect_err(|error| self.note_damage(error))?
        } else {
            Vec::new()
        };
        Ok(BlockCursor::new(self, series, select))
    }

    pub(super) fn tombstones(&self) -> Arc<Tombstones> {
        let tombstones = self.shared.tombstones.read();
        Arc::clone(&tombstones.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the block covers a part of the selected range.
    pub(crate) fn overlaps(&self, select: &Select) -> bool {
        self.shared.meta.start_ms <= select.end_ms && select.start_ms < self.shared.meta.end_ms
    }

    /// Calls `visitor` for the selected series that have a chunk in the range.
    fn visit(
        &self,
        select: &Select,
        mut visitor: impl FnMut(&mut SeriesReader) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut reader = SeriesReader::new(Arc::clone(self.index()));
        for series in matching(self.index(), &select.matchers)? {
            reader.read(series)?;
            let mut chunks = reader.chunks().iter();
            if chunks.any(|chunk| chunk.start_ms <= select.end_ms && select.start_ms <= chunk.end_ms) {
                visitor(&mut reader)?;
            }
        }
        Ok(())
    }

    fn find_names(&self, select: &Select) -> Result<Vec<String>, Error> {
        if select.matchers.is_empty() {
            return Ok(self.index().names().map(str::to_owned).collect());
        }
        let mut symbols = BTreeSet::new();
        self.visit(select, |reader| {
            symbols.extend(reader.symbols().iter().map(|&(name, _)| name));
            Ok(())
        })?;
        let mut reader = SeriesReader::new(Arc::clone(self.index()));
        let mut names = symbols
            .into_iter()
            .map(|symbol| reader.text(symbol).map(str::to_owned))
            .collect::<Result<Vec<String>, Error>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn find_values(&self, name: &str, select: &Select) -> Result<Vec<String>, Error> {
        let limit = select.limit.unwrap_or(usize::MAX);
        if select.matchers.is_empty() {
            return self.index().values(name, limit);
        }
        let mut values = BTreeSet::new();
        self.visit(select, |reader| {
            if let Some(value) = reader.label(name)?
                && !values.contains(value)
            {
                values.insert(value.to_owned());
            }
            Ok(())
        })?;
        Ok(values.into_iter().collect())
    }
}

impl SeriesSource for Block {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        Ok(Box::new(self.cursor(select)?))
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        if !self.overlaps(select) {
            return Ok(Vec::new());
        }
        let mut names = self.find_names(select)?;
        names.truncate(select.limit.unwrap_or(usize::MAX));
        Ok(names)
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        if !self.overlaps(select) {
            return Ok(Vec::new());
        }
        let mut values = self.find_values(name, select)?;
        values.truncate(select.limit.unwrap_or(usize::MAX));
        Ok(values)
    }
}

/// The deletions of a block at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Deleted(Arc<Tombstones>);

impl Deleted {
    /// The deleted ranges of a series, ascending and apart from each other.
    pub(crate) fn of(&self, series: u32) -> Option<Arc<[Interval]>> {
        self.0.of(u64::from(series)).map(Arc::clone)
    }
}

/// The first and last time of ranges.
fn time_range(ranges: impl Iterator<Item = (i64, i64)>) -> Option<(i64, i64)> {
    ranges.reduce(|all, range| (all.0.min(range.0), all.1.max(range.1)))
}
