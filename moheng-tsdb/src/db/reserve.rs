//! [`Reserve`]: room that is kept for the day when the disk is full.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Db, Shared};
use crate::format::names;
use crate::storage::{Directory, OpenMode};
use crate::{Error, SpaceStats};

/// A file that takes room until a write fails for want of it. Then it is removed, what is appended is refused, and compaction,
/// deletions and closing have its room. When there is room for it again it comes back and appends go on.
#[derive(Debug)]
pub(super) struct Reserve {
    directory: Arc<dyn Directory>,
    /// 0: off.
    size_bytes: u64,
    /// Since a write failed, and until there is a reserve again.
    is_full: AtomicBool,
    is_held: Mutex<bool>,
}

impl Reserve {
    /// Takes the room if there is some; a reserve of the wrong size goes first. Without room the database works on without one.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(super) fn open(
        directory: &Arc<dyn Directory>,
        size_bytes: u64,
        is_read_only: bool,
    ) -> Result<Self, Error> {
        let reserve = Self {
            directory: Arc::clone(directory),
            size_bytes: if is_read_only { 0 } else { size_bytes },
            is_full: AtomicBool::new(false),
            is_held: Mutex::new(false),
        };
        if is_read_only {
            return Ok(reserve);
        }
        let there = match directory.open(names::RESERVE, OpenMode::Read) {
            Ok(file) => Some(file.size_bytes().map_err(failed())?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed()(error)),
        };
        if there.is_some_and(|there| there != size_bytes || size_bytes == 0) {
            remove(&**directory)?;
        }
        let is_there = size_bytes > 0 && there == Some(size_bytes);
        *reserve.is_held.lock().unwrap_or_else(PoisonError::into_inner) = is_there;
        if size_bytes > 0 && !is_there && !reserve.take()? {
            tracing::warn!(
                size_bytes,
                "no room for the reserve; the database works without until there is some"
            );
        }
        Ok(reserve)
    }

    /// # Errors
    ///
    /// [`Error::Full`] since a write failed for want of room, until there is some.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::Full(format!(
                "a write found no room; appends go on when {} bytes are free",
                self.wanted_bytes()
            )));
        }
        Ok(())
    }

    /// Gives the room back when an outcome says that there is none.
    pub(super) fn watch<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Full(message)) = &outcome
            && self.size_bytes > 0
        {
            self.release(message);
        }
        outcome
    }

    /// Does something that must go on when the disk is full: when it finds no room it is done again with that of the reserve.
    pub(super) fn run<T>(&self, mut work: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        match work() {
            Err(Error::Full(message)) if self.size_bytes > 0 && self.release(&message) => work(),
            outcome => outcome,
        }
    }

    /// Takes the room again, and lets appends go on, when there is enough.
    pub(super) fn restore_if_room(&self) {
        if self.size_bytes == 0 || (self.is_held() && !self.is_full.load(Ordering::Relaxed)) {
            return;
        }
        if let Ok(space) = self.directory.space()
            && space.free_bytes < self.wanted_bytes()
        {
            return;
        }
        match self.take() {
            Ok(true) => {
                if self.is_full.swap(false, Ordering::Relaxed) {
                    tracing::info!("there is room on the disk again; appends go on");
                }
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the reserve cannot be taken; it is tried again"),
        }
    }

    /// [`Reserve::restore_if_room`] where it is known that there is: little enough to be done each second.
    pub(super) fn restore_if_room_is_known(&self) {
        let is_full = self.is_full.load(Ordering::Relaxed);
        if is_full && self.directory.space().is_ok() {
            self.restore_if_room();
        }
    }

    pub(super) fn stats(&self) -> SpaceStats {
        let space = self.directory.space().ok();
        SpaceStats {
            total_bytes: space.map(|space| space.total_bytes),
            free_bytes: space.map(|space| space.free_bytes),
            reserve_bytes: if self.is_held() { self.size_bytes } else { 0 },
            is_full: self.is_full.load(Ordering::Relaxed),
        }
    }

    /// As much again is to be left when the reserve is taken, or the next append would be the end of it.
    fn wanted_bytes(&self) -> u64 {
        self.size_bytes.saturating_mul(2)
    }

    fn is_held(&self) -> bool {
        *self.is_held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether there is more room now.
    fn release(&self, message: &str) -> bool {
        let mut is_held = self.is_held.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::error!(
                message,
                "the disk is full; appends are refused until there is room"
            );
        }
        if !*is_held {
            return false;
        }
        match remove(&*self.directory) {
            Ok(()) => {
                *is_held = false;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the reserve cannot be given back; it is tried again");
                false
            }
        }
    }

    /// Creates the file. Returns `false` when there is no room.
    fn take(&self) -> Result<bool, Error> {
        let mut is_held = self.is_held.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_held {
            return Ok(true);
        }
        remove(&*self.directory)?;
        let created = self
            .directory
            .open(names::RESERVE, OpenMode::Create)
            .and_then(|file| file.occupy(self.size_bytes))
            .and_then(|()| self.directory.sync_directory(""));
        match created.map_err(failed()) {
            Ok(()) => {
                *is_held = true;
                Ok(true)
            }
            Err(Error::Full(_)) => {
                remove(&*self.directory)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn remove(directory: &dyn Directory) -> Result<(), Error> {
    match directory.remove(names::RESERVE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed()(error)),
        _ => Ok(()),
    }
}

fn failed() -> impl FnOnce(io::Error) -> Error {
    Error::io(format!("taking or giving back room with {}", names::RESERVE))
}

impl Db {
    /// Takes the reserve again when a write has found the disk full and there is room again; then appends go on. Threads of the
    /// database do it by themselves, and so does [`Db::run_maintenance`].
    ///
    /// Returns whether appends are taken as far as room matters.
    pub fn check_space(&self) -> bool {
        self.shared.reserve.restore_if_room();
        self.shared.reserve.check().is_ok()
    }
}

impl Shared {
    /// The size of the medium in bytes, 0 when it is not known.
    pub(super) fn disk_bytes(&self) -> u64 {
        match self.directory.space() {
            Ok(space) => space.total_bytes,
            Err(error) => {
                if self.retention.disk_percentage.is_some() {
                    tracing::warn!(%error, "the size of the disk is not known: nothing is removed because of its share of it");
                }
                0
            }
        }
    }
}
