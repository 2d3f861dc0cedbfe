//! Snapshots: blocks with all samples of a moment, in `snapshots/`, that take next to no room.

use std::io;
use std::sync::{Arc, PoisonError};

use moheng_metrics::{Select, SeriesOrder};

use super::{Db, Shared};
use crate::Error;
use crate::block::{Block, BlockMeta};
use crate::format::names;
use crate::head::{Capture, Part};
use crate::storage::{
    Directory, Subdirectory, link_or_copy, list_or_empty, read_to_end, remove_tree, write_atomically,
};

/// Descriptions and deletions of a block are smaller.
const COPIED_BYTES_MAX: u64 = 1 << 30;

impl Db {
    /// Writes `snapshots/NAME` into the data directory and returns the name: every block with its index and chunks under second
    /// names, so that they take no room while the block is there (copies where the medium has no second names), and with `with_head`
    /// a block of the samples in memory. It is a data directory of its own, which Prometheus opens too, and stays until someone
    /// removes it. Appends and queries go on; waits for a running compaction.
    ///
    /// # Errors
    ///
    /// When the database is read-only, or the disk is full or fails; then there is no snapshot.
    pub fn snapshot_blocks(&self, with_head: bool) -> Result<String, Error> {
        let shared = &*self.shared;
        if shared.wal.is_none() {
            return Err(Error::Unavailable("the database is open read-only".to_owned()));
        }
        let name = shared.snapshot_name();
        let path = format!("{}/{name}", names::SNAPSHOTS);
        let temporary = format!("{path}{}", names::CREATION_SUFFIX);
        let outcome = shared
            .write_snapshot(&temporary, with_head)
            .and_then(|()| publish(&*shared.directory, &temporary, &path));
        if outcome.is_err()
            && let Err(error) = remove_tree(&*shared.directory, &temporary)
        {
            tracing::warn!(%error, directory = %temporary, "an unfinished snapshot stays until the next start");
        }
        outcome?;
        tracing::info!(path, with_head, "snapshot written");
        Ok(name)
    }
}

impl Shared {
    fn write_snapshot(&self, path: &str, with_head: bool) -> Result<(), Error> {
        let directory = &*self.directory;
        directory
            .create_directory(names::SNAPSHOTS)
            .and_then(|()| directory.create_directory(path))
            .map_err(Error::io(format!("creating {path}")))?;
        let alone = self.compaction.lock().unwrap_or_else(PoisonError::into_inner);
        for block in self.blocks.current().blocks() {
            link_block(directory, block, path)?;
        }
        // Captured before anything can move into a block that is not in the snapshot.
        let head = if with_head { self.capture_all() } else { None };
        drop(alone);
        if let Some((meta, capture)) = head {
            let target = Subdirectory::new(Arc::clone(&self.directory), path)
                .map_err(Error::io(format!("opening {path}")))?;
            self.write_block_into(&(Arc::new(target) as Arc<dyn Directory>), meta, capture)?;
        }
        Ok(())
    }

    /// All samples in memory, and the block for them.
    fn capture_all(&self) -> Option<(BlockMeta, Capture)> {
        let (start_ms, end_ms) = self.head.time_range()?;
        let meta = BlockMeta::new(self.next_ulid(), start_ms, end_ms.checked_add(1)?);
        let mut select = Select::new(Vec::new(), start_ms, end_ms);
        select.order = SeriesOrder::ByLabels;
        Some((meta, self.head.capture_part(&select, Part::All)))
    }

    /// The time in UTC, and something no other snapshot of this second has.
    fn snapshot_name(&self) -> String {
        format!("{}-{:016x}", calendar_time(self.clock.now_ms()), self.unique())
    }
}

/// Gives the files of a block that never change second names, and copies the others.
fn link_block(directory: &dyn Directory, block: &Block, to: &str) -> Result<(), Error> {
    let name = block.meta().ulid.to_string();
    let target = format!("{to}/{name}");
    let failed = || Error::io(format!("taking a snapshot of {name}"));
    let link = |path: &str| link_or_copy(directory, path, &format!("{to}/{path}"));
    let copy = |path: &str| match read_to_end(directory, path, COPIED_BYTES_MAX) {
        Ok(content) => write_atomically(directory, &format!("{to}/{path}"), &content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    let chunks = names::block_chunks(&target);
    directory
        .create_directory(&target)
        .and_then(|()| directory.create_directory(&chunks))
        .map_err(failed())?;
    for entry in list_or_empty(directory, &names::block_chunks(&name)).map_err(failed())? {
        link(&format!("{}/{}", names::block_chunks(&name), entry.name)).map_err(failed())?;
    }
    link(&names::block_index(&name))
        .and_then(|()| copy(&names::block_tombstones(&name)))
        .and_then(|()| copy(&names::block_meta(&name)))
        .and_then(|()| directory.sync_directory(&chunks))
        .and_then(|()| directory.sync_directory(&target))
        .map_err(failed())
}

/// Gives a whole snapshot its name.
fn publish(directory: &dyn Directory, temporary: &str, path: &str) -> Result<(), Error> {
    directory
        .sync_directory(temporary)
        .and_then(|()| directory.rename(temporary, path))
        .and_then(|()| directory.sync_directory(names::SNAPSHOTS))
        .and_then(|()| directory.sync_directory(""))
        .map_err(Error::io(format!("finishing {temporary}")))
}

/// Removes snapshots that a crash left unfinished.
///
/// # Errors
///
/// When the disk fails.
pub(super) fn remove_unfinished_snapshots(directory: &dyn Directory) -> Result<(), Error> {
    let failed = || Error::io(format!("looking into {}", names::SNAPSHOTS));
    for entry in list_or_empty(directory, names::SNAPSHOTS).map_err(failed())? {
        if entry.is_directory && entry.name.ends_with(names::CREATION_SUFFIX) {
            remove_tree(directory, &format!("{}/{}", names::SNAPSHOTS, entry.name)).map_err(failed())?;
        }
    }
    Ok(())
}

/// A time in UTC as `20060102T150405Z`. The date by H. Hinnant's `civil_from_days`.
fn calendar_time(time_ms: i64) -> String {
    let seconds = time_ms.div_euclid(1000);
    let second_of_day = seconds.rem_euclid(86_400);
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time_ms, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400_000, "20000229T000000Z"),
            (951_868_799_999, "20000229T235959Z"),
            (1_795_377_540_001, "20261122T195900Z"),
            (-1, "19691231T235959Z"),
            (4_107_542_400_000, "21000301T000000Z"),
        ] {
            assert_eq!(calendar_time(time_ms), expected);
        }
    }
}
