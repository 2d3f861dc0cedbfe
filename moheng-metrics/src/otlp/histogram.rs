//! Histograms as native histograms.

use super::WarningKind;
use super::wire::{ExponentialPoint, HistogramPointMessage};
use crate::histogram::{BucketSpan, HistogramLayout, IntegerHistogram, MAX_SCHEMA, MIN_SCHEMA, ResetHint};

/// The zero bucket's bound where a point states none, as the compatibility specification wants it.
const DEFAULT_ZERO_THRESHOLD: f64 = 1e-128;

/// Up to this many empty buckets in a row are kept: a new span would take more room.
const MAX_EMPTY_RUN: i64 = 2;

/// The native histogram of an exponential one. Scales above 8 are reduced to that.
pub(super) fn native(
    point: &ExponentialPoint,
    reset_hint: ResetHint,
) -> Result<IntegerHistogram, WarningKind> {
    if point.time.is_stale {
        return Ok(IntegerHistogram::stale());
    }
    if point.scale < i32::from(MIN_SCHEMA) {
        return Err(WarningKind::UnsupportedScale);
    }
    let schema = point.scale.min(i32::from(MAX_SCHEMA));
    // Merging two neighbours halves the resolution once; 63 times make one bucket of everything on each side of 1.
    let halvings = (i64::from(point.scale) - i64::from(schema)).min(63);
    let side = |offset: i32, counts: &[u64]| {
        let indexed = (0i64..).zip(counts.iter().copied());
        // OpenTelemetry numbers buckets by their lower bound, native histograms by their upper one.
        buckets(indexed.map(|(index, count)| (((i64::from(offset) + index) >> halvings) + 1, count)))
    };
    let (positive_spans, positive) = side(point.positive.offset, &point.positive.counts)?;
    let (negative_spans, negative) = side(point.negative.offset, &point.negative.counts)?;
    let zero_threshold = if point.zero_threshold > 0.0 {
        point.zero_threshold
    } else {
        DEFAULT_ZERO_THRESHOLD
    };
    let layout = HistogramLayout {
        positive: positive_spans,
        negative: negative_spans,
        ..HistogramLayout::exponential(schema as i8, zero_threshold)
    };
    Ok(IntegerHistogram {
        reset_hint,
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        zero_count: point.zero_count,
        positive,
        negative,
        ..IntegerHistogram::empty(layout)
    })
}

/// The native histogram with custom buckets of one with explicit bounds.
pub(super) fn custom(
    point: &HistogramPointMessage,
    reset_hint: ResetHint,
) -> Result<IntegerHistogram, WarningKind> {
    if point.time.is_stale {
        return Ok(IntegerHistogram::stale());
    }
    check_bounds(point)?;
    let only = [point.count];
    let (bounds, counts) = match point.bucket_counts.as_slice() {
        [] => (Vec::new(), &only[..]),
        counts => (point.bounds().collect(), counts),
    };
    let (spans, positive) = buckets((0i64..).zip(counts.iter().copied()))?;
    let layout = HistogramLayout {
        positive: spans,
        ..HistogramLayout::custom(bounds)
    };
    Ok(IntegerHistogram {
        reset_hint,
        count: point.count,
        sum: point.sum.unwrap_or_default(),
        positive,
        ..IntegerHistogram::empty(layout)
    })
}

/// Refuses bounds that are not ascending and finite, or do not fit the buckets.
pub(super) fn check_bounds(point: &HistogramPointMessage) -> Result<(), WarningKind> {
    let bounds = point.bounds();
    let fits = point.bucket_counts.is_empty() || point.bucket_counts.len() == bounds.len() + 1;
    let is_ascending = bounds.clone().all(f64::is_finite) && bounds.clone().is_sorted_by(|a, b| a < b);
    if fits && is_ascending {
        Ok(())
    } else {
        Err(WarningKind::InvalidBuckets)
    }
}

/// Spans and counts of buckets by their index, ascending; those with the same index are added up.
fn buckets(indexed: impl Iterator<Item = (i64, u64)>) -> Result<(Vec<BucketSpan>, Vec<u64>), WarningKind> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut counts: Vec<u64> = Vec::new();
    // The index of the bucket added last.
    let mut last = None;
    for (index, count) in indexed.filter(|(_, count)| *count > 0) {
        let gap = match last {
            None => index,
            Some(last) => index - last - 1,
        };
        match (spans.last_mut(), counts.last_mut()) {
            (Some(_), Some(total)) if gap < 0 => *total = total.saturating_add(count),
            (Some(span), Some(_)) if gap <= MAX_EMPTY_RUN => {
                span.length += gap as u32 + 1;
                counts.resize(counts.len() + gap as usize, 0);
                counts.push(count);
            }
            _ => {
                let offset = i32::try_from(gap).map_err(|_| WarningKind::InvalidBuckets)?;
                spans.push(BucketSpan { offset, length: 1 });
                counts.push(count);
            }
        }
        last = Some(index);
    }
    let fits = last.is_none_or(|last| i32::try_from(last).is_ok());
    if fits {
        Ok((spans, counts))
    } else {
        Err(WarningKind::InvalidBuckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(indexed: &[(i64, u64)], spans: &[(i32, u32)], counts: &[u64]) {
        let (found, found_counts) = buckets(indexed.iter().copied()).unwrap();
        let found: Vec<_> = found.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!((found.as_slice(), found_counts.as_slice()), (spans, counts));
    }

    #[test]
    fn runs_of_buckets() {
        check(&[], &[], &[]);
        check(&[(3, 0)], &[], &[]);
        check(&[(-2, 1), (-1, 2)], &[(-2, 2)], &[1, 2]);
        check(&[(0, 1), (3, 2)], &[(0, 4)], &[1, 0, 0, 2]);
        check(&[(0, 1), (4, 2)], &[(0, 1), (3, 1)], &[1, 2]);
        check(&[(5, 1), (5, 2), (6, 4)], &[(5, 2)], &[3, 4]);
        check(&[(5, u64::MAX), (5, 2)], &[(5, 1)], &[u64::MAX]);
    }

    #[test]
    fn indexes_out_of_range() {
        assert!(buckets([(i64::from(i32::MAX) + 1, 1)].into_iter()).is_err());
        assert!(buckets([(i64::from(i32::MAX), 1), (i64::from(i32::MAX) + 1, 1)].into_iter()).is_err());
    }
}
