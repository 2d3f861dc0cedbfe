//! [`Histogram`]: how observations are distributed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::counter::AtomicFloat;
use super::native::NativeBuckets;
use super::{Instrument, NativeOptions};
use crate::{
    Bucket, Exemplar, ExposedNativeHistogram, HistogramMetric, Labels, Metric, MetricKind, MetricValue,
};

/// Which buckets a [`Histogram`] has.
///
/// ```
/// use moheng_metrics::instrument::{HistogramOptions, NativeOptions};
///
/// let both = HistogramOptions {
///     native: Some(NativeOptions::default()),
///     ..HistogramOptions::classic([0.1, 1.0, 10.0])
/// };
/// assert_eq!(both.bounds.len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramOptions {
    /// The upper bounds of classic buckets, inclusive. They are sorted; infinity is always there and need not be given. No
    /// classic buckets are exposed when this is empty and `native` is given.
    pub bounds: Vec<f64>,
    /// The native histogram, which only scrapers of the protobuf format see.
    pub native: Option<NativeOptions>,
}

impl HistogramOptions {
    /// Classic buckets with these upper bounds.
    pub fn classic(bounds: impl Into<Vec<f64>>) -> Self {
        Self {
            bounds: bounds.into(),
            native: None,
        }
    }

    /// A native histogram alone, with buckets that are about a tenth wider than the ones below them.
    pub fn native() -> Self {
        Self {
            bounds: Vec::new(),
            native: Some(NativeOptions::default()),
        }
    }
}

/// `count` bounds, `width` apart.
///
/// ```
/// use moheng_metrics::instrument::linear_bounds;
///
/// assert_eq!(linear_bounds(10.0, 5.0, 3), [10.0, 15.0, 20.0]);
/// ```
pub fn linear_bounds(first: f64, width: f64, count: usize) -> Vec<f64> {
    (0..count).map(|index| first + width * index as f64).collect()
}

/// `count` bounds, each `factor` times the one before.
///
/// ```
/// use moheng_metrics::instrument::exponential_bounds;
///
/// assert_eq!(exponential_bounds(0.25, 2.0, 4), [0.25, 0.5, 1.0, 2.0]);
/// ```
pub fn exponential_bounds(first: f64, factor: f64, count: usize) -> Vec<f64> {
    let next = |bound: &f64| Some(bound * factor);
    std::iter::successors(Some(first), next).take(count).collect()
}

/// Counts observations in buckets.
///
/// Buckets, count and sum are read one after the other while others observe, so the sum of a picture may be an observation ahead or
/// behind; buckets and count always agree.
///
/// ```
/// use moheng_metrics::instrument::{Histogram, HistogramOptions};
///
/// let seconds = Histogram::new(&HistogramOptions::classic([0.1, 1.0]));
/// seconds.observe(0.5);
/// assert_eq!((seconds.count(), seconds.sum()), (1, 0.5));
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    classic: Option<ClassicBuckets>,
    native: Option<NativeBuckets>,
    sum: AtomicFloat,
    start_timestamp_ms: Option<i64>,
    /// The latest exemplar of each classic bucket; of the native histogram when there are none.
    exemplars: Mutex<Vec<Option<Exemplar>>>,
}

#[derive(Debug)]
struct ClassicBuckets {
    /// Ascending, without infinity.
    bounds: Box<[f64]>,
    /// One more than bounds; not cumulative.
    counts: Box<[AtomicU64]>,
}

impl Histogram {
    /// A histogram without observations that does not tell when it started.
    pub fn new(options: &HistogramOptions) -> Self {
        Self::with_start(options, None)
    }

    /// A histogram without observations that started at this time, in milliseconds since the Unix epoch.
    pub fn started_at(options: &HistogramOptions, start_timestamp_ms: i64) -> Self {
        Self::with_start(options, Some(start_timestamp_ms))
    }

    fn with_start(options: &HistogramOptions, start_timestamp_ms: Option<i64>) -> Self {
        let is_classic = options.native.is_none() || !options.bounds.is_empty();
        let classic = is_classic.then(|| ClassicBuckets::new(&options.bounds));
        let places = classic.as_ref().map_or(1, |buckets| buckets.counts.len());
        Self {
            state: Arc::new(State {
                classic,
                native: options.native.as_ref().map(NativeBuckets::new),
                sum: AtomicFloat::default(),
                start_timestamp_ms,
                exemplars: Mutex::new(vec![None; places]),
            }),
        }
    }

    /// Counts an observation. One that is not a number counts, above all bounds, and makes the sum not a number.
    #[inline]
    pub fn observe(&self, value: f64) {
        let state = &*self.state;
        if let Some(classic) = &state.classic {
            classic.observe(value);
        }
        if let Some(native) = &state.native {
            native.observe(value);
        }
        state.sum.add(value);
    }

    /// Counts an observation and keeps the exemplar as the latest example of its bucket.
    pub fn observe_with_exemplar(&self, exemplar: Exemplar) {
        self.observe(exemplar.value);
        let classic = self.state.classic.as_ref();
        let place = classic.map_or(0, |classic| classic.position(exemplar.value));
        let mut exemplars = self
            .state
            .exemplars
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = exemplars.get_mut(place) {
            *latest = Some(exemplar);
        }
    }

    /// How many observations were counted.
    pub fn count(&self) -> u64 {
        let state = &*self.state;
        match (&state.classic, &state.native) {
            (Some(classic), _) => classic.count(),
            (None, Some(native)) => native.picture().count,
            (None, None) => 0,
        }
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        self.state.sum.get()
    }

    fn metric(&self) -> HistogramMetric {
        let state = &*self.state;
        let exemplars = state
            .exemplars
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sum = self.sum();
        let mut native = state.native.as_ref().map(NativeBuckets::picture);
        if let Some(native) = &mut native {
            native.sum = sum;
        }
        let native_count = native.as_ref().map_or(0, |native| native.count);
        let native = native.map(ExposedNativeHistogram::Integer);
        match &state.classic {
            Some(classic) => {
                let buckets = classic.buckets(exemplars);
                HistogramMetric {
                    count: buckets.last().map_or(0.0, |bucket| bucket.cumulative_count),
                    buckets,
                    sum: Some(sum),
                    native,
                    exemplars: Vec::new(),
                }
            }
            None => HistogramMetric {
                buckets: Vec::new(),
                count: native_count as f64,
                sum: Some(sum),
                native,
                exemplars: exemplars.into_iter().flatten().collect(),
            },
        }
    }
}

impl Instrument for Histogram {
    const KIND: MetricKind = MetricKind::Histogram;

    fn collect_into(&self, labels: &Labels, metrics: &mut Vec<Metric>) {
        metrics.push(Metric {
            start_timestamp_ms: self.state.start_timestamp_ms,
            ..Metric::new(labels.clone(), MetricValue::Histogram(Box::new(self.metric())))
        });
    }
}

impl ClassicBuckets {
    fn new(bounds: &[f64]) -> Self {
        let mut bounds: Vec<f64> = bounds
            .iter()
            .copied()
            .filter(|bound| *bound < f64::INFINITY)
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        Self {
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            bounds: bounds.into(),
        }
    }

    #[inline]
    fn position(&self, value: f64) -> usize {
        // Written so that what is not a number comes last.
        self.bounds
            .iter()
            .position(|bound| value <= *bound)
            .unwrap_or(self.bounds.len())
    }

    #[inline]
    fn observe(&self, value: f64) {
        if let Some(count) = self.counts.get(self.position(value)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    fn buckets(&self, exemplars: Vec<Option<Exemplar>>) -> Vec<Bucket> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut cumulative = 0;
        bounds
            .zip(&self.counts)
            .zip(exemplars)
            .map(|((upper_bound, count), exemplar)| {
                cumulative += count.load(Ordering::Relaxed);
                Bucket {
                    upper_bound,
                    cumulative_count: cumulative as f64,
                    exemplar,
                }
            })
            .collect()
    }
}
