//! [`DbBuilder`]: what a database is made of.

use std::sync::Arc;

use moheng_metrics::{Clock, SystemClock};

use super::{Db, open};
use crate::storage::Directory;
use crate::{Error, Settings};

/// Opens a [`Db`] with a storage, a clock and a mode of the caller's choice. See [`Db::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `open`"]
pub struct DbBuilder {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) is_read_only: bool,
    pub(super) has_worker: bool,
}

impl DbBuilder {
    pub(super) fn new(directory: Arc<dyn Directory>) -> Self {
        Self {
            directory,
            settings: Settings::default(),
            clock: Arc::new(SystemClock::new()),
            is_read_only: false,
            has_worker: true,
        }
    }

    /// Uses these settings instead of the defaults.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Uses this clock instead of the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Whether to only read: no lock is taken, nothing is changed, and the directory may be in use by another process. What
    /// that process appends later is not seen.
    pub fn read_only(mut self, is_read_only: bool) -> Self {
        self.is_read_only = is_read_only;
        self
    }

    /// Starts no thread: the caller calls [`Db::run_maintenance`] now and then.
    pub fn without_worker(mut self) -> Self {
        self.has_worker = false;
        self
    }

    /// Opens the database and reads what its log holds.
    ///
    /// # Errors
    ///
    /// When the settings make no sense, the directory is in use or holds something this version cannot read, or the disk
    /// fails.
    pub fn open(self) -> Result<Db, Error> {
        open::open(&self)
    }
}
