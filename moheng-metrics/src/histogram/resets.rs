//! Counter resets between two histograms.

use std::sync::Arc;

use super::ResetHint;
use super::bounds::reduced_index;
use super::merge::{common_bounds, mapped_index, swallowed_index, widened_zero_bucket};
use crate::HistogramView;

impl HistogramView<'_> {
    /// Whether a counter reset lies between `previous` and this sample of a series.
    ///
    /// The reset hint decides if it can. Otherwise there was a reset when the count or the count of a bucket dropped, when the
    /// resolution grew (a higher schema, a smaller zero bucket, or one that ends inside of a bucket that was populated
    /// before), or when buckets changed between exponential and custom. Different custom bounds are compared as far as
    /// they agree. Gauges are compared like counters.
    pub fn is_reset_since(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count || self.layout.is_custom() != previous.layout.is_custom() {
            return true;
        }
        if Arc::ptr_eq(self.layout, previous.layout) || self.layout == previous.layout {
            return self.zero_count < previous.zero_count
                || any_dropped(previous.positive, self.positive)
                || any_dropped(previous.negative, self.negative);
        }
        if self.layout.is_custom() {
            self.is_custom_reset(previous)
        } else {
            self.is_exponential_reset(previous)
        }
    }

    fn is_custom_reset(&self, previous: &Self) -> bool {
        let (before, now) = (previous.parts(), self.parts());
        let (old_bounds, new_bounds) = (&previous.layout.custom_bounds, &self.layout.custom_bounds);
        if old_bounds == new_bounds {
            return has_drop(before.positive_counts(), now.positive_counts());
        }
        let bounds = common_bounds(old_bounds, new_bounds);
        let mapped = |(index, count), from: &[f64]| (mapped_index(index, from, &bounds), count);
        has_drop(
            before.positive_counts().map(|bucket| mapped(bucket, old_bounds)),
            now.positive_counts().map(|bucket| mapped(bucket, new_bounds)),
        )
    }

    fn is_exponential_reset(&self, previous: &Self) -> bool {
        let (ours, theirs) = (self.layout, previous.layout);
        if ours.schema > theirs.schema || ours.zero_threshold < theirs.zero_threshold {
            return true;
        }
        let (before, now) = (previous.parts(), self.parts());
        let mut zero_count = before.zero_count;
        if ours.zero_threshold > theirs.zero_threshold {
            let (widened, threshold) = widened_zero_bucket(before, ours.zero_threshold);
            if threshold != ours.zero_threshold {
                return true;
            }
            zero_count = widened;
        }
        if self.zero_count < zero_count {
            return true;
        }
        let swallowed = swallowed_index(theirs, ours.zero_threshold);
        let shift = (i32::from(theirs.schema) - i32::from(ours.schema)) as u32;
        let reduced =
            |(index, count)| (Some(index) > swallowed).then(|| (reduced_index(index, shift), count));
        has_drop(
            before.positive_counts().filter_map(reduced),
            now.positive_counts(),
        ) || has_drop(
            before.negative_counts().filter_map(reduced),
            now.negative_counts(),
        )
    }
}

#[inline]
fn any_dropped(before: &[f64], now: &[f64]) -> bool {
    // Without a branch per bucket the compiler compares several at once.
    let dropped = before.iter().zip(now).map(|(before, now)| u8::from(now < before));
    dropped.fold(0, |any, dropped| any | dropped) != 0
}

/// Whether a bucket holds less than before. Both ascend by index; buckets with the same index are one.
fn has_drop(before: impl Iterator<Item = (i32, f64)>, now: impl Iterator<Item = (i32, f64)>) -> bool {
    let (mut before, mut now) = (before.peekable(), now.peekable());
    while let Some((index, mut count)) = before.next() {
        while let Some((_, more)) = before.next_if(|(next, _)| *next == index) {
            count += more;
        }
        while now.next_if(|(next, _)| *next < index).is_some() {}
        let mut left = 0.0;
        while let Some((_, part)) = now.next_if(|(next, _)| *next == index) {
            left += part;
        }
        if left < count {
            return true;
        }
    }
    false
}
