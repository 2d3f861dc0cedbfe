//! [`FaultDirectory`]: makes a chosen operation of another directory fail.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Directory, Entry, File, OpenMode, Space};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operation fails with an I/O error; a write may have written a part, and a sync may have synced.
    Io,
    /// There is no space: only operations that need some fail, the first one from the chosen one on.
    Full,
    /// The process dies at the operation: it and all later ones fail; a write may have written a part.
    Crash,
    /// A read returns only a part of what was asked for, and the system interrupts every second one. Neither is an error.
    ShortRead,
}

/// A fault, where it strikes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The number of the operation.
    pub at: u64,
    /// What goes wrong.
    pub fault: Fault,
    /// How many operations fail. A crash lasts in any case.
    pub count: u64,
    /// How much of a write that fails arrives all the same, in percent. Above 50 a sync that fails has synced.
    pub written_percent: u64,
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
    armed: Option<Injection>,
    fired: u64,
    is_crashed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Space,
    Nothing,
}

/// An operation that fails.
struct Failure {
    error: io::Error,
    written_percent: u64,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl FaultDirectory {
    /// A directory that does what `inner` does until a fault is set.
    pub fn new(inner: Arc<dyn Directory>) -> Self {
        Self {
            inner,
            control: Arc::default(),
        }
    }

    /// A second directory on the same failing machine: its operations count, and fail, with those of this one.
    #[must_use]
    pub fn beside(&self, inner: Arc<dyn Directory>) -> Self {
        Self {
            inner,
            control: Arc::clone(&self.control),
        }
    }

    /// Fails the operation with the number `at`; with `is_lasting` all later ones too. A crash always lasts. Half of a write
    /// that fails arrives.
    pub fn fail_at(&self, at: u64, fault: Fault, is_lasting: bool) {
        self.inject(Injection {
            at,
            fault,
            count: if is_lasting { u64::MAX } else { 1 },
            written_percent: 50,
        });
    }

    /// Sets a fault in place of the one set before.
    pub fn inject(&self, injection: Injection) {
        self.control().armed = Some(injection);
    }

    /// The process dies now: every later operation fails.
    pub fn crash(&self) {
        let mut control = self.control();
        control.is_crashed = true;
        control.armed = Some(Injection {
            at: 0,
            fault: Fault::Crash,
            count: 1,
            written_percent: 0,
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

    /// Whether the process has died.
    pub fn is_crashed(&self) -> bool {
        self.control().is_crashed
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one operation and says whether it fails.
fn enter(control: &Mutex<Control>, need: Need) -> Result<(), Failure> {
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    let number = control.operations;
    control.operations += 1;
    let Some(armed) = &mut control.armed else {
        return Ok(());
    };
    if number < armed.at
        || (armed.fault == Fault::Full && need == Need::Nothing)
        || armed.fault == Fault::ShortRead
    {
        return Ok(());
    }
    let Injection {
        fault,
        written_percent,
        ..
    } = *armed;
    if fault != Fault::Crash {
        armed.count = armed.count.saturating_sub(1);
        if armed.count == 0 {
            control.armed = None;
        }
    }
    control.is_crashed |= fault == Fault::Crash;
    control.fired += 1;
    let error = match fault {
        Fault::Io => io::Error::other("injected I/O error"),
        Fault::Full => io::Error::new(io::ErrorKind::StorageFull, "injected: no space left"),
        Fault::Crash | Fault::ShortRead => io::Error::other("injected crash"),
    };
    Err(Failure {
        error,
        written_percent,
    })
}

/// How a read of `length` bytes is cut short, if it is.
fn shortened(control: &Mutex<Control>, length: usize) -> io::Result<usize> {
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    let number = control.operations;
    let Some(armed) = &mut control.armed else {
        return Ok(length);
    };
    if armed.fault != Fault::ShortRead || number <= armed.at || length < 2 {
        return Ok(length);
    }
    armed.count = armed.count.saturating_sub(1);
    if armed.count == 0 {
        control.armed = None;
    }
    if number.is_multiple_of(2) {
        Err(io::ErrorKind::Interrupted.into())
    } else {
        Ok(length.div_ceil(3))
    }
}

impl FaultDirectory {
    fn enter(&self, need: Need) -> io::Result<()> {
        Ok(enter(&self.control, need)?)
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
        match enter(&self.control, Need::Nothing) {
            Ok(()) => self.inner.sync_directory(path),
            Err(failure) => {
                if failure.written_percent > 50 {
                    self.inner.sync_directory(path)?;
                }
                Err(failure.error)
            }
        }
    }

    fn hard_link(&self, from: &str, to: &str) -> io::Result<()> {
        self.enter(Need::Space)?;
        self.inner.hard_link(from, to)
    }

    fn space(&self) -> io::Result<Space> {
        self.enter(Need::Nothing)?;
        let space = self.inner.space()?;
        let control = self.control();
        let is_full = |armed: &Injection| armed.fault == Fault::Full && control.operations > armed.at;
        Ok(Space {
            free_bytes: if control.armed.as_ref().is_some_and(is_full) {
                0
            } else {
                space.free_bytes
            },
            ..space
        })
    }
}

#[derive(Debug)]
struct FaultFile {
    inner: Arc<dyn File>,
    control: Arc<Mutex<Control>>,
}

impl FaultFile {
    fn enter(&self, need: Need) -> io::Result<()> {
        Ok(enter(&self.control, need)?)
    }
}

impl File for FaultFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.enter(Need::Nothing)?;
        let length = shortened(&self.control, buffer.len())?;
        self.inner
            .read_at(buffer.get_mut(..length).unwrap_or_default(), offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        match enter(&self.control, Need::Space) {
            Ok(()) => self.inner.append(bytes),
            Err(failure) => {
                // A dying or full disk takes a part of a write.
                let length = bytes.len() * failure.written_percent.min(100) as usize / 100;
                self.inner.append(bytes.get(..length).unwrap_or_default())?;
                Err(failure.error)
            }
        }
    }

    fn truncate(&self, size_bytes: u64) -> io::Result<()> {
        self.enter(Need::Nothing)?;
        self.inner.truncate(size_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        match enter(&self.control, Need::Nothing) {
            Ok(()) => self.inner.sync(),
            Err(failure) => {
                if failure.written_percent > 50 {
                    self.inner.sync()?;
                }
                Err(failure.error)
            }
        }
    }

    fn size_bytes(&self) -> io::Result<u64> {
        self.inner.size_bytes()
    }
}
