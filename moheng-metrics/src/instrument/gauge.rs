//! [`Gauge`]: a value that goes up and down.

use std::sync::Arc;

use super::Instrument;
use super::counter::AtomicFloat;
use crate::{Clock, Labels, Metric, MetricKind, MetricValue};

/// A value that goes up and down: a temperature, a queue's length.
///
/// ```
/// use moheng_metrics::instrument::Gauge;
///
/// let queued = Gauge::new();
/// queued.set(3.0);
/// queued.add(-1.0);
/// assert_eq!(queued.value(), 2.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    value: Arc<AtomicFloat>,
}

/// Takes back what it added to a gauge when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it takes the one back"]
pub struct GaugeGuard {
    gauge: Gauge,
}

impl Gauge {
    /// A gauge at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value.
    #[inline]
    pub fn set(&self, value: f64) {
        self.value.set(value);
    }

    /// Adds a number, which may be negative.
    #[inline]
    pub fn add(&self, value: f64) {
        self.value.add(value);
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// Takes one away.
    #[inline]
    pub fn decrement(&self) {
        self.add(-1.0);
    }

    /// Sets the value to the time now, in seconds since the Unix epoch: for when something happened last.
    pub fn set_to_now(&self, clock: &dyn Clock) {
        self.set(clock.now_ms() as f64 / 1000.0);
    }

    /// Adds one until what is returned is dropped: for counting what is going on at the moment.
    ///
    /// ```
    /// use moheng_metrics::instrument::Gauge;
    ///
    /// let running = Gauge::new();
    /// let one = running.track();
    /// assert_eq!(running.value(), 1.0);
    /// drop(one);
    /// assert_eq!(running.value(), 0.0);
    /// ```
    pub fn track(&self) -> GaugeGuard {
        self.add(1.0);
        GaugeGuard { gauge: self.clone() }
    }

    /// The value now.
    pub fn value(&self) -> f64 {
        self.value.get()
    }
}

impl Instrument for Gauge {
    const KIND: MetricKind = MetricKind::Gauge;

    fn collect_into(&self, _: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        metrics.push(Metric::new(labels.clone(), MetricValue::Number(self.value())));
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.gauge.add(-1.0);
    }
}
