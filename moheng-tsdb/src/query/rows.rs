//! Copying samples from one buffer to another.

use std::ops::Range;

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::{HistogramView, SampleBuffer};

use crate::block::Interval;

/// Appends the samples of `from` in a range of time, both ends inclusive, that are in none of the deleted ranges, which ascend and
/// are apart from each other. When there are any, what the histogram behind a gap, or the first one, says about a counter reset is
/// forgotten: the sample before it may be deleted.
pub(crate) fn append_undeleted(
    from: &SampleBuffer,
    (start_ms, end_ms): (i64, i64),
    deleted: &[Interval],
    to: &mut SampleBuffer,
) {
    let mut from_ms = start_ms;
    for interval in deleted {
        if from_ms < interval.start_ms {
            append_part(from, (from_ms, end_ms.min(interval.start_ms - 1)), true, to);
        }
        match interval.end_ms.checked_add(1) {
            Some(after_ms) => from_ms = from_ms.max(after_ms),
            None => return,
        }
    }
    append_part(from, (from_ms, end_ms), !deleted.is_empty(), to);
}

fn append_part(
    from: &SampleBuffer,
    (start_ms, end_ms): (i64, i64),
    is_behind_gap: bool,
    to: &mut SampleBuffer,
) {
    let floats = &from.floats;
    let first = floats.timestamps_ms.partition_point(|&time| time < start_ms);
    let end = floats
        .timestamps_ms
        .partition_point(|&time| time <= end_ms)
        .max(first);
    append_floats(from, first..end, to);
    let histograms = &from.histograms;
    let first = histograms.timestamps_ms.partition_point(|&time| time < start_ms);
    let end = histograms.timestamps_ms.partition_point(|&time| time <= end_ms);
    for index in first..end {
        append_histogram(from, index, to, is_behind_gap && index == first);
    }
}

/// Appends the floats in a range.
pub(crate) fn append_floats(from: &SampleBuffer, range: Range<usize>, to: &mut SampleBuffer) {
    let floats = &from.floats;
    if !floats.start_timestamps_ms.is_empty() {
        return range.for_each(|index| append_float(from, index, to));
    }
    let times = floats.timestamps_ms.get(range.clone()).unwrap_or_default();
    to.floats.timestamps_ms.extend_from_slice(times);
    let values = floats.values.get(range).unwrap_or_default();
    to.floats.values.extend_from_slice(values);
}

/// Appends the float at `index`.
pub(crate) fn append_float(from: &SampleBuffer, index: usize, to: &mut SampleBuffer) {
    let floats = &from.floats;
    let (Some(&time), Some(&value)) = (floats.timestamps_ms.get(index), floats.values.get(index)) else {
        return;
    };
    to.floats.push(time, value);
    let start_timestamp_ms = floats.start_timestamp_ms(index);
    if start_timestamp_ms != 0 {
        to.floats.set_start_timestamp_ms(start_timestamp_ms);
    }
}

/// Appends the histogram at `index`. With `has_other_predecessor` what it says about a counter reset since the sample
/// before is forgotten, because that was another one.
pub(crate) fn append_histogram(
    from: &SampleBuffer,
    index: usize,
    to: &mut SampleBuffer,
    has_other_predecessor: bool,
) {
    let histograms = &from.histograms;
    let (Some(&time), Some(view)) = (histograms.timestamps_ms.get(index), histograms.get(index)) else {
        return;
    };
    let reset_hint = match view.reset_hint {
        ResetHint::Reset | ResetHint::NotReset if has_other_predecessor => ResetHint::Unknown,
        other => other,
    };
    to.histograms.push(time, HistogramView { reset_hint, ..view });
    let start_timestamp_ms = histograms.start_timestamp_ms(index);
    if start_timestamp_ms != 0 {
        to.histograms.set_start_timestamp_ms(start_timestamp_ms);
    }
}
