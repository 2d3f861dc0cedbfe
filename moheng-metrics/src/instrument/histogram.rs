//! [`Histogram`]: how observations are distributed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::classic::AtomicBuckets;
use super::options::bucket_of;
use super::sharded::ShardedBuckets;
use super::{HistogramOptions, Instrument};
use crate::{
    Bucket, Clock, Exemplar, ExposedNativeHistogram, HistogramMetric, Labels, Metric, MetricKind, MetricValue,
};

/// How many exemplars a histogram keeps that has no classic buckets.
const MAX_EXEMPLARS: usize = 10;

/// Counts observations in buckets: classic ones, those of a native histogram, or both.
///
/// With classic buckets alone an observation is two atomic additions, and the sum on a page may be an observation ahead of the buckets or
/// behind. With native buckets it is a short lock, which threads rarely meet at, and a page shows one moment.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::SystemClock;
/// use moheng_metrics::instrument::{Histogram, HistogramOptions};
///
/// let options = HistogramOptions::classic([0.1, 1.0]);
/// let seconds = Histogram::new(&options, Arc::new(SystemClock::new()));
/// seconds.observe(0.5);
/// assert_eq!((seconds.count(), seconds.sum()), (1, 0.5));
///
/// let timer = seconds.start_timer();
/// // What is to be measured.
/// drop(timer);
/// assert_eq!(seconds.count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Histogram {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    buckets: Buckets,
    clock: Arc<dyn Clock>,
    start_timestamp_ms: AtomicI64,
    exemplars: Mutex<Exemplars>,
}

#[derive(Debug)]
enum Buckets {
    Classic(AtomicBuckets),
    Native(ShardedBuckets),
}

/// The latest exemplar of each classic bucket, or the latest ones of all.
#[derive(Clone, Debug, Default)]
struct Exemplars {
    by_bucket: Vec<Option<Exemplar>>,
    latest: VecDeque<Exemplar>,
}

impl Histogram {
    /// A histogram without observations, that started when `clock` says.
    ///
    /// Options that a registry refuses are mended here: bounds are sorted and what is not a number is left out, a zero
    /// threshold below zero is zero, and there are two buckets at least.
    pub fn new(options: &HistogramOptions, clock: Arc<dyn Clock>) -> Self {
        let buckets = match options.native {
            None => Buckets::Classic(AtomicBuckets::new(&options.bounds)),
            Some(native) => Buckets::Native(ShardedBuckets::new(&options.bounds, native)),
        };
        let start_timestamp_ms = AtomicI64::new(clock.now_ms());
        Self {
            state: Arc::new(State {
                buckets,
                clock,
                start_timestamp_ms,
                exemplars: Mutex::default(),
            }),
        }
    }

    /// Counts an observation. One that is not a number counts, above all bounds, and makes the sum not a number.
    #[inline]
    pub fn observe(&self, value: f64) {
        match &self.state.buckets {
            Buckets::Classic(buckets) => buckets.observe(value),
            Buckets::Native(buckets) => buckets.observe(value),
        }
    }

    /// Counts a time, in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Counts an observation and keeps it, with these labels and the time, as the latest example of its classic bucket, or as one
    /// of the ten latest examples when there are none.
    ///
    /// OpenMetrics and the protobuf format carry exemplars; OpenMetrics leaves out those whose labels are longer than
    /// [`crate::exposition::MAX_EXEMPLAR_CHARACTERS`].
    pub fn observe_with_exemplar(&self, value: f64, labels: Labels) {
        self.observe(value);
        let exemplar = Exemplar {
            labels,
            value,
            timestamp_ms: Some(self.state.clock.now_ms()),
        };
        let bounds = self.bounds();
        let mut exemplars = self.exemplars();
        if bounds.is_empty() && matches!(self.state.buckets, Buckets::Native(_)) {
            if exemplars.latest.len() == MAX_EXEMPLARS {
                exemplars.latest.pop_front();
            }
            exemplars.latest.push_back(exemplar);
        } else {
            exemplars.by_bucket.resize(bounds.len() + 1, None);
            if let Some(latest) = exemplars.by_bucket.get_mut(bucket_of(bounds, value)) {
                *latest = Some(exemplar);
            }
        }
    }

    /// Counts the seconds from now until what is returned is dropped.
    pub fn start_timer(&self) -> Timer {
        Timer {
            start: self.state.clock.monotonic(),
            histogram: Some(self.clone()),
        }
    }

    /// How many observations were counted.
    pub fn count(&self) -> u64 {
        match &self.state.buckets {
            Buckets::Classic(buckets) => buckets.counts().iter().sum(),
            Buckets::Native(buckets) => buckets.picture(false).0.native.count(),
        }
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        match &self.state.buckets {
            Buckets::Classic(buckets) => buckets.sum(),
            Buckets::Native(buckets) => buckets.picture(false).0.sum,
        }
    }

    fn metric(&self) -> HistogramMetric {
        let Exemplars { by_bucket, latest } = self.exemplars().clone();
        let bounds = self.bounds();
        match &self.state.buckets {
            Buckets::Classic(buckets) => {
                let sum = buckets.sum();
                let buckets = cumulative(bounds, &buckets.counts(), by_bucket);
                HistogramMetric {
                    count: buckets.last().map_or(0.0, |bucket| bucket.cumulative_count),
                    buckets,
                    sum: Some(sum),
                    ..HistogramMetric::default()
                }
            }
            Buckets::Native(buckets) => {
                let (picture, is_reset) = buckets.picture(self.may_reset(buckets));
                if is_reset {
                    let now_ms = self.state.clock.now_ms();
                    self.state.start_timestamp_ms.store(now_ms, Ordering::Relaxed);
                }
                HistogramMetric {
                    buckets: cumulative(bounds, &picture.classic, by_bucket),
                    count: picture.native.count() as f64,
                    sum: Some(picture.sum),
                    native: Some(ExposedNativeHistogram::Integer(
                        picture.native.to_histogram(picture.sum),
                    )),
                    exemplars: latest.into(),
                }
            }
        }
    }

    fn may_reset(&self, buckets: &ShardedBuckets) -> bool {
        let start_ms = self.state.start_timestamp_ms.load(Ordering::Relaxed);
        let age_ms = self.state.clock.now_ms().saturating_sub(start_ms);
        let reset_after = buckets.options().reset_after;
        reset_after.is_some_and(|time| u128::try_from(age_ms).is_ok_and(|age| age >= time.as_millis()))
    }

    fn bounds(&self) -> &[f64] {
        match &self.state.buckets {
            Buckets::Classic(buckets) => buckets.bounds(),
            Buckets::Native(buckets) => buckets.bounds(),
        }
    }

    fn exemplars(&self) -> MutexGuard<'_, Exemplars> {
        self.state
            .exemplars
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instrument for Histogram {
    const KIND: MetricKind = MetricKind::Histogram;

    fn collect_into(&self, _: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        let start_timestamp_ms = self.state.start_timestamp_ms.load(Ordering::Relaxed);
        metrics.push(Metric {
            start_timestamp_ms: Some(start_timestamp_ms),
            ..Metric::new(labels.clone(), MetricValue::Histogram(Box::new(self.metric())))
        });
    }
}

/// Counts the seconds since it was started when it is dropped.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::SystemClock;
/// use moheng_metrics::instrument::{Histogram, HistogramOptions};
///
/// let options = HistogramOptions::native();
/// let seconds = Histogram::new(&options, Arc::new(SystemClock::new()));
/// let taken = seconds.start_timer().stop();
/// seconds.start_timer().discard();
/// assert_eq!((seconds.count(), seconds.sum()), (1, taken.as_secs_f64()));
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends the measurement"]
pub struct Timer {
    start: Duration,
    /// `None` once it is done.
    histogram: Option<Histogram>,
}

impl Timer {
    /// Counts now and returns the time that was counted.
    pub fn stop(mut self) -> Duration {
        self.finish()
    }

    /// Counts nothing.
    pub fn discard(mut self) {
        self.histogram = None;
    }

    fn finish(&mut self) -> Duration {
        let Some(histogram) = self.histogram.take() else {
            return Duration::ZERO;
        };
        let taken = histogram.state.clock.monotonic().saturating_sub(self.start);
        histogram.observe_duration(taken);
        taken
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.finish();
    }
}

fn cumulative(bounds: &[f64], counts: &[u64], exemplars: Vec<Option<Exemplar>>) -> Vec<Bucket> {
    let bounds = bounds.iter().copied().chain([f64::INFINITY]);
    let exemplars = exemplars.into_iter().chain(std::iter::repeat(None));
    let mut cumulative = 0;
    let buckets = bounds.zip(counts).zip(exemplars);
    let buckets = buckets.map(|((upper_bound, count), exemplar)| {
        cumulative += count;
        Bucket {
            upper_bound,
            cumulative_count: cumulative as f64,
            exemplar,
        }
    });
    buckets.collect()
}
