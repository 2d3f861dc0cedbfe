//! [`RecordWriter`] and [`SegmentsWriter`]: files of records that are written once, from front to back.

use std::io;
use std::sync::Arc;

use super::packer::Packer;
use crate::format::wal_page::{Compression, write_record};
use crate::storage::{Directory, File, OpenMode};

/// How much is written at once.
pub(super) const WRITE_BYTES: usize = 1 << 20;

/// Writes one new file of records, in the pages of the log.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    file: Arc<dyn File>,
    framed: Vec<u8>,
    /// With what is framed.
    written: u64,
    packer: Packer,
    compression: Compression,
    packed: Vec<u8>,
}

impl RecordWriter {
    /// Creates a file, which must not exist.
    pub(crate) fn create(
        directory: &dyn Directory,
        path: &str,
        compression: Compression,
    ) -> io::Result<Self> {
        Ok(Self {
            file: directory.open(path, OpenMode::Create)?,
            framed: Vec::new(),
            written: 0,
            packer: Packer::default(),
            compression,
            packed: Vec::new(),
        })
    }

    /// Adds a record; an empty one is nothing.
    pub(crate) fn record(&mut self, record: &[u8]) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        let before = self.framed.len();
        let record = self.packer.pack(self.compression, record, &mut self.packed);
        write_record(record.bytes, record.compression, self.written, &mut self.framed);
        self.written += (self.framed.len() - before) as u64;
        if self.framed.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// The size in bytes so far.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.written
    }

    /// Makes the content durable and returns its size in bytes.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        self.file.sync()?;
        Ok(self.written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.append(&self.framed)?;
        self.framed.clear();
        Ok(())
    }
}

/// How segments are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentShape {
    /// When to end one.
    pub(crate) size_bytes: u64,
    pub(crate) compression: Compression,
}

/// Writes records to segments in a directory of their own, numbered from 0.
#[derive(Debug)]
pub(crate) struct SegmentsWriter<'a> {
    directory: &'a dyn Directory,
    path: String,
    shape: SegmentShape,
    current: Option<RecordWriter>,
    next_number: u32,
    /// Of the segments before the current one.
    finished_bytes: u64,
}

impl<'a> SegmentsWriter<'a> {
    /// Begins in a directory, which exists and is empty. A segment is ended when it has grown to the size of `shape`.
    pub(crate) fn new(directory: &'a dyn Directory, path: &str, shape: SegmentShape) -> Self {
        Self {
            directory,
            path: path.to_owned(),
            shape,
            current: None,
            next_number: 0,
            finished_bytes: 0,
        }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Adds a record; an empty one is nothing.
    pub(crate) fn record(&mut self, record: &[u8]) -> io::Result<()> {
        if record.is_empty() {
            return Ok(());
        }
        let is_full = |segment: &RecordWriter| segment.size_bytes() >= self.shape.size_bytes;
        if self.current.as_ref().is_none_or(is_full) {
            self.end_segment()?;
            let path = format!("{}/{:08}", self.path, self.next_number);
            self.current = Some(RecordWriter::create(
                self.directory,
                &path,
                self.shape.compression,
            )?);
            self.next_number += 1;
        }
        match &mut self.current {
            Some(segment) => segment.record(record),
            None => Ok(()),
        }
    }

    /// Makes everything added durable and returns its size in bytes.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.end_segment()?;
        self.directory.sync_directory(&self.path)?;
        Ok(self.finished_bytes)
    }

    fn end_segment(&mut self) -> io::Result<()> {
        if let Some(segment) = self.current.take() {
            self.finished_bytes += segment.finish()?;
        }
        Ok(())
    }
}
