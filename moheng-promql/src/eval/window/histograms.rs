//! Windows over series with native histograms, alone or between floats.

use std::ops::Range;
use std::sync::Arc;

use moheng_metrics::{HistogramView, SampleBuffer};

use super::counter::{StartTimes, differs};
use super::{Remark, Remarks, Window, WindowFunction, histogram_growth};
use crate::eval::column::Column;
use crate::eval::histogram_total::HistogramTotal;
use crate::functions::RangeFunction;

/// The samples of a series in the order of time, whatever their kind.
pub(super) struct Both<'s> {
    pub(super) samples: &'s SampleBuffer,
    pub(super) times_ms: Vec<i64>,
    /// How many of the samples before each one are histograms, and at the end how many there are at all.
    histograms_before: Vec<usize>,
}

/// A sample of either kind.
#[derive(Clone, Copy)]
pub(super) enum Point<'s> {
    Float(f64),
    Histogram(HistogramView<'s>),
}

impl<'s> Both<'s> {
    pub(super) fn of(samples: &'s SampleBuffer) -> Self {
        let (floats, histograms) = (&samples.floats.timestamps_ms, &samples.histograms.timestamps_ms);
        let mut times_ms = Vec::with_capacity(samples.len());
        let mut histograms_before = Vec::with_capacity(samples.len() + 1);
        let (mut float, mut histogram) = (0, 0);
        while float + histogram < samples.len() {
            histograms_before.push(histogram);
            let takes_float = match (floats.get(float), histograms.get(histogram)) {
                (Some(float), Some(histogram)) => float < histogram,
                (next, _) => next.is_some(),
            };
            if takes_float {
                times_ms.push(floats[float]);
                float += 1;
            } else {
                times_ms.push(histograms[histogram]);
                histogram += 1;
            }
        }
        histograms_before.push(histogram);
        Self {
            samples,
            times_ms,
            histograms_before,
        }
    }

    /// The floats among a range of samples.
    pub(super) fn floats(&self, range: &Range<usize>) -> Range<usize> {
        range.start - self.histograms_before[range.start]..range.end - self.histograms_before[range.end]
    }

    /// The histograms among a range of samples.
    pub(super) fn histograms(&self, range: &Range<usize>) -> Range<usize> {
        self.histograms_before[range.start]..self.histograms_before[range.end]
    }

    pub(super) fn get(&self, index: usize) -> Option<Point<'s>> {
        let before = self.histograms_before[index];
        if self.histograms_before[index + 1] > before {
            return self.samples.histograms.get(before).map(Point::Histogram);
        }
        let value = self.samples.floats.values.get(index - before);
        value.map(|value| Point::Float(*value))
    }

    /// How many samples up to each one are a change, or a reset, after the one before them.
    pub(super) fn running_count(&self, function: &WindowFunction<'_>) -> Vec<u32> {
        let floats = &self.samples.floats;
        let histograms = &self.samples.histograms;
        let float_starts = StartTimes::of(function, floats);
        let histogram_starts = StartTimes::of_times(
            function,
            &histograms.timestamps_ms,
            &histograms.start_timestamps_ms,
        );
        let counts_resets = function.function == RangeFunction::Resets;
        let mut total = 0;
        let mut running = vec![0];
        for after in 1..self.times_ms.len() {
            let histogram = self.histograms_before[after];
            let counts = match (self.get(after - 1), self.get(after)) {
                (Some(Point::Float(before)), Some(Point::Float(value))) if counts_resets => {
                    value < before || float_starts.is_reset(after - histogram)
                }
                (Some(Point::Float(before)), Some(Point::Float(value))) => differs(before, value),
                (Some(Point::Histogram(before)), Some(Point::Histogram(value))) if counts_resets => {
                    value.is_reset_since(&before) || histogram_starts.is_reset(histogram)
                }
                (Some(Point::Histogram(before)), Some(Point::Histogram(value))) => !value.is_equal(&before),
                _ => true,
            };
            total += u32::from(counts);
            running.push(total);
        }
        running
    }
}

/// Completes what the floats of a series gave by what its histograms give. `out` has the results of the floats as if
/// they were alone.
pub(super) fn evaluate(
    function: &WindowFunction<'_>,
    samples: &SampleBuffer,
    out: &mut Column,
    mut remarks: Remarks,
) -> Remarks {
    let both = Both::of(samples);
    match function.function {
        RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
            histogram_growth::extrapolated(function, &both, out, &mut remarks);
        }
        RangeFunction::InstantRate | RangeFunction::InstantDelta => {
            histogram_growth::instant(function, &both, out, &mut remarks);
        }
        RangeFunction::Resets | RangeFunction::Changes => {
            let running = both.running_count(function);
            function.each_of_times(&both.times_ms, |window| {
                let count = running[window.end - 1] - running[window.first];
                out.set(window.step, f64::from(count));
            });
        }
        RangeFunction::Sum => total(function, &both, HistogramTotal::sum(), out, &mut remarks),
        RangeFunction::Avg => total(function, &both, HistogramTotal::mean(), out, &mut remarks),
        RangeFunction::Last => each_point(function, &both, out, |window| window.end - 1),
        RangeFunction::First => each_point(function, &both, out, |window| window.first),
        RangeFunction::Count => {
            each_number(function, &both, out, |window| (window.end - window.first) as f64);
        }
        RangeFunction::Present => each_number(function, &both, out, |_| 1.0),
        RangeFunction::TimeOfFirst => {
            each_number(function, &both, out, |window| {
                both.times_ms[window.first] as f64 / 1000.0
            });
        }
        RangeFunction::TimeOfLast => {
            each_number(function, &both, out, |window| {
                both.times_ms[window.end - 1] as f64 / 1000.0
            });
        }
        _ => function.each_of_times(&both.times_ms, |window| {
            let range = window.first..window.end;
            let is_mixed = !both.floats(&range).is_empty() && !both.histograms(&range).is_empty();
            remarks.add_if(Remark::HistogramsIgnored, is_mixed);
        }),
    }
    remarks
}

fn each_number(
    function: &WindowFunction<'_>,
    both: &Both<'_>,
    out: &mut Column,
    number: impl Fn(&Window) -> f64,
) {
    function.each_of_times(&both.times_ms, |window| out.set(window.step, number(&window)));
}

/// One of the samples of each window.
fn each_point(
    function: &WindowFunction<'_>,
    both: &Both<'_>,
    out: &mut Column,
    chosen: impl Fn(&Window) -> usize,
) {
    function.each_of_times(&both.times_ms, |window| match both.get(chosen(&window)) {
        Some(Point::Float(value)) => out.set(window.step, value),
        Some(Point::Histogram(view)) => out.set_histogram(window.step, Arc::new(view.to_float())),
        None => {}
    });
}

/// `sum_over_time` and `avg_over_time`
fn total(
    function: &WindowFunction<'_>,
    both: &Both<'_>,
    mut total: HistogramTotal,
    out: &mut Column,
    remarks: &mut Remarks,
) {
    function.each_of_times(&both.times_ms, |window| {
        let range = window.first..window.end;
        let histograms = both.histograms(&range);
        if histograms.is_empty() {
            return;
        }
        out.clear(window.step);
        if !both.floats(&range).is_empty() {
            remarks.add(Remark::MixedKinds);
            return;
        }
        total.clear();
        for view in histograms.filter_map(|index| both.samples.histograms.get(index)) {
            if total.add(view).is_err() {
                remarks.add(Remark::MixedBuckets);
                return;
            }
        }
        let merged = total.merged();
        remarks.add_if(Remark::ResetsCollide, merged.resets_collide);
        remarks.add_if(Remark::BoundsAggregated, merged.bounds_reconciled);
        if let Some(value) = total.value() {
            out.set_histogram(window.step, Arc::new(value));
        }
    });
}
