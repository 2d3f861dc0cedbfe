//! [`Snapshot`]: a point of a data directory that can be copied while the directory goes on.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::copy::copy_files;
use super::manifest::{Manifest, ManifestFile};
use crate::Error;
use crate::format::names;
use crate::storage::{
    Directory, File, MemoryDirectory, OpenMode, list_or_empty, read_full, read_to_end, write_atomically,
};

/// A file that is copied into memory may be this long.
const COPIED_BYTES_MAX: u64 = 1 << 30;

/// A point of a data directory: which files, and how much of each. Its files stay open, so that it can be read to the end even when
/// the database, or another process, removes them meanwhile; their space is given back after that.
#[derive(Clone, Debug)]
pub struct Snapshot {
    files: Arc<PinnedFiles>,
    manifest: Manifest,
}

/// The files of a snapshot, by their paths. They stay open, so that they can be read whatever happens to their names.
#[derive(Debug, Default)]
pub(super) struct PinnedFiles(HashMap<String, Arc<dyn File>, FixedState>);

impl PinnedFiles {
    /// Opens a file.
    pub(super) fn open(&mut self, directory: &dyn Directory, path: &str) -> Result<(), Error> {
        let file = directory.open(path, OpenMode::Read);
        let file = file.map_err(Error::io(format!("opening {path}")))?;
        self.0.insert(path.to_owned(), file);
        Ok(())
    }

    /// Copies a file that may be replaced into memory, and returns its size in bytes.
    pub(super) fn copy(&mut self, directory: &dyn Directory, path: &str) -> Result<u64, Error> {
        let fail = || Error::io(format!("reading {path}"));
        let content = read_to_end(directory, path, COPIED_BYTES_MAX).map_err(fail())?;
        let copy = MemoryDirectory::new().open(names::MANIFEST, OpenMode::Create);
        let copy = copy.map_err(fail())?;
        copy.append(&content).map_err(fail())?;
        self.0.insert(path.to_owned(), copy);
        Ok(content.len() as u64)
    }

    pub(super) fn get(&self, path: &str) -> Result<Arc<dyn File>, Error> {
        let missing = || Error::Invalid(format!("{path} does not belong to the snapshot"));
        self.0.get(path).map(Arc::clone).ok_or_else(missing)
    }

    pub(super) fn reader(&self, path: &str, size_bytes: u64) -> Result<SnapshotReader, Error> {
        Ok(SnapshotReader::new(self.get(path)?, path, size_bytes))
    }
}

impl Snapshot {
    pub(super) fn new(files: PinnedFiles, manifest: Manifest) -> Self {
        Self {
            files: Arc::new(files),
            manifest,
        }
    }

    /// What belongs to the snapshot.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads the part of a file that belongs to the snapshot, to stream it to somewhere.
    ///
    /// # Errors
    ///
    /// When it does not belong to the snapshot.
    pub fn open_file(&self, file: &ManifestFile) -> Result<SnapshotReader, Error> {
        self.files.reader(&file.path, file.size_bytes)
    }

    /// Writes the snapshot as a backup into a directory that holds none, the manifest last.
    ///
    /// # Errors
    ///
    /// When the directory is not empty or a disk fails.
    pub fn write_to(&self, to: &dyn Directory) -> Result<(), Error> {
        refuse_non_empty(to)?;
        copy_files(&|file| self.open_file(file), to, &self.manifest.files)?;
        write_atomically(to, names::MANIFEST, self.manifest.to_json().as_bytes())
            .map_err(Error::io(format!("writing {}", names::MANIFEST)))
    }
}

/// Whether a file is one that deletions replace; others are only added to or removed.
pub(super) fn is_replaced(path: &str) -> bool {
    names::is_block_file(path) && (path.ends_with("/meta.json") || path.ends_with("/tombstones"))
}

pub(super) fn refuse_non_empty(directory: &dyn Directory) -> Result<(), Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the target directory"))?;
    match entries.first() {
        None => Ok(()),
        Some(entry) => Err(Error::Invalid(format!(
            "the target directory is not empty: it holds {}",
            entry.name
        ))),
    }
}

/// Reads a file up to where it belongs to a snapshot.
#[derive(Debug)]
pub struct SnapshotReader {
    file: Arc<dyn File>,
    path: String,
    position: u64,
    size_bytes: u64,
}

impl SnapshotReader {
    pub(super) fn open(directory: &dyn Directory, path: &str, size_bytes: u64) -> Result<Self, Error> {
        let file = directory.open(path, OpenMode::Read);
        let file = file.map_err(Error::io(format!("opening {path}")))?;
        Ok(Self::new(file, path, size_bytes))
    }

    fn new(file: Arc<dyn File>, path: &str, size_bytes: u64) -> Self {
        Self {
            file,
            path: path.to_owned(),
            position: 0,
            size_bytes,
        }
    }

    /// How many bytes there are in all.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size_bytes - self.position;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let target = buffer.get_mut(..wanted).unwrap_or_default();
        if target.is_empty() {
            return Ok(0);
        }
        // Reads again when the system interrupts it, and as much as there is.
        let length = read_full(&*self.file, target, self.position)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "{} has {} bytes, {} expected",
                    self.path, self.position, self.size_bytes
                ),
            ));
        }
        self.position += length as u64;
        Ok(length)
    }
}
