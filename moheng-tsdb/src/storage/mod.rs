//! The only door to the disk: the [`Directory`] and [`File`] traits and what implements them.

mod appender;
mod blob;
mod copy;
#[cfg(feature = "testing")]
mod fault;
mod memory;
mod real;
mod subdirectory;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

pub(crate) use appender::Appender;
pub(crate) use blob::{Blob, Window, split_offset};
pub(crate) use copy::{copy_file, link_or_copy};
#[cfg(feature = "testing")]
pub use fault::{Fault, FaultDirectory, Injection};
pub use memory::MemoryDirectory;
pub use real::RealDirectory;
pub use subdirectory::Subdirectory;

/// A tree of files that a database lives in.
///
/// Paths are relative to the root of the tree, use `/`, and never contain `.`, `..` or a leading `/`; the empty path
/// is the root. Implementations are shared between threads.
///
/// # Durability contract
///
/// * What [`File::append`] wrote survives a crash of the process, and is seen by whoever opens the file afterwards.
/// * It survives a power cut only after [`File::sync`] returned. Before that any part of it may be lost, and so may a
///   [`File::truncate`].
/// * That a file or directory *exists* under its name (created, renamed, removed) survives a power cut only after
///   [`Directory::sync_directory`] of its parent returned. Syncing a file does not imply that.
/// * After a sync failed nothing is known about what it covered, and a later successful sync proves nothing: the
///   caller stops writing.
/// * [`Directory::rename`] replaces an existing file in one step: whoever looks sees the old or the new one.
/// * A failed `append` may have written a part. The caller truncates to the size before.
pub trait Directory: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists` ([`OpenMode::Create`]), `WouldBlock` ([`OpenMode::Lock`]: someone else holds it),
    /// or whatever the system says.
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// What a directory contains, ascending by name.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such directory, or whatever the system says.
    fn list(&self, path: &str) -> io::Result<Vec<Entry>>;

    /// Creates a directory whose parent exists; one that is there already is fine.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn create_directory(&self, path: &str) -> io::Result<()>;

    /// Renames a file, replacing `to` when it exists, or a directory with all it contains, where `to` must not exist.
    ///
    /// # Errors
    ///
    /// Whatever the system says; nothing was renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file or an empty directory.
    ///
    /// # Errors
    ///
    /// Whatever the system says; nothing was removed.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Makes the names in a directory durable: see the contract above.
    ///
    /// # Errors
    ///
    /// Whatever the system says; what was to become durable may be lost.
    fn sync_directory(&self, path: &str) -> io::Result<()>;

    /// Gives a file a second name, which must not exist. Both are the same file from then on, and removing one leaves the other.
    ///
    /// # Errors
    ///
    /// Whatever the system says: not all media can do it. By default `Unsupported`; the database copies the file then.
    fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// How much the medium holds and how much room is left on it.
    ///
    /// # Errors
    ///
    /// Whatever the system says. By default `Unsupported`: it is not known.
    fn space(&self) -> io::Result<Space> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The room on a medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// All there is, in bytes.
    pub total_bytes: u64,
    /// What this process may still use, in bytes.
    pub free_bytes: u64,
}

/// An open file. It is closed, and its lock given back, when the last reference is dropped.
pub trait File: Debug + Send + Sync {
    /// Reads at `offset` (bytes from the start) and returns how many bytes were read; 0 means the end of the file.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at the end of the file.
    ///
    /// # Errors
    ///
    /// Whatever the system says; a part of the bytes may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `size_bytes`, which is at most its size.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn truncate(&self, size_bytes: u64) -> io::Result<()>;

    /// Makes the content durable (`fdatasync`): see [`Directory`].
    ///
    /// # Errors
    ///
    /// Whatever the system says; what was written since the last sync may be lost, whatever a later sync says.
    fn sync(&self) -> io::Result<()>;

    /// The size in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    fn size_bytes(&self) -> io::Result<u64>;

    /// Makes an empty file take this many bytes on the medium, whatever they are. By default it writes bytes that no medium can
    /// compress.
    ///
    /// # Errors
    ///
    /// Whatever the system says; a part of the room may be taken.
    fn occupy(&self, size_bytes: u64) -> io::Result<()> {
        copy::write_noise(self, size_bytes)
    }
}

/// How [`Directory::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// A new, empty file to append to and read; it must not exist.
    Create,
    /// An existing file to append to, truncate and read.
    Append,
    /// An existing file, to read only.
    Read,
    /// A file that is created when missing and locked for this process alone until it is closed.
    Lock,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// The size of a file in bytes, 0 for a directory.
    pub size_bytes: u64,
}

/// [`Directory::list`] with a missing directory being an empty one.
pub(crate) fn list_or_empty(directory: &dyn Directory, path: &str) -> io::Result<Vec<Entry>> {
    match directory.list(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Reads a whole file of at most `limit_bytes`.
pub(crate) fn read_to_end(directory: &dyn Directory, path: &str, limit_bytes: u64) -> io::Result<Vec<u8>> {
    let file = directory.open(path, OpenMode::Read)?;
    let size_bytes = file.size_bytes()?;
    if size_bytes > limit_bytes {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{size_bytes} bytes, at most {limit_bytes} expected"),
        ));
    }
    let mut content = vec![0; size_bytes as usize];
    let length = read_full(&*file, &mut content, 0)?;
    content.truncate(length);
    Ok(content)
}

/// Reads until `buffer` is full or the file ends, and returns how much was read.
pub(crate) fn read_full(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Creates `path` with this content so that it is there whole and durable, or not at all: write beside, sync, rename,
/// sync the directory.
pub(crate) fn write_atomically(directory: &dyn Directory, path: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}.tmp");
    match directory.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = directory.open(&temporary, OpenMode::Create)?;
    file.append(content)?;
    file.sync()?;
    drop(file);
    directory.rename(&temporary, path)?;
    directory.sync_directory(parent(path))
}

/// Removes a directory with all it contains; one that is not there is fine.
pub(crate) fn remove_tree(directory: &dyn Directory, path: &str) -> io::Result<()> {
    for entry in list_or_empty(directory, path)? {
        let path = format!("{path}/{}", entry.name);
        if entry.is_directory {
            remove_tree(directory, &path)?;
        } else {
            directory.remove(&path)?;
        }
    }
    match directory.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The directory a path is in.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Refuses paths that could leave the tree.
fn check_path(path: &str) -> io::Result<()> {
    let is_clean = path.is_empty()
        || path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']));
    if is_clean {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("not a relative path: {path:?}"),
        ))
    }
}

#[cfg(test)]
mod tests;
