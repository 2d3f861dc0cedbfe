//! Growth: `rate`, `increase`, `delta`, `irate`, `idelta`, `resets`, `changes`.

use std::ops::Range;

use moheng_metrics::FloatColumns;

use super::{Remark, Remarks, Scratch, Window, WindowFunction};
use crate::eval::column::Column;
use crate::eval::numeric::{Sum, Summary};
use crate::eval::window::summary::Slider;
use crate::functions::RangeFunction;

/// Windows with at most so many resets add them up one by one.
const DIRECT_RESETS: usize = 8;

/// `rate`, `increase` and `delta`: the difference between the ends of the window, extrapolated to its borders.
pub(super) fn extrapolated(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    out: &mut Column,
) -> Remarks {
    let is_counter = function.function != RangeFunction::Delta;
    let range_seconds = function.windows.length_ms as f64 / 1000.0;
    let per_second = if function.function == RangeFunction::Rate {
        range_seconds
    } else {
        1.0
    };
    let mut resets = Resets::default();
    let mut starts = StartTimes::default();
    if is_counter {
        starts = StartTimes::of(function, samples);
        resets.find(samples, starts);
    }
    let mut remarks = Remarks::default();
    function.each(samples, out, |window| {
        let start_ms = window.end_ms - function.windows.length_ms;
        let counted_from = starts.start_of(window.first, start_ms);
        if window.end - window.first < 2 && counted_from.is_none() {
            return None;
        }
        let mut growth = samples.values[window.end - 1] - samples.values[window.first];
        if !resets.positions.is_empty() {
            growth = resets.add_to(growth, &window);
        }
        if starts.overlap_in(window.first..window.end) {
            remarks.add(Remark::StartTimesOverlap);
        }
        let factor = if let Some(from_ms) = counted_from {
            growth += samples.values[window.first];
            extrapolation_after_start(&samples.timestamps_ms, &window, from_ms)
        } else {
            let first = samples.values[window.first];
            let counter = is_counter.then_some((first, growth));
            extrapolation(&samples.timestamps_ms, &window, start_ms, counter)
        };
        Some(growth * (factor / per_second))
    });
    remarks
}

/// When the samples of a series started to count, where that is known and to be used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StartTimes<'s> {
    times_ms: &'s [i64],
    /// As [`FloatColumns::start_timestamps_ms`], and empty when they are not to be used.
    starts_ms: &'s [i64],
}

impl<'s> StartTimes<'s> {
    pub(super) fn of(function: &WindowFunction<'_>, samples: &'s FloatColumns) -> Self {
        Self::of_times(function, &samples.timestamps_ms, &samples.start_timestamps_ms)
    }

    pub(super) fn of_times(function: &WindowFunction<'_>, times_ms: &'s [i64], starts_ms: &'s [i64]) -> Self {
        let starts_ms = if function.uses_start_timestamps {
            starts_ms
        } else {
            &[]
        };
        Self { times_ms, starts_ms }
    }

    fn at(self, index: usize) -> i64 {
        self.starts_ms.get(index).copied().unwrap_or_default()
    }

    /// Whether the sample at `after` started to count behind the one before it. When it started exactly there, the one
    /// before must have had a start of its own, or else the start is a mere guess.
    #[inline]
    pub(super) fn is_reset(self, after: usize) -> bool {
        if self.starts_ms.is_empty() {
            return false;
        }
        let (start_ms, before_ms) = (self.at(after), self.times_ms[after - 1]);
        if start_ms == 0 || start_ms >= self.times_ms[after] || start_ms < before_ms {
            return false;
        }
        let start_before_ms = self.at(after - 1);
        start_ms > before_ms || (start_before_ms != 0 && start_before_ms < before_ms)
    }

    /// When the first sample of a window started to count, if that was inside the window.
    #[inline]
    pub(super) fn start_of(self, first: usize, window_start_ms: i64) -> Option<i64> {
        if self.starts_ms.is_empty() {
            return None;
        }
        let start_ms = self.at(first);
        let is_inside = start_ms > window_start_ms && start_ms < self.times_ms[first];
        (start_ms != 0 && is_inside).then_some(start_ms)
    }

    /// Whether one of the samples started to count before the one before it, and not with it.
    pub(super) fn overlap_in(self, samples: Range<usize>) -> bool {
        let overlaps = |after: usize| {
            let start_ms = self.at(after);
            start_ms != 0 && start_ms < self.times_ms[after - 1] && start_ms != self.at(after - 1)
        };
        !self.starts_ms.is_empty() && (samples.start + 1..samples.end).any(overlaps)
    }
}

/// By what factor the growth since `from_ms`, where the counter was zero, is to be stretched to the end of the window.
pub(super) fn extrapolation_after_start(times_ms: &[i64], window: &Window, from_ms: i64) -> f64 {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let last_ms = times_ms[window.end - 1];
    let intervals = window.end - window.first - 1;
    if intervals == 0 {
        return 1.0;
    }
    let average = seconds(last_ms - times_ms[window.first]) / intervals as f64;
    let mut to_end = seconds(window.end_ms - last_ms);
    if to_end >= average * 1.1 {
        to_end = average / 2.0;
    }
    let counted = seconds(last_ms - from_ms);
    (counted + to_end) / counted
}

/// By what factor the growth between the first and the last sample is to be stretched to the whole window.
///
/// A border nearer than 1.1 average distances is taken for an accident of sampling and reached; otherwise the series
/// is assumed to begin or end half a distance outside its samples. A counter never begins before it was zero.
///
/// `counter` is the first value of a counter and its growth.
#[inline]
pub(super) fn extrapolation(
    times_ms: &[i64],
    window: &Window,
    start_ms: i64,
    counter: Option<(f64, f64)>,
) -> f64 {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let first_ms = times_ms[window.first];
    let last_ms = times_ms[window.end - 1];
    let sampled = seconds(last_ms - first_ms);
    let average = sampled / (window.end - window.first - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = seconds(first_ms - start_ms);
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if let Some((first, growth)) = counter
        && growth > 0.0
        && first >= 0.0
    {
        to_start = to_start.min(sampled * (first / growth));
    }
    let mut to_end = seconds(window.end_ms - last_ms);
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    (sampled + to_start + to_end) / sampled
}

/// The resets of a counter: where it falls, and from which value.
#[derive(Debug, Default)]
struct Resets {
    /// Index of the sample after the reset.
    positions: Vec<usize>,
    /// The value before it.
    lost: Vec<f64>,
    /// The resets of the current window are `first..end`.
    first: usize,
    end: usize,
    slider: Slider<Sum>,
}

impl Resets {
    fn find(&mut self, samples: &FloatColumns, starts: StartTimes<'_>) {
        for (index, pair) in samples.values.windows(2).enumerate() {
            if pair[1] < pair[0] || starts.is_reset(index + 1) {
                self.positions.push(index + 1);
                self.lost.push(pair[0]);
            }
        }
    }

    /// Adds what was lost at the resets inside the window to `growth`.
    fn add_to(&mut self, mut growth: f64, window: &Window) -> f64 {
        while self.end < self.positions.len() && self.positions[self.end] < window.end {
            self.end += 1;
        }
        while self.first < self.end && self.positions[self.first] <= window.first {
            self.first += 1;
        }
        if self.end - self.first <= DIRECT_RESETS {
            for lost in &self.lost[self.first..self.end] {
                growth += lost;
            }
            return growth;
        }
        let lost = self.slider.summary(&self.lost, self.first, self.end);
        growth + lost.result()
    }
}

/// `irate` and `idelta`: the last two samples.
pub(super) fn instant(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) -> Remarks {
    let is_rate = function.function == RangeFunction::InstantRate;
    let starts = if is_rate {
        StartTimes::of(function, samples)
    } else {
        StartTimes::default()
    };
    let mut remarks = Remarks::default();
    function.each(samples, out, |window| {
        if window.end - window.first < 2 {
            return None;
        }
        let (before, last) = (window.end - 2, window.end - 1);
        let falls = samples.values[last] < samples.values[before];
        let growth = if is_rate && (falls || starts.is_reset(last)) {
            samples.values[last]
        } else {
            samples.values[last] - samples.values[before]
        };
        if !is_rate {
            return Some(growth);
        }
        if starts.overlap_in(before..window.end) {
            remarks.add(Remark::StartTimesOverlap);
        }
        let distance_ms = samples.timestamps_ms[last] - samples.timestamps_ms[before];
        Some(growth / (distance_ms as f64 / 1000.0))
    });
    remarks
}

/// Whether two neighbours count as a change.
pub(super) fn differs(before: f64, after: f64) -> bool {
    after != before && !(after.is_nan() && before.is_nan())
}

/// `resets` and `changes`: how many samples in the window `counts` says yes to, compared with the one before them,
/// from a running count.
pub(super) fn count_pairs(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
    counts: impl Fn(usize) -> bool,
) {
    let running = &mut scratch.positions;
    running.clear();
    running.push(0);
    let mut total = 0;
    for after in 1..samples.len() {
        total += u32::from(counts(after));
        running.push(total);
    }
    function.each(samples, out, |window| {
        Some(f64::from(running[window.end - 1] - running[window.first]))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::grid::{Grid, Windows};

    /// The increase between `start_ms` and `end_ms` of samples given by time, value and start.
    fn check(all: &[(i64, f64, i64)], (start_ms, end_ms): (i64, i64), expected: Option<f64>, overlaps: bool) {
        let mut samples = FloatColumns::default();
        for (time_ms, value, started_ms) in all {
            samples.push(*time_ms, *value);
            samples.set_start_timestamp_ms(*started_ms);
        }
        let windows = Windows {
            first_end_ms: end_ms,
            step_ms: 0,
            steps: 1,
            length_ms: end_ms - start_ms,
        };
        let function = WindowFunction {
            function: RangeFunction::Increase,
            parameters: &[],
            windows,
            grid: Grid::new(end_ms, end_ms, 1),
            edges: None,
            uses_start_timestamps: true,
        };
        let mut out = Column::default();
        let remarks = function.evaluate_floats(&samples, &mut Scratch::default(), &mut out);
        assert_eq!(out.get(0), expected, "{all:?}");
        assert_eq!(remarks.contains(Remark::StartTimesOverlap), overlaps, "{all:?}");
    }

    #[test]
    fn counters_that_say_when_they_started() {
        // Without any start: extrapolated to the borders, but not below zero.
        check(&[(1000, 5.0, 0), (2000, 6.0, 0)], (0, 2000), Some(2.0), false);
        // Started inside the window: the value from zero on counts, and nothing is extrapolated to the left.
        check(&[(1000, 5.0, 500), (2000, 6.0, 500)], (0, 2000), Some(6.0), false);
        // One sample is enough then.
        check(&[(1000, 5.0, 500)], (0, 2000), Some(5.0), false);
        check(&[(1000, 5.0, 0)], (0, 2000), None, false);
        // The border itself is outside, and a start at or behind the sample says nothing.
        check(&[(1000, 5.0, 1)], (1, 2000), None, false);
        check(&[(1000, 5.0, 1000)], (0, 2000), None, false);
        // A restart behind the sample before is a reset though the value does not fall.
        check(
            &[(1000, 5.0, 500), (2000, 7.0, 1500)],
            (0, 2000),
            Some(12.0),
            false,
        );
        // Exactly at the sample before: only if that had a start of its own.
        check(
            &[(1000, 5.0, 500), (2000, 7.0, 1000)],
            (0, 2000),
            Some(12.0),
            false,
        );
        check(&[(1000, 5.0, 0), (2000, 7.0, 1000)], (0, 2000), Some(4.0), false);
        // A start before the sample before is impossible unless both started together.
        check(&[(1000, 5.0, 500), (2000, 7.0, 700)], (0, 2000), Some(7.0), true);
    }
}
