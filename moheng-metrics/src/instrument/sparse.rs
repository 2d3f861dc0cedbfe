//! [`Sparse`]: the buckets of a native histogram while it is observed into.

use crate::histogram::{
    BucketSpan, HistogramLayout, IntegerHistogram, MAX_SCHEMA, MIN_SCHEMA, bucket_bound, bucket_index,
};

/// Counts of observations in those buckets of an exponential schema that have any.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sparse {
    schema: i8,
    zero_threshold: f64,
    zero_count: u64,
    /// Observations that are not a number: in no bucket.
    nan_count: u64,
    positive: Side,
    negative: Side,
}

/// Buckets of one sign: their indexes, ascending, with their counts.
#[derive(Clone, Debug, Default, PartialEq)]
struct Side(Vec<(i32, u64)>);

impl Sparse {
    pub(super) fn new(schema: i8, zero_threshold: f64) -> Self {
        Self {
            schema,
            zero_threshold,
            ..Self::default()
        }
    }

    /// Counts an observation, in at most `max_buckets` buckets.
    #[inline]
    pub(super) fn observe(&mut self, value: f64, max_buckets: usize) {
        let size = value.abs();
        if size <= self.zero_threshold {
            self.zero_count += 1;
            return;
        }
        let side = if value > 0.0 {
            &mut self.positive
        } else if value < 0.0 {
            &mut self.negative
        } else {
            self.nan_count += 1;
            return;
        };
        let is_new = side.add(bucket_index(size, self.schema), 1);
        if is_new {
            self.limit(max_buckets);
        }
    }

    /// Whether buckets were put together since it was made with `schema` and `zero_threshold`.
    pub(super) fn is_reduced(&self, schema: i8, zero_threshold: f64) -> bool {
        self.schema < schema || self.zero_threshold > zero_threshold
    }

    /// Adds the observations of another one, at the lower of both resolutions.
    pub(super) fn merge(&mut self, other: &Self) {
        self.zero_count += other.zero_count;
        self.nan_count += other.nan_count;
        self.reduce_to(other.schema);
        let shift = (other.schema - self.schema) as u32;
        self.positive.merge(&other.positive, shift);
        self.negative.merge(&other.negative, shift);
        // Buckets that the wider of the two zero buckets covers.
        self.zero_threshold = self.zero_threshold.max(other.zero_threshold);
        for side in [&mut self.positive, &mut self.negative] {
            while let Some(&(index, count)) = side.0.first()
                && bucket_bound(index, self.schema) <= self.zero_threshold
            {
                self.zero_count += count;
                side.0.remove(0);
            }
        }
    }

    /// Puts buckets together until there are at most `max_buckets`. Which ones depends only on what was observed, and the
    /// more was, the fewer buckets are told apart: the resolution never rises.
    pub(super) fn limit(&mut self, max_buckets: usize) {
        while self.positive.0.len() + self.negative.0.len() > max_buckets {
            if self.schema > MIN_SCHEMA {
                self.reduce_to(self.schema - 1);
            } else {
                self.widen_zero_bucket();
            }
        }
    }

    pub(super) fn count(&self) -> u64 {
        let counts = self.positive.0.iter().chain(&self.negative.0);
        self.zero_count + self.nan_count + counts.map(|(_, count)| count).sum::<u64>()
    }

    /// The histogram, with this sum.
    pub(super) fn to_histogram(&self, sum: f64) -> IntegerHistogram {
        let (positive_spans, positive) = self.positive.spans();
        let (negative_spans, negative) = self.negative.spans();
        IntegerHistogram {
            count: self.count(),
            sum,
            zero_count: self.zero_count,
            positive,
            negative,
            ..IntegerHistogram::empty(HistogramLayout {
                positive: positive_spans,
                negative: negative_spans,
                ..HistogramLayout::exponential(self.schema, self.zero_threshold)
            })
        }
    }

    fn reduce_to(&mut self, schema: i8) {
        if schema < self.schema {
            let shift = (self.schema - schema) as u32;
            for side in [&mut self.positive, &mut self.negative] {
                let mut reduced = Side::default();
                reduced.merge(side, shift);
                *side = reduced;
            }
            self.schema = schema;
        }
    }

    /// Takes the buckets nearest to zero into the zero bucket.
    fn widen_zero_bucket(&mut self) {
        let sides = [&mut self.positive, &mut self.negative];
        let firsts = sides.iter().filter_map(|side| side.0.first());
        let Some(nearest) = firsts.map(|(index, _)| *index).min() else {
            return;
        };
        for side in sides {
            if let Some(&(index, count)) = side.0.first()
                && index == nearest
            {
                self.zero_count += count;
                side.0.remove(0);
            }
        }
        self.zero_threshold = bucket_bound(nearest, self.schema);
    }
}

impl Side {
    /// Adds to a bucket and says whether it is new.
    #[inline]
    fn add(&mut self, index: i32, count: u64) -> bool {
        // Most often all buckets lie beside each other, and then this is the place.
        let offset = index.wrapping_sub(self.0.first().map_or(0, |(first, _)| *first));
        if let Some((other, sum)) = self.0.get_mut(offset as usize)
            && *other == index
        {
            *sum += count;
            return false;
        }
        let place = self.0.partition_point(|(other, _)| *other < index);
        match self.0.get_mut(place) {
            Some((other, sum)) if *other == index => {
                *sum += count;
                false
            }
            _ => {
                self.0.insert(place, (index, count));
                true
            }
        }
    }

    /// Adds the buckets of a side whose schema is `shift` higher: buckets 2n - 1 and 2n become bucket n with each step.
    fn merge(&mut self, finer: &Self, shift: u32) {
        for &(index, count) in &finer.0 {
            self.add(((index - 1) >> shift) + 1, count);
        }
    }

    /// As runs of buckets, and their counts.
    fn spans(&self) -> (Vec<BucketSpan>, Vec<u64>) {
        let mut spans: Vec<BucketSpan> = Vec::new();
        let mut next = 0;
        for &(index, _) in &self.0 {
            match spans.last_mut() {
                Some(span) if index == next => span.length += 1,
                _ => spans.push(BucketSpan {
                    offset: index - next,
                    length: 1,
                }),
            }
            next = index + 1;
        }
        (spans, self.0.iter().map(|(_, count)| *count).collect())
    }
}

/// The coarsest schema whose buckets are at most `factor` times as wide as the ones below.
pub(super) fn schema_within(factor: f64) -> i8 {
    let fits = |schema: &i8| f64::from(-*schema).exp2() <= factor.log2();
    (MIN_SCHEMA..=MAX_SCHEMA).find(fits).unwrap_or(MAX_SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(values: &[f64], max_buckets: usize) -> Sparse {
        let mut sparse = Sparse::new(3, 1e-6);
        for value in values {
            sparse.observe(*value, max_buckets);
        }
        sparse
    }

    #[test]
    fn factors_give_schemas() {
        for (factor, schema) in [(2.0, 0), (1.1, 3), (1.09, 4), (65_536.0, -4), (1e9, -4), (1.0, 8)] {
            assert_eq!(schema_within(factor), schema, "{factor}");
        }
    }

    #[test]
    fn what_is_nearest_to_zero_goes_when_the_schema_cannot() {
        let sparse = observed(&[1e-5, -1e-5, 1e100, -1e200, 1e300], 3);
        assert_eq!((sparse.schema, sparse.zero_count), (MIN_SCHEMA, 2));
        assert_eq!(sparse.zero_threshold, 2.0_f64.powi(-16));
        assert_eq!((sparse.positive.0.len(), sparse.negative.0.len()), (2, 1));
        let histogram = sparse.to_histogram(0.0);
        assert_eq!((histogram.count, histogram.validate()), (5, Ok(())));
    }

    #[test]
    fn parts_together_are_what_the_whole_is() {
        let values: Vec<f64> = (0..500)
            .map(|step: i32| (f64::from(step * 37 % 101) - 50.0) * 1.3_f64.powi(step % 60))
            .chain([f64::NAN, f64::INFINITY, 0.0])
            .collect();
        for max_buckets in [2, 5, 20, 100, 1000] {
            let whole = observed(&values, max_buckets);
            for parts in [1, 2, 7] {
                let mut merged = Sparse::new(3, 1e-6);
                for chunk in values.chunks(values.len().div_ceil(parts)) {
                    merged.merge(&observed(chunk, max_buckets));
                }
                merged.limit(max_buckets);
                assert_eq!(merged, whole, "{parts} parts, {max_buckets} buckets");
            }
            assert_eq!(whole.count(), values.len() as u64);
        }
    }
}
