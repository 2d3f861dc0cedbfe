//! [`Appender`]: a new file written from front to back through a buffer.

use std::sync::Arc;

use super::{Directory, File, OpenMode};
use crate::Error;

const BUFFER_BYTES: usize = 1 << 20;

/// A new file written from front to back.
#[derive(Debug)]
pub(crate) struct Appender {
    file: Arc<dyn File>,
    path: String,
    buffer: Vec<u8>,
    flushed_bytes: u64,
}

impl Appender {
    /// Creates a file, which must not exist.
    pub(crate) fn create(directory: &dyn Directory, path: String) -> Result<Self, Error> {
        let file = directory
            .open(&path, OpenMode::Create)
            .map_err(Error::io(format!("creating {path}")))?;
        Ok(Self {
            file,
            path,
            buffer: Vec::new(),
            flushed_bytes: 0,
        })
    }

    /// What is not in the file yet, to append to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// How much was written, the buffer included.
    pub(crate) fn position(&self) -> u64 {
        self.flushed_bytes + self.buffer.len() as u64
    }

    /// Appends zeros up to the next multiple of `alignment`.
    pub(crate) fn align(&mut self, alignment: u64) {
        let padded = self.position().next_multiple_of(alignment) - self.flushed_bytes;
        self.buffer.resize(padded as usize, 0);
    }

    /// Writes the buffer when it is large; to be called between appending.
    pub(crate) fn flush_when_full(&mut self) -> Result<(), Error> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush()
    }

    /// Writes the buffer.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.file
            .append(&self.buffer)
            .map_err(Error::io(format!("writing {}", self.path)))?;
        self.flushed_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the rest, makes the file durable and returns its size in bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.file
            .sync()
            .map_err(Error::io(format!("syncing {}", self.path)))?;
        Ok(self.flushed_bytes)
    }
}
