//! [`MemoryDirectory`]: files in memory that know what a power cut would leave of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Directory, Entry, File, OpenMode, check_path, parent};

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
}

#[derive(Debug, Default)]
struct Tree {
    live: Names,
    durable: Names,
    locked: BTreeSet<String>,
    /// Directories renamed since the directory they are in was synced, from and to.
    moved: Vec<(String, String)>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    directories: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Cut since the last sync, so that `durable` need not be a prefix of `live`.
    is_cut: bool,
}

impl MemoryDirectory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is left after a power cut: names whose directory was synced, and content that was synced.
    ///
    /// For every surviving file with unsynced bytes at its end `kept_bytes(count of unsynced bytes)` decides how many
    /// of them reached the disk all the same.
    #[must_use]
    pub fn after_power_cut(&self, mut kept_bytes: impl FnMut(usize) -> usize) -> Self {
        let durable = self.lock().durable.clone();
        let mut names = Names::default();
        for directory in durable.directories {
            if is_reachable(&names.directories, &directory) {
                names.directories.insert(directory);
            }
        }
        for (path, content) in durable.files {
            if !is_reachable(&names.directories, &path) {
                continue;
            }
            let content = content.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut left = content.durable;
            if !content.is_cut {
                let unsynced = content.live.get(left.len()..).unwrap_or_default();
                let kept = kept_bytes(unsynced.len()).min(unsynced.len());
                left.extend_from_slice(&unsynced[..kept]);
            }
            names.files.insert(path, new_content(left));
        }
        Self::from_names(names)
    }

    /// What is left after a crash of the process: everything that was written; locks are given back.
    #[must_use]
    pub fn after_process_crash(&self) -> Self {
        let mut names = self.lock().live.clone();
        for content in names.files.values_mut() {
            let live = content
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .live
                .clone();
            *content = new_content(live);
        }
        Self::from_names(names)
    }

    fn from_names(names: Names) -> Self {
        Self {
            tree: Arc::new(Mutex::new(Tree {
                live: names.clone(),
                durable: names,
                locked: BTreeSet::new(),
                moved: Vec::new(),
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_content(bytes: Vec<u8>) -> Arc<Mutex<Content>> {
    Arc::new(Mutex::new(Content {
        live: bytes.clone(),
        durable: bytes,
        is_cut: false,
    }))
}

/// Whether the parent of `path` is the root or among `directories`, which holds parents before children.
fn is_reachable(directories: &BTreeSet<String>, path: &str) -> bool {
    let parent = parent(path);
    parent.is_empty() || directories.contains(parent)
}

impl Names {
    /// Gives all that is in the directory `from` paths in the directory `to`.
    fn move_content(&mut self, from: &str, to: &str) {
        let moved = |path: &String| {
            let rest = path.strip_prefix(from).filter(|rest| rest.starts_with('/'))?;
            Some(format!("{to}{rest}"))
        };
        self.files = std::mem::take(&mut self.files)
            .into_iter()
            .map(|(path, content)| (moved(&path).unwrap_or(path), content))
            .collect();
        self.directories = std::mem::take(&mut self.directories)
            .into_iter()
            .map(|path| moved(&path).unwrap_or(path))
            .collect();
    }

    fn has_directory(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains(path)
    }
}

impl Tree {
    /// The content is found under the new name at once, and after a power cut only once the parents are synced.
    fn rename_directory(&mut self, from: &str, to: &str) -> io::Result<()> {
        if self.live.files.contains_key(to) || self.live.directories.contains(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.live.directories.remove(from);
        self.live.directories.insert(to.to_owned());
        self.live.move_content(from, to);
        self.moved.push((from.to_owned(), to.to_owned()));
        Ok(())
    }
}

impl Directory for MemoryDirectory {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        check_path(path)?;
        let mut tree = self.lock();
        if !tree.live.has_directory(parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let existing = tree.live.files.get(path).cloned();
        let content = match (existing, mode) {
            (Some(_), OpenMode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(content), _) => content,
            (None, OpenMode::Append | OpenMode::Read) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::Create | OpenMode::Lock) => {
                let content = Arc::<Mutex<Content>>::default();
                tree.live.files.insert(path.to_owned(), Arc::clone(&content));
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
            content,
            is_writable: mode != OpenMode::Read,
            _lock: lock,
        }))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        check_path(path)?;
        let tree = self.lock();
        if !tree.live.has_directory(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let name = |entry: &str| entry.rsplit('/').next().unwrap_or_default().to_owned();
        let files = tree.live.files.iter().map(|(entry, content)| {
            let size = content.lock().unwrap_or_else(PoisonError::into_inner).live.len();
            (entry.as_str(), false, size as u64)
        });
        let directories = tree
            .live
            .directories
            .iter()
            .map(|entry| (entry.as_str(), true, 0));
        let mut entries: Vec<Entry> = files
            .chain(directories)
            .filter(|(entry, _, _)| parent(entry) == path)
            .map(|(entry, is_directory, size_bytes)| Entry {
                name: name(entry),
                is_directory,
                size_bytes,
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        let mut tree = self.lock();
        if !tree.live.has_directory(parent(path)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if tree.live.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.is_empty() {
            tree.live.directories.insert(path.to_owned());
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_path(from)?;
        check_path(to)?;
        let mut tree = self.lock();
        if !tree.live.has_directory(parent(to)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if tree.live.directories.contains(from) {
            return tree.rename_directory(from, to);
        }
        let content = tree.live.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.live.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        let mut tree = self.lock();
        if tree.live.files.remove(path).is_some() {
            return Ok(());
        }
        let is_used = tree
            .live
            .files
            .keys()
            .chain(&tree.live.directories)
            .any(|entry| parent(entry) == path);
        if is_used {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        if tree.live.directories.remove(path) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        check_path(path)?;
        let mut guard = self.lock();
        let tree = &mut *guard;
        if !tree.live.has_directory(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let is_here = |entry: &str| parent(entry) == path;
        tree.durable.files.retain(|entry, _| !is_here(entry));
        tree.durable.directories.retain(|entry| !is_here(entry));
        for (from, to) in tree.moved.extract_if(.., |(_, to)| is_here(to)) {
            tree.durable.move_content(&from, &to);
        }
        for (entry, content) in tree.live.files.iter().filter(|(entry, _)| is_here(entry)) {
            tree.durable.files.insert(entry.clone(), Arc::clone(content));
        }
        for entry in tree.live.directories.iter().filter(|entry| is_here(entry)) {
            tree.durable.directories.insert(entry.clone());
        }
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryFile {
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
        self.writable()?.live.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        let mut content = self.writable()?;
        let size = usize::try_from(size_bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        content.live.truncate(size);
        content.is_cut |= size < content.durable.len();
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut guard = self.content();
        let content = &mut *guard;
        if content.is_cut {
            content.durable.clone_from(&content.live);
            content.is_cut = false;
        } else {
            let synced = content.durable.len();
            content
                .durable
                .extend_from_slice(content.live.get(synced..).unwrap_or_default());
        }
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.content().live.len() as u64)
    }
}
