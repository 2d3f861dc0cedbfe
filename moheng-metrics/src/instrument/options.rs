//! [`HistogramOptions`]: which buckets a histogram has.

use std::time::Duration;

/// Which buckets a [`super::Histogram`] has: classic ones, sparse ones of a native histogram, or both.
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
    /// The upper bounds of classic buckets, inclusive and ascending; infinity is always there and need not be given. No classic
    /// buckets are exposed when this is empty and `native` is given.
    pub bounds: Vec<f64>,
    /// The native histogram, which only scrapers of the protobuf format see.
    pub native: Option<NativeOptions>,
}

/// Bounds for how long something takes that people wait for, in seconds: the usual ones of client libraries.
pub const DURATION_BOUNDS_SECONDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

impl HistogramOptions {
    /// Classic buckets with these upper bounds.
    pub fn classic(bounds: impl Into<Vec<f64>>) -> Self {
        Self {
            bounds: bounds.into(),
            native: None,
        }
    }

    /// Classic buckets from 5 ms to 10 s and a native histogram: for times that people wait, whoever scrapes.
    pub fn durations() -> Self {
        Self {
            bounds: DURATION_BOUNDS_SECONDS.to_vec(),
            native: Some(NativeOptions::default()),
        }
    }

    /// A native histogram alone, with buckets that are about a tenth wider than the ones below them.
    pub fn native() -> Self {
        Self {
            bounds: Vec::new(),
            native: Some(NativeOptions::default()),
        }
    }

    /// What is wrong with them, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.bounds.iter().any(|bound| bound.is_nan()) {
            return Some("a bound is not a number");
        }
        if self
            .bounds
            .iter()
            .zip(self.bounds.iter().skip(1))
            .any(|(a, b)| a >= b)
        {
            return Some("the bounds are not ascending");
        }
        let native = self.native.as_ref()?;
        if native.max_buckets < 2 {
            return Some("a native histogram needs two buckets at least");
        }
        if !(0.0..f64::INFINITY).contains(&native.zero_threshold) {
            return Some("the zero threshold is negative, infinite or not a number");
        }
        let is_factor = native.bucket_factor > 1.0;
        (!is_factor).then_some("the bucket factor is not above one")
    }
}

/// How fine a native histogram is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NativeOptions {
    /// Each bucket is at most this many times as wide as the one below it: the coarsest schema of which that is true is taken,
    /// and the finest there is when it is true of none.
    pub bucket_factor: f64,
    /// When more buckets than this would be needed, neighbours are put together: every bucket becomes twice as wide on the
    /// logarithmic scale, and where that is not possible any more, the zero bucket grows. At least 2.
    pub max_buckets: usize,
    /// Observations whose absolute value is at most this are counted as zero.
    pub zero_threshold: f64,
    /// When buckets were put together, and this time has passed since the histogram started, it starts again with its first
    /// resolution right after it was rendered: a single scraper misses no observation, and sees a counter reset. Never when
    /// there is no time given.
    pub reset_after: Option<Duration>,
}

impl Default for NativeOptions {
    /// Buckets a tenth wider than the ones below, 160 of them, zero for what is closer to it than 2^-128, and no resets.
    fn default() -> Self {
        Self {
            bucket_factor: 1.1,
            max_buckets: 160,
            zero_threshold: 2.0_f64.powi(-128),
            reset_after: None,
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

/// `bounds` in a form that can be searched: ascending, unique, without infinity and without what is not a number.
pub(super) fn searchable(bounds: &[f64]) -> Box<[f64]> {
    let is_bound = |bound: &f64| *bound < f64::INFINITY;
    let mut bounds: Vec<f64> = bounds.iter().copied().filter(is_bound).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds.into()
}

/// The index of the classic bucket that counts `value`; above all bounds when it is not a number.
#[inline]
pub(super) fn bucket_of(bounds: &[f64], value: f64) -> usize {
    if value.is_nan() {
        return bounds.len();
    }
    bounds.partition_point(|bound| *bound < value)
}
