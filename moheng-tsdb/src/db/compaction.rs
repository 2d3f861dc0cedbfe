//! Moving samples on: from the head into blocks, from small blocks into larger ones, and out when they are too old.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use foldhash::fast::FixedState;
use moheng_metrics::{SampleBuffer, Select, SeriesCursor, SourceError};

use super::snapshot::remove_unfinished_snapshots;
use super::{Db, Shared};
use crate::Error;
use crate::block::{
    Block, BlockMeta, BlockWriter, EncodedChunk, Ulid, list_blocks, remove_block, remove_temporary,
};
use crate::chunk::Encoding;
use crate::compact::{CompactionSettings, DiskUse, compact_blocks, plan};
use crate::format::names;
use crate::head::{BLOCK_RANGE_MS, Capture, Part};
use crate::query::HeadCursor;
use crate::storage::Directory;
use crate::wal::{Keep, LogFiles, remove_before, write_checkpoint};

/// What [`Db::compact`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// Blocks written from memory.
    pub head_blocks: u64,
    /// Blocks written from late samples in memory.
    pub late_blocks: u64,
    /// Blocks made of others.
    pub joined_blocks: u64,
    /// Blocks removed because of the retention.
    pub expired_blocks: u64,
}

impl Db {
    /// Moves samples on where that is due: memory that spans more than three hours gives its oldest two hours to a block
    /// and the log gives up what blocks hold; blocks are joined to larger ones; blocks beyond the retention are removed.
    ///
    /// A thread of the database does it once a minute unless [`DbBuilder::without_worker`](super::DbBuilder::without_worker) was
    /// asked for. Appends and queries go on meanwhile.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails, or a block is damaged. Nothing is lost: it is tried again the next time.
    pub fn compact(&self) -> Result<Compacted, Error> {
        self.shared.compact()
    }
}

impl Shared {
    pub(super) fn compact(&self) -> Result<Compacted, Error> {
        if self.wal.is_none() {
            return Err(Error::Unavailable("the database is open read-only".to_owned()));
        }
        let _alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        let mut compacted = Compacted::default();
        if self.reserve.check().is_err() {
            // What is too old or too much makes room for the rest.
            compacted.expired_blocks = self.remove_expired()?;
        }
        let outcome = self.reserve.run(|| self.compact_alone(&mut compacted));
        self.reserve.restore_if_room();
        outcome.map(|()| compacted)
    }

    fn compact_alone(&self, compacted: &mut Compacted) -> Result<(), Error> {
        while let Some((start_ms, end_ms)) = self.compactable() {
            compacted.head_blocks += u64::from(self.move_to_block(start_ms, end_ms)?);
        }
        let has_moved = compacted.head_blocks > 0;
        compacted.late_blocks += self.move_late(has_moved)?;
        if has_moved {
            self.shorten_log()?;
        }
        self.blocks.remove_files(&*self.directory, &[])?;
        compacted.joined_blocks += self.join_blocks()?;
        compacted.expired_blocks += self.remove_expired()?;
        Ok(())
    }

    /// Removes what a crash left: unfinished blocks, and blocks whose samples are in others.
    pub(super) fn clean_blocks(&self) -> Result<(), Error> {
        let directory = &*self.directory;
        let listing = list_blocks(directory)?;
        for name in &listing.temporary {
            remove_temporary(directory, name)?;
        }
        for block in listing.obsolete() {
            remove_block(directory, block)?;
        }
        remove_unfinished_snapshots(directory)
    }

    /// The half-open range of the next block, when memory spans one and a half of them. Samples from the future do not count: they
    /// would shut out those of the present.
    fn compactable(&self) -> Option<(i64, i64)> {
        let (_, newest_ms) = self.head.time_range()?;
        let newest_ms = newest_ms.min(self.clock.now_ms());
        let oldest_ms = self.head.oldest_ms()?;
        let is_due = newest_ms.saturating_sub(oldest_ms) > BLOCK_RANGE_MS + BLOCK_RANGE_MS / 2;
        let start_ms = oldest_ms - oldest_ms.rem_euclid(BLOCK_RANGE_MS);
        let end_ms = start_ms.checked_add(BLOCK_RANGE_MS)?;
        (is_due && end_ms <= newest_ms).then_some((start_ms, end_ms))
    }

    /// Writes a block with the samples of a range and drops them from memory. Returns whether there were any.
    fn move_to_block(&self, start_ms: i64, end_ms: i64) -> Result<bool, Error> {
        self.head.refuse_before(end_ms);
        let written = self.with_new_block(|ulid| self.write_head_block(ulid, start_ms, end_ms))?;
        let truncated = self.head.truncate(end_ms);
        tracing::debug!(
            chunks = truncated.chunks,
            series = truncated.series,
            "memory given back"
        );
        if let Err(error) = self.head.mapped.remove_before(end_ms) {
            tracing::warn!(%error, "files of mapped chunks stay; removing them is tried again");
        }
        Ok(written.is_some())
    }

    /// Writes a block with the samples of memory in a range.
    fn write_head_block(&self, ulid: Ulid, start_ms: i64, end_ms: i64) -> Result<Option<BlockMeta>, Error> {
        let meta = BlockMeta::new(ulid, start_ms, end_ms);
        let select = Select::new(Vec::new(), start_ms, end_ms - 1);
        self.write_block(meta, self.head.capture_part(&select, Part::InOrder))
    }

    /// Writes a block of what was captured of its range, and opens it.
    pub(super) fn write_block(&self, meta: BlockMeta, capture: Capture) -> Result<Option<BlockMeta>, Error> {
        let written = self.write_block_into(&self.directory, meta, capture)?;
        if let Some(meta) = &written {
            self.blocks.add(&self.directory, meta)?;
            let (start_ms, end_ms) = (meta.start_ms, meta.end_ms);
            tracing::info!(block = %meta.ulid, start_ms, end_ms, series = meta.stats.series, "block written");
        }
        Ok(written)
    }

    /// Writes a block of what was captured of its range into a directory.
    pub(super) fn write_block_into(
        &self,
        directory: &Arc<dyn Directory>,
        meta: BlockMeta,
        capture: Capture,
    ) -> Result<Option<BlockMeta>, Error> {
        let (start_ms, end_ms) = (meta.start_ms, meta.end_ms);
        let mut writer = BlockWriter::create(Arc::clone(directory), meta)?;
        if self.has_starts {
            writer = writer.with_start_timestamps();
        }
        let mut cursor = HeadCursor::new(capture, start_ms);
        let mut samples = SampleBuffer::new();
        loop {
            self.put_whole_series(&mut cursor, &mut writer, end_ms - 1)?;
            let Some(mut series) = cursor.next_series().map_err(|error| in_memory(&error))? else {
                break;
            };
            samples.clear();
            while series
                .samples
                .read(&mut samples)
                .map_err(|error| in_memory(&error))?
            {}
            writer.add_series(&series.labels, &samples)?;
        }
        drop(cursor);
        writer.finish()
    }

    /// Copies chunks as they are, up to a series whose samples must be encoded anew.
    fn put_whole_series(
        &self,
        cursor: &mut HeadCursor,
        writer: &mut BlockWriter,
        end_ms: i64,
    ) -> Result<(), Error> {
        let is_wanted = |encoding: Encoding| {
            use Encoding::{FloatHistogram, Histogram, Xor};
            self.has_starts || matches!(encoding, Xor | Histogram | FloatHistogram)
        };
        let mut buffer = Vec::new();
        let mut bytes = Vec::new();
        while let Some(series) = cursor.next_whole(end_ms, is_wanted) {
            for chunk in &series.sealed {
                let stored = chunk.bytes(cursor.files(), &mut buffer)?;
                let sample_count = chunk
                    .encoding
                    .sample_count(stored)
                    .map_err(|error| Error::Corrupt {
                        path: "memory".to_owned(),
                        message: error.to_string(),
                    })?;
                bytes.clear();
                bytes.extend_from_slice(stored);
                let encoded = EncodedChunk {
                    start_ms: chunk.start_ms,
                    end_ms: chunk.end_ms(),
                    encoding: chunk.encoding,
                    sample_count,
                    bytes,
                };
                writer.put_chunk(&encoded)?;
                bytes = encoded.bytes;
            }
            writer.end_series(&series.labels)?;
        }
        Ok(())
    }

    /// Replaces the older two thirds of the full segments of the log by a checkpoint.
    fn shorten_log(&self) -> Result<(), Error> {
        let Some(wal) = &self.wal else {
            return Ok(());
        };
        let directory = &*self.directory;
        let (current, _) = wal.end();
        let files = LogFiles::list(directory).map_err(Error::io(format!("listing {}", names::WAL)))?;
        let full = files
            .segments
            .iter()
            .map(|segment| segment.number)
            .filter(|number| *number < current);
        let Some((first, last)) = full.clone().min().zip(full.max()) else {
            return Ok(());
        };
        let last = first + (last - first) * 2 / 3;
        if last <= first {
            return Ok(());
        }
        // The segments were ended before, so series that appear from now on are named in later ones.
        let references = self.head.logged_references();
        let start_ms = self.head.valid_from_ms();
        let mapped_ms = self.head.mapped.oldest_ms().unwrap_or(i64::MAX);
        let keep = Keep {
            series: &|reference| references.contains(&reference),
            start_ms,
            // When all samples of two hours are deleted no block tells that memory begins behind them.
            deletions_start_ms: start_ms.min(mapped_ms),
        };
        let counts = write_checkpoint(directory, &files, last, self.log_segments, &keep)?;
        remove_before(directory, last)?;
        tracing::info!(
            last,
            kept_samples = counts.kept_samples,
            "write-ahead log shortened"
        );
        Ok(())
    }

    /// Joins blocks while there are some to join, and returns how often.
    fn join_blocks(&self) -> Result<u64, Error> {
        let settings = CompactionSettings::for_retention(self.retention.time_ms);
        let mut joined = 0;
        loop {
            let current = self.blocks.current();
            let mut metas: Vec<BlockMeta> = current.blocks().iter().map(Block::meta).collect();
            // Joined with others, one that reaches into memory would seem to say that memory begins behind it.
            let head_start_ms = self.blocks.head_start_ms().unwrap_or(i64::MIN);
            metas.retain(|meta| !meta.is_late() || meta.end_ms <= head_start_ms);
            let chosen = plan(&metas, &settings);
            if chosen.is_empty() {
                return Ok(joined);
            }
            let inputs = current
                .blocks()
                .iter()
                .filter(|block| chosen.contains(&block.meta().ulid));
            let inputs: Vec<_> = inputs.cloned().collect();
            match self.replace_blocks(&inputs, &chosen) {
                // It is tried again when there are newer blocks.
                Ok(false) => return Ok(joined),
                Ok(true) => {
                    self.blocks.remove_files(&*self.directory, &chosen)?;
                    joined += 1;
                }
                Err(error @ Error::Corrupt { .. }) => {
                    tracing::error!(%error, blocks = ?chosen, "a damaged block is left alone");
                    for block in &inputs {
                        block.mark_failed()?;
                    }
                    self.blocks.reopen(&self.directory, &chosen)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the blocks beyond the retention and returns how many.
    fn remove_expired(&self) -> Result<u64, Error> {
        let current = self.blocks.current();
        let sizes: Vec<(BlockMeta, u64)> = current
            .blocks()
            .iter()
            .map(|block| (block.meta(), block.size_bytes()))
            .collect();
        let disk = DiskUse {
            other_bytes: self.logs().map(|log| log.stats().size_bytes).sum::<u64>()
                + self.head.mapped.size_bytes(),
            disk_bytes: self.disk_bytes(),
        };
        let mut expired = self.retention.expired(&sizes, disk);
        // The newest block stays: without it a restart would take samples of the log, deleted ones too, for new. So do late ones that
        // reach into memory: their samples may be younger than those there.
        let head_start_ms = self.blocks.head_start_ms();
        expired.retain(|ulid| {
            let meta = sizes.iter().map(|(meta, _)| meta).find(|meta| meta.ulid == *ulid);
            meta.is_some_and(|meta| head_start_ms.is_some_and(|head_start_ms| meta.end_ms < head_start_ms))
        });
        if expired.is_empty() {
            return Ok(0);
        }
        self.blocks.replace(&self.directory, &expired, None)?;
        self.blocks.remove_files(&*self.directory, &expired)?;
        for block in &expired {
            tracing::info!(%block, "block removed: beyond the retention");
        }
        Ok(expired.len() as u64)
    }

    /// Puts one block in the place of several, whose files stay. Returns `false` when nothing would be left in their place and they
    /// are needed to tell where memory begins.
    pub(super) fn replace_blocks(&self, inputs: &[Block], old: &[Ulid]) -> Result<bool, Error> {
        self.with_new_block(|ulid| {
            let meta = compact_blocks(&self.directory, inputs, ulid)?;
            if meta.is_none() && self.blocks.bound_head(old) {
                return Ok(false);
            }
            self.blocks.replace(&self.directory, old, meta.as_ref())?;
            Ok(true)
        })
    }

    /// Writes a block under a new name. When that fails it is removed, in case it got so far as to have that name: after a restart it
    /// would hide those that it was made of, and what is deleted in them until then.
    pub(super) fn with_new_block<T>(&self, write: impl FnOnce(Ulid) -> Result<T, Error>) -> Result<T, Error> {
        let ulid = self.next_ulid();
        write(ulid).inspect_err(|_| self.blocks.add_leftover(ulid))
    }

    /// A name no other block has.
    pub(super) fn next_ulid(&self) -> Ulid {
        let blocks = self.blocks.current();
        loop {
            let ulid = self.any_ulid();
            // A clock that stands still, as in tests, repeats itself after a restart.
            if blocks.blocks().iter().all(|block| block.meta().ulid != ulid) {
                return ulid;
            }
        }
    }

    /// A name of this millisecond, told apart by the time since the start and a count.
    fn any_ulid(&self) -> Ulid {
        let high = self.unique();
        let mut hasher = FixedState::default().build_hasher();
        hasher.write_u64(high);
        Ulid::new(
            self.clock.now_ms(),
            u128::from(high) << 64 | u128::from(hasher.finish()),
        )
    }

    /// A number told apart from others of this millisecond by the time since the start and a count.
    pub(super) fn unique(&self) -> u64 {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write_u128(self.clock.monotonic().as_nanos());
        hasher.write_u64(self.ulid_count.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }
}

/// Chunks in memory are whole; if one is not, it must not be given up.
fn in_memory(error: &SourceError) -> Error {
    Error::Corrupt {
        path: "memory".to_owned(),
        message: error.to_string(),
    }
}
