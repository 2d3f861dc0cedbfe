//! Quantiles and fractions of the buckets of a classic histogram at one step.

use std::cmp::Ordering;

/// Relative differences of counts below this come from rounding.
const TOLERANCE: f64 = 1e-12;

/// A bucket at one step: how many observations are not larger than the bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    pub(super) bound: f64,
    pub(super) count: f64,
}

/// The quantile by linear interpolation inside its bucket, and whether counts had to be put in order.
pub(super) fn quantile_of_buckets(quantile: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if quantile.is_nan() {
        return (f64::NAN, false);
    }
    if quantile < 0.0 {
        return (f64::NEG_INFINITY, false);
    }
    if quantile > 1.0 {
        return (f64::INFINITY, false);
    }
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return (f64::NAN, false);
    }
    let was_fixed = normalize(buckets);
    let [.., below_last, last] = buckets.as_slice() else {
        return (f64::NAN, was_fixed);
    };
    if last.count == 0.0 {
        return (f64::NAN, was_fixed);
    }
    let rank = quantile * last.count;
    // No count reaches a rank that is NaN, which leads to the last bucket.
    let is_below = |bucket: &Bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt);
    let index = buckets[..buckets.len() - 1].partition_point(is_below);
    if index == buckets.len() - 1 {
        return (below_last.bound, was_fixed);
    }
    let bucket = buckets[index];
    if index == 0 && bucket.bound <= 0.0 {
        return (bucket.bound, was_fixed);
    }
    let below = match index.checked_sub(1) {
        Some(before) => buckets[before],
        None => Bucket {
            bound: 0.0,
            count: 0.0,
        },
    };
    let share = (rank - below.count) / (bucket.count - below.count);
    (below.bound + (bucket.bound - below.bound) * share, was_fixed)
}

/// The fraction of observations between two values.
pub(super) fn fraction_of_buckets(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    normalize(buckets);
    let total = buckets.last().map_or(0.0, |last| last.count);
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets) - rank_of(lower, buckets)) / total
}

/// How many observations are not larger than `value`, by linear interpolation inside its bucket.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    if value == f64::INFINITY {
        return buckets.last().map_or(0.0, |last| last.count);
    }
    if value == f64::NEG_INFINITY {
        return 0.0;
    }
    let index = buckets.partition_point(|bucket| bucket.bound <= value);
    let below = if let Some(before) = index.checked_sub(1) {
        buckets[before]
    } else {
        let first = buckets.first().map_or(0.0, |first| first.bound);
        let bound = if first > 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Bucket { bound, count: 0.0 }
    };
    let Some(bucket) = buckets.get(index) else {
        return below.count;
    };
    if bucket.bound.is_infinite() || below.bound.is_infinite() || value < below.bound {
        return below.count;
    }
    let share = (value - below.bound) / (bucket.bound - below.bound);
    below.count + (bucket.count - below.count) * share
}

/// Puts buckets with the same bound together and lets no count fall below the one before. Tells whether a count was
/// lower by more than rounding explains.
fn normalize(buckets: &mut Vec<Bucket>) -> bool {
    buckets.dedup_by(|later, kept| {
        let is_same = later.bound == kept.bound;
        if is_same {
            kept.count += later.count;
        }
        is_same
    });
    let mut was_fixed = false;
    let mut before = buckets.first().map_or(0.0, |bucket| bucket.count);
    for bucket in buckets.iter_mut().skip(1) {
        let difference = (bucket.count - before).abs();
        let scale = bucket.count.abs() + before.abs();
        if bucket.count == before {
            continue;
        }
        if difference / scale.min(f64::MAX) < TOLERANCE {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            was_fixed = true;
        } else {
            before = bucket.count;
        }
    }
    was_fixed
}
