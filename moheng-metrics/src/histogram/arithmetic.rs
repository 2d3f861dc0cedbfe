//! What PromQL computes with histograms: sums, differences, multiples, equality.

use std::sync::Arc;

use super::buckets::IndexedCounts;
use super::merge::{add_buckets, swallowed_index, widened_zero_bucket};
use super::side::Side;
use super::{
    BucketCount, FloatHistogram, HistogramLayout, IntegerHistogram, Merged, MixedBuckets, NativeHistogram,
    ResetHint,
};
use crate::HistogramView;

impl FloatHistogram {
    /// A view of the whole histogram, which is what computations take.
    pub fn view(&self) -> HistogramView<'_> {
        self.into()
    }

    /// Becomes a copy of `other`, in the memory that is there already.
    pub fn assign(&mut self, other: HistogramView<'_>) {
        self.layout.clone_from(other.layout);
        self.reset_hint = other.reset_hint;
        self.count = other.count;
        self.sum = other.sum;
        self.zero_count = other.zero_count;
        self.positive.clear();
        self.positive.extend_from_slice(other.positive);
        self.negative.clear();
        self.negative.extend_from_slice(other.negative);
    }

    /// Adds the observations of `other`.
    ///
    /// The result has the lower of the two schemas and the wider of the zero buckets, or the custom bounds that the two have in
    /// common. It is a gauge if one of the two is, and nothing is known about its resets unless the two agree. When
    /// `other` has no bucket that is missing here, nothing is allocated.
    ///
    /// # Errors
    ///
    /// [`MixedBuckets`] when one has exponential and the other custom buckets; nothing was changed.
    ///
    /// ```
    /// use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
    ///
    /// let one_at = |offset, schema| FloatHistogram {
    ///     count: 1.0,
    ///     positive: vec![1.0],
    ///     ..FloatHistogram::empty(HistogramLayout {
    ///         positive: vec![BucketSpan { offset, length: 1 }],
    ///         ..HistogramLayout::exponential(schema, 0.0)
    ///     })
    /// };
    /// let mut sum = one_at(1, 0);
    /// sum.add(one_at(8, 2).view())?;
    /// assert_eq!((sum.layout.schema, sum.count), (0, 2.0));
    /// assert_eq!(sum.positive, [1.0, 1.0]);
    /// # Ok::<(), moheng_metrics::histogram::MixedBuckets>(())
    /// ```
    pub fn add(&mut self, other: HistogramView<'_>) -> Result<Merged, MixedBuckets> {
        let bounds_reconciled =
            add_buckets(self, other.parts(), |count| count, |ours, theirs| *ours += theirs)?;
        self.count += other.count;
        self.sum += other.sum;
        let (reset_hint, resets_collide) = self.reset_hint.combined(other.reset_hint);
        self.reset_hint = reset_hint;
        Ok(Merged {
            resets_collide,
            bounds_reconciled,
        })
    }

    /// Takes the observations of `other` away; the result is a gauge. Otherwise as [`FloatHistogram::add`].
    ///
    /// # Errors
    ///
    /// As [`FloatHistogram::add`].
    pub fn subtract(&mut self, other: HistogramView<'_>) -> Result<Merged, MixedBuckets> {
        let bounds_reconciled = add_buckets(
            self,
            other.parts(),
            |count| -count,
            |ours, theirs| *ours -= theirs,
        )?;
        self.count -= other.count;
        self.sum -= other.sum;
        let (_, resets_collide) = self.reset_hint.combined(other.reset_hint);
        self.reset_hint = ResetHint::Gauge;
        Ok(Merged {
            resets_collide,
            bounds_reconciled,
        })
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge of it.
    pub fn scale(&mut self, factor: f64) {
        self.for_each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. A negative divisor makes a gauge of it, and zero leaves no bucket but the zero bucket.
    pub fn divide(&mut self, divisor: f64) {
        self.for_each_number(|number| *number /= divisor);
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
        if divisor == 0.0 {
            self.set_sides(self.layout.schema, Side::new(), Side::new());
        }
    }

    /// Whether a count or the sum is infinite.
    pub fn has_overflow(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative);
        buckets
            .chain([&self.count, &self.sum, &self.zero_count])
            .any(|number| number.is_infinite())
    }

    fn for_each_number(&mut self, change: impl Fn(&mut f64)) {
        change(&mut self.count);
        change(&mut self.sum);
        change(&mut self.zero_count);
        self.positive
            .iter_mut()
            .chain(&mut self.negative)
            .for_each(change);
    }
}

impl HistogramView<'_> {
    /// Whether PromQL's `==` holds: the same schema, zero threshold and custom bounds, and the same numbers bit for bit in all
    /// populated buckets, zero bucket, count and sum. What is known about counter resets does not matter.
    pub fn is_equal(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.layout, other.layout);
        let bits = |view: &Self| [view.count, view.sum, view.zero_count].map(f64::to_bits);
        let populated = |(index, count): (i32, f64)| (count != 0.0).then(|| (index, count.to_bits()));
        let is_same_layout = Arc::ptr_eq(ours, theirs)
            || (ours.schema == theirs.schema
                && ours.zero_threshold == theirs.zero_threshold
                && ours.custom_bounds == theirs.custom_bounds);
        let is_same_side = |ours: IndexedCounts<'_, f64>, theirs: IndexedCounts<'_, f64>| -> bool {
            ours.filter_map(populated).eq(theirs.filter_map(populated))
        };
        let (one, two) = (self.parts(), other.parts());
        is_same_layout
            && bits(self) == bits(other)
            && is_same_side(one.positive_counts(), two.positive_counts())
            && is_same_side(one.negative_counts(), two.negative_counts())
    }
}

impl<Count: BucketCount> NativeHistogram<Count> {
    /// Whether the other is the same sample: same buckets, same counts, the same sum bit for bit. What is known about counter
    /// resets does not matter, and all stale markers are the same.
    pub fn is_same_sample(&self, other: &Self) -> bool {
        let is_same_layout = || Arc::ptr_eq(&self.layout, &other.layout) || self.layout == other.layout;
        (self.is_stale() && other.is_stale())
            || (self.sum.to_bits() == other.sum.to_bits()
                && self.count == other.count
                && self.zero_count == other.zero_count
                && self.positive == other.positive
                && self.negative == other.negative
                && is_same_layout())
    }

    /// Makes the zero bucket reach to `threshold` or, where that lies inside a populated bucket, to the end of that one. A
    /// threshold that is not above the present one changes nothing, and custom buckets stay as they are.
    pub fn widen_zero_bucket(&mut self, threshold: f64) {
        let parts = self.parts();
        if parts.layout.is_custom() || threshold.is_nan() || threshold <= parts.layout.zero_threshold {
            return;
        }
        let (zero_count, zero_threshold) = widened_zero_bucket(parts, threshold);
        let swallowed = swallowed_index(parts.layout, zero_threshold);
        let is_kept = |(index, _): &(i32, Count)| Some(*index) > swallowed;
        let positive = Side::of(parts.positive_counts().filter(is_kept));
        let negative = Side::of(parts.negative_counts().filter(is_kept));
        self.zero_count = zero_count;
        self.layout = Arc::new(HistogramLayout {
            positive: positive.spans,
            negative: negative.spans,
            ..HistogramLayout::exponential(self.layout.schema, zero_threshold)
        });
        self.positive = positive.counts;
        self.negative = negative.counts;
    }
}

impl IntegerHistogram {
    /// The histogram with fractional counts, as PromQL sees it; counts above 2^53 are rounded. The layout is shared.
    pub fn to_float(&self) -> FloatHistogram {
        let floats = |counts: &[u64]| counts.iter().map(|count| *count as f64).collect();
        FloatHistogram {
            layout: Arc::clone(&self.layout),
            reset_hint: self.reset_hint,
            count: self.count as f64,
            sum: self.sum,
            zero_count: self.zero_count as f64,
            positive: floats(&self.positive),
            negative: floats(&self.negative),
        }
    }
}
