//! [`Worker`]: the thread that makes the log durable at intervals.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::Shared;
use crate::Error;
use crate::wal::Wal;

/// A thread that is stopped and joined when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Worker {
    pub(super) fn start(interval: Duration, shared: Arc<Shared>) -> Result<Self, Error> {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("moheng-wal-sync".to_owned())
            .spawn(move || run(interval, &shared, &seen))
            .map_err(Error::io("starting the thread that syncs the write-ahead log"))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        *self.stop.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that syncs the write-ahead log panicked");
        }
    }
}

fn run(interval: Duration, shared: &Shared, stop: &Stop) {
    let mut is_set = stop.is_set.lock().unwrap_or_else(PoisonError::into_inner);
    while !*is_set {
        is_set = stop
            .changed
            .wait_timeout(is_set, interval)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        if *is_set {
            return;
        }
        drop(is_set);
        // A failure poisons the log, which logs it and refuses every later append.
        let _ = shared.wal.as_ref().map_or(Ok(()), Wal::sync_in_background);
        is_set = stop.is_set.lock().unwrap_or_else(PoisonError::into_inner);
    }
}
