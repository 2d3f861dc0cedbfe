//! Growth of native histograms: `rate`, `increase`, `delta`, `irate`, `idelta`.

use std::ops::Range;
use std::sync::Arc;

use moheng_metrics::HistogramColumns;
use moheng_metrics::histogram::{FloatHistogram, Merged, MixedBuckets, ResetHint};

use super::counter::{StartTimes, extrapolation, extrapolation_after_start};
use super::histograms::{Both, Point};
use super::{Remark, Remarks, Window, WindowFunction};
use crate::eval::column::Column;
use crate::functions::RangeFunction;

/// `rate`, `increase` and `delta`: the difference between the ends of the window, extrapolated to its borders.
pub(super) fn extrapolated(
    function: &WindowFunction<'_>,
    both: &Both<'_>,
    out: &mut Column,
    remarks: &mut Remarks,
) {
    let is_counter = function.function != RangeFunction::Delta;
    let histograms = &both.samples.histograms;
    let starts = StartTimes::of_times(
        function,
        &histograms.timestamps_ms,
        &histograms.start_timestamps_ms,
    );
    let history = History::of(histograms, starts);
    let per_second = if function.function == RangeFunction::Rate {
        function.windows.length_ms as f64 / 1000.0
    } else {
        1.0
    };
    function.each_of_times(&both.times_ms, |window| {
        let range = window.first..window.end;
        let inside = both.histograms(&range);
        if inside.is_empty() {
            return;
        }
        out.clear(window.step);
        if !both.floats(&range).is_empty() {
            remarks.add(Remark::MixedKinds);
            return;
        }
        let start_ms = window.end_ms - function.windows.length_ms;
        let counted_from = starts.start_of(inside.start, start_ms).filter(|_| is_counter);
        if inside.len() < 2 && counted_from.is_none() {
            return;
        }
        if is_counter {
            remarks.add_if(Remark::StartTimesOverlap, starts.overlap_in(inside.clone()));
        }
        let Some(mut growth) = history.growth(&inside, is_counter, counted_from.is_some(), remarks) else {
            return;
        };
        let window = Window {
            first: inside.start,
            end: inside.end,
            ..window
        };
        let times_ms = &histograms.timestamps_ms;
        let factor = if let Some(from_ms) = counted_from {
            extrapolation_after_start(times_ms, &window, from_ms)
        } else {
            let first = histograms.get(inside.start).map_or(0.0, |view| view.count);
            let counter = is_counter.then_some((first, growth.count));
            extrapolation(times_ms, &window, start_ms, counter)
        };
        growth.scale(factor / per_second);
        out.set_histogram(window.step, Arc::new(growth));
    });
}

/// `irate` and `idelta`: the difference between the last two samples.
pub(super) fn instant(
    function: &WindowFunction<'_>,
    both: &Both<'_>,
    out: &mut Column,
    remarks: &mut Remarks,
) {
    let is_rate = function.function == RangeFunction::InstantRate;
    let histograms = &both.samples.histograms;
    let starts = StartTimes::of_times(
        function,
        &histograms.timestamps_ms,
        &histograms.start_timestamps_ms,
    );
    function.each_of_times(&both.times_ms, |window| {
        if window.end - window.first < 2 {
            return;
        }
        let (before, last) = (window.end - 2, window.end - 1);
        let (before_point, last_point) = (both.get(before), both.get(last));
        let (earlier, later) = match (before_point, last_point) {
            // The floats were looked at as if they were neighbours, which these two are.
            (Some(Point::Float(_)), Some(Point::Float(_))) | (None, _) | (_, None) => return,
            (Some(Point::Histogram(earlier)), Some(Point::Histogram(later))) => (earlier, later),
            _ => {
                remarks.add(Remark::MixedKinds);
                out.clear(window.step);
                return;
            }
        };
        out.clear(window.step);
        let is_gauge = |hint: ResetHint| hint == ResetHint::Gauge;
        let (one, other) = (is_gauge(earlier.reset_hint), is_gauge(later.reset_hint));
        remarks.add_if(Remark::NotACounter, is_rate && (one || other));
        remarks.add_if(Remark::NotAGauge, !(is_rate || one && other));
        let index = both.histograms(&(last..window.end)).start;
        let mut growth = later.to_float();
        let is_reset = is_rate && (later.is_reset_since(&earlier) || starts.is_reset(index));
        if !is_reset {
            let merged = growth.subtract(earlier);
            if note(merged, Remark::BoundsSubtracted, remarks).is_none() {
                return;
            }
        }
        finish(&mut growth);
        if is_rate {
            remarks.add_if(Remark::StartTimesOverlap, starts.overlap_in(index - 1..index + 1));
            let distance_ms = both.times_ms[last] - both.times_ms[before];
            growth.divide(distance_ms as f64 / 1000.0);
        }
        out.set_histogram(window.step, Arc::new(growth));
    });
}

/// Growth is a gauge and has no empty buckets.
pub(super) fn finish(growth: &mut FloatHistogram) {
    growth.reset_hint = ResetHint::Gauge;
    growth.compact(0);
}

/// What is to be known of the histograms of a series before looking at windows.
pub(super) struct History<'s> {
    histograms: &'s HistogramColumns,
    /// Indexes of the samples after a reset, ascending.
    resets: Vec<usize>,
    /// How many samples before each one have custom buckets, and how many are gauges.
    custom_before: Vec<usize>,
    gauges_before: Vec<usize>,
    has_one_schema: bool,
}

impl<'s> History<'s> {
    pub(super) fn of(histograms: &'s HistogramColumns, starts: StartTimes<'_>) -> Self {
        let mut history = Self {
            histograms,
            resets: Vec::new(),
            custom_before: vec![0],
            gauges_before: vec![0],
            has_one_schema: true,
        };
        let mut before = None;
        let (mut custom, mut gauges) = (0, 0);
        for (index, (_, view)) in histograms.iter().enumerate() {
            custom += usize::from(view.layout.is_custom());
            gauges += usize::from(view.reset_hint == ResetHint::Gauge);
            history.custom_before.push(custom);
            history.gauges_before.push(gauges);
            if let Some(before) = &before {
                if view.is_reset_since(before) || starts.is_reset(index) {
                    history.resets.push(index);
                }
                history.has_one_schema &= before.layout.schema == view.layout.schema;
            }
            before = Some(view);
        }
        history
    }

    pub(super) fn is_reset(&self, index: usize) -> bool {
        self.resets.binary_search(&index).is_ok()
    }

    /// Whether some of the samples have custom and others exponential buckets.
    pub(super) fn has_mixed_buckets(&self, range: &Range<usize>) -> bool {
        let custom = self.custom_before[range.end] - self.custom_before[range.start];
        custom != 0 && custom != range.len()
    }

    pub(super) fn has_gauge(&self, range: &Range<usize>) -> bool {
        self.gauges_before[range.end] > self.gauges_before[range.start]
    }

    /// The difference between the ends of a range of samples, plus what a counter lost at its resets; from zero on when
    /// the first sample `counts_from_zero`.
    fn growth(
        &self,
        range: &Range<usize>,
        is_counter: bool,
        counts_from_zero: bool,
        remarks: &mut Remarks,
    ) -> Option<FloatHistogram> {
        let (first, last) = (range.start, range.end - 1);
        let ends = [first..first + 1, last..last + 1];
        if is_counter {
            remarks.add_if(Remark::NotACounter, self.has_gauge(range));
        } else {
            remarks.add_if(Remark::NotAGauge, !ends.iter().all(|end| self.has_gauge(end)));
        }
        // What lies before a reset right behind the first sample is not compared with what follows.
        let skips_first = is_counter && !counts_from_zero && range.len() > 1 && self.is_reset(first + 1);
        let compared = if skips_first {
            first + 1..range.end
        } else {
            range.clone()
        };
        let is_mixed = if is_counter {
            self.has_mixed_buckets(&compared)
        } else {
            self.has_mixed_buckets(&ends[0]) || self.differ_in_kind(first, last)
        };
        if is_mixed {
            remarks.add(Remark::MixedBuckets);
            return None;
        }
        let mut growth = self.histograms.get(last)?.to_float();
        if !self.has_one_schema && is_counter && !growth.layout.is_custom() {
            let schemas = compared.filter_map(|index| self.histograms.get(index));
            let lowest = schemas.map(|view| view.layout.schema).min();
            // All schemas are exponential here, so that they can be reduced.
            growth.reduce_schema(lowest?).ok()?;
        }
        if !skips_first && !counts_from_zero {
            let merged = growth.subtract(self.histograms.get(first)?);
            note(merged, Remark::BoundsSubtracted, remarks)?;
        }
        if is_counter {
            self.add_lost(&mut growth, first, last, skips_first, remarks)?;
        }
        finish(&mut growth);
        Some(growth)
    }

    fn differ_in_kind(&self, first: usize, last: usize) -> bool {
        let is_custom = |index: usize| self.custom_before[index + 1] > self.custom_before[index];
        is_custom(first) != is_custom(last)
    }

    /// Adds what was lost at the resets behind `first` up to `last`.
    pub(super) fn add_lost(
        &self,
        growth: &mut FloatHistogram,
        first: usize,
        last: usize,
        skips_first: bool,
        remarks: &mut Remarks,
    ) -> Option<()> {
        let from = first + 1 + usize::from(skips_first);
        let inside = self.resets.partition_point(|reset| *reset < from)
            ..self.resets.partition_point(|reset| *reset <= last);
        for reset in self.resets.get(inside).unwrap_or_default() {
            let merged = growth.add(self.histograms.get(reset - 1)?);
            note(merged, Remark::BoundsAdded, remarks)?;
        }
        Some(())
    }
}

/// Remarks with `reconciled` on custom bounds that were reconciled; `None` when the buckets do not go together.
pub(super) fn note(
    merged: Result<Merged, MixedBuckets>,
    reconciled: Remark,
    remarks: &mut Remarks,
) -> Option<()> {
    if let Ok(merged) = merged {
        remarks.add_if(reconciled, merged.bounds_reconciled);
        Some(())
    } else {
        remarks.add(Remark::MixedBuckets);
        None
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::histogram::{BucketSpan, HistogramLayout};
    use proptest::prelude::*;

    use super::*;

    /// Two buckets somewhere near 1, at one of two resolutions.
    fn histogram((counts, offset, schema): &([u32; 2], i32, i8)) -> FloatHistogram {
        let positive = counts.map(f64::from).to_vec();
        let layout = HistogramLayout {
            positive: vec![BucketSpan {
                offset: *offset,
                length: 2,
            }],
            ..HistogramLayout::exponential(*schema, 0.0)
        };
        FloatHistogram {
            count: positive.iter().sum(),
            sum: positive.iter().sum::<f64>() * 1.5,
            positive,
            ..FloatHistogram::empty(layout)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn growth_is_what_the_samples_grow_one_after_the_other(
            samples in prop::collection::vec(([0_u32..9, 0_u32..9], 0_i32..3, 0_i8..2), 2..12),
            is_counter: bool,
        ) {
            let all: Vec<FloatHistogram> = samples.iter().map(histogram).collect();
            let mut columns = HistogramColumns::default();
            for (index, histogram) in all.iter().enumerate() {
                columns.push(index as i64, histogram.view());
            }
            let mut expected = histogram(&([0, 0], 0, 1));
            for pair in all.windows(2) {
                expected.add(pair[1].view())?;
                if !(is_counter && pair[1].view().is_reset_since(&pair[0].view())) {
                    expected.subtract(pair[0].view())?;
                }
            }
            finish(&mut expected);
            let history = History::of(&columns, StartTimes::default());
            let mut remarks = Remarks::default();
            let growth = history.growth(&(0..all.len()), is_counter, false, &mut remarks).unwrap();
            prop_assert_eq!(growth.count, expected.count);
            prop_assert_eq!(growth.sum, expected.sum);
            // What was lost at a reset right behind the first sample does not count, nor does its resolution.
            expected.reduce_schema(growth.layout.schema)?;
            let mut growth = growth;
            growth.reduce_schema(expected.layout.schema)?;
            finish(&mut expected);
            finish(&mut growth);
            prop_assert!(growth.view().is_equal(&expected.view()), "{growth}, one by one {expected}");
            prop_assert_eq!(remarks.contains(Remark::NotAGauge), !is_counter);
        }
    }
}
