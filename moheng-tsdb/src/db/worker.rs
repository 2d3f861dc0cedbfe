//! [`Worker`]: a thread that does something at intervals.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Error;

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
    /// Calls `work` after each `interval`, on a thread with this name.
    pub(super) fn start(
        name: &str,
        interval: Duration,
        work: impl Fn() + Send + 'static,
    ) -> Result<Self, Error> {
        let stop = Arc::new(Stop::default());
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(interval, work, &seen))
            .map_err(Error::io(format!("starting the thread {name}")))?;
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
        if let Some(thread) = self.thread.take() {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "a thread of the database panicked");
            }
        }
    }
}

fn run(interval: Duration, work: impl Fn(), stop: &Stop) {
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
        work();
        is_set = stop.is_set.lock().unwrap_or_else(PoisonError::into_inner);
    }
}
