//! Growth: `rate`, `increase`, `delta`, `irate`, `idelta`, `resets`, `changes`.

use moheng_metrics::FloatColumns;

use super::{Scratch, Window, WindowFunction};
use crate::eval::column::Column;
use crate::eval::numeric::{Sum, Summary};
use crate::eval::window::summary::Slider;
use crate::functions::RangeFunction;

/// Windows with at most so many resets add them up one by one.
const DIRECT_RESETS: usize = 8;

/// `rate`, `increase` and `delta`: the difference between the ends of the window, extrapolated to its borders.
pub(super) fn extrapolated(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    let is_counter = function.function != RangeFunction::Delta;
    let range_seconds = function.windows.length_ms as f64 / 1000.0;
    let per_second = if function.function == RangeFunction::Rate {
        range_seconds
    } else {
        1.0
    };
    let mut resets = Resets::default();
    if is_counter {
        resets.find(samples);
    }
    function.each(samples, out, |window| {
        if window.end - window.first < 2 {
            return None;
        }
        let mut growth = samples.values[window.end - 1] - samples.values[window.first];
        if !resets.positions.is_empty() {
            growth = resets.add_to(growth, &window);
        }
        let start_ms = window.end_ms - function.windows.length_ms;
        let factor = extrapolation(samples, &window, start_ms, is_counter.then_some(growth));
        Some(growth * (factor / per_second))
    });
}

/// By what factor the growth between the first and the last sample is to be stretched to the whole window.
///
/// A border nearer than 1.1 average distances is taken for an accident of sampling and reached; otherwise the series
/// is assumed to begin or end half a distance outside its samples. A counter never begins before it was zero.
#[inline]
fn extrapolation(samples: &FloatColumns, window: &Window, start_ms: i64, counter_growth: Option<f64>) -> f64 {
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let first_ms = samples.timestamps_ms[window.first];
    let last_ms = samples.timestamps_ms[window.end - 1];
    let sampled = seconds(last_ms - first_ms);
    let average = sampled / (window.end - window.first - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = seconds(first_ms - start_ms);
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if let Some(growth) = counter_growth {
        let first = samples.values[window.first];
        if growth > 0.0 && first >= 0.0 {
            to_start = to_start.min(sampled * (first / growth));
        }
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
    fn find(&mut self, samples: &FloatColumns) {
        let values = samples.values.as_slice();
        for (index, pair) in values.windows(2).enumerate() {
            if pair[1] < pair[0] {
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
pub(super) fn instant(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    let is_rate = function.function == RangeFunction::InstantRate;
    function.each(samples, out, |window| {
        if window.end - window.first < 2 {
            return None;
        }
        let (before, last) = (window.end - 2, window.end - 1);
        let growth = if is_rate && samples.values[last] < samples.values[before] {
            samples.values[last]
        } else {
            samples.values[last] - samples.values[before]
        };
        if !is_rate {
            return Some(growth);
        }
        let distance_ms = samples.timestamps_ms[last] - samples.timestamps_ms[before];
        Some(growth / (distance_ms as f64 / 1000.0))
    });
}

/// `resets` and `changes`: how many neighbours in the window `counts` says yes to, from a running count.
pub(super) fn count_pairs(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
    counts: impl Fn(f64, f64) -> bool,
) {
    let running = &mut scratch.positions;
    running.clear();
    running.push(0);
    let mut total = 0;
    for pair in samples.values.windows(2) {
        total += u32::from(counts(pair[0], pair[1]));
        running.push(total);
    }
    function.each(samples, out, |window| {
        Some(f64::from(running[window.end - 1] - running[window.first]))
    });
}
