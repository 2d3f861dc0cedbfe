//! [`Snapshot`]: a point of a data directory that can be copied while the directory goes on.

use std::io::{self, Read};
use std::sync::Arc;

use super::copy::copy_files;
use super::manifest::{Manifest, ManifestFile};
use crate::Error;
use crate::format::names;
use crate::storage::{
    Directory, File, MemoryDirectory, OpenMode, list_or_empty, read_full, write_atomically,
};

/// A point of a data directory: which files, and how much of each.
#[derive(Clone, Debug)]
pub struct Snapshot {
    directory: Arc<dyn Directory>,
    /// Copies of the files of blocks that deletions replace.
    kept: MemoryDirectory,
    manifest: Manifest,
}

impl Snapshot {
    pub(super) fn new(directory: Arc<dyn Directory>, kept: MemoryDirectory, manifest: Manifest) -> Self {
        Self {
            directory,
            kept,
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
    /// When it cannot be opened: another process that owns the directory may have removed it meanwhile.
    pub fn open_file(&self, file: &ManifestFile) -> Result<SnapshotReader, Error> {
        let directory: &dyn Directory = if is_replaced(&file.path) {
            &self.kept
        } else {
            &*self.directory
        };
        SnapshotReader::open(directory, &file.path, file.size_bytes)
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
        Ok(Self {
            file: directory
                .open(path, OpenMode::Read)
                .map_err(Error::io(format!("opening {path}")))?,
            path: path.to_owned(),
            position: 0,
            size_bytes,
        })
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
