//! [`Subdirectory`]: a part of a directory as one of its own.

use std::io;
use std::sync::Arc;

use super::{Directory, Entry, File, OpenMode, Space, check_path};

/// A directory within another one, which it does not lead out of.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_tsdb::storage::{Directory, MemoryDirectory, OpenMode, Subdirectory};
///
/// let all = Arc::new(MemoryDirectory::new());
/// all.create_directory("part")?;
/// Subdirectory::new(all.clone(), "part")?.open("a", OpenMode::Create)?;
/// assert!(all.open("part/a", OpenMode::Read).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subdirectory {
    directory: Arc<dyn Directory>,
    path: String,
}

impl Subdirectory {
    /// The directory in `path`, which need not exist yet.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the path is not a relative one.
    pub fn new(directory: Arc<dyn Directory>, path: &str) -> io::Result<Self> {
        check_path(path)?;
        Ok(Self {
            directory,
            path: path.to_owned(),
        })
    }

    fn resolve(&self, path: &str) -> io::Result<String> {
        check_path(path)?;
        Ok(match (self.path.as_str(), path) {
            ("", path) => path.to_owned(),
            (root, "") => root.to_owned(),
            (root, path) => format!("{root}/{path}"),
        })
    }
}

impl Directory for Subdirectory {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.directory.open(&self.resolve(path)?, mode)
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.directory.list(&self.resolve(path)?)
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.directory.create_directory(&self.resolve(path)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(&self.resolve(from)?, &self.resolve(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.directory.remove(&self.resolve(path)?)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.directory.sync_directory(&self.resolve(path)?)
    }

    fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        self.directory.hard_link(&self.resolve(from)?, &self.resolve(to)?)
    }

    fn space(&self) -> io::Result<Space> {
        self.directory.space()
    }
}
