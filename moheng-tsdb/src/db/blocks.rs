//! [`Blocks`]: the blocks that are open, as queries see them.

use std::sync::{Arc, PoisonError, RwLock};

use moheng_metrics::{Select, SeriesCursor, SourceError};

use crate::Error;
use crate::block::{Block, BlockMeta, BlockSet, Ulid, list_blocks};
use crate::query::MergeCursor;
use crate::storage::Directory;

/// The blocks that are open. Queries use those of the moment they started.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    current: RwLock<Arc<BlockSet>>,
}

impl Blocks {
    /// Opens the blocks of a directory, ascending by time. Of blocks that another one was made of only that one counts.
    ///
    /// # Errors
    ///
    /// When a block is damaged, which would leave its samples out of answers, or the disk fails.
    pub(super) fn open(directory: &Arc<dyn Directory>) -> Result<Self, Error> {
        let listing = list_blocks(&**directory)?;
        let obsolete = listing.obsolete();
        if let Some((_, error)) = listing.damaged.into_iter().next() {
            return Err(error);
        }
        let blocks = listing
            .blocks
            .iter()
            .filter(|meta| !obsolete.contains(&meta.ulid))
            .map(|meta| Block::open(Arc::clone(directory), &meta.ulid.to_string()))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Self {
            current: RwLock::new(Arc::new(BlockSet::new(blocks))),
        })
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

    fn change(&self, old: &[Ulid], new: Vec<Block>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let kept = current
            .blocks()
            .iter()
            .filter(|block| !old.contains(&block.meta().ulid));
        let mut blocks: Vec<Block> = kept.cloned().chain(new).collect();
        blocks.sort_by_key(|block| {
            let meta = block.meta();
            (meta.start_ms, meta.ulid)
        });
        *current = Arc::new(BlockSet::new(blocks));
    }

    /// Whether some block covers a part of the selected range.
    pub(super) fn any_overlaps(&self, select: &Select) -> bool {
        self.current().blocks().iter().any(|block| block.overlaps(select))
    }

    /// Where the head begins: behind the last block that was written from in-order samples. Older samples in the log are
    /// in blocks.
    pub(super) fn head_start_ms(&self) -> Option<i64> {
        let current = self.current();
        let in_order = current.blocks().iter().map(Block::meta).filter(|meta| {
            let is_late = |hint: &String| hint == "from-out-of-order";
            !meta.hints.iter().any(is_late)
        });
        in_order.map(|meta| meta.end_ms).max()
    }

    /// The series of the blocks and of `head`, which comes in label order as `select` must say, too.
    ///
    /// # Errors
    ///
    /// When the index of a block is damaged or cannot be read.
    pub(super) fn select_with<'a>(
        &self,
        head: impl SeriesCursor<'a> + 'a,
        select: &Select,
    ) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let mut cursors: Vec<Box<dyn SeriesCursor<'a> + 'a>> = Vec::new();
        for block in self
            .current()
            .blocks()
            .iter()
            .filter(|block| block.overlaps(select))
        {
            cursors.push(Box::new(block.cursor(select)?));
        }
        cursors.push(Box::new(head));
        Ok(Box::new(MergeCursor::new(cursors, select.limit)))
    }
}
