//! Native histograms: [`IntegerHistogram`] and [`FloatHistogram`].
//!
//! * Bounds: [`bucket_bound`], [`bucket_index`]; [`NativeHistogram::buckets`] iterates over buckets with their bounds.
//! * What comes from outside is checked with [`IntegerHistogram::validate`] and brought into bounds with
//!   [`NativeHistogram::reduce_for_storage`] and [`NativeHistogram::limit_buckets`].
//! * Computations take [`crate::HistogramView`]s, which borrow: [`FloatHistogram::add`], [`HistogramSum`],
//!   [`HistogramMean`], [`crate::HistogramView::quantile`], [`crate::HistogramView::is_reset_since`].
//! * [`ClassicHistogram`] makes histograms with custom buckets out of classic ones.

mod arithmetic;
mod bounds;
mod buckets;
mod classic;
mod count;
mod deltas;
mod display;
mod merge;
mod quantile;
mod resets;
mod resolution;
mod side;
mod sum;
mod trim;
mod validate;

use std::sync::Arc;

pub use bounds::{MAX_RECEIVED_SCHEMA, bucket_bound, bucket_index, schema_of_bucket_factor};
pub use buckets::Bucket;
pub use classic::{ClassicError, ClassicHistogram};
pub use count::BucketCount;
pub use deltas::{counts_of_deltas, deltas_of_counts};
pub use merge::{Merged, MixedBuckets};
pub use sum::{HistogramMean, HistogramSum};
pub use validate::{HistogramError, HistogramSide};

/// The lowest exponential schema: every bucket is 65,536 times as wide as the one below it.
pub const MIN_SCHEMA: i8 = -4;

/// The highest exponential schema that is stored: a bucket grows by 2^(1/256), about 0.3 %.
pub const MAX_SCHEMA: i8 = 8;

/// The schema of histograms whose bucket bounds are given one by one.
pub const CUSTOM_BUCKETS_SCHEMA: i8 = -53;

/// A native histogram that counts observations in whole numbers: what instrumented programs expose.
pub type IntegerHistogram = NativeHistogram<u64>;

/// A native histogram with fractional counts: what PromQL computes with.
pub type FloatHistogram = NativeHistogram<f64>;

/// A native histogram: a sample whose value is a distribution.
///
/// Which buckets there are is in `layout`, which samples of one series usually share; how many observations each holds is
/// in `positive` and `negative`, as plain counts per bucket (neither cumulative nor differences).
///
/// ```
/// use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
///
/// // Schema 0: bucket i holds the observations in (2^(i-1), 2^i].
/// let layout = HistogramLayout {
///     positive: vec![BucketSpan { offset: 0, length: 2 }],
///     ..HistogramLayout::exponential(0, 0.001)
/// };
/// let histogram = FloatHistogram {
///     count: 3.0,
///     sum: 3.5,
///     positive: vec![1.0, 2.0],
///     ..FloatHistogram::empty(layout)
/// };
/// assert_eq!(histogram.positive.len(), histogram.layout.positive_bucket_count());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NativeHistogram<Count> {
    /// Which buckets there are.
    pub layout: Arc<HistogramLayout>,
    /// What is known about a counter reset between the previous sample and this one.
    pub reset_hint: ResetHint,
    /// All observations, those that are NaN included.
    pub count: Count,
    /// The sum of all observations. [`crate::STALE_NAN`] marks the series as gone.
    pub sum: f64,
    /// The observations whose absolute value is at most [`HistogramLayout::zero_threshold`].
    pub zero_count: Count,
    /// The observations in each positive bucket, in the order of [`HistogramLayout::positive`].
    pub positive: Vec<Count>,
    /// The observations in each negative bucket, in the order of [`HistogramLayout::negative`], nearest to zero first.
    pub negative: Vec<Count>,
}

impl<Count: Default> NativeHistogram<Count> {
    /// A histogram without observations. When `layout` has buckets, `positive` and `negative` are still to be filled.
    pub fn empty(layout: impl Into<Arc<HistogramLayout>>) -> Self {
        Self {
            layout: layout.into(),
            reset_hint: ResetHint::Unknown,
            count: Count::default(),
            sum: 0.0,
            zero_count: Count::default(),
            positive: Vec::new(),
            negative: Vec::new(),
        }
    }

    /// The sample that marks a histogram series as gone.
    pub fn stale() -> Self {
        Self {
            sum: crate::STALE_NAN,
            ..Self::empty(HistogramLayout::default())
        }
    }
}

impl<Count> NativeHistogram<Count> {
    /// Whether this sample marks its series as gone.
    pub fn is_stale(&self) -> bool {
        crate::is_stale_nan(self.sum)
    }
}

/// Which buckets a native histogram has.
///
/// With an exponential schema n, bucket i of the positive side holds the observations in `(base^(i-1), base^i]` where
/// `base = 2^(2^-n)`, and the negative side mirrors it. With [`CUSTOM_BUCKETS_SCHEMA`], bucket i holds
/// `(custom_bounds[i-1], custom_bounds[i]]`; the bounds below the first and above the last are infinite, and there is neither a zero bucket
/// nor a negative side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramLayout {
    /// [`MIN_SCHEMA`] to [`MAX_SCHEMA`], or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i8,
    /// The zero bucket's bound, inclusive.
    pub zero_threshold: f64,
    /// The buckets that exist above the zero bucket, in runs.
    pub positive: Vec<BucketSpan>,
    /// The buckets that exist below the zero bucket, in runs, nearest to zero first.
    pub negative: Vec<BucketSpan>,
    /// The upper bounds of custom buckets, ascending, without the implied infinity; empty for exponential schemas.
    pub custom_bounds: Vec<f64>,
}

impl HistogramLayout {
    /// An exponential layout without buckets.
    pub fn exponential(schema: i8, zero_threshold: f64) -> Self {
        Self {
            schema,
            zero_threshold,
            ..Self::default()
        }
    }

    /// A layout with these upper bounds and without buckets yet.
    pub fn custom(custom_bounds: Vec<f64>) -> Self {
        Self {
            schema: CUSTOM_BUCKETS_SCHEMA,
            custom_bounds,
            ..Self::default()
        }
    }

    /// Whether the bucket bounds are given one by one.
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// How many positive buckets the spans describe.
    pub fn positive_bucket_count(&self) -> usize {
        bucket_count(&self.positive)
    }

    /// How many negative buckets the spans describe.
    pub fn negative_bucket_count(&self) -> usize {
        bucket_count(&self.negative)
    }
}

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// For the first span the index of its first bucket (may be negative), for every later one the number of missing buckets
    /// between the end of the previous span and its start (never negative).
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// What is known about a counter reset between the previous sample of a series and this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing: compare the two.
    #[default]
    Unknown,
    /// There was a reset.
    Reset,
    /// There was none.
    NotReset,
    /// The histogram is a gauge: it does not have resets.
    Gauge,
}

fn bucket_count(spans: &[BucketSpan]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}
