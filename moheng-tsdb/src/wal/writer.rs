//! [`Wal`]: appends records to segments.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moheng_metrics::Clock;

use super::poison::Poison;
use super::sync::GroupSync;
use crate::format::names;
use crate::format::wal_page::{Compression, framed_bytes_max, write_record};
use crate::storage::{Directory, File, OpenMode};
use crate::{Error, WalStats, WalSync};

/// How a [`Wal`] is opened.
#[derive(Debug)]
pub(crate) struct WalOptions {
    pub(crate) directory: Arc<dyn Directory>,
    /// The directory of the log, `wal` or `wbl`; it is there.
    pub(crate) log: &'static str,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: WalSync,
    pub(crate) segment_bytes: u64,
    pub(crate) compression: Compression,
    /// The number of the first segment that is written.
    pub(crate) next_number: u32,
    /// The size of all segments there are.
    pub(crate) size_bytes: u64,
}

/// Appends records to segments; shared between threads.
///
/// A segment is created with the first record that needs it, and always a new one after opening.
#[derive(Debug)]
pub(crate) struct Wal {
    directory: Arc<dyn Directory>,
    log: &'static str,
    policy: WalSync,
    segment_bytes: u64,
    compression: Compression,
    /// The size of the segments from before opening.
    size_before_bytes: u64,
    removed_bytes: AtomicU64,
    writer: Mutex<Writer>,
    sync: GroupSync,
    poison: Arc<Poison>,
}

#[derive(Debug)]
struct Writer {
    /// `None` before the first record.
    segment: Option<Segment>,
    next_number: u32,
    /// Bytes written since opening.
    position: u64,
    /// Scratch: the pages of one append.
    framed: Vec<u8>,
    is_closed: bool,
    failed_writes: u64,
}

#[derive(Debug)]
struct Segment {
    number: u32,
    file: Arc<dyn File>,
    /// Where the last whole record ends; nothing is behind it unless `is_dirty`.
    size_bytes: u64,
    /// Cutting off a batch that failed has failed, too. Nothing is written before that is done: read after a restart, the batch would
    /// keep out older samples that were taken after it.
    is_dirty: bool,
}

/// A record ready to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRecord<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) compression: Compression,
}

impl Wal {
    pub(crate) fn new(options: WalOptions) -> Self {
        let poison = Arc::new(Poison::default());
        Self {
            directory: options.directory,
            log: options.log,
            policy: options.policy,
            segment_bytes: options.segment_bytes,
            compression: options.compression,
            size_before_bytes: options.size_bytes,
            removed_bytes: AtomicU64::new(0),
            writer: Mutex::new(Writer {
                segment: None,
                next_number: options.next_number,
                position: 0,
                framed: Vec::new(),
                is_closed: false,
                failed_writes: 0,
            }),
            sync: GroupSync::new(Arc::clone(&poison), options.clock),
            poison,
        }
    }

    /// Writes records with one write, and with [`WalSync::Always`] returns when they are durable.
    ///
    /// # Errors
    ///
    /// Nothing was logged: the disk is full or failed, or the log is closed or poisoned.
    pub(crate) fn append(&self, records: &[LogRecord<'_>]) -> Result<(), Error> {
        let mut writer = self.writer();
        self.poison.check()?;
        if writer.is_closed {
            return Err(Error::Unavailable("it is closed".to_owned()));
        }
        let outcome = self.write(&mut writer, records);
        if outcome.is_err() {
            writer.failed_writes += 1;
        }
        drop(writer);
        outcome?;
        match self.policy {
            WalSync::Always => self.sync.sync(),
            WalSync::Interval(_) | WalSync::Os => Ok(()),
        }
    }

    /// A log in whose place writing stops together with `other`'s: after a failed sync of either neither takes anything.
    pub(crate) fn beside(options: WalOptions, other: &Self) -> Self {
        let mut log = Self::new(WalOptions {
            directory: Arc::clone(&options.directory),
            clock: Arc::clone(&options.clock),
            ..options
        });
        log.poison = Arc::clone(&other.poison);
        log.sync = GroupSync::new(Arc::clone(&other.poison), options.clock);
        log
    }

    /// Writes records like [`Wal::append`], then does something that others who write meanwhile wait for. When that fails the records
    /// are taken back.
    ///
    /// # Errors
    ///
    /// Nothing was logged: as [`Wal::append`], or `inside` failed.
    pub(crate) fn append_around(
        &self,
        records: &[LogRecord<'_>],
        inside: impl FnOnce() -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut writer = self.writer();
        self.poison.check()?;
        if writer.is_closed {
            return Err(Error::Unavailable("it is closed".to_owned()));
        }
        let before = writer
            .segment
            .as_ref()
            .map(|segment| (segment.number, segment.size_bytes));
        if let Err(error) = self.write(&mut writer, records) {
            writer.failed_writes += 1;
            return Err(error);
        }
        if let Err(error) = inside() {
            self.take_back(&mut writer, before);
            return Err(error);
        }
        drop(writer);
        match self.policy {
            WalSync::Always => self.sync.sync(),
            WalSync::Interval(_) | WalSync::Os => Ok(()),
        }
    }

    /// Ends the segment that is written to, and returns the number of the one that gets the next record.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(crate) fn end_segment(&self) -> Result<u32, Error> {
        let mut writer = self.writer();
        self.clean(&mut writer)?;
        Ok(match &writer.segment {
            Some(segment) if segment.size_bytes == 0 => segment.number,
            _ => {
                writer.segment = None;
                writer.next_number
            }
        })
    }

    /// Says that segments of this size in all were removed.
    pub(crate) fn forget_bytes(&self, size_bytes: u64) {
        self.removed_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    /// Does something while nobody writes, and returns that with where the log ends.
    pub(crate) fn end_with<T>(&self, inside: impl FnOnce() -> T) -> ((u32, u64), T) {
        let writer = self.writer();
        let other = inside();
        (end_of(&writer), other)
    }

    /// Returns when everything written before is durable, whatever the policy.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.sync.sync()
    }

    /// Returns when everything written before is as durable as the policy promises.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub(crate) fn sync_as_promised(&self) -> Result<(), Error> {
        match self.policy {
            WalSync::Os => self.poison.check(),
            WalSync::Always | WalSync::Interval(_) => self.sync.sync(),
        }
    }

    /// Syncs when the policy has an interval, whatever time it is.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub(crate) fn sync_in_background(&self) -> Result<(), Error> {
        match self.policy {
            WalSync::Interval(_) if !self.poison.is_set() => self.sync.sync(),
            _ => Ok(()),
        }
    }

    /// Syncs when the policy has an interval and it is over.
    ///
    /// # Errors
    ///
    /// When a sync failed.
    pub(crate) fn sync_if_due(&self) -> Result<(), Error> {
        match self.policy {
            WalSync::Interval(interval) if !self.poison.is_set() && self.sync.is_due(interval) => {
                self.sync.sync()
            }
            _ => Ok(()),
        }
    }

    /// Makes everything durable and refuses later records.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.writer().is_closed = true;
        self.sync.sync()
    }

    /// Where the log ends: a segment, and how much of it is whole records.
    pub(crate) fn end(&self) -> (u32, u64) {
        end_of(&self.writer())
    }

    /// How its records are to be compressed.
    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    pub(crate) fn stats(&self) -> WalStats {
        let sync = self.sync.stats();
        let writer = self.writer();
        WalStats {
            current_segment: writer
                .segment
                .as_ref()
                .map_or(writer.next_number, |segment| segment.number),
            size_bytes: (self.size_before_bytes + writer.position)
                .saturating_sub(self.removed_bytes.load(Ordering::Relaxed)),
            written_bytes: writer.position,
            failed_writes: writer.failed_writes,
            sync_count: sync.count,
            sync_time: sync.time,
            is_writable: !writer.is_closed && !self.poison.is_set(),
        }
    }

    fn write(&self, writer: &mut Writer, records: &[LogRecord<'_>]) -> Result<(), Error> {
        let needed: u64 = records
            .iter()
            .map(|record| framed_bytes_max(record.bytes.len()))
            .sum();
        let is_full = |segment: &Segment| {
            segment.size_bytes > 0 && segment.size_bytes.saturating_add(needed) > self.segment_bytes
        };
        self.clean(writer)?;
        if writer.segment.as_ref().is_none_or(is_full) {
            self.start_segment(writer)?;
        }
        let Some(segment) = &mut writer.segment else {
            return Err(Error::Unavailable("it has no segment".to_owned()));
        };
        writer.framed.clear();
        for record in records {
            let offset = segment.size_bytes + writer.framed.len() as u64;
            write_record(record.bytes, record.compression, offset, &mut writer.framed);
        }
        if let Err(error) = segment.file.append(&writer.framed) {
            // The next record must follow the last whole one, or no reader finds it.
            let path = names::segment(self.log, segment.number);
            if let Err(error) = segment.file.truncate(segment.size_bytes) {
                tracing::error!(segment = %path, %error, "cannot cut a failed write; it is tried again");
                segment.is_dirty = true;
            }
            return Err(Error::io(format!("writing {path}"))(error));
        }
        segment.size_bytes += writer.framed.len() as u64;
        writer.position += writer.framed.len() as u64;
        self.sync.set_written(writer.position);
        Ok(())
    }

    /// Cuts the segment back to where it ended, which is its beginning when it is a new one.
    fn take_back(&self, writer: &mut Writer, before: Option<(u32, u64)>) {
        let Some(segment) = &mut writer.segment else {
            return;
        };
        let size_bytes = before
            .filter(|(number, _)| *number == segment.number)
            .map_or(0, |(_, size_bytes)| size_bytes);
        let written = segment.size_bytes - size_bytes;
        segment.size_bytes = size_bytes;
        self.removed_bytes.fetch_add(written, Ordering::Relaxed);
        if let Err(error) = segment.file.truncate(size_bytes) {
            let path = names::segment(self.log, segment.number);
            tracing::error!(segment = %path, %error, "cannot take back a part of a batch; it is tried again");
            segment.is_dirty = true;
        }
    }

    /// Cuts off what a failed batch left.
    fn clean(&self, writer: &mut Writer) -> Result<(), Error> {
        if let Some(segment) = writer.segment.as_mut().filter(|segment| segment.is_dirty) {
            let path = names::segment(self.log, segment.number);
            let cut = segment.file.truncate(segment.size_bytes);
            cut.map_err(Error::io(format!("cutting a failed write off {path}")))?;
            segment.is_dirty = false;
        }
        Ok(())
    }

    /// Creates the next segment. Its name is durable before anything is in it.
    fn start_segment(&self, writer: &mut Writer) -> Result<(), Error> {
        let number = writer.next_number;
        let path = names::segment(self.log, number);
        let file = match self.directory.open(&path, OpenMode::Create) {
            // Left by an attempt of ours whose directory sync failed is impossible: that poisons.
            Err(error) => return Err(Error::io(format!("creating {path}"))(error)),
            Ok(file) => file,
        };
        if let Err(error) = self.directory.sync_directory(self.log) {
            self.poison.set(format!(
                "a sync of the directory {} failed: {error}; reopen the database",
                self.log
            ));
            return Err(Error::io(format!("syncing {}", self.log))(error));
        }
        writer.next_number = number
            .checked_add(1)
            .ok_or_else(|| Error::Unavailable("segment numbers are used up".to_owned()))?;
        self.sync.add_file(Arc::clone(&file));
        let had_segment = writer.segment.is_some();
        writer.segment = Some(Segment {
            number,
            file,
            size_bytes: 0,
            is_dirty: false,
        });
        if had_segment {
            // A full segment is made durable under every policy.
            self.sync.sync()?;
        }
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end_of(writer: &Writer) -> (u32, u64) {
    match &writer.segment {
        Some(segment) => (segment.number, segment.size_bytes),
        None => (writer.next_number, 0),
    }
}
