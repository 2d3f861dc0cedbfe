//! What a query may take: time, memory, and the patience of whoever asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use moheng_metrics::{Clock, HistogramView, Labels, SampleBuffer};

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

/// What one value takes at most: a sample with its time, or a cell of a column with its share of the mask.
pub(crate) const VALUE_BYTES: u64 = 16;

/// What a histogram without buckets takes, in bytes, its time included.
const EMPTY_HISTOGRAM_BYTES: usize = 168;

/// As how many samples a histogram counts.
pub(crate) fn histogram_samples(histogram: HistogramView<'_>) -> usize {
    let layout = histogram.layout;
    let numbers = layout.positive.len()
        + layout.negative.len()
        + layout.custom_bounds.len()
        + histogram.positive.len()
        + histogram.negative.len();
    (EMPTY_HISTOGRAM_BYTES + 8 * numbers) / 16
}

/// As how many samples those in a buffer count, histograms from the index `first_histogram` on.
pub(crate) fn buffered_samples(buffer: &SampleBuffer, first_histogram: usize) -> usize {
    let histograms =
        (first_histogram..buffer.histograms.len()).filter_map(|index| buffer.histograms.get(index));
    histograms.map(histogram_samples).sum()
}

/// The limits of one query and how far they are used up. Threads of one query share them.
#[derive(Debug)]
pub(crate) struct Limits<'q> {
    clock: &'q dyn Clock,
    deadline: Duration,
    cancel: &'q CancelToken,
    checks: AtomicU32,
    max_samples: u64,
    max_bytes: u64,
    held_samples: AtomicU64,
    peak_samples: AtomicU64,
    held_bytes: AtomicU64,
    peak_bytes: AtomicU64,
}

impl<'q> Limits<'q> {
    pub(crate) fn new(
        clock: &'q dyn Clock,
        timeout: Duration,
        cancel: &'q CancelToken,
        max_samples: u64,
        max_bytes: u64,
    ) -> Self {
        Self {
            clock,
            deadline: clock.monotonic().saturating_add(timeout),
            cancel,
            checks: AtomicU32::new(0),
            max_samples,
            max_bytes,
            held_samples: AtomicU64::new(0),
            peak_samples: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
        }
    }

    /// To be called in every loop over series.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_canceled() {
            return Err(QueryError::Canceled);
        }
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
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
            bytes: 0,
        };
        held.add(samples)?;
        Ok(held)
    }

    pub(crate) fn clock(&self) -> &'q dyn Clock {
        self.clock
    }

    pub(crate) fn peak_samples(&self) -> u64 {
        self.peak_samples.load(Ordering::Relaxed)
    }

    pub(crate) fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }
}

/// Values that are accounted for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held<'l, 'q> {
    limits: &'l Limits<'q>,
    samples: u64,
    bytes: u64,
}

impl Held<'_, '_> {
    /// Accounts for more values.
    pub(crate) fn add(&mut self, samples: usize) -> Result<(), QueryError> {
        let samples = samples as u64;
        let limits = self.limits;
        if !grow(
            &limits.held_samples,
            &limits.peak_samples,
            samples,
            limits.max_samples,
        ) {
            return Err(QueryError::too_many_samples());
        }
        self.samples += samples;
        self.add_bytes(samples.saturating_mul(VALUE_BYTES))
    }

    /// Accounts for the memory of labels.
    pub(crate) fn add_labels(&mut self, labels: &Labels) -> Result<(), QueryError> {
        let text_bytes: usize = labels
            .iter()
            .map(|(name, value)| name.len() + value.len() + 8)
            .sum();
        self.add_bytes(text_bytes as u64 + 64)
    }

    fn add_bytes(&mut self, bytes: u64) -> Result<(), QueryError> {
        let limits = self.limits;
        if !grow(&limits.held_bytes, &limits.peak_bytes, bytes, limits.max_bytes) {
            return Err(QueryError::too_much_memory(limits.max_bytes));
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Goes on accounting until the query ends.
    pub(crate) fn keep(mut self) {
        (self.samples, self.bytes) = (0, 0);
    }
}

impl Drop for Held<'_, '_> {
    fn drop(&mut self) {
        self.limits
            .held_samples
            .fetch_sub(self.samples, Ordering::Relaxed);
        self.limits.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Adds to a count, whose largest value is remembered, unless it would exceed `limit`.
fn grow(held: &AtomicU64, peak: &AtomicU64, amount: u64, limit: u64) -> bool {
    let added = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
        held.checked_add(amount).filter(|total| *total <= limit)
    });
    let Ok(before) = added else { return false };
    peak.fetch_max(before + amount, Ordering::Relaxed);
    true
}
