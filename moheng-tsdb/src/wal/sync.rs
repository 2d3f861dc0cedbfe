//! [`GroupSync`]: many threads wait for durability, one of them asks the disk.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moheng_metrics::Clock;

use super::poison::Poison;
use crate::Error;
use crate::storage::File;

/// What was written and what of it is durable. Positions count bytes since the log was opened.
#[derive(Debug)]
pub(crate) struct GroupSync {
    state: Mutex<State>,
    finished: Condvar,
    poison: Arc<Poison>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct State {
    written: u64,
    synced: u64,
    is_running: bool,
    /// Files with bytes that may not be durable, oldest first; the last one is still written to.
    files: Vec<Arc<dyn File>>,
    sync_count: u64,
    sync_time: Duration,
    last_sync: Duration,
}

/// What syncs cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncStats {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl GroupSync {
    pub(crate) fn new(poison: Arc<Poison>, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::default(),
            finished: Condvar::new(),
            poison,
            clock,
        }
    }

    /// `file` gets the next bytes.
    pub(crate) fn add_file(&self, file: Arc<dyn File>) {
        self.state().files.push(file);
    }

    /// All bytes up to `position` are written.
    pub(crate) fn set_written(&self, position: u64) {
        self.state().written = position;
    }

    /// Returns once everything written before is durable.
    ///
    /// # Errors
    ///
    /// When a sync failed, now or earlier.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let mut state = self.state();
        let wanted = state.written;
        loop {
            self.poison.check()?;
            if state.synced >= wanted {
                return Ok(());
            }
            if !state.is_running {
                break;
            }
            state = self.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_running = true;
        // Everything written by now is covered, also what others wrote while they waited for the last sync.
        let covered = state.written;
        let files = state.files.clone();
        drop(state);

        let begin = self.clock.monotonic();
        let outcome = files.iter().try_for_each(|file| file.sync());
        let end = self.clock.monotonic();

        let mut state = self.state();
        state.is_running = false;
        state.sync_count += 1;
        state.sync_time += end.saturating_sub(begin);
        state.last_sync = end;
        if let Err(error) = &outcome {
            self.poison.set(format!(
                "a sync of the write-ahead log failed: {error}; reopen the database"
            ));
        } else {
            state.synced = covered;
            // The newest of the files may be written to on and stays.
            state.files.drain(..files.len().saturating_sub(1));
        }
        drop(state);
        self.finished.notify_all();
        self.poison.check()
    }

    /// Whether something is not durable and the last sync is at least `interval` ago.
    pub(crate) fn is_due(&self, interval: Duration) -> bool {
        let state = self.state();
        state.synced < state.written && self.clock.monotonic() >= state.last_sync.saturating_add(interval)
    }

    pub(crate) fn stats(&self) -> SyncStats {
        let state = self.state();
        SyncStats {
            count: state.sync_count,
            time: state.sync_time,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
