//! PromQL's trim operators: the observations below or above a value.

use super::buckets::IndexedCounts;
use super::{Bucket, FloatHistogram};

impl FloatHistogram {
    /// Keeps the observations that are not above `limit`: PromQL's `</`.
    ///
    /// A bucket in which the limit lies keeps a part of its observations, as [`crate::HistogramView::quantile`] thinks of them
    /// as spread; a bucket without an upper bound keeps none, and one without a lower bound all. If anything was
    /// dropped, count and sum are estimated anew from the buckets; otherwise nothing changes.
    pub fn keep_below(&mut self, limit: f64) {
        self.trim(|bucket, part_below| {
            if bucket.upper <= limit {
                Kept::All
            } else if bucket.lower < limit && bucket.upper < f64::INFINITY {
                let whole = bucket.lower == f64::NEG_INFINITY;
                let part = if whole { 1.0 } else { part_below(limit) };
                Kept::Part(part, bucket.lower, limit)
            } else {
                Kept::Nothing
            }
        });
    }

    /// Keeps the observations that are above `limit`: PromQL's `>/`.
    ///
    /// As [`FloatHistogram::keep_below`], but a bucket without an upper bound keeps all its observations, and one without a
    /// lower bound none.
    pub fn keep_above(&mut self, limit: f64) {
        self.trim(|bucket, part_below| {
            if bucket.lower >= limit {
                Kept::All
            } else if bucket.upper > limit && bucket.lower > f64::NEG_INFINITY {
                let whole = bucket.upper == f64::INFINITY;
                let part = if whole { 1.0 } else { 1.0 - part_below(limit) };
                Kept::Part(part, limit, bucket.upper)
            } else {
                Kept::Nothing
            }
        });
    }

    fn trim(&mut self, keep: impl Fn(&Bucket<f64>, &dyn Fn(f64) -> f64) -> Kept) {
        let mut trimmed = Trimmed {
            count: 0.0,
            sum: 0.0,
            is_changed: false,
        };
        let view = self.view();
        let parts = view.parts();
        let mut trim_bucket = |bucket: Bucket<f64>| {
            let bucket = view.one_sided(bucket);
            let kept = keep(&bucket, &|limit| view.part_below(&bucket, limit));
            trimmed.add(&bucket, &kept, view.is_linear(&bucket))
        };
        let mut trim_side = |counts: IndexedCounts<'_, f64>, sign: f64| -> Vec<f64> {
            let trim_count = |(index, count): (i32, f64)| {
                if count == 0.0 {
                    return 0.0;
                }
                let (lower, upper) = view.layout.bounds_of(index);
                let (lower, upper) = if sign < 0.0 {
                    (-upper, -lower)
                } else {
                    (lower, upper)
                };
                trim_bucket(Bucket {
                    lower,
                    upper,
                    lower_inclusive: sign < 0.0,
                    upper_inclusive: sign > 0.0,
                    count,
                    index,
                })
            };
            counts.map(trim_count).collect()
        };
        let positive = trim_side(parts.positive_counts(), 1.0);
        let negative = trim_side(parts.negative_counts(), -1.0);
        let zero_count = parts.zero_bucket().map_or(0.0, trim_bucket);
        if trimmed.is_changed {
            self.positive = positive;
            self.negative = negative;
            self.zero_count = zero_count;
            self.count = trimmed.count;
            self.sum = trimmed.sum;
            self.compact(0);
        }
    }
}

/// What is kept of a bucket.
enum Kept {
    All,
    Nothing,
    /// This part of the observations, and between which bounds they lie.
    Part(f64, f64, f64),
}

/// Count and sum of what is kept.
struct Trimmed {
    count: f64,
    sum: f64,
    is_changed: bool,
}

impl Trimmed {
    fn add(&mut self, bucket: &Bucket<f64>, kept: &Kept, is_linear: bool) -> f64 {
        let (count, lower, upper) = match *kept {
            Kept::All => (bucket.count, bucket.lower, bucket.upper),
            Kept::Nothing => (0.0, 0.0, 0.0),
            Kept::Part(part, lower, upper) => (bucket.count * part, lower, upper),
        };
        self.is_changed |= count != bucket.count;
        self.count += count;
        if count != 0.0 {
            self.sum += count * representative(lower, upper, is_linear);
        }
        count
    }
}

/// The value that stands for observations between two bounds.
fn representative(lower: f64, upper: f64, is_linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if is_linear => f64::midpoint(lower, upper),
        (false, false) => (lower * upper).sqrt().copysign(upper),
    }
}
