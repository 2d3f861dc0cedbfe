//! Deleting samples, and giving back their space.

use std::sync::PoisonError;

use moheng_metrics::Matcher;

use super::{Db, Shared};
use crate::Error;
use crate::wal::Wal;

/// What [`Db::delete`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedSeries {
    /// Series with samples in memory in the range.
    pub in_memory: u64,
    /// Series with chunks in the range, of each block.
    pub in_blocks: u64,
}

impl Db {
    /// Deletes the samples from `start_ms` to `end_ms`, both inclusive, of the series that all matchers match: no matcher, all
    /// series. Queries do not see them any more, those that are running excepted. What is appended later is not
    /// deleted. The space is given back when their blocks are compacted, or by [`Db::clean_tombstones`]. Waits for a running
    /// compaction; late samples in memory are moved to blocks first.
    ///
    /// When this returns the deletion is as durable as an append.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the range is empty. When the disk is full or fails, or a block is damaged; then some of the
    /// samples may be deleted, and deleting again deletes the rest.
    pub fn delete(&self, matchers: &[Matcher], start_ms: i64, end_ms: i64) -> Result<DeletedSeries, Error> {
        let shared = &*self.shared;
        let wal = shared.wal.as_ref().ok_or_else(read_only)?;
        if end_ms < start_ms {
            return Err(Error::Invalid(format!(
                "cannot delete from {start_ms} to {end_ms}: the end is before the start"
            )));
        }
        let deleted = shared
            .reserve
            .run(|| shared.delete(matchers, start_ms, end_ms, wal))?;
        tracing::info!(
            start_ms,
            end_ms,
            in_memory = deleted.in_memory,
            in_blocks = deleted.in_blocks,
            "series deleted"
        );
        Ok(deleted)
    }

    /// Writes the blocks in which samples are deleted anew, without these, and returns how many there were. What is deleted in
    /// memory goes when memory is moved into a block; the newest block stays even when nothing is left in it, until there is a newer
    /// one. Waits for a running compaction.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails, or a block is damaged. The blocks that were not reached stay as they are.
    pub fn clean_tombstones(&self) -> Result<u64, Error> {
        if self.shared.wal.is_none() {
            return Err(read_only());
        }
        let mut cleaned = 0;
        self.shared
            .reserve
            .run(|| self.shared.clean_tombstones(&mut cleaned))?;
        Ok(cleaned)
    }
}

impl Shared {
    fn delete(
        &self,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
        wal: &Wal,
    ) -> Result<DeletedSeries, Error> {
        // Nothing moves from memory into blocks meanwhile.
        let _alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        // A block that is only waiting for its removal would come back with a restart as it is.
        self.blocks.remove_files(&*self.directory, &[])?;
        self.move_late_before_deletion(start_ms, end_ms)?;
        let mut deleted = DeletedSeries::default();
        let mut in_newest = Vec::new();
        let head_start_ms = self.blocks.head_start_ms();
        for block in self.blocks.current().blocks() {
            let meta = block.meta();
            if meta.start_ms <= end_ms && start_ms < meta.end_ms {
                deleted.in_blocks += block.delete(matchers, start_ms, end_ms)?;
                if Some(meta.end_ms) == head_start_ms && !meta.is_late() {
                    in_newest.extend(block.deleted_of(matchers)?);
                }
            }
        }
        deleted.in_memory = self.head.delete(matchers, (start_ms, end_ms), &in_newest, wal)?;
        Ok(deleted)
    }

    fn clean_tombstones(&self, cleaned: &mut u64) -> Result<(), Error> {
        let _alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        self.blocks.remove_files(&*self.directory, &[])?;
        for block in self.blocks.current().blocks() {
            let meta = block.meta();
            if meta.stats.tombstones == 0 {
                continue;
            }
            if self.replace_blocks(std::slice::from_ref(block), &[meta.ulid])? {
                self.blocks.remove_files(&*self.directory, &[meta.ulid])?;
                *cleaned += 1;
            }
        }
        Ok(())
    }
}

fn read_only() -> Error {
    Error::Unavailable("the database is open read-only".to_owned())
}
