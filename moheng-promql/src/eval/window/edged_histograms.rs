//! Windows with `anchored` or `smoothed` edges over series with native histograms.

use std::ops::Range;
use std::sync::Arc;

use moheng_metrics::SampleBuffer;
use moheng_metrics::histogram::{FloatHistogram, ResetHint};

use super::counter::StartTimes;
use super::edges::{Edged, each_of_times, smoothed_floats};
use super::histogram_growth::{History, finish, note};
use super::histograms::Both;
use super::{Remark, Remarks, Scratch, WindowFunction, edges};
use crate::ast::EdgeModifier;
use crate::eval::column::Column;
use crate::eval::grid::Windows;
use crate::functions::RangeFunction;

/// The value at the end of each window, interpolated between its neighbours: `selector smoothed`. The lookback is the
/// length of the windows. Behind the last sample its value goes on.
pub(crate) fn smoothed_values(samples: &SampleBuffer, windows: &Windows, out: &mut Column) -> Remarks {
    let mut remarks = Remarks::default();
    smoothed_floats(&samples.floats, windows, out);
    if samples.histograms.is_empty() {
        return remarks;
    }
    let both = Both::of(samples);
    let history = History::of(&samples.histograms, StartTimes::default());
    let lookback_ms = windows.length_ms;
    let points = Windows {
        length_ms: 0,
        ..*windows
    };
    each_of_times(&points, lookback_ms, &both.times_ms, |edged| {
        let near = both
            .times_ms
            .partition_point(|time| *time <= edged.end_ms - lookback_ms)
            ..both
                .times_ms
                .partition_point(|time| *time <= edged.end_ms + lookback_ms);
        if both.histograms(&near).is_empty() {
            return;
        }
        out.clear(edged.step);
        if !both.floats(&near).is_empty() {
            remarks.add(Remark::MixedKinds);
            return;
        }
        let Some(before) = edged.before else { return };
        let index = both.histograms(&(before..before + 1)).start;
        let after = edged.after.map(|_| index + 1);
        let ends = Ends {
            history: &history,
            samples,
            is_counter: true,
        };
        if let Some(value) = ends.between(index, after, edged.end_ms, &mut remarks) {
            out.set_histogram(edged.step, Arc::new(value));
        }
    });
    remarks
}

/// Computes one of the functions that know about edges. The samples hold no stale markers.
pub(super) fn evaluate(
    function: &WindowFunction<'_>,
    edges: EdgeModifier,
    lookback_ms: i64,
    samples: &SampleBuffer,
    out: &mut Column,
) -> Remarks {
    let mut remarks = Remarks::default();
    out.reset(function.windows.steps);
    if !samples.floats.is_empty() {
        edges::evaluate(
            function,
            edges,
            lookback_ms,
            &samples.floats,
            &mut Scratch::default(),
            out,
        );
    }
    let both = Both::of(samples);
    let windows = &function.windows;
    if matches!(function.function, RangeFunction::Changes | RangeFunction::Resets) {
        let running = both.running_count(function);
        each_of_times(windows, lookback_ms, &both.times_ms, |edged| {
            out.clear(edged.step);
            if edged.first < edged.end {
                let from = edged.before.unwrap_or(edged.first);
                out.set(edged.step, f64::from(running[edged.end - 1] - running[from]));
            }
        });
        return remarks;
    }
    let history = History::of(&samples.histograms, StartTimes::default());
    let ends = Ends {
        history: &history,
        samples,
        is_counter: function.function != RangeFunction::Delta,
    };
    each_of_times(windows, lookback_ms, &both.times_ms, |edged| {
        let after = edged.after.filter(|_| edges == EdgeModifier::Smoothed);
        let all = edged.before.unwrap_or(edged.first)..after.map_or(edged.end, |after| after + 1);
        if both.histograms(&all).is_empty() {
            return;
        }
        out.clear(edged.step);
        if edged.first == edged.end && (edged.before.is_none() || after.is_none()) {
            return;
        }
        if !both.floats(&all).is_empty() {
            remarks.add(Remark::MixedKinds);
            return;
        }
        let growth = match edges {
            EdgeModifier::Anchored => ends.anchored(&both.histograms(&all), &mut remarks),
            EdgeModifier::Smoothed => {
                ends.smoothed(edged, &both.histograms(&all), after.is_some(), &mut remarks)
            }
        };
        if let Some(mut growth) = growth {
            finish(&mut growth);
            if function.function == RangeFunction::Rate {
                growth.divide(windows.length_ms as f64 / 1000.0);
            }
            out.set_histogram(edged.step, Arc::new(growth));
        }
    });
    remarks
}

/// Computes between the ends of windows.
struct Ends<'e> {
    history: &'e History<'e>,
    samples: &'e SampleBuffer,
    is_counter: bool,
}

impl Ends<'_> {
    fn get(&self, index: usize) -> Option<FloatHistogram> {
        self.samples.histograms.get(index).map(|view| view.to_float())
    }

    fn time_ms(&self, index: usize) -> i64 {
        self.samples.histograms.timestamps_ms[index]
    }

    /// Remarks on what does not fit the function; whether nothing can be computed.
    fn is_unfit(&self, all: &Range<usize>, remarks: &mut Remarks) -> bool {
        if all.is_empty() {
            return true;
        }
        let ends = [all.start..all.start + 1, all.end - 1..all.end];
        if self.is_counter {
            remarks.add_if(Remark::NotACounter, self.history.has_gauge(all));
        } else {
            let are_gauges = ends.iter().all(|end| self.history.has_gauge(end));
            remarks.add_if(Remark::NotAGauge, !are_gauges);
        }
        let is_mixed = self.history.has_mixed_buckets(all);
        remarks.add_if(Remark::MixedBuckets, is_mixed);
        is_mixed
    }

    /// From the first to the last of the samples.
    fn anchored(&self, all: &Range<usize>, remarks: &mut Remarks) -> Option<FloatHistogram> {
        if self.is_unfit(all, remarks) {
            return None;
        }
        let (first, last) = (all.start, all.end - 1);
        let mut growth = self.get(last)?;
        let merged = growth.subtract(self.samples.histograms.get(first)?);
        note(merged, Remark::BoundsSubtracted, remarks)?;
        if self.is_counter {
            self.history.add_lost(&mut growth, first, last, false, remarks)?;
        }
        Some(growth)
    }

    /// From the value at the start of the window to the one at its end, each between the samples around it.
    fn smoothed(
        &self,
        edged: &Edged,
        all: &Range<usize>,
        has_after: bool,
        remarks: &mut Remarks,
    ) -> Option<FloatHistogram> {
        if self.is_unfit(all, remarks) {
            return None;
        }
        let last = all.end - 1;
        let has_before = edged.before.is_some();
        let next = (has_before && all.len() > 1).then_some(all.start + 1);
        let left = if has_before {
            self.between(all.start, next, edged.start_ms, remarks)?
        } else {
            self.get(all.start)?
        };
        let mut growth = if has_after && all.len() > 1 {
            self.between(last - 1, Some(last), edged.end_ms, remarks)?
        } else {
            self.get(last)?
        };
        let merged = growth.subtract(left.view());
        note(merged, Remark::BoundsSubtracted, remarks)?;
        if self.is_counter {
            // A value between two samples already knows of the reset between them, one at the first sample does not.
            let knows = has_before && self.time_ms(all.start) < edged.start_ms;
            // At the very time of the last sample inside, the reset behind it has not happened.
            let is_behind = has_after && self.time_ms(last - 1) >= edged.end_ms;
            let last = last - usize::from(is_behind);
            self.history
                .add_lost(&mut growth, all.start, last, knows, remarks)?;
        }
        Some(growth)
    }

    /// The histogram at `time_ms` on the way from one sample to the next. A counter that was reset starts at zero right
    /// behind the first.
    fn between(
        &self,
        before: usize,
        after: Option<usize>,
        time_ms: i64,
        remarks: &mut Remarks,
    ) -> Option<FloatHistogram> {
        let first = self.get(before)?;
        let Some(after) = after else { return Some(first) };
        let (first_ms, second_ms) = (self.time_ms(before), self.time_ms(after));
        if time_ms <= first_ms || second_ms <= first_ms {
            return Some(first);
        }
        let share = (time_ms - first_ms) as f64 / (second_ms - first_ms) as f64;
        let mut second = self.get(after)?;
        if first.layout.is_custom() != second.layout.is_custom() {
            remarks.add(Remark::MixedBuckets);
            return None;
        }
        let are_counters = first.reset_hint != ResetHint::Gauge && second.reset_hint != ResetHint::Gauge;
        if self.is_counter && are_counters && self.history.is_reset(after) {
            second.scale(share);
            return Some(second);
        }
        let reset_hint = first.reset_hint;
        let merged = second.subtract(first.view());
        note(merged, Remark::BoundsSubtracted, remarks)?;
        second.scale(share);
        let merged = second.add(first.view());
        note(merged, Remark::BoundsAdded, remarks)?;
        second.reset_hint = reset_hint;
        Some(second)
    }
}
