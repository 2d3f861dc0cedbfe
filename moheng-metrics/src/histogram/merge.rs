//! Adding the buckets of one histogram to those of another, whatever their layouts.

use std::sync::Arc;

use thiserror::Error;

use super::bounds::{bucket_index, reduced_index};
use super::buckets::Parts;
use super::side::{Positions, Side, covers, for_each_pair};
use super::{BucketCount, BucketSpan, HistogramLayout, NativeHistogram, ResetHint};

/// Histograms with exponential and with custom buckets have nothing in common that could be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("histograms with exponential and with custom buckets cannot be combined")]
pub struct MixedBuckets;

/// What happened, besides the arithmetic, when two histograms were put together. PromQL tells its users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// One histogram says that there was a counter reset, the other that there was none.
    pub resets_collide: bool,
    /// The two had different custom bounds; those they have in common were kept.
    pub bounds_reconciled: bool,
}

impl ResetHint {
    /// The hint of two histograms added, and whether theirs contradict each other.
    pub(super) fn combined(self, other: Self) -> (Self, bool) {
        match (self, other) {
            (ours, theirs) if ours == theirs => (ours, false),
            (Self::Gauge, _) | (_, Self::Gauge) => (Self::Gauge, false),
            (Self::Unknown, _) | (_, Self::Unknown) => (Self::Unknown, false),
            _ => (Self::Unknown, true),
        }
    }
}

/// Adds the zero bucket and all other buckets of `theirs`; `counted` makes a count of ours out of one of theirs, and `add`
/// adds one of theirs to one of ours. Tells whether custom bounds were reconciled.
pub(super) fn add_buckets<Count: BucketCount>(
    ours: &mut NativeHistogram<Count>,
    theirs: Parts<'_, f64>,
    counted: impl Fn(f64) -> Count + Copy,
    add: impl Fn(&mut Count, f64) + Copy,
) -> Result<bool, MixedBuckets> {
    let layout = &*ours.layout;
    if layout.is_custom() != theirs.layout.is_custom() {
        return Err(MixedBuckets);
    }
    if std::ptr::eq(layout, theirs.layout) || layout == theirs.layout {
        add(&mut ours.zero_count, theirs.zero_count);
        add_all(&mut ours.positive, theirs.positive, add);
        add_all(&mut ours.negative, theirs.negative, add);
        return Ok(false);
    }
    let has_same_bounds = layout.schema == theirs.layout.schema
        && layout.zero_threshold == theirs.layout.zero_threshold
        && layout.custom_bounds == theirs.layout.custom_bounds;
    if has_same_bounds
        && covers(&layout.positive, &theirs.layout.positive)
        && covers(&layout.negative, &theirs.layout.negative)
    {
        add(&mut ours.zero_count, theirs.zero_count);
        add_covered(
            &mut ours.positive,
            &layout.positive,
            theirs.positive,
            &theirs.layout.positive,
            add,
        );
        add_covered(
            &mut ours.negative,
            &layout.negative,
            theirs.negative,
            &theirs.layout.negative,
            add,
        );
        return Ok(false);
    }
    if layout.is_custom() {
        add(&mut ours.zero_count, theirs.zero_count);
        return Ok(add_custom(ours, theirs, counted, add));
    }
    add_exponential(ours, theirs, counted, add);
    Ok(false)
}

/// The zero bucket of `parts` once it reaches to `threshold` or, where that lies inside a populated bucket, to the end of
/// that; and the threshold it then has.
pub(super) fn widened_zero_bucket<Count: BucketCount>(
    parts: Parts<'_, Count>,
    threshold: f64,
) -> (Count, f64) {
    let mut threshold = threshold;
    loop {
        let mut count = parts.zero_count;
        let mut reached = threshold;
        let positive = parts
            .positive_buckets()
            .map(|bucket| (bucket.lower, bucket.upper, bucket.count));
        for (_, upper, inside) in positive.take_while(|(lower, ..)| *lower < threshold) {
            count = count.plus(inside);
            reached = reached.max(upper);
        }
        let negative = parts
            .negative_buckets()
            .map(|bucket| (-bucket.upper, -bucket.lower, bucket.count));
        for (_, upper, inside) in negative.take_while(|(lower, ..)| *lower < threshold) {
            count = count.plus(inside);
            reached = reached.max(upper);
        }
        if reached > threshold {
            threshold = reached;
        } else {
            return (count, threshold);
        }
    }
}

/// The highest index that the widened zero bucket swallows; `None` when it is not wider than before.
pub(super) fn swallowed_index(layout: &HistogramLayout, threshold: f64) -> Option<i32> {
    (threshold > layout.zero_threshold).then(|| bucket_index(threshold, layout.schema))
}

/// The custom bounds that both lists have, ascending as they are.
pub(super) fn common_bounds(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    let mut theirs = theirs.iter().peekable();
    let is_common = |bound: &&f64| {
        while theirs.next_if(|other| *other < *bound).is_some() {}
        theirs.peek() == Some(bound)
    };
    ours.iter().filter(is_common).copied().collect()
}

/// The index among `bounds` of the bucket that holds the bucket at `index` among `finer`.
pub(super) fn mapped_index(index: i32, finer: &[f64], bounds: &[f64]) -> i32 {
    let bound = usize::try_from(index).ok().and_then(|index| finer.get(index));
    let mapped = bound.map_or(bounds.len(), |bound| {
        bounds.partition_point(|other| other < bound)
    });
    mapped as i32
}

/// Two zero buckets made equally wide: the counts and the threshold.
fn common_zero_bucket<Count: BucketCount>(
    ours: Parts<'_, Count>,
    theirs: Parts<'_, f64>,
) -> (Count, f64, f64) {
    let (mut our_count, mut our_threshold) = (ours.zero_count, ours.layout.zero_threshold);
    let (mut their_count, mut their_threshold) = (theirs.zero_count, theirs.layout.zero_threshold);
    loop {
        if our_threshold > their_threshold {
            (their_count, their_threshold) = widened_zero_bucket(theirs, our_threshold);
        } else if our_threshold < their_threshold {
            (our_count, our_threshold) = widened_zero_bucket(ours, their_threshold);
        } else {
            return (our_count, their_count, our_threshold);
        }
    }
}

fn add_exponential<Count: BucketCount>(
    ours: &mut NativeHistogram<Count>,
    theirs: Parts<'_, f64>,
    counted: impl Fn(f64) -> Count + Copy,
    add: impl Fn(&mut Count, f64) + Copy,
) {
    let parts = ours.parts();
    let (mut zero_count, their_zero_count, zero_threshold) = common_zero_bucket(parts, theirs);
    add(&mut zero_count, their_zero_count);
    let schema = parts.layout.schema.min(theirs.layout.schema);
    let kept = |layout: &HistogramLayout| {
        let swallowed = swallowed_index(layout, zero_threshold);
        let shift = (i32::from(layout.schema) - i32::from(schema)) as u32;
        move |index: i32| match swallowed {
            Some(swallowed) if index <= swallowed => None,
            _ => Some(reduced_index(index, shift)),
        }
    };
    let (our_index, their_index) = (kept(parts.layout), kept(theirs.layout));
    let our_bucket = |(index, count)| our_index(index).map(|index| (index, count));
    let their_bucket = |(index, count)| their_index(index).map(|index| (index, counted(count)));
    if schema == parts.layout.schema && zero_threshold == parts.layout.zero_threshold {
        let placed = |(index, count)| their_index(index).map(|index| (index, count));
        let positive = || theirs.positive_counts().filter_map(placed);
        let negative = || theirs.negative_counts().filter_map(placed);
        if has_room(&parts.layout.positive, positive()) && has_room(&parts.layout.negative, negative()) {
            ours.zero_count = zero_count;
            add_placed(&mut ours.positive, &ours.layout.positive, positive(), add);
            add_placed(&mut ours.negative, &ours.layout.negative, negative(), add);
            return;
        }
    }
    let positive = Side::merged(
        parts.positive_counts().filter_map(our_bucket),
        theirs.positive_counts().filter_map(their_bucket),
    );
    let negative = Side::merged(
        parts.negative_counts().filter_map(our_bucket),
        theirs.negative_counts().filter_map(their_bucket),
    );
    ours.zero_count = zero_count;
    ours.layout = Arc::new(HistogramLayout {
        schema,
        zero_threshold,
        positive: positive.spans,
        negative: negative.spans,
        custom_bounds: Vec::new(),
    });
    ours.positive = positive.counts;
    ours.negative = negative.counts;
}

fn add_custom<Count: BucketCount>(
    ours: &mut NativeHistogram<Count>,
    theirs: Parts<'_, f64>,
    counted: impl Fn(f64) -> Count + Copy,
    add: impl Fn(&mut Count, f64) + Copy,
) -> bool {
    let layout = Arc::clone(&ours.layout);
    let (our_bounds, their_bounds) = (&layout.custom_bounds, &theirs.layout.custom_bounds);
    let is_same = our_bounds == their_bounds;
    let common = (!is_same).then(|| common_bounds(our_bounds, their_bounds));
    let bounds = common.as_ref().unwrap_or(our_bounds);
    let moved = |index, from: &[f64]| {
        if is_same {
            index
        } else {
            mapped_index(index, from, bounds)
        }
    };
    let their_counts = || {
        let counts = theirs.positive_counts();
        counts.map(|(index, count)| (moved(index, their_bounds), count))
    };
    if bounds == our_bounds && has_room(&layout.positive, their_counts()) {
        add_placed(&mut ours.positive, &layout.positive, their_counts(), add);
        return !is_same;
    }
    let our_counts = ours
        .parts()
        .positive_counts()
        .map(|(index, count)| (moved(index, our_bounds), count));
    let side = Side::merged(
        our_counts,
        their_counts().map(|(index, count)| (index, counted(count))),
    );
    ours.layout = Arc::new(HistogramLayout {
        positive: side.spans,
        ..HistogramLayout::custom(bounds.clone())
    });
    ours.positive = side.counts;
    ours.negative = Vec::new();
    !is_same
}

#[inline]
fn add_all<Count>(ours: &mut [Count], theirs: &[f64], add: impl Fn(&mut Count, f64)) {
    for (our, their) in ours.iter_mut().zip(theirs) {
        add(our, *their);
    }
}

fn add_covered<Count>(
    ours: &mut [Count],
    our_spans: &[BucketSpan],
    theirs: &[f64],
    their_spans: &[BucketSpan],
    add: impl Fn(&mut Count, f64) + Copy,
) {
    for_each_pair(our_spans, their_spans, |our_range, their_range| {
        if let (Some(ours), Some(theirs)) = (ours.get_mut(our_range), theirs.get(their_range)) {
            add_all(ours, theirs, add);
        }
    });
}

/// Whether there is a bucket for all that are populated.
fn has_room(spans: &[BucketSpan], mut buckets: impl Iterator<Item = (i32, f64)>) -> bool {
    let mut positions = Positions::new(spans);
    buckets.all(|(index, count)| count == 0.0 || positions.of(index).is_some())
}

fn add_placed<Count>(
    ours: &mut [Count],
    spans: &[BucketSpan],
    buckets: impl Iterator<Item = (i32, f64)>,
    add: impl Fn(&mut Count, f64),
) {
    let mut positions = Positions::new(spans);
    for (index, count) in buckets.filter(|(_, count)| *count != 0.0) {
        if let Some(our) = positions.of(index).and_then(|position| ours.get_mut(position)) {
            add(our, count);
        }
    }
}
