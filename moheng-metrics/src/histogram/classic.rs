//! Classic histograms, whose buckets are cumulative, and histograms with custom buckets: one made of the other.

use thiserror::Error;

use super::{BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram};
use crate::{ExposedNativeHistogram, HistogramMetric, HistogramView};

/// Whole floats below this are exact as integers.
const MAX_WHOLE: f64 = (1_u64 << 63) as f64;

/// The series of one classic histogram at one time, gathered to become a histogram with custom buckets.
///
/// ```
/// use moheng_metrics::ExposedNativeHistogram;
/// use moheng_metrics::histogram::ClassicHistogram;
///
/// let mut classic = ClassicHistogram::new();
/// classic.set_bucket(f64::INFINITY, 4.0)?;
/// classic.set_bucket(0.5, 1.0)?;
/// classic.set_sum(7.0);
/// let ExposedNativeHistogram::Integer(histogram) = classic.to_native()? else { panic!("all counts are whole") };
/// assert_eq!(histogram.layout.custom_bounds, [0.5]);
/// assert_eq!((histogram.count, histogram.positive), (4, vec![1, 3]));
/// # Ok::<(), moheng_metrics::histogram::ClassicError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassicHistogram {
    /// Upper bounds, ascending, with the observations up to them.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Why series are not a classic histogram.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ClassicError {
    /// A count is infinite or not a number, or a bound is not a number or minus infinity.
    #[error("upper bound {upper_bound} with count {count} is not a bucket")]
    NotABucket {
        /// The bound.
        upper_bound: f64,
        /// The count.
        count: f64,
    },
    /// A count is negative.
    #[error("bucket with upper bound {upper_bound} has the negative count {count}")]
    NegativeCount {
        /// The bound.
        upper_bound: f64,
        /// The count.
        count: f64,
    },
    /// A bucket holds less than one below it.
    #[error(
        "bucket with upper bound {upper_bound} has count {count}, which is not between those of its neighbours"
    )]
    NotCumulative {
        /// The bound.
        upper_bound: f64,
        /// The count.
        count: f64,
    },
    /// The count and the count of the infinite bucket differ.
    #[error("histogram has count {count}, but its buckets hold {buckets}")]
    CountMismatch {
        /// The stated count.
        count: f64,
        /// The count of the infinite bucket.
        buckets: f64,
    },
}

impl ClassicHistogram {
    /// A histogram of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.clear();
        self.count = None;
        self.sum = 0.0;
    }

    /// Whether neither a bucket nor a count is known.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.count.is_none()
    }

    /// States how many observations are not above `upper_bound`: a sample of the series `_bucket`. Buckets may come in any
    /// order; of two with the same bound the first counts.
    ///
    /// # Errors
    ///
    /// When the count cannot be true beside the others. The bucket is left out.
    pub fn set_bucket(&mut self, upper_bound: f64, count: f64) -> Result<(), ClassicError> {
        if upper_bound.is_nan() || upper_bound == f64::NEG_INFINITY || !count.is_finite() {
            return Err(ClassicError::NotABucket { upper_bound, count });
        }
        if count < 0.0 {
            return Err(ClassicError::NegativeCount { upper_bound, count });
        }
        let position = self.buckets.partition_point(|(bound, _)| *bound < upper_bound);
        let next = self.buckets.get(position);
        if next.is_some_and(|(bound, _)| *bound == upper_bound) {
            return Ok(());
        }
        let below = position
            .checked_sub(1)
            .and_then(|position| self.buckets.get(position));
        let is_cumulative =
            below.is_none_or(|(_, below)| *below <= count) && next.is_none_or(|(_, above)| count <= *above);
        if !is_cumulative {
            return Err(ClassicError::NotCumulative { upper_bound, count });
        }
        self.buckets.insert(position, (upper_bound, count));
        Ok(())
    }

    /// States the count of all observations: a sample of the series `_count`. Without it the highest bucket tells.
    ///
    /// # Errors
    ///
    /// When the count is negative, infinite or not a number. It is left out.
    pub fn set_count(&mut self, count: f64) -> Result<(), ClassicError> {
        let upper_bound = f64::INFINITY;
        if !count.is_finite() {
            return Err(ClassicError::NotABucket { upper_bound, count });
        }
        if count < 0.0 {
            return Err(ClassicError::NegativeCount { upper_bound, count });
        }
        self.count = Some(count);
        Ok(())
    }

    /// States the sum of all observations: a sample of the series `_sum`.
    pub fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The histogram with custom buckets, counting in whole numbers if all counts are whole.
    ///
    /// # Errors
    ///
    /// When the count is not that of the infinite bucket, which is the last one if there is none.
    pub fn to_native(&self) -> Result<ExposedNativeHistogram, ClassicError> {
        let highest = self.buckets.last().map_or(0.0, |(_, count)| *count);
        let total = self.count.unwrap_or(highest);
        let mut buckets = self.buckets.clone();
        if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            buckets.push((f64::INFINITY, total));
        }
        let in_buckets = buckets.last().map_or(0.0, |(_, count)| *count);
        if total != in_buckets || highest > in_buckets {
            let buckets = in_buckets.max(highest);
            return Err(ClassicError::CountMismatch {
                count: total,
                buckets,
            });
        }
        let layout = layout_of(buckets.iter().map(|(bound, _)| *bound), buckets.len());
        let is_whole = buckets
            .iter()
            .all(|(_, count)| count.fract() == 0.0 && *count < MAX_WHOLE);
        if is_whole {
            let mut below = 0;
            let own = |(_, count): &(f64, f64)| *count as u64 - std::mem::replace(&mut below, *count as u64);
            let mut histogram = IntegerHistogram {
                count: total as u64,
                sum: self.sum,
                positive: buckets.iter().map(own).collect(),
                ..IntegerHistogram::empty(layout)
            };
            histogram.compact(2);
            return Ok(ExposedNativeHistogram::Integer(histogram));
        }
        let mut below = 0.0;
        let own = |(_, count): &(f64, f64)| *count - std::mem::replace(&mut below, *count);
        let mut histogram = FloatHistogram {
            count: total,
            sum: self.sum,
            positive: buckets.iter().map(own).collect(),
            ..FloatHistogram::empty(layout)
        };
        histogram.compact(0);
        Ok(ExposedNativeHistogram::Float(histogram))
    }
}

impl HistogramMetric {
    /// The classic buckets as a histogram with custom buckets.
    ///
    /// # Errors
    ///
    /// When the buckets are not those of a classic histogram.
    pub fn to_custom_buckets(&self) -> Result<ExposedNativeHistogram, ClassicError> {
        let mut classic = ClassicHistogram::new();
        for bucket in &self.buckets {
            classic.set_bucket(bucket.upper_bound, bucket.cumulative_count)?;
        }
        classic.set_count(self.count)?;
        classic.set_sum(self.sum.unwrap_or_default());
        classic.to_native()
    }
}

impl HistogramView<'_> {
    /// The buckets of the classic histogram that says the same, ascending: upper bound and the observations up to it, those
    /// of empty buckets and of the infinite one included. `None` for exponential buckets.
    pub fn classic_buckets(&self) -> Option<impl Iterator<Item = (f64, f64)>> {
        let mut counts = self.parts().positive_counts().peekable();
        let mut total = 0.0;
        let bounds = self.layout.custom_bounds.iter().copied().chain([f64::INFINITY]);
        self.layout.is_custom().then(|| {
            bounds.zip(0_i32..).map(move |(bound, position)| {
                while let Some((_, count)) = counts.next_if(|(index, _)| *index <= position) {
                    total += count;
                }
                (bound, total)
            })
        })
    }
}

fn layout_of(bounds: impl Iterator<Item = f64>, buckets: usize) -> HistogramLayout {
    HistogramLayout {
        positive: vec![BucketSpan {
            offset: 0,
            length: buckets as u32,
        }],
        ..HistogramLayout::custom(bounds.take(buckets.saturating_sub(1)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(buckets: &[(f64, f64)], count: Option<f64>) -> Result<ExposedNativeHistogram, ClassicError> {
        let mut classic = ClassicHistogram::new();
        for (bound, cumulative) in buckets {
            classic.set_bucket(*bound, *cumulative)?;
        }
        if let Some(count) = count {
            classic.set_count(count)?;
        }
        classic.set_sum(1.5);
        classic.to_native()
    }

    #[test]
    fn whole_counts_become_whole_buckets() {
        #[track_caller]
        fn check(buckets: &[(f64, f64)], count: Option<f64>, bounds: &[f64], counts: &[u64], total: u64) {
            let Ok(ExposedNativeHistogram::Integer(histogram)) = gathered(buckets, count) else {
                panic!("{buckets:?} is not taken");
            };
            assert_eq!(histogram.validate(), Ok(()));
            assert_eq!((histogram.count, histogram.sum), (total, 1.5));
            assert_eq!(histogram.layout.custom_bounds, bounds);
            assert_eq!(histogram.positive, counts);
        }
        let infinity = f64::INFINITY;
        check(
            &[(1.0, 2.0), (2.0, 2.0), (infinity, 5.0)],
            Some(5.0),
            &[1.0, 2.0],
            &[2, 0, 3],
            5,
        );
        check(&[(infinity, 5.0), (1.0, 2.0)], None, &[1.0], &[2, 3], 5);
        check(&[(1.0, 2.0), (1.0, 4.0)], Some(5.0), &[1.0], &[2, 3], 5);
        check(&[(1.0, 2.0)], None, &[1.0], &[2], 2);
        check(&[], Some(7.0), &[], &[7], 7);
        check(&[], None, &[], &[], 0);
        check(&[(-1e300, 0.0), (0.0, 1.0)], Some(1.0), &[-1e300, 0.0], &[1], 1);
    }

    #[test]
    fn contradictions_are_named() {
        #[track_caller]
        fn check(buckets: &[(f64, f64)], count: Option<f64>, expected: &str) {
            let error = gathered(buckets, count).expect_err("is refused");
            assert_eq!(error.to_string(), expected);
        }
        check(
            &[(1.0, -1.0)],
            None,
            "bucket with upper bound 1 has the negative count -1",
        );
        check(
            &[(1.0, f64::NAN)],
            None,
            "upper bound 1 with count NaN is not a bucket",
        );
        check(
            &[(f64::NEG_INFINITY, 0.0)],
            None,
            "upper bound -inf with count 0 is not a bucket",
        );
        check(
            &[],
            Some(f64::INFINITY),
            "upper bound inf with count inf is not a bucket",
        );
        check(
            &[(1.0, 3.0), (2.0, 2.0)],
            None,
            "bucket with upper bound 2 has count 2, which is not between those of its neighbours",
        );
        check(
            &[(2.0, 2.0), (1.0, 3.0)],
            None,
            "bucket with upper bound 1 has count 3, which is not between those of its neighbours",
        );
        check(
            &[(1.0, 3.0), (f64::INFINITY, 4.0)],
            Some(5.0),
            "histogram has count 5, but its buckets hold 4",
        );
        check(
            &[(1.0, 3.0)],
            Some(2.0),
            "histogram has count 2, but its buckets hold 3",
        );
    }

    #[test]
    fn classic_buckets_come_back() {
        let classic = [
            (-1.0, 0.5),
            (1.0, 0.5),
            (2.0, 3.0),
            (4.0, 3.0),
            (f64::INFINITY, 7.0),
        ];
        let Ok(ExposedNativeHistogram::Float(histogram)) = gathered(&classic, None) else {
            panic!("the histogram is taken as one of floats");
        };
        assert_eq!(histogram.positive, [0.5, 2.5, 4.0]);
        let back: Vec<(f64, f64)> = histogram
            .view()
            .classic_buckets()
            .expect("has custom buckets")
            .collect();
        assert_eq!(back, classic);
        let exponential = FloatHistogram::empty(HistogramLayout::exponential(0, 0.0));
        assert!(exponential.view().classic_buckets().is_none());
    }
}
