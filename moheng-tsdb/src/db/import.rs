//! Blocks from elsewhere: taking them in, and noticing what others have put into the directory.

use std::io;
use std::sync::{Arc, PoisonError};

use super::quarantine::open_blocks;
use super::{Db, Shared};
use crate::Error;
use crate::block::{Block, BlockMeta, FROM_OUT_OF_ORDER, list_blocks};
use crate::format::names;
use crate::storage::{Directory, copy_file, list_or_empty, remove_tree};

/// How [`Db::import_block`] takes a block in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportOptions {
    /// Whether the block may cover times that the database has samples of. Of samples of one series with the same timestamp one is
    /// handed out then.
    pub allow_overlap: bool,
}

/// What [`Db::reload_blocks`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadedBlocks {
    /// Blocks that someone else has put into the directory.
    pub added: u64,
    /// Blocks that someone else has removed.
    pub removed: u64,
}

impl Db {
    /// Copies the block in `block`, a directory in `from`, into the database: one that Prometheus, Thanos or this crate wrote. All of
    /// it is checked first. Queries see it when this returns. Waits for a running compaction.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when something of the block does not fit; [`Error::Invalid`] when it is there already, was joined into one
    /// that is, or covers times that the database has samples of and that is not allowed; when the database is read-only, or the disk
    /// is full or fails. Nothing is changed then.
    pub fn import_block(
        &self,
        from: &Arc<dyn Directory>,
        block: &str,
        options: ImportOptions,
    ) -> Result<BlockMeta, Error> {
        let shared = &*self.shared;
        if shared.wal.is_none() {
            return Err(Error::Unavailable("the database is open read-only".to_owned()));
        }
        let source = Block::open(Arc::clone(from), block)?;
        if let Some(problem) = source.verify()?.problems.first() {
            return Err(Error::Corrupt {
                path: block.to_owned(),
                message: problem.to_string(),
            });
        }
        let mut meta = source.meta();
        // Others are told by it what they may remove; here that is nobody's business.
        meta.parents.clear();
        meta.is_deletable = false;
        let alone = shared.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        shared.refuse_known(&meta)?;
        shared.refuse_overlap(&meta, options)?;
        let mut begins_memory = shared.may_bound_memory(&meta);
        if begins_memory {
            shared.head.refuse_before(meta.end_ms);
            // Unless an older sample has come before that.
            begins_memory = shared.may_bound_memory(&meta);
        }
        if !begins_memory && !meta.is_late() {
            meta.hints.push(FROM_OUT_OF_ORDER.to_owned());
        }
        shared.copy_block(&**from, block, &meta)?;
        let added = shared.blocks.add(&shared.directory, &meta);
        drop(alone);
        added?;
        tracing::info!(block = %meta.ulid, samples = meta.stats.samples, "block imported");
        Ok(meta)
    }

    /// Looks which blocks the directory holds: opens those that someone else has put there, such as another process that writes to the
    /// directory of a read-only database, and forgets those that are gone. Blocks that cannot be read are left out. What another
    /// process has appended since is not seen. Waits for a running compaction. A thread of a database that is open for writing does it
    /// once a minute, as Prometheus does.
    ///
    /// # Errors
    ///
    /// When the disk fails; nothing has changed then.
    pub fn reload_blocks(&self) -> Result<ReloadedBlocks, Error> {
        self.shared.reload_blocks()
    }
}

impl Shared {
    /// See [`Db::reload_blocks`]. Does next to nothing while nobody else changes the directory.
    pub(super) fn reload_blocks(&self) -> Result<ReloadedBlocks, Error> {
        let _alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = list_or_empty(&*self.directory, "").map_err(Error::io("listing the blocks"))?;
        let there = entries.into_iter().map(|entry| entry.name);
        if !self
            .blocks
            .has_changed(there.filter(|name| names::is_block(name)))
        {
            return Ok(ReloadedBlocks::default());
        }
        let (found, damaged) = open_blocks(&self.directory, true)?;
        if self.wal.is_some() {
            for block in &found {
                self.keep_memory(block)?;
            }
        }
        Ok(self.blocks.update(found, &damaged))
    }

    /// Makes sure that a block that someone has put into the directory does not hide samples in memory after a restart.
    fn keep_memory(&self, block: &Block) -> Result<(), Error> {
        let meta = block.meta();
        let is_late = meta.hints.iter().any(|hint| hint == FROM_OUT_OF_ORDER);
        if is_late || self.blocks.holds(meta.ulid) || self.may_bound_memory(&meta) {
            return Ok(());
        }
        block.add_hint(FROM_OUT_OF_ORDER)
    }

    fn refuse_known(&self, meta: &BlockMeta) -> Result<(), Error> {
        let ulid = meta.ulid;
        let listing = list_blocks(&*self.directory)?;
        for other in &listing.blocks {
            if other.ulid == ulid || other.parents.iter().any(|parent| parent.ulid == ulid) {
                return Err(Error::Invalid(format!(
                    "the block {ulid} is in the database already, in {}",
                    other.ulid
                )));
            }
        }
        Ok(())
    }

    fn refuse_overlap(&self, meta: &BlockMeta, options: ImportOptions) -> Result<(), Error> {
        if options.allow_overlap {
            return Ok(());
        }
        let of_blocks = self.blocks.current();
        let of_blocks = of_blocks.blocks().iter().map(Block::meta);
        let in_blocks = of_blocks.map(|other| (other.ulid.to_string(), other.start_ms, other.end_ms));
        let in_memory = self.head.time_range();
        let in_memory = in_memory.map(|(start_ms, end_ms)| ("memory".to_owned(), start_ms, end_ms + 1));
        for (place, start_ms, end_ms) in in_blocks.chain(in_memory) {
            if meta.start_ms < end_ms && start_ms < meta.end_ms {
                return Err(Error::Invalid(format!(
                    "the block {} covers {} to {}, and {place} covers {start_ms} to {end_ms}: they overlap",
                    meta.ulid, meta.start_ms, meta.end_ms
                )));
            }
        }
        Ok(())
    }

    /// Whether memory may begin behind a block: then it has no samples from before its end, now or after a restart. Otherwise the block
    /// counts as one of late samples, which says nothing of where memory begins.
    fn may_bound_memory(&self, meta: &BlockMeta) -> bool {
        let oldest_ms = self.head.oldest_ms().unwrap_or(i64::MAX);
        meta.end_ms <= oldest_ms && meta.end_ms <= self.clock.now_ms()
    }

    /// Copies the files of a block, so that it is there whole or not at all.
    fn copy_block(&self, from: &dyn Directory, block: &str, meta: &BlockMeta) -> Result<(), Error> {
        let directory = &*self.directory;
        let name = meta.ulid.to_string();
        let temporary = format!("{name}{}", names::CREATION_SUFFIX);
        let failed = || Error::io(format!("importing {name}"));
        let copy_all = || -> Result<(), Error> {
            directory
                .create_directory(&temporary)
                .and_then(|()| directory.create_directory(&names::block_chunks(&temporary)))
                .map_err(failed())?;
            let chunks = from.list(&names::block_chunks(block)).map_err(failed())?;
            let chunks = chunks
                .iter()
                .map(|entry| format!("{}/{}", names::BLOCK_CHUNKS, entry.name));
            for file in chunks.chain([names::BLOCK_INDEX.to_owned()]) {
                let to = format!("{temporary}/{file}");
                copy_file(from, &format!("{block}/{file}"), directory, &to).map_err(failed())?;
            }
            let tombstones = names::block_tombstones(&temporary);
            match copy_file(from, &names::block_tombstones(block), directory, &tombstones) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome.map_err(failed())?,
            }
            meta.write(directory, &temporary)?;
            directory
                .sync_directory(&names::block_chunks(&temporary))
                .and_then(|()| directory.sync_directory(&temporary))
                .and_then(|()| directory.rename(&temporary, &name))
                .and_then(|()| directory.sync_directory(""))
                .map_err(failed())
        };
        copy_all().inspect_err(|_| {
            self.blocks.add_leftover(meta.ulid);
            if let Err(error) = remove_tree(directory, &temporary) {
                tracing::warn!(%error, directory = %temporary, "an unfinished block stays until the next start");
            }
        })
    }
}
