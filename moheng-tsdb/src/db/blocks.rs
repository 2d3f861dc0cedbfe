//! [`Blocks`]: the blocks that are open, as queries see them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use moheng_metrics::{Select, SeriesCursor, SeriesOrder, SourceError};

use super::import::ReloadedBlocks;
use super::quarantine::open_blocks;
use crate::block::{Block, BlockMeta, BlockSet, Ulid, remove_block};
use crate::head::Capture;
use crate::query::{HeadCursor, MergeCursor};
use crate::storage::{Directory, list_or_empty};
use crate::{DamageStats, DamagedBlock, Error};

/// The blocks that are open. Queries use those of the moment they started.
///
/// Where samples of a series have the same timestamp, what was in order comes before what was late, and of that the first written:
/// blocks are kept in this order, and memory is between them.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    current: RwLock<Arc<BlockSet>>,
    /// Blocks that are not needed and whose files could not be removed.
    leftovers: Mutex<Vec<Ulid>>,
    /// What was damaged when the database was opened.
    damaged: Vec<DamagedBlock>,
    /// The names of directories that look like blocks and cannot be read.
    unreadable: Mutex<BTreeSet<String>>,
    /// How often reading has found damage in blocks that are not there any more.
    past_damage_count: AtomicU64,
}

impl Blocks {
    /// Opens the blocks of a directory. Those that are damaged are set aside.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails.
    pub(super) fn open(directory: &Arc<dyn Directory>, is_read_only: bool) -> Result<Self, Error> {
        let (mut blocks, damaged) = open_blocks(directory, is_read_only)?;
        blocks.sort_by_key(precedence);
        Ok(Self {
            current: RwLock::new(Arc::new(BlockSet::new(blocks))),
            leftovers: Mutex::default(),
            unreadable: Mutex::new(damaged.iter().map(|damaged| damaged.block.clone()).collect()),
            damaged,
            past_damage_count: AtomicU64::new(0),
        })
    }

    /// What was damaged when the database was opened.
    pub(super) fn damaged(&self) -> &[DamagedBlock] {
        &self.damaged
    }

    /// What reading has found to be damaged since then: how often, and in which blocks of now.
    pub(super) fn damage(&self) -> DamageStats {
        let current = self.current();
        let count = current.blocks().iter().map(Block::damage_count).sum::<u64>();
        let blocks = current.blocks().iter().filter_map(|block| {
            Some(DamagedBlock {
                block: block.meta().ulid.to_string(),
                reason: block.damage()?.to_owned(),
                quarantine: None,
            })
        });
        DamageStats {
            count: count + self.past_damage_count.load(Ordering::Relaxed),
            blocks: blocks.collect(),
        }
    }

    /// The blocks at this moment.
    pub(super) fn current(&self) -> Arc<BlockSet> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Adds a block that was written.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn add(&self, directory: &Arc<dyn Directory>, meta: &BlockMeta) -> Result<(), Error> {
        self.replace(directory, &[], Some(meta))
    }

    /// Takes out blocks and puts a new one in, all at once.
    ///
    /// # Errors
    ///
    /// When the new one cannot be read; nothing has changed.
    pub(super) fn replace(
        &self,
        directory: &Arc<dyn Directory>,
        old: &[Ulid],
        new: Option<&BlockMeta>,
    ) -> Result<(), Error> {
        let new = new.map(|meta| Block::open(Arc::clone(directory), &meta.ulid.to_string()));
        self.change(old, new.transpose()?.into_iter().collect());
        Ok(())
    }

    /// Opens blocks again whose description has changed.
    ///
    /// # Errors
    ///
    /// When one cannot be read; nothing has changed.
    pub(super) fn reopen(&self, directory: &Arc<dyn Directory>, blocks: &[Ulid]) -> Result<(), Error> {
        let open = |block: &Ulid| Block::open(Arc::clone(directory), &block.to_string());
        let new = blocks.iter().map(open).collect::<Result<Vec<_>, Error>>()?;
        self.change(blocks, new);
        Ok(())
    }

    /// Removes the files of blocks that were taken out, and those left by earlier failures. Until that is done no block that
    /// replaces one of them may itself be replaced: then nothing would show any more that they are not needed.
    ///
    /// # Errors
    ///
    /// When the disk fails; it is tried again the next time.
    pub(super) fn remove_files(&self, directory: &dyn Directory, blocks: &[Ulid]) -> Result<(), Error> {
        let mut leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        leftovers.extend(blocks);
        while let Some(&block) = leftovers.last() {
            if let Err(error) = remove_block(directory, block) {
                let name = block.to_string();
                let entries = list_or_empty(directory, "").map_err(Error::io("listing the blocks"))?;
                if entries.iter().any(|entry| entry.name == name) {
                    return Err(error);
                }
                // Without its name it is not a block any more; the rest goes at the next start.
                tracing::warn!(%error, %block, "a removed block still takes space");
            }
            leftovers.pop();
        }
        Ok(())
    }

    /// Remembers a block to be removed that may or may not be there: writing it failed late.
    pub(super) fn add_leftover(&self, block: Ulid) {
        let mut leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        leftovers.push(block);
    }

    fn change(&self, old: &[Ulid], new: Vec<Block>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_kept = |block: &&Block| !old.contains(&block.meta().ulid);
        let (kept, gone): (Vec<&Block>, Vec<&Block>) = current.blocks().iter().partition(is_kept);
        let damage_count = gone.iter().map(|block| block.damage_count()).sum();
        self.past_damage_count.fetch_add(damage_count, Ordering::Relaxed);
        let mut blocks: Vec<Block> = kept.into_iter().cloned().chain(new).collect();
        blocks.sort_by_key(precedence);
        *current = Arc::new(BlockSet::new(blocks));
    }

    /// Whether these are other blocks than those that are open, left to be removed, or known to be unreadable.
    pub(super) fn has_changed(&self, names: impl Iterator<Item = String>) -> bool {
        let current = self.current();
        let mut missing: BTreeSet<String> = current
            .blocks()
            .iter()
            .map(|block| block.meta().ulid.to_string())
            .collect();
        let leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        let unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |name: &String| {
            unreadable.contains(name) || leftovers.iter().any(|block| block.to_string() == *name)
        };
        let mut has_new = false;
        for name in names {
            has_new |= !missing.remove(&name) && !is_known(&name);
        }
        has_new || !missing.is_empty()
    }

    /// Whether a block is open.
    pub(super) fn holds(&self, ulid: Ulid) -> bool {
        self.current()
            .blocks()
            .iter()
            .any(|block| block.meta().ulid == ulid)
    }

    /// Takes in blocks that are not there yet, and takes out those that are not among them.
    pub(super) fn update(&self, found: Vec<Block>, unreadable: &[DamagedBlock]) -> ReloadedBlocks {
        let unreadable = unreadable.iter().map(|damaged| damaged.block.clone());
        *self.unreadable.lock().unwrap_or_else(PoisonError::into_inner) = unreadable.collect();
        let current = self.current();
        let leftovers = self.leftovers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in = |blocks: &[Block], ulid| blocks.iter().any(|block| block.meta().ulid == ulid);
        let gone: Vec<Ulid> = current
            .blocks()
            .iter()
            .map(|block| block.meta().ulid)
            .filter(|ulid| !is_in(&found, *ulid))
            .collect();
        let new: Vec<Block> = found
            .into_iter()
            .filter(|block| !is_in(current.blocks(), block.meta().ulid))
            .filter(|block| !leftovers.contains(&block.meta().ulid))
            .collect();
        let reloaded = ReloadedBlocks {
            added: new.len() as u64,
            removed: gone.len() as u64,
        };
        drop(leftovers);
        self.change(&gone, new);
        reloaded
    }

    /// Whether some block covers a part of the selected range.
    pub(super) fn any_overlaps(&self, select: &Select) -> bool {
        self.current().blocks().iter().any(|block| block.overlaps(select))
    }

    /// Where the head begins: behind the last block that was written from in-order samples. Older samples in the log are
    /// in blocks.
    pub(super) fn head_start_ms(&self) -> Option<i64> {
        self.head_start_without(&[])
    }

    /// Whether the head would begin earlier without these blocks. Then samples of theirs that the log still has would come back
    /// after a restart, deleted or not.
    pub(super) fn bound_head(&self, blocks: &[Ulid]) -> bool {
        self.head_start_without(blocks) != self.head_start_ms()
    }

    fn head_start_without(&self, blocks: &[Ulid]) -> Option<i64> {
        let current = self.current();
        let in_order = current
            .blocks()
            .iter()
            .map(Block::meta)
            .filter(|meta| !meta.is_late() && !blocks.contains(&meta.ulid));
        in_order.map(|meta| meta.end_ms).max()
    }

    /// The series of the blocks and of memory, of which `capture` takes what a selection in label order selects.
    ///
    /// # Errors
    ///
    /// When the index of a block is damaged or cannot be read.
    pub(super) fn select_with<'a>(
        &self,
        capture: impl FnOnce(&Select) -> Capture,
        select: &Select,
    ) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let mut ordered = select.clone();
        ordered.order = SeriesOrder::ByLabels;
        // The head first: what moves into a block meanwhile is then in one of them, or in both.
        let mut capture = capture(&ordered);
        let current = self.current();
        let overlapping = current.blocks().iter().filter(|block| block.overlaps(select));
        let (late, in_order): (Vec<&Block>, Vec<&Block>) =
            overlapping.partition(|block| block.meta().is_late());
        let late_capture = if late.is_empty() {
            None
        } else {
            capture.split_late()
        };
        let head = |capture| HeadCursor::new(capture, select.start_ms);
        let mut cursors: Vec<Box<dyn SeriesCursor<'a> + 'a>> = Vec::new();
        for block in in_order {
            cursors.push(Box::new(block.cursor(&ordered)?));
        }
        cursors.push(Box::new(head(capture)));
        for block in late {
            cursors.push(Box::new(block.cursor(&ordered)?));
        }
        if let Some(capture) = late_capture {
            cursors.push(Box::new(head(capture)));
        }
        Ok(Box::new(MergeCursor::new(cursors, select.limit)))
    }
}

/// Blocks in order by their time, then those of late samples in the order they were written.
fn precedence(block: &Block) -> (bool, i64, Ulid) {
    let meta = block.meta();
    let is_late = meta.is_late();
    (is_late, if is_late { 0 } else { meta.start_ms }, meta.ulid)
}
