//! Buckets one after the other: [`Bucket`] and the iterators over it.

use super::bounds::bucket_bound;
use super::{BucketCount, HistogramLayout, NativeHistogram};
use crate::HistogramView;
use crate::histogram::BucketSpan;

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket<Count> {
    /// The bound nearer to minus infinity.
    pub lower: f64,
    /// The bound nearer to infinity.
    pub upper: f64,
    /// Whether observations of exactly `lower` are in the bucket: those of the zero bucket and of negative ones are.
    pub lower_inclusive: bool,
    /// Whether observations of exactly `upper` are in the bucket: those of the zero bucket and of positive ones are.
    pub upper_inclusive: bool,
    /// How many observations.
    pub count: Count,
    /// The number of the bucket in its schema, the same on both sides of zero; 0 for the zero bucket.
    pub index: i32,
}

impl<Count> Bucket<Count> {
    /// How the HTTP API names the bounds that belong to the bucket: 0 for `(lower, upper]`, 1 for `[lower, upper)`, 2 for
    /// `(lower, upper)` and 3 for `[lower, upper]`.
    pub fn boundary_rule(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }
}

impl<Count: BucketCount> NativeHistogram<Count> {
    /// The buckets that hold observations, ascending: negative ones, the zero bucket, positive ones.
    ///
    /// A bucket that the zero bucket overlaps is cut at the zero threshold.
    ///
    /// ```
    /// use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
    ///
    /// let layout = HistogramLayout {
    ///     positive: vec![BucketSpan { offset: 1, length: 3 }],
    ///     ..HistogramLayout::exponential(0, 0.001)
    /// };
    /// let histogram = FloatHistogram { positive: vec![4.0, 0.0, 2.0], ..FloatHistogram::empty(layout) };
    /// let bounds: Vec<(f64, f64)> = histogram.buckets().map(|bucket| (bucket.lower, bucket.upper)).collect();
    /// assert_eq!(bounds, [(1.0, 2.0), (4.0, 8.0)]);
    /// ```
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<Count>> {
        self.parts().buckets()
    }

    /// The positive buckets that hold observations, ascending; with custom bounds, all that do.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<Count>> {
        self.parts().positive_buckets()
    }

    /// The negative buckets that hold observations, nearest to zero first.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<Count>> {
        self.parts().negative_buckets()
    }

    pub(super) fn parts(&self) -> Parts<'_, Count> {
        Parts {
            layout: &self.layout,
            zero_count: self.zero_count,
            positive: &self.positive,
            negative: &self.negative,
        }
    }
}

impl<'a> HistogramView<'a> {
    /// As [`NativeHistogram::buckets`].
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<f64>> + use<'a> {
        self.parts().buckets()
    }

    /// As [`NativeHistogram::positive_buckets`].
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<f64>> + use<'a> {
        self.parts().positive_buckets()
    }

    /// As [`NativeHistogram::negative_buckets`].
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket<f64>> + use<'a> {
        self.parts().negative_buckets()
    }

    pub(super) fn parts(&self) -> Parts<'a, f64> {
        Parts {
            layout: self.layout,
            zero_count: self.zero_count,
            positive: self.positive,
            negative: self.negative,
        }
    }
}

/// What an owned histogram and a view have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a, Count> {
    pub(super) layout: &'a HistogramLayout,
    pub(super) zero_count: Count,
    pub(super) positive: &'a [Count],
    pub(super) negative: &'a [Count],
}

impl<'a, Count: BucketCount> Parts<'a, Count> {
    /// All positive buckets by index, empty ones included.
    pub(super) fn positive_counts(&self) -> IndexedCounts<'a, Count> {
        IndexedCounts::new(&self.layout.positive, self.positive)
    }

    /// All negative buckets by index, empty ones included.
    pub(super) fn negative_counts(&self) -> IndexedCounts<'a, Count> {
        IndexedCounts::new(&self.layout.negative, self.negative)
    }

    pub(super) fn positive_buckets(self) -> impl DoubleEndedIterator<Item = Bucket<Count>> + use<'a, Count> {
        let mut bounds = Bounds::new(self.layout);
        let populated = self.positive_counts().filter(|(_, count)| !count.is_zero());
        populated.map(move |(index, count)| {
            let (lower, upper) = bounds.around(index);
            bucket(index, lower, upper, count)
        })
    }

    pub(super) fn negative_buckets(self) -> impl DoubleEndedIterator<Item = Bucket<Count>> + use<'a, Count> {
        let mut bounds = Bounds::new(self.layout);
        let populated = self.negative_counts().filter(|(_, count)| !count.is_zero());
        populated.map(move |(index, count)| {
            let (lower, upper) = bounds.around(index);
            negated(bucket(index, lower, upper, count))
        })
    }

    pub(super) fn buckets(self) -> impl DoubleEndedIterator<Item = Bucket<Count>> + use<'a, Count> {
        let threshold = if self.layout.is_custom() {
            f64::NEG_INFINITY
        } else {
            self.layout.zero_threshold
        };
        let negative = self.negative_buckets().rev().map(move |bucket| Bucket {
            upper: bucket.upper.min((-threshold).max(bucket.lower)),
            ..bucket
        });
        let positive = self.positive_buckets().map(move |bucket| Bucket {
            lower: bucket.lower.max(threshold.min(bucket.upper)),
            ..bucket
        });
        negative.chain(self.zero_bucket()).chain(positive)
    }

    /// The zero bucket, when it holds observations.
    pub(super) fn zero_bucket(self) -> Option<Bucket<Count>> {
        (!self.zero_count.is_zero()).then(|| Bucket {
            lower: -self.layout.zero_threshold,
            upper: self.layout.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        })
    }

    pub(super) fn has_positive(&self) -> bool {
        self.positive.iter().any(|count| !count.is_zero())
    }

    pub(super) fn has_negative(&self) -> bool {
        self.negative.iter().any(|count| !count.is_zero())
    }
}

impl HistogramLayout {
    /// The bounds of the bucket at `index` of the positive side, lower (exclusive) and upper (inclusive).
    pub fn bounds_of(&self, index: i32) -> (f64, f64) {
        (self.upper_bound(index.wrapping_sub(1)), self.upper_bound(index))
    }

    fn upper_bound(&self, index: i32) -> f64 {
        if self.is_custom() {
            let position = usize::try_from(index);
            let bound =
                position.map(|position| self.custom_bounds.get(position).copied().unwrap_or(f64::INFINITY));
            bound.unwrap_or(f64::NEG_INFINITY)
        } else {
            bucket_bound(index, self.schema)
        }
    }
}

/// Walks along spans and the counts of their buckets, from either end.
///
/// What does not fit together, as in a histogram that was not validated, ends the walk early.
#[derive(Clone, Debug)]
pub(super) struct IndexedCounts<'a, Count> {
    counts: std::slice::Iter<'a, Count>,
    all_spans: &'a [BucketSpan],
    front: Walk<'a>,
    back: Option<Walk<'a>>,
}

#[derive(Clone, Debug)]
struct Walk<'a> {
    spans: std::slice::Iter<'a, BucketSpan>,
    /// From the front the next bucket, from the back the one after it.
    index: i32,
    /// Buckets left in the span.
    left: u32,
    /// From the back: the offset of the span.
    offset: i32,
}

impl<'a, Count> IndexedCounts<'a, Count> {
    pub(super) fn new(spans: &'a [BucketSpan], counts: &'a [Count]) -> Self {
        Self {
            counts: counts.iter(),
            all_spans: spans,
            front: Walk {
                spans: spans.iter(),
                index: 0,
                left: 0,
                offset: 0,
            },
            back: None,
        }
    }
}

impl<Count: Copy> Iterator for IndexedCounts<'_, Count> {
    type Item = (i32, Count);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next()?;
        let walk = &mut self.front;
        while walk.left == 0 {
            let span = walk.spans.next()?;
            walk.index = walk.index.wrapping_add(span.offset);
            walk.left = span.length;
        }
        walk.left -= 1;
        let index = walk.index;
        walk.index = index.wrapping_add(1);
        Some((index, count))
    }
}

impl<Count: Copy> DoubleEndedIterator for IndexedCounts<'_, Count> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let count = *self.counts.next_back()?;
        let spans = self.all_spans;
        let walk = self.back.get_or_insert_with(|| Walk {
            spans: spans.iter(),
            index: end_of(spans),
            left: 0,
            offset: 0,
        });
        while walk.left == 0 {
            let span = walk.spans.next_back()?;
            walk.index = walk.index.wrapping_sub(walk.offset);
            walk.offset = span.offset;
            walk.left = span.length;
        }
        walk.left -= 1;
        walk.index = walk.index.wrapping_sub(1);
        Some((walk.index, count))
    }
}

/// The index after the last bucket.
pub(super) fn end_of(spans: &[BucketSpan]) -> i32 {
    spans.iter().fold(0_i32, |index, span| {
        index.wrapping_add(span.offset).wrapping_add_unsigned(span.length)
    })
}

/// Bucket bounds; those of neighbours are computed once.
struct Bounds<'a> {
    layout: &'a HistogramLayout,
    last: Option<(i32, f64, f64)>,
}

impl<'a> Bounds<'a> {
    fn new(layout: &'a HistogramLayout) -> Self {
        Self { layout, last: None }
    }

    fn around(&mut self, index: i32) -> (f64, f64) {
        let (lower, upper) = match self.last {
            Some((last, _, upper)) if index == last.wrapping_add(1) => {
                (upper, self.layout.upper_bound(index))
            }
            Some((last, lower, _)) if index == last.wrapping_sub(1) => {
                (self.layout.upper_bound(index.wrapping_sub(1)), lower)
            }
            _ => self.layout.bounds_of(index),
        };
        self.last = Some((index, lower, upper));
        (lower, upper)
    }
}

fn bucket<Count>(index: i32, lower: f64, upper: f64, count: Count) -> Bucket<Count> {
    Bucket {
        lower,
        upper,
        lower_inclusive: false,
        upper_inclusive: true,
        count,
        index,
    }
}

fn negated<Count>(bucket: Bucket<Count>) -> Bucket<Count> {
    Bucket {
        lower: -bucket.upper,
        upper: -bucket.lower,
        lower_inclusive: true,
        upper_inclusive: false,
        ..bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{FloatHistogram, IntegerHistogram};

    fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
        let span = |(offset, length): &(i32, u32)| BucketSpan {
            offset: *offset,
            length: *length,
        };
        spans.iter().map(span).collect()
    }

    fn example() -> IntegerHistogram {
        let layout = HistogramLayout {
            positive: spans(&[(-2, 2), (0, 0), (2, 1), (0, 1), (1, 2)]),
            negative: spans(&[(0, 1), (3, 2)]),
            ..HistogramLayout::exponential(0, 0.3)
        };
        IntegerHistogram {
            zero_count: 9,
            positive: vec![3, 5, 0, 1, 2, 4],
            negative: vec![1, 0, 7],
            ..IntegerHistogram::empty(layout)
        }
    }

    #[test]
    fn buckets_come_in_order_from_both_ends() {
        let histogram = example();
        let seen: Vec<(i32, f64, f64, u8, u64)> = histogram
            .buckets()
            .map(|bucket| {
                (
                    bucket.index,
                    bucket.lower,
                    bucket.upper,
                    bucket.boundary_rule(),
                    bucket.count,
                )
            })
            .collect();
        let expected = [
            (5, -32.0, -16.0, 1, 7),
            (0, -1.0, -0.5, 1, 1),
            (0, -0.3, 0.3, 3, 9),
            (-2, 0.25, 0.25, 0, 3),
            (-1, 0.3, 0.5, 0, 5),
            (3, 4.0, 8.0, 0, 1),
            (5, 16.0, 32.0, 0, 2),
            (6, 32.0, 64.0, 0, 4),
        ];
        assert_eq!(seen, expected);
        let mut backwards: Vec<_> = histogram.buckets().rev().collect();
        backwards.reverse();
        assert_eq!(backwards, histogram.buckets().collect::<Vec<_>>());
        let mut both = histogram.positive_buckets();
        let ends = [
            both.next(),
            both.next_back(),
            both.next(),
            both.next_back(),
            both.next(),
            both.next(),
        ];
        let indexes = ends.map(|end| end.map(|bucket| bucket.index));
        assert_eq!(indexes, [Some(-2), Some(6), Some(-1), Some(5), Some(3), None]);
    }

    #[test]
    fn custom_bounds_end_at_infinities() {
        let layout = HistogramLayout {
            positive: spans(&[(0, 3)]),
            ..HistogramLayout::custom(vec![-2.0, 3.0])
        };
        let histogram = FloatHistogram {
            positive: vec![1.0, 2.0, 3.0],
            ..FloatHistogram::empty(layout)
        };
        let bounds: Vec<(f64, f64)> = histogram
            .buckets()
            .map(|bucket| (bucket.lower, bucket.upper))
            .collect();
        assert_eq!(
            bounds,
            [(f64::NEG_INFINITY, -2.0), (-2.0, 3.0), (3.0, f64::INFINITY)]
        );
    }

    #[test]
    fn what_does_not_fit_together_ends_the_walk() {
        let layout = HistogramLayout {
            positive: spans(&[(i32::MAX, 2), (i32::MIN, u32::MAX)]),
            negative: spans(&[(0, 1)]),
            ..HistogramLayout::exponential(8, 0.0)
        };
        let histogram = FloatHistogram {
            positive: vec![1.0; 5],
            negative: vec![1.0; 5],
            ..FloatHistogram::empty(layout)
        };
        assert_eq!(histogram.positive_buckets().count(), 5);
        assert_eq!(histogram.positive_buckets().rev().count(), 5);
        assert_eq!(histogram.negative_buckets().count(), 1);
        assert_eq!(histogram.negative_buckets().rev().count(), 1);
    }
}
