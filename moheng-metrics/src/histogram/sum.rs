//! [`HistogramSum`] and [`HistogramMean`]: what `sum`, `avg` and their kin over time do with histograms.

use std::sync::Arc;

use super::count::Compensated;
use super::merge::add_buckets;
use super::{FloatHistogram, HistogramLayout, Merged, MixedBuckets, NativeHistogram, ResetHint};
use crate::HistogramView;

/// A sum of histograms that keeps its precision: each number is summed up after Neumaier.
///
/// ```
/// use moheng_metrics::histogram::{FloatHistogram, HistogramLayout, HistogramSum};
///
/// let mut sum = HistogramSum::new();
/// for value in [1e100, 1.0, -1e100] {
///     let layout = HistogramLayout::exponential(0, 0.0);
///     sum.add(FloatHistogram { sum: value, ..FloatHistogram::empty(layout) }.view())?;
/// }
/// assert_eq!(sum.value().map(|sum| sum.sum), Some(1.0));
/// # Ok::<(), moheng_metrics::histogram::MixedBuckets>(())
/// ```
#[derive(Clone, Debug)]
pub struct HistogramSum {
    buckets: NativeHistogram<Compensated>,
    sum: Compensated,
    /// How many histograms were added.
    length: u64,
    has_reset: bool,
    has_no_reset: bool,
    bounds_reconciled: bool,
}

impl HistogramSum {
    /// A sum of nothing.
    pub fn new() -> Self {
        Self {
            buckets: NativeHistogram::empty(HistogramLayout::default()),
            sum: Compensated::default(),
            length: 0,
            has_reset: false,
            has_no_reset: false,
            bounds_reconciled: false,
        }
    }

    /// Forgets all that was added and keeps the memory.
    pub fn clear(&mut self) {
        self.length = 0;
        (self.has_reset, self.has_no_reset, self.bounds_reconciled) = (false, false, false);
    }

    /// Adds a histogram. Allocates only when it has buckets that none before it had.
    ///
    /// # Errors
    ///
    /// [`MixedBuckets`] when the ones before have exponential and this one custom buckets, or the other way; it was not added.
    pub fn add(&mut self, histogram: HistogramView<'_>) -> Result<(), MixedBuckets> {
        self.add_divided(histogram, 1.0)
    }

    /// How many histograms were added.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What is to be told about all additions. Resets collide when any two histograms contradict each other.
    pub fn merged(&self) -> Merged {
        Merged {
            resets_collide: self.has_reset && self.has_no_reset,
            bounds_reconciled: self.bounds_reconciled,
        }
    }

    /// The sum, or `None` when nothing was added.
    pub fn value(&self) -> Option<FloatHistogram> {
        let values = |counts: &[Compensated]| counts.iter().map(|count| count.value()).collect();
        let buckets = &self.buckets;
        (self.length > 0).then(|| FloatHistogram {
            layout: Arc::clone(&buckets.layout),
            reset_hint: buckets.reset_hint,
            count: buckets.count.value(),
            sum: self.sum.value(),
            zero_count: buckets.zero_count.value(),
            positive: values(&buckets.positive),
            negative: values(&buckets.negative),
        })
    }

    fn add_divided(&mut self, histogram: HistogramView<'_>, divisor: f64) -> Result<(), MixedBuckets> {
        let counted = |count: f64| Compensated::new(count / divisor);
        if self.length == 0 {
            let buckets = &mut self.buckets;
            buckets.layout.clone_from(histogram.layout);
            buckets.reset_hint = histogram.reset_hint;
            buckets.count = counted(histogram.count);
            buckets.zero_count = counted(histogram.zero_count);
            buckets.positive.clear();
            buckets
                .positive
                .extend(histogram.positive.iter().copied().map(counted));
            buckets.negative.clear();
            buckets
                .negative
                .extend(histogram.negative.iter().copied().map(counted));
            self.sum = counted(histogram.sum);
        } else {
            let add = |ours: &mut Compensated, theirs: f64| ours.add(theirs / divisor);
            self.bounds_reconciled |= add_buckets(&mut self.buckets, histogram.parts(), counted, add)?;
            self.buckets.count.add(histogram.count / divisor);
            self.sum.add(histogram.sum / divisor);
            self.buckets.reset_hint = self.buckets.reset_hint.combined(histogram.reset_hint).0;
        }
        self.has_reset |= histogram.reset_hint == ResetHint::Reset;
        self.has_no_reset |= histogram.reset_hint == ResetHint::NotReset;
        self.length += 1;
        Ok(())
    }

    fn for_each_number(&mut self, change: impl Fn(&mut Compensated)) {
        let buckets = &mut self.buckets;
        change(&mut self.sum);
        change(&mut buckets.count);
        change(&mut buckets.zero_count);
        buckets
            .positive
            .iter_mut()
            .chain(&mut buckets.negative)
            .for_each(change);
    }
}

impl Default for HistogramSum {
    fn default() -> Self {
        Self::new()
    }
}

/// A mean of histograms: a [`HistogramSum`] as long as that cannot overflow, then an incremental mean.
#[derive(Clone, Debug, Default)]
pub struct HistogramMean {
    /// The sum, or the mean once incremental.
    sum: HistogramSum,
    /// No number of the sum is larger.
    magnitude: f64,
    is_incremental: bool,
}

impl HistogramMean {
    /// A mean of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`HistogramSum::clear`].
    pub fn clear(&mut self) {
        self.sum.clear();
        self.magnitude = 0.0;
        self.is_incremental = false;
    }

    /// As [`HistogramSum::add`].
    ///
    /// # Errors
    ///
    /// As [`HistogramSum::add`].
    pub fn add(&mut self, histogram: HistogramView<'_>) -> Result<(), MixedBuckets> {
        let before = self.sum.length as f64;
        let has_mixed_buckets = self.sum.buckets.layout.is_custom() != histogram.layout.is_custom();
        if before > 0.0 && has_mixed_buckets {
            return Err(MixedBuckets);
        }
        if !self.is_incremental {
            self.magnitude += magnitude(histogram);
            if !self.magnitude.is_infinite() {
                return self.sum.add(histogram);
            }
            self.is_incremental = true;
            if before > 0.0 {
                self.sum.for_each_number(|number| number.divide(before));
            }
        }
        let length = before + 1.0;
        self.sum.for_each_number(|number| number.scale(before / length));
        self.sum.add_divided(histogram, length)
    }

    /// How many histograms were added.
    pub fn len(&self) -> u64 {
        self.sum.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.sum.is_empty()
    }

    /// As [`HistogramSum::merged`].
    pub fn merged(&self) -> Merged {
        self.sum.merged()
    }

    /// The mean, or `None` when nothing was added.
    pub fn value(&self) -> Option<FloatHistogram> {
        if self.is_incremental {
            return self.sum.value();
        }
        let length = self.sum.length as f64;
        let mut mean = self.sum.clone();
        mean.for_each_number(|number| number.divide(length));
        mean.value()
    }
}

/// At least the largest number of the histogram, also after buckets are put together.
fn magnitude(histogram: HistogramView<'_>) -> f64 {
    let total = |counts: &[f64]| counts.iter().map(|count| count.abs()).sum::<f64>();
    let buckets = histogram.zero_count.abs() + total(histogram.positive) + total(histogram.negative);
    buckets.max(histogram.count.abs()).max(histogram.sum.abs())
}
