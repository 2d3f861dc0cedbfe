//! [`FaultDirectory`]: makes a chosen operation of another directory fail.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Directory, Entry, File, OpenMode};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation fails with an I/O error; a write may have written a part.
    Io,
    /// There is no space: only operations that need some fail, the first one from the chosen one on.
    Full,
    /// The process dies at the operation: it and all later ones fail; a write may have written a part.
    Crash,
}

/// Counts the operations on a directory and fails a chosen one, once or from then on.
///
/// Every method of [`Directory`] and [`File`] except [`File::size_bytes`] is one operation, counted from 0. Clones
/// share the count and the fault.
#[derive(Clone, Debug)]
pub struct FaultDirectory {
    inner: Arc<dyn Directory>,
    control: Arc<Mutex<Control>>,
}

#[derive(Debug, Default)]
struct Control {
    operations: u64,
    armed: Option<Armed>,
    fired: u64,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    at: u64,
    fault: Fault,
    is_lasting: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Space,
    Nothing,
}

impl FaultDirectory {
    /// A directory that does what `inner` does until a fault is set.
    pub fn new(inner: Arc<dyn Directory>) -> Self {
        Self {
            inner,
            control: Arc::default(),
        }
    }

    /// Fails the operation with the number `at`; with `is_lasting` all later ones too. A crash always lasts.
    pub fn fail_at(&self, at: u64, fault: Fault, is_lasting: bool) {
        self.control().armed = Some(Armed {
            at,
            fault,
            is_lasting: is_lasting || fault == Fault::Crash,
        });
    }

    /// No more faults from now on.
    pub fn heal(&self) {
        self.control().armed = None;
    }

    /// How many operations there were so far.
    pub fn operations(&self) -> u64 {
        self.control().operations
    }

    /// How many operations failed because of a fault.
    pub fn fired(&self) -> u64 {
        self.control().fired
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one operation and says whether it fails.
fn enter(control: &Mutex<Control>, need: Need) -> io::Result<()> {
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    let number = control.operations;
    control.operations += 1;
    let Some(armed) = control.armed else {
        return Ok(());
    };
    if number < armed.at || (armed.fault == Fault::Full && need == Need::Nothing) {
        return Ok(());
    }
    if !armed.is_lasting {
        control.armed = None;
    }
    control.fired += 1;
    Err(match armed.fault {
        Fault::Io => io::Error::other("injected I/O error"),
        Fault::Full => io::Error::new(io::ErrorKind::StorageFull, "injected: no space left"),
        Fault::Crash => io::Error::other("injected crash"),
    })
}

impl FaultDirectory {
    fn enter(&self, need: Need) -> io::Result<()> {
        enter(&self.control, need)
    }
}

impl Directory for FaultDirectory {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.enter(match mode {
            OpenMode::Create => Need::Space,
            OpenMode::Append | OpenMode::Read | OpenMode::Lock => Need::Nothing,
        })?;
        Ok(Arc::new(FaultFile {
            inner: self.inner.open(path, mode)?,
            control: Arc::clone(&self.control),
        }))
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.enter(Need::Nothing)?;
        self.inner.list(path)
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.enter(Need::Space)?;
        self.inner.create_directory(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.remove(path)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.sync_directory(path)
    }
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    control: Arc<Mutex<Control>>,
}

impl FaultFile {
    fn enter(&self, need: Need) -> io::Result<()> {
        enter(&self.control, need)
    }
}

impl File for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.enter(Need::Nothing)?;
        self.inner.read_at(buffer, offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.enter(Need::Space).or_else(|error| {
            // A dying or full disk takes a part of a write.
            self.inner.append(&bytes[..bytes.len() / 2])?;
            Err(error)
        })?;
        self.inner.append(bytes)
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.truncate(size_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.sync()
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.inner.size_bytes()
    }
}
