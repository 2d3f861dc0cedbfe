//! [`MemoryDirectory`]: files in memory that know what a power cut would leave of them.

mod content;
mod tree;

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::content::Content;
use self::tree::{Node, Tree};
use super::{Directory, Entry, File, OpenMode, Space, check_path, parent};

/// A directory in memory, for databases that need not last and for tests.
///
/// It keeps what is written apart from what was synced, so that [`MemoryDirectory::after_power_cut`] can tell what a
/// disk would still hold. Clones share the files.
///
/// ```
/// use moheng_tsdb::storage::{Directory, MemoryDirectory, OpenMode};
///
/// let directory = MemoryDirectory::new();
/// let file = directory.open("a", OpenMode::Create)?;
/// file.append(b"kept")?;
/// file.sync()?;
/// directory.sync_directory("")?;
/// file.append(b" lost")?;
/// let survivor = directory.after_power_cut(|_| 0).open("a", OpenMode::Read)?;
/// assert_eq!(survivor.size_bytes()?, 4);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryDirectory {
    tree: Arc<Mutex<Tree>>,
    capacity: Arc<Capacity>,
}

/// How much the files of a directory may take together, in bytes.
#[derive(Debug)]
struct Capacity(AtomicU64);

impl Default for Capacity {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl MemoryDirectory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how much the files take at most, in bytes: writing beyond that fails as on a full disk, and [`Directory::space`] says so. Without,
    /// the size is not known and nothing is too much.
    pub fn set_capacity(&self, total_bytes: u64) {
        self.capacity.0.store(total_bytes, Ordering::Relaxed);
    }

    /// What is left after a power cut: names whose directory was synced, and content that was synced.
    ///
    /// For every surviving file with unsynced bytes at its end `kept_bytes(count of unsynced bytes)` decides how many
    /// of them reached the disk all the same.
    #[must_use]
    pub fn after_power_cut(&self, mut kept_bytes: impl FnMut(usize) -> usize) -> Self {
        let mut left = |content: &Content| content.after_power_cut(&mut kept_bytes);
        Self::from_tree(self.lock().copy_durable(&mut || false, &mut left))
    }

    /// What is left after a power cut when the disk wrote some of what was not synced, in any order: any of the creations,
    /// renames and removals, and of each file any size and any sectors of 512 bytes. Sectors that were not written hold what was
    /// there before, or zeros.
    ///
    /// `choose(n)` decides each time by a number below `n`, which is at least 1.
    #[must_use]
    pub fn after_torn_power_cut(&self, mut choose: impl FnMut(u64) -> u64) -> Self {
        // All, none, or some: most crashes are near one of the ends.
        let share = choose(5);
        let tree = self.lock();
        let kept: Vec<bool> = (0..tree.pending_count()).map(|_| choose(4) < share).collect();
        let mut kept = kept.into_iter();
        let mut is_kept = || kept.next().unwrap_or_default();
        let mut left = |content: &Content| content.after_torn_power_cut(&mut choose);
        Self::from_tree(tree.copy_durable(&mut is_kept, &mut left))
    }

    /// What is left after a crash of the process: everything that was written; locks are given back.
    #[must_use]
    pub fn after_process_crash(&self) -> Self {
        let mut left = |content: &Content| content.live.clone();
        Self::from_tree(self.lock().copy_live(&mut left))
    }

    /// The files with their sizes in bytes, ascending by path.
    pub fn files(&self) -> Vec<(String, u64)> {
        let files = self.lock().files();
        let size = |content: &Mutex<Content>| {
            let content = content.lock().unwrap_or_else(PoisonError::into_inner);
            content.live.len() as u64
        };
        files
            .into_iter()
            .map(|(path, content)| (path, size(&content)))
            .collect()
    }

    /// Turns over one bit of a file, as a failing disk does. Nothing happens when there is no such bit.
    pub fn flip_bit(&self, path: &str, bit: u64) {
        if let Some(Node::File(content)) = self.lock().find(path) {
            let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
            content.flip_bit(bit);
        }
    }

    fn from_tree(tree: Tree) -> Self {
        Self {
            tree: Arc::new(Mutex::new(tree)),
            capacity: Arc::default(),
        }
    }

    /// The capacity and how much of it is free, in bytes, when it is set.
    fn room(&self) -> Option<Space> {
        let total_bytes = self.capacity.0.load(Ordering::Relaxed);
        if total_bytes == u64::MAX {
            return None;
        }
        let files = self.lock().files();
        let mut counted = BTreeSet::new();
        let mut used_bytes = 0;
        for (_, content) in &files {
            if counted.insert(Arc::as_ptr(content)) {
                let content = content.lock().unwrap_or_else(PoisonError::into_inner);
                used_bytes += content.live.len() as u64;
            }
        }
        Some(Space {
            total_bytes,
            free_bytes: total_bytes.saturating_sub(used_bytes),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory for MemoryDirectory {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        check_path(path)?;
        let mut tree = self.lock();
        let content = match (tree.find(path), mode) {
            (Some(_), OpenMode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(Node::File(content)), _) => content,
            (Some(Node::Directory(_)), _) => return Err(io::ErrorKind::IsADirectory.into()),
            (None, OpenMode::Append | OpenMode::Read) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::Create | OpenMode::Lock) => {
                let content = Arc::<Mutex<Content>>::default();
                tree.add(path, Node::File(Arc::clone(&content)))?;
                content
            }
        };
        let lock = if mode == OpenMode::Lock {
            if !tree.locked.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Some(HeldLock {
                directory: self.clone(),
                path: path.to_owned(),
            })
        } else {
            None
        };
        Ok(Arc::new(MemoryFile {
            directory: self.clone(),
            content,
            is_writable: mode != OpenMode::Read,
            _lock: lock,
        }))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        check_path(path)?;
        let tree = self.lock();
        let entry = |(name, node): (&String, &Node)| match node {
            Node::File(content) => {
                let content = content.lock().unwrap_or_else(PoisonError::into_inner);
                Entry {
                    name: name.clone(),
                    is_directory: false,
                    size_bytes: content.live.len() as u64,
                }
            }
            Node::Directory(_) => Entry {
                name: name.clone(),
                is_directory: true,
                size_bytes: 0,
            },
        };
        Ok(tree.list(path)?.iter().map(entry).collect())
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        let mut tree = self.lock();
        match tree.find(path) {
            Some(Node::Directory(_)) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            None => tree.add_directory(path),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_path(from)?;
        check_path(to)?;
        let mut tree = self.lock();
        let node = tree.find(from).ok_or(io::ErrorKind::NotFound)?;
        if !matches!(tree.find(parent(to)), Some(Node::Directory(_))) {
            return Err(io::ErrorKind::NotFound.into());
        }
        match (node, tree.find(to)) {
            (Node::Directory(_), Some(_)) | (Node::File(_), Some(Node::Directory(_))) => {
                Err(io::ErrorKind::AlreadyExists.into())
            }
            (Node::Directory(_), None) if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) => {
                Err(io::ErrorKind::InvalidInput.into())
            }
            _ => tree.rename(from, to),
        }
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        let mut tree = self.lock();
        if let Some(Node::Directory(_)) = tree.find(path)
            && !tree.list(path)?.is_empty()
        {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        tree.remove(path)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        self.lock().sync(path)
    }

    fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        check_path(from)?;
        check_path(to)?;
        let mut tree = self.lock();
        match (tree.find(from), tree.find(to)) {
            (None, _) => Err(io::ErrorKind::NotFound.into()),
            (Some(Node::Directory(_)), _) => Err(io::ErrorKind::PermissionDenied.into()),
            (_, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(node), None) => tree.add(to, node),
        }
    }

    fn space(&self) -> io::Result<Space> {
        self.room().ok_or(io::ErrorKind::Unsupported.into())
    }
}

#[derive(Debug)]
struct MemoryFile {
    directory: MemoryDirectory,
    content: Arc<Mutex<Content>>,
    is_writable: bool,
    _lock: Option<HeldLock>,
}

#[derive(Debug)]
struct HeldLock {
    directory: MemoryDirectory,
    path: String,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.directory.lock().locked.remove(&self.path);
    }
}

impl MemoryFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, Content>> {
        if self.is_writable {
            Ok(self.content())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.content();
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| content.live.get(offset..))
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let free_bytes = self.directory.room().map_or(u64::MAX, |space| space.free_bytes);
        let fitting = usize::try_from(free_bytes).unwrap_or(usize::MAX);
        let written = bytes.get(..fitting).unwrap_or(bytes);
        self.writable()?.live.extend_from_slice(written);
        if written.len() < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        let size = usize::try_from(size_bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.writable()?.truncate(size);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.content().sync();
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.content().live.len() as u64)
    }
}
