//! [`BlockBuilder`]: blocks from samples that come in any order.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::{Clock, Labels, SampleBuffer};

use super::listing::list_blocks;
use super::meta::BlockMeta;
use super::runs::{Piece, RunReader, RunWriter};
use super::writer::BlockWriter;
use crate::Error;
use crate::format::ulid::Ulid;
use crate::storage::Directory;

/// Two hours, as blocks that are written from memory.
const RANGE_MS: i64 = 2 * 60 * 60 * 1000;
const MEMORY_BYTES: usize = 256 << 20;
/// What a label set takes beside its texts, roughly.
const SERIES_BYTES: usize = 128;
/// A block that reaches closer to the present counts as one of late samples: servers still have these times in memory.
const RECENT_MS: i64 = 3 * 60 * 60 * 1000;

/// Makes blocks of float samples that come in any order, in bounded memory: what is too much is sorted and written to temporary files,
/// which are merged in the end.
///
/// Each block covers a part of one range, such as two hours, that begins at a multiple of its length. Of samples of a series with the
/// same timestamp the one pushed last counts.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::{Labels, SystemClock};
/// use moheng_tsdb::block::BlockBuilder;
/// use moheng_tsdb::storage::MemoryDirectory;
///
/// let mut builder = BlockBuilder::new(Arc::new(MemoryDirectory::new()), Arc::new(SystemClock::new()));
/// let labels = Labels::from_pairs([("__name__", "up")]);
/// builder.push(&labels, 8_000_000, 1.0)?;
/// builder.push(&labels, 1000, 0.0)?;
/// let blocks = builder.finish(|block| println!("{}", block.ulid))?;
/// assert_eq!((blocks.len(), blocks[0].start_ms), (2, 1000));
/// # Ok::<(), moheng_tsdb::Error>(())
/// ```
#[derive(Debug)]
pub struct BlockBuilder {
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    range_ms: i64,
    memory_bytes: usize,
    /// The numbers of the label sets in memory.
    numbers: HashMap<Labels, u32, FixedState>,
    label_bytes: usize,
    held: Vec<HeldSample>,
    /// The first and last timestamp of each range with samples, by its start.
    ranges: BTreeMap<i64, (i64, i64)>,
    /// The temporary files, oldest first.
    runs: Vec<String>,
    ulid_count: u64,
}

#[derive(Clone, Copy, Debug)]
struct HeldSample {
    series: u32,
    timestamp_ms: i64,
    value: f64,
}

impl BlockBuilder {
    /// A builder of blocks in `directory`, which may hold others. The clock gives them their names.
    pub fn new(directory: Arc<dyn Directory>, clock: Arc<dyn Clock>) -> Self {
        Self {
            directory,
            clock,
            range_ms: RANGE_MS,
            memory_bytes: MEMORY_BYTES,
            numbers: HashMap::default(),
            label_bytes: 0,
            held: Vec::new(),
            ranges: BTreeMap::new(),
            runs: Vec::new(),
            ulid_count: 0,
        }
    }

    /// Blocks of so many milliseconds instead of two hours; at least one.
    #[must_use]
    pub fn with_range_ms(mut self, range_ms: i64) -> Self {
        self.range_ms = range_ms.max(1);
        self
    }

    /// Holds about so many bytes in memory, instead of 256 MiB, before it writes a temporary file.
    #[must_use]
    pub fn with_memory_bytes(mut self, memory_bytes: usize) -> Self {
        self.memory_bytes = memory_bytes;
        self
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// When there are no labels, or the disk is full or fails.
    pub fn push(&mut self, labels: &Labels, timestamp_ms: i64, value: f64) -> Result<(), Error> {
        let series = if let Some(&number) = self.numbers.get(labels) {
            number
        } else {
            self.add_series(labels)?
        };
        let (start_ms, end_ms) = self
            .ranges
            .entry(range_start(timestamp_ms, self.range_ms))
            .or_insert((timestamp_ms, timestamp_ms));
        *start_ms = timestamp_ms.min(*start_ms);
        *end_ms = timestamp_ms.max(*end_ms);
        self.held.push(HeldSample {
            series,
            timestamp_ms,
            value,
        });
        // Sorting takes half as much again.
        let held_bytes = self.held.len() * size_of::<HeldSample>() * 3 / 2;
        if held_bytes + self.label_bytes > self.memory_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Writes the blocks, ascending by time, and calls `on_block` when one is there.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails; blocks that were written stay.
    pub fn finish(mut self, mut on_block: impl FnMut(&BlockMeta)) -> Result<Vec<BlockMeta>, Error> {
        if !self.held.is_empty() {
            self.spill()?;
        }
        let readers = self
            .runs
            .iter()
            .map(|path| RunReader::open(&*self.directory, path));
        let mut readers = readers.collect::<Result<Vec<_>, Error>>()?;
        let mut blocks = Vec::new();
        for (range_start_ms, (start_ms, end_ms)) in std::mem::take(&mut self.ranges) {
            let end_ms = end_ms.checked_add(1).ok_or_else(too_late)?;
            let mut meta = BlockMeta::new(self.next_ulid()?, start_ms, end_ms);
            if end_ms > self.clock.now_ms().saturating_sub(RECENT_MS) {
                meta.hints.push("from-out-of-order".to_owned());
            }
            let mut writer = BlockWriter::create(Arc::clone(&self.directory), meta)?;
            write_range(range_start_ms, &mut readers, &mut writer)?;
            if let Some(meta) = writer.finish()? {
                on_block(&meta);
                blocks.push(meta);
            }
        }
        Ok(blocks)
    }

    fn add_series(&mut self, labels: &Labels) -> Result<u32, Error> {
        if labels.is_empty() {
            return Err(Error::Invalid("a sample without labels".to_owned()));
        }
        let number = u32::try_from(self.numbers.len())
            .map_err(|_| Error::Invalid("more than 4 billion series".to_owned()))?;
        let text_bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.label_bytes += text_bytes + SERIES_BYTES;
        self.numbers.insert(labels.clone(), number);
        Ok(number)
    }

    /// Writes what is in memory to a temporary file: by range, labels and time.
    fn spill(&mut self) -> Result<(), Error> {
        let numbers = std::mem::take(&mut self.numbers);
        let mut held = std::mem::take(&mut self.held);
        self.label_bytes = 0;
        let mut series: Vec<(Labels, u32)> = numbers.into_iter().collect();
        series.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut ranks = vec![0_u32; series.len()];
        for (rank, (_, number)) in (0..).zip(&series) {
            if let Some(place) = ranks.get_mut(*number as usize) {
                *place = rank;
            }
        }
        for sample in &mut held {
            sample.series = ranks.get(sample.series as usize).copied().unwrap_or_default();
        }
        let range_ms = self.range_ms;
        // Stable: of equal ones the last pushed stays last.
        held.sort_by_key(|sample| {
            let start_ms = range_start(sample.timestamp_ms, range_ms);
            (start_ms, sample.series, sample.timestamp_ms)
        });
        let path = format!("backfill.{:06}.tmp", self.runs.len());
        match self.directory.remove(&path) {
            // Left by a crash.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io(format!("removing {path}"))(error));
            }
            _ => {}
        }
        self.runs.push(path.clone());
        let mut writer = RunWriter::create(&*self.directory, path)?;
        let place = |sample: &HeldSample| (range_start(sample.timestamp_ms, range_ms), sample.series);
        for group in held.chunk_by(|a, b| place(a) == place(b)) {
            let Some(first) = group.first() else { continue };
            let Some((labels, _)) = series.get(first.series as usize) else {
                continue;
            };
            let samples = group.iter().map(|sample| (sample.timestamp_ms, sample.value));
            writer.put(range_start(first.timestamp_ms, range_ms), labels, samples)?;
        }
        writer.finish()
    }

    /// A name that no block of the directory has.
    fn next_ulid(&mut self) -> Result<Ulid, Error> {
        let listing = list_blocks(&*self.directory)?;
        loop {
            let mut hasher = FixedState::default().build_hasher();
            hasher.write_u128(self.clock.monotonic().as_nanos());
            hasher.write_u64(self.ulid_count);
            self.ulid_count += 1;
            let high = hasher.finish();
            hasher.write_u64(high);
            let random = u128::from(high) << 64 | u128::from(hasher.finish());
            let ulid = Ulid::new(self.clock.now_ms(), random);
            if listing.blocks.iter().all(|block| block.ulid != ulid) {
                return Ok(ulid);
            }
        }
    }
}

impl Drop for BlockBuilder {
    fn drop(&mut self) {
        for path in &self.runs {
            if let Err(error) = self.directory.remove(path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, path, "a temporary file stays");
            }
        }
    }
}

/// Merges what the temporary files hold of a range into a block.
fn write_range(start_ms: i64, readers: &mut [RunReader], writer: &mut BlockWriter) -> Result<(), Error> {
    let mut merged: Vec<(i64, f64)> = Vec::new();
    let mut samples = SampleBuffer::new();
    loop {
        let is_here = |piece: &&Piece| piece.range_start_ms == start_ms;
        let pieces = readers.iter().filter_map(RunReader::peek).filter(is_here);
        let Some(labels) = pieces.map(|piece| &piece.labels).min().cloned() else {
            return Ok(());
        };
        merged.clear();
        for reader in readers.iter_mut() {
            let is_wanted = |piece: &Piece| piece.range_start_ms == start_ms && piece.labels == labels;
            if reader.peek().is_some_and(is_wanted) {
                reader.take(&mut merged)?;
            }
        }
        merged.sort_by_key(|&(timestamp_ms, _)| timestamp_ms);
        samples.clear();
        for (index, &(timestamp_ms, value)) in merged.iter().enumerate() {
            let next = merged.get(index + 1);
            if next.is_none_or(|&(next_ms, _)| next_ms != timestamp_ms) {
                samples.floats.push(timestamp_ms, value);
            }
        }
        writer.add_series(&labels, &samples)?;
    }
}

fn range_start(timestamp_ms: i64, range_ms: i64) -> i64 {
    // At the very beginning of time a range begins earlier than can be said.
    timestamp_ms.saturating_sub(timestamp_ms.rem_euclid(range_ms))
}

fn too_late() -> Error {
    Error::Invalid(format!("no block can hold a sample at {}", i64::MAX))
}
