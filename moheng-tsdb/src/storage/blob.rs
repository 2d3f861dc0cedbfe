//! [`Blob`] and [`Window`]: files that never change, read in pieces.

use std::sync::Arc;

use super::{Directory, File, OpenMode, read_full};
use crate::Error;

/// A file that does not change any more.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    file: Arc<dyn File>,
    path: Arc<str>,
    size_bytes: u64,
}

impl Blob {
    pub(crate) fn open(directory: &dyn Directory, path: &str) -> Result<Self, Error> {
        let fail = || Error::io(format!("opening {path}"));
        let file = directory.open(path, OpenMode::Read).map_err(fail())?;
        let size_bytes = file.size_bytes().map_err(fail())?;
        Ok(Self {
            file,
            path: path.into(),
            size_bytes,
        })
    }

    /// The file itself.
    pub(crate) fn file(&self) -> Arc<dyn File> {
        Arc::clone(&self.file)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads `length` bytes at `offset`, or as many as there are, replacing what `out` holds.
    pub(crate) fn read(&self, offset: u64, length: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let there = self.size_bytes.saturating_sub(offset).min(length as u64) as usize;
        out.clear();
        out.resize(there, 0);
        let read =
            read_full(&*self.file, out, offset).map_err(Error::io(format!("reading {}", self.path)))?;
        out.truncate(read);
        Ok(())
    }

    /// An error about what is at `offset`.
    pub(crate) fn corrupt(&self, offset: u64, message: impl std::fmt::Display) -> Error {
        Error::Corrupt {
            path: self.path.to_string(),
            message: format!("at byte {offset}: {message}"),
        }
    }
}

/// The offset that [`Blob::corrupt`] put before a message, and the rest of it.
pub(crate) fn split_offset(message: &str) -> (Option<u64>, &str) {
    let parts = message
        .strip_prefix("at byte ")
        .and_then(|rest| rest.split_once(": "));
    match parts.and_then(|(offset, rest)| Some((offset.parse().ok()?, rest))) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, message),
    }
}

/// The piece of a blob that was read last, so that neighbours need no further read.
#[derive(Debug, Default)]
pub(crate) struct Window {
    buffer: Vec<u8>,
    start: u64,
}

impl Window {
    /// What is at `offset`: at least `wanted` bytes unless the file ends before. When it must be read, `ahead` bytes are.
    pub(crate) fn get(
        &mut self,
        blob: &Blob,
        offset: u64,
        wanted: usize,
        ahead: usize,
    ) -> Result<&[u8], Error> {
        let end = blob.size_bytes.min(offset.saturating_add(wanted as u64));
        let is_there = offset >= self.start && end <= self.start + self.buffer.len() as u64;
        if !is_there {
            self.start = offset;
            if let Err(error) = blob.read(offset, ahead.max(wanted), &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
        }
        let skipped = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(skipped..).unwrap_or_default())
    }

    /// Where what was read ends.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    /// Forgets what was read; to be called before another blob is read.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
    }
}
