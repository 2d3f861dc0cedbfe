//! [`Naive`]: a histogram as a map from bucket to count, added up the obvious way.

use std::collections::BTreeMap;

use moheng_metrics::histogram::{FloatHistogram, bucket_bound};

/// Populated buckets by side (below zero or not) and index.
type Buckets = BTreeMap<(bool, i32), f64>;

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    schema: i8,
    zero_threshold: f64,
    zero_count: f64,
    count: f64,
    sum: f64,
    custom_bounds: Vec<f64>,
    buckets: Buckets,
}

impl Naive {
    pub(crate) fn of(histogram: &FloatHistogram) -> Self {
        let mut buckets = Buckets::new();
        for (is_negative, spans, counts) in [
            (false, &histogram.layout.positive, &histogram.positive),
            (true, &histogram.layout.negative, &histogram.negative),
        ] {
            let mut index = 0;
            let mut counts = counts.iter();
            for span in spans {
                index += span.offset;
                for count in counts.by_ref().take(span.length as usize) {
                    if *count != 0.0 {
                        buckets.insert((is_negative, index), *count);
                    }
                    index += 1;
                }
            }
        }
        Self {
            schema: histogram.layout.schema,
            zero_threshold: histogram.layout.zero_threshold,
            zero_count: histogram.zero_count,
            count: histogram.count,
            sum: histogram.sum,
            custom_bounds: histogram.layout.custom_bounds.clone(),
            buckets,
        }
    }

    /// `one + factor * two`, for histograms of one kind.
    pub(crate) fn sum(one: &FloatHistogram, two: &FloatHistogram, factor: f64) -> Self {
        let (mut one, mut two) = (Self::of(one), Self::of(two));
        if one.schema == -53 {
            let is_common = |bound: &f64| two.custom_bounds.contains(bound);
            let bounds: Vec<f64> = one.custom_bounds.iter().copied().filter(is_common).collect();
            one.map_to_bounds(&bounds);
            two.map_to_bounds(&bounds);
        } else {
            let mut threshold = one.zero_threshold.max(two.zero_threshold);
            while let Some(end) = one.end_of_cut(threshold).or_else(|| two.end_of_cut(threshold)) {
                threshold = end;
            }
            let schema = one.schema.min(two.schema);
            one = one.widened_to(threshold).reduced_to(schema);
            two = two.widened_to(threshold).reduced_to(schema);
        }
        for (bucket, count) in two.buckets {
            *one.buckets.entry(bucket).or_default() += factor * count;
        }
        one.zero_count += factor * two.zero_count;
        one.count += factor * two.count;
        one.sum += factor * two.sum;
        one
    }

    pub(crate) fn reduced_to(&self, schema: i8) -> Self {
        let mut reduced = self.clone();
        while reduced.schema > schema && self.schema != -53 {
            let mut buckets = Buckets::new();
            for ((is_negative, index), count) in reduced.buckets {
                // Bucket i of the lower schema holds 2i-1 and 2i.
                let lower = (index + 1).div_euclid(2);
                *buckets.entry((is_negative, lower)).or_default() += count;
            }
            reduced.buckets = buckets;
            reduced.schema -= 1;
        }
        reduced
    }

    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        scaled.buckets.values_mut().for_each(|count| *count *= factor);
        scaled.zero_count *= factor;
        scaled.count *= factor;
        scaled.sum *= factor;
        scaled
    }

    /// Fails unless `histogram` says the same, up to rounding.
    #[track_caller]
    pub(crate) fn assert_is(&self, histogram: &FloatHistogram) {
        let other = Self::of(histogram);
        let says = format!("{self:?}\nand {other:?}");
        assert_eq!(
            (self.schema, &self.custom_bounds),
            (other.schema, &other.custom_bounds),
            "{says}"
        );
        assert_eq!(self.zero_threshold, other.zero_threshold, "{says}");
        let scale = self
            .buckets
            .values()
            .fold(self.count.abs(), |scale, count| scale.max(count.abs()));
        let is_near = |one: f64, two: f64| {
            one.to_bits() == two.to_bits()
                || (one - two).abs() <= 1e-9 * scale.max(one.abs())
                || (one.is_nan() && two.is_nan())
        };
        assert!(is_near(self.zero_count, other.zero_count), "zero count: {says}");
        assert!(is_near(self.count, other.count), "count: {says}");
        assert!(is_near(self.sum, other.sum), "sum: {says}");
        for bucket in self.buckets.keys().chain(other.buckets.keys()) {
            let count = |naive: &Self| naive.buckets.get(bucket).copied().unwrap_or_default();
            assert!(is_near(count(self), count(&other)), "bucket {bucket:?}: {says}");
        }
    }

    /// The far bound of a bucket that a zero bucket up to `threshold`, wider than it is, would cut in two.
    fn end_of_cut(&self, threshold: f64) -> Option<f64> {
        let cut = |index: i32| {
            let (lower, upper) = (
                bucket_bound(index - 1, self.schema),
                bucket_bound(index, self.schema),
            );
            (lower < threshold && threshold < upper).then_some(upper)
        };
        let is_wider = threshold > self.zero_threshold;
        self.buckets
            .keys()
            .filter(|_| is_wider)
            .find_map(|(_, index)| cut(*index))
    }

    fn widened_to(mut self, threshold: f64) -> Self {
        if threshold > self.zero_threshold {
            let schema = self.schema;
            let is_inside = |(_, index): &(bool, i32)| bucket_bound(*index, schema) <= threshold;
            let inside = self.buckets.iter().filter(|(bucket, _)| is_inside(bucket));
            self.zero_count += inside.map(|(_, count)| count).sum::<f64>();
            self.buckets.retain(|bucket, _| !is_inside(bucket));
            self.zero_threshold = threshold;
        }
        self
    }

    fn map_to_bounds(&mut self, bounds: &[f64]) {
        let mut buckets = Buckets::new();
        for ((_, index), count) in &self.buckets {
            let upper = self
                .custom_bounds
                .get(*index as usize)
                .copied()
                .unwrap_or(f64::INFINITY);
            let mapped = bounds
                .iter()
                .position(|bound| *bound >= upper)
                .unwrap_or(bounds.len());
            *buckets.entry((false, mapped as i32)).or_default() += count;
        }
        self.buckets = buckets;
        self.custom_bounds = bounds.to_vec();
    }
}
