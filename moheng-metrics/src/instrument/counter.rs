//! [`Counter`]: a value that only grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Instrument;
use crate::{Exemplar, Labels, Metric, MetricKind, MetricValue};

/// A value that only grows: requests, bytes, seconds of work.
///
/// Counting is one atomic addition for whole numbers, and a short loop of them for others.
///
/// ```
/// use moheng_metrics::instrument::Counter;
///
/// let bytes = Counter::new();
/// bytes.add(512);
/// bytes.add_float(0.5);
/// assert_eq!(bytes.value(), 512.5);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Counter {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    whole: AtomicU64,
    /// The sum of what was added as floats.
    fraction: AtomicFloat,
    start_timestamp_ms: Option<i64>,
    exemplar: Mutex<Option<Box<Exemplar>>>,
}

impl Counter {
    /// A counter at zero that does not tell when it started.
    pub fn new() -> Self {
        Self::default()
    }

    /// A counter at zero that started at this time, in milliseconds since the Unix epoch.
    pub fn started_at(start_timestamp_ms: i64) -> Self {
        let state = State {
            start_timestamp_ms: Some(start_timestamp_ms),
            ..State::default()
        };
        Self {
            state: Arc::new(state),
        }
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds a whole number.
    #[inline]
    pub fn add(&self, count: u64) {
        self.state.whole.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds a number that need not be whole. A counter cannot fall, so what is negative or not a number adds nothing.
    #[inline]
    pub fn add_float(&self, value: f64) {
        if value > 0.0 {
            self.state.fraction.add(value);
        }
    }

    /// Adds a whole number and keeps `exemplar` as the latest example of what was counted.
    ///
    /// OpenMetrics and the protobuf format carry exemplars; OpenMetrics leaves out those whose labels are longer than
    /// [`crate::exposition::MAX_EXEMPLAR_CHARACTERS`].
    ///
    /// ```
    /// use moheng_metrics::instrument::Counter;
    /// use moheng_metrics::{Exemplar, Labels};
    ///
    /// let failures = Counter::new();
    /// let labels = Labels::from_pairs([("trace_id", "4bf92f35")]);
    /// failures.add_with_exemplar(1, Exemplar { labels, value: 1.0, timestamp_ms: None });
    /// assert_eq!(failures.value(), 1.0);
    /// ```
    pub fn add_with_exemplar(&self, count: u64, exemplar: Exemplar) {
        self.add(count);
        let mut latest = self.state.exemplar.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Box::new(exemplar));
    }

    /// The value now.
    pub fn value(&self) -> f64 {
        self.state.whole.load(Ordering::Relaxed) as f64 + self.state.fraction.get()
    }
}

impl Instrument for Counter {
    const KIND: MetricKind = MetricKind::Counter;

    fn collect_into(&self, _: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        let exemplar = self.state.exemplar.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.push(Metric {
            start_timestamp_ms: self.state.start_timestamp_ms,
            exemplar: exemplar.clone(),
            ..Metric::new(labels.clone(), MetricValue::Number(self.value()))
        });
    }
}

/// A float that threads add to.
#[derive(Debug, Default)]
pub(super) struct AtomicFloat(AtomicU64);

impl AtomicFloat {
    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn add(&self, value: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure never refuses, so there is no error.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }
}
