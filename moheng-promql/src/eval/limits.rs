//! What a query may take: time, memory, and the patience of whoever asked.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moheng_metrics::Clock;

use crate::error::QueryError;

/// Between two looks at the clock so many series may be worked on.
const CHECKS_PER_CLOCK_READ: u32 = 64;

/// Cancels a running query from another thread. Clones cancel together.
///
/// ```
/// let token = moheng_promql::CancelToken::new();
/// token.clone().cancel();
/// assert!(token.is_canceled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    canceled: Arc<AtomicBool>,
}

impl CancelToken {
    /// A token that is not canceled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the queries that hold the token end soon with an error.
    pub fn cancel(&self) {
        self.canceled.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    pub fn is_canceled(&self) -> bool {
        self.canceled.load(Ordering::Relaxed)
    }
}

/// The limits of one query and how far they are used up.
#[derive(Debug)]
pub(crate) struct Limits<'q> {
    clock: &'q dyn Clock,
    deadline: Duration,
    cancel: &'q CancelToken,
    checks: Cell<u32>,
    max_samples: u64,
    held_samples: Cell<u64>,
    peak_samples: Cell<u64>,
}

impl<'q> Limits<'q> {
    pub(crate) fn new(
        clock: &'q dyn Clock,
        timeout: Duration,
        cancel: &'q CancelToken,
        max_samples: u64,
    ) -> Self {
        Self {
            clock,
            deadline: clock.monotonic().saturating_add(timeout),
            cancel,
            checks: Cell::new(0),
            max_samples,
            held_samples: Cell::new(0),
            peak_samples: Cell::new(0),
        }
    }

    /// To be called in every loop over series.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_canceled() {
            return Err(QueryError::Canceled);
        }
        let checks = self.checks.get();
        self.checks.set(checks.wrapping_add(1));
        if checks.is_multiple_of(CHECKS_PER_CLOCK_READ) && self.clock.monotonic() >= self.deadline {
            return Err(QueryError::Timeout);
        }
        Ok(())
    }

    /// Accounts for `samples` values until the returned guard is dropped.
    pub(crate) fn hold(&self, samples: usize) -> Result<Held<'_, 'q>, QueryError> {
        let mut held = Held {
            limits: self,
            samples: 0,
        };
        held.add(samples)?;
        Ok(held)
    }

    pub(crate) fn peak_samples(&self) -> u64 {
        self.peak_samples.get()
    }
}

/// Values that are accounted for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held<'l, 'q> {
    limits: &'l Limits<'q>,
    samples: u64,
}

impl Held<'_, '_> {
    /// Accounts for more.
    pub(crate) fn add(&mut self, samples: usize) -> Result<(), QueryError> {
        let samples = samples as u64;
        let total = self.limits.held_samples.get().saturating_add(samples);
        if total > self.limits.max_samples {
            return Err(QueryError::too_many_samples());
        }
        self.samples += samples;
        self.limits.held_samples.set(total);
        self.limits
            .peak_samples
            .set(self.limits.peak_samples.get().max(total));
        Ok(())
    }
}

impl Drop for Held<'_, '_> {
    fn drop(&mut self) {
        let held = self.limits.held_samples.get();
        self.limits.held_samples.set(held.saturating_sub(self.samples));
    }
}
