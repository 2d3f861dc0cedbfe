//! What can be told of the observations: quantiles, fractions, mean and spread.

use std::ops::ControlFlow;

use super::count::Compensated;
use super::{Bucket, bucket_bound};
use crate::HistogramView;

/// Where a quantile lies.
#[derive(Clone, Copy)]
enum Place {
    Negative(i32),
    Zero,
    Positive(i32),
}

impl HistogramView<'_> {
    /// The value below which the fraction `quantile` of all observations lies, as PromQL's `histogram_quantile` estimates it.
    ///
    /// Observations are thought of as spread over their bucket exponentially, in the zero bucket and in custom buckets
    /// evenly. A zero bucket reaches only to one side of zero when all other observations lie on that side. Observations
    /// that are not a number count as larger than all others; that there are some is to be seen from a sum that is not a
    /// number, and the result is not a number either when it would be one of them.
    ///
    /// `NaN` for a histogram without observations and a quantile that is `NaN`; infinite for quantiles outside of 0 to 1.
    pub fn quantile(&self, quantile: f64) -> f64 {
        if quantile < 0.0 {
            return f64::NEG_INFINITY;
        }
        if quantile > 1.0 {
            return f64::INFINITY;
        }
        if self.count == 0.0 || quantile.is_nan() {
            return f64::NAN;
        }
        // From the end that is nearer. The end is not known when some observations are in no bucket.
        let is_upward = self.sum.is_nan() || quantile < 0.5;
        let rank = if is_upward { quantile } else { 1.0 - quantile } * self.count;
        let Some((place, inside, mut seen)) = self.locate(rank, is_upward) else {
            return f64::NAN;
        };
        let bucket = match self.interpolated(place, inside) {
            Ok(bucket) => bucket,
            Err(value) => return value,
        };
        seen = seen.min(self.count);
        if seen < rank {
            return match (self.sum.is_nan(), is_upward) {
                (true, _) => f64::NAN,
                (false, true) => bucket.upper,
                (false, false) => bucket.lower,
            };
        }
        let part = if is_upward {
            rank - (seen - bucket.count)
        } else {
            seen - rank
        };
        self.value_within(&bucket, part / bucket.count)
    }

    /// The fraction of all observations that lie between `lower` and `upper`, as PromQL's `histogram_fraction` estimates it.
    ///
    /// Observations that are not a number lie nowhere. Otherwise as [`HistogramView::quantile`].
    ///
    /// `NaN` for a histogram without observations and bounds that are `NaN`.
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let (mut lower_rank, mut upper_rank) = (None, None);
        let mut rank = 0.0;
        for bucket in self.buckets() {
            let bucket = self.one_sided(bucket);
            let at = |value: f64| {
                if bucket.lower >= value {
                    Some(rank)
                } else if bucket.upper > value {
                    Some(rank + bucket.count * self.part_below(&bucket, value))
                } else {
                    None
                }
            };
            lower_rank = lower_rank.or_else(|| at(lower));
            upper_rank = upper_rank.or_else(|| at(upper));
            if lower_rank.is_some() && upper_rank.is_some() {
                break;
            }
            rank += bucket.count;
        }
        let end = if self.sum.is_nan() { rank } else { self.count };
        let capped = |rank: Option<f64>| rank.map_or(end, |rank| rank.min(self.count));
        (capped(upper_rank) - capped(lower_rank)) / self.count
    }

    /// The mean of all observations.
    pub fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// The variance of the observations, each taken to be where its bucket is: in the geometric mean of the bounds of an
    /// exponential bucket, in the middle of a custom one, at zero in the zero bucket.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        let mut total = Compensated::default();
        for bucket in self.buckets() {
            let value = if self.layout.is_custom() {
                f64::midpoint(bucket.lower, bucket.upper)
            } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
                0.0
            } else {
                (bucket.lower * bucket.upper).sqrt().copysign(bucket.upper)
            };
            let distance = value - mean;
            total.add(bucket.count * distance * distance);
        }
        total.value() / self.count
    }

    /// The bucket in which the count from one end reaches `rank`, or else the last one: with its own count and the count up
    /// to its far end.
    fn locate(&self, rank: f64, is_upward: bool) -> Option<(Place, f64, f64)> {
        let (mut seen, mut last) = (0.0, None);
        let mut visit = |place: Place, inside: f64| {
            if inside == 0.0 {
                return ControlFlow::Continue(());
            }
            seen += inside;
            last = Some((place, inside, seen));
            if seen >= rank {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let parts = self.parts();
        let mut negative = parts.negative_counts();
        let mut positive = parts.positive_counts();
        // All counts were taken in, or the place is found: either way `last` is the answer.
        let _: ControlFlow<()> = (|| {
            if is_upward {
                negative.try_rfold((), |(), (index, count)| visit(Place::Negative(index), count))?;
                visit(Place::Zero, self.zero_count)?;
                positive.try_fold((), |(), (index, count)| visit(Place::Positive(index), count))
            } else {
                positive.try_rfold((), |(), (index, count)| visit(Place::Positive(index), count))?;
                visit(Place::Zero, self.zero_count)?;
                negative.try_fold((), |(), (index, count)| visit(Place::Negative(index), count))
            }
        })();
        last
    }

    /// The bucket to interpolate in, or the value when that cannot be.
    fn interpolated(&self, place: Place, count: f64) -> Result<Bucket<f64>, f64> {
        let threshold = self.layout.zero_threshold;
        let (lower, upper) = match place {
            Place::Zero => (-threshold, threshold),
            Place::Positive(index) if self.layout.is_custom() => match self.layout.bounds_of(index) {
                (f64::NEG_INFINITY, upper) if upper <= 0.0 => return Err(upper),
                (f64::NEG_INFINITY, upper) => (0.0, upper),
                (lower, f64::INFINITY) => return Err(lower),
                bounds => bounds,
            },
            Place::Positive(index) | Place::Negative(index) => {
                let schema = self.layout.schema;
                let (near, far) = (
                    bucket_bound(index.wrapping_sub(1), schema),
                    bucket_bound(index, schema),
                );
                let near = near.max(threshold.min(far));
                if matches!(place, Place::Positive(_)) {
                    (near, far)
                } else {
                    (-far, -near)
                }
            }
        };
        Ok(self.one_sided(Bucket {
            lower,
            upper,
            lower_inclusive: false,
            upper_inclusive: false,
            count,
            index: 0,
        }))
    }

    /// Cuts the zero bucket at zero when all other observations lie to one side, and the lowest custom bucket if it reaches
    /// above zero.
    pub(super) fn one_sided(&self, bucket: Bucket<f64>) -> Bucket<f64> {
        if self.layout.is_custom() {
            let is_lowest =
                bucket.lower == f64::NEG_INFINITY && bucket.upper > 0.0 && bucket.upper.is_finite();
            return Bucket {
                lower: if is_lowest { 0.0 } else { bucket.lower },
                ..bucket
            };
        }
        if !(bucket.lower < 0.0 && bucket.upper > 0.0) {
            return bucket;
        }
        let parts = self.parts();
        match (parts.has_negative(), parts.has_positive()) {
            (false, true) => Bucket { lower: 0.0, ..bucket },
            (true, false) => Bucket { upper: 0.0, ..bucket },
            _ => bucket,
        }
    }

    /// Whether observations are taken to be spread evenly over a bucket.
    pub(super) fn is_linear(&self, bucket: &Bucket<f64>) -> bool {
        self.layout.is_custom() || (bucket.lower <= 0.0 && bucket.upper >= 0.0)
    }

    /// Which part of a bucket's observations is below `value`, which lies inside.
    pub(super) fn part_below(&self, bucket: &Bucket<f64>, value: f64) -> f64 {
        if self.is_linear(bucket) {
            return match bucket.lower {
                f64::NEG_INFINITY => 1.0,
                lower => (value - lower) / (bucket.upper - lower),
            };
        }
        let [lower, upper, value] = [bucket.lower, bucket.upper, value].map(|bound| bound.abs().log2());
        if bucket.lower > 0.0 {
            (value - lower) / (upper - lower)
        } else {
            1.0 - (value - upper) / (lower - upper)
        }
    }

    /// The value below which the fraction `part` of a bucket's observations lies.
    fn value_within(&self, bucket: &Bucket<f64>, part: f64) -> f64 {
        if self.is_linear(bucket) {
            return bucket.lower + (bucket.upper - bucket.lower) * part;
        }
        let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
        if lower.is_infinite() || upper.is_infinite() {
            // The bucket of infinite observations begins at the largest float.
            return if bucket.upper > 0.0 {
                bucket.upper
            } else {
                bucket.lower
            };
        }
        if bucket.lower > 0.0 {
            (lower + (upper - lower) * part).exp2()
        } else {
            -(upper + (lower - upper) * (1.0 - part)).exp2()
        }
    }
}
