//! Late samples: the window in which they are taken, their log, and the way from memory into blocks.

use std::io;
use std::sync::atomic::Ordering;

use moheng_metrics::{Select, SeriesOrder};

use super::{Db, Shared};
use crate::Error;
use crate::block::{BlockMeta, FROM_OUT_OF_ORDER};
use crate::format::names;
use crate::head::{BLOCK_RANGE_MS, Part};
use crate::storage::Directory;
use crate::wal::{LogFiles, Wal};

impl Db {
    /// Changes how much older than the newest sample of all series a sample may be, in milliseconds, when its series has newer
    /// ones; 0: each series must be in order. Late samples that are stored stay.
    ///
    /// # Errors
    ///
    /// When the window is negative, the database is read-only, or there is no room for a log of late samples.
    pub fn set_out_of_order_window_ms(&self, window_ms: i64) -> Result<(), Error> {
        check_window(window_ms)?;
        if self.shared.late_log.is_none() {
            return Err(Error::Unavailable("the database is open read-only".to_owned()));
        }
        if window_ms > 0 {
            create_log(&*self.shared.directory)?;
        }
        self.shared.head.set_late_window_ms(window_ms);
        Ok(())
    }
}

/// # Errors
///
/// [`Error::Invalid`] when the window is negative.
pub(super) fn check_window(window_ms: i64) -> Result<(), Error> {
    if window_ms < 0 {
        return Err(Error::Invalid(format!(
            "the window for out-of-order samples is {window_ms} ms, at least 0 is needed"
        )));
    }
    Ok(())
}

/// Makes sure that the directory of the log is there.
pub(super) fn create_log(directory: &dyn Directory) -> Result<(), Error> {
    directory
        .create_directory(names::LATE_SAMPLES_LOG)
        .and_then(|()| directory.sync_directory(""))
        .map_err(Error::io(format!("creating {}", names::LATE_SAMPLES_LOG)))
}

impl Shared {
    /// Both logs.
    pub(super) fn logs(&self) -> impl Iterator<Item = &Wal> {
        self.late_log.iter().chain(&self.wal)
    }

    /// Moves late samples to blocks, when samples in order were moved or the log of late ones is long, and drops the part of the log
    /// that is in blocks then. Returns how many blocks that made.
    pub(super) fn move_late(&self, is_due: bool) -> Result<u64, Error> {
        let Some(log) = &self.late_log else {
            return Ok(0);
        };
        if is_due {
            self.late_is_due.store(true, Ordering::Relaxed);
        }
        let is_long = log.stats().size_bytes > 2 * self.log_segments.size_bytes;
        if !is_long && !self.late_is_due.load(Ordering::Relaxed) {
            return Ok(0);
        }
        // Whatever is logged before is in memory behind the next line.
        let first_kept = log.end_segment()?;
        let starts = self.head.begin_late_move();
        let mut blocks = 0;
        for start_ms in starts {
            blocks += u64::from(self.write_late_block(start_ms)?.is_some());
        }
        self.head.end_late_move();
        self.shorten_late_log(log, first_kept)?;
        // Series that had nothing but late samples go. What is older than memory takes may not be in a block yet.
        self.head.truncate(i64::MIN);
        self.late_is_due.store(false, Ordering::Relaxed);
        Ok(blocks)
    }

    /// Moves late samples to blocks if some may be deleted: the log of late samples does not tell whether one came before a deletion.
    pub(super) fn move_late_before_deletion(&self, start_ms: i64, end_ms: i64) -> Result<(), Error> {
        let is_hit = |(first_ms, last_ms): (i64, i64)| first_ms <= end_ms && start_ms <= last_ms;
        let has_some = self.head.late_range_ms().is_some_and(is_hit);
        // The log may still have what is in blocks.
        if has_some || self.late_is_due.load(Ordering::Relaxed) {
            self.move_late(true)?;
        }
        Ok(())
    }

    /// Writes a block with the late samples of two hours.
    fn write_late_block(&self, start_ms: i64) -> Result<Option<BlockMeta>, Error> {
        let end_ms = start_ms.saturating_add(BLOCK_RANGE_MS);
        self.with_new_block(|ulid| {
            let mut meta = BlockMeta::new(ulid, start_ms, end_ms);
            meta.hints.push(FROM_OUT_OF_ORDER.to_owned());
            let mut select = Select::new(Vec::new(), start_ms, end_ms - 1);
            select.order = SeriesOrder::ByLabels;
            self.write_block(meta, self.head.capture_part(&select, Part::Late))
        })
    }

    /// Removes the segments before a number.
    fn shorten_late_log(&self, log: &Wal, first_kept: u32) -> Result<(), Error> {
        let directory = &*self.directory;
        let fail = || Error::io("removing late samples that are in blocks from their log");
        let files = LogFiles::list_log(directory, names::LATE_SAMPLES_LOG).map_err(fail())?;
        let old = files
            .segments
            .iter()
            .filter(|segment| segment.number < first_kept);
        for segment in old {
            match directory.remove(&segment.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail()(error)),
                _ => log.forget_bytes(segment.size_bytes),
            }
        }
        // Also when nothing is removed: an earlier attempt may have got as far as that.
        match directory.sync_directory(names::LATE_SAMPLES_LOG) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail()(error)),
            _ => Ok(()),
        }
    }

    /// Where both logs end, the one of late samples first, at a moment when no batch is between them.
    pub(super) fn log_ends(&self) -> Option<LogEnds> {
        let (wal, late_log) = self.wal.as_ref().zip(self.late_log.as_ref())?;
        let (late, in_order) = late_log.end_with(|| wal.end());
        Some(LogEnds { in_order, late })
    }
}

/// Where the logs end: a segment of each, and how much of it is whole records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogEnds {
    pub(crate) in_order: (u32, u64),
    pub(crate) late: (u32, u64),
}
