//! Kernels against recomputing every window from its samples alone.

use moheng_metrics::{FloatColumns, NORMAL_NAN};
use proptest::prelude::*;

use super::{Scratch, WindowFunction};
use crate::eval::column::Column;
use crate::eval::grid::{Grid, Windows};
use crate::eval::scalars::Scalars;
use crate::functions::RangeFunction;

const FUNCTIONS: [RangeFunction; 26] = [
    RangeFunction::Rate,
    RangeFunction::Increase,
    RangeFunction::Delta,
    RangeFunction::InstantRate,
    RangeFunction::InstantDelta,
    RangeFunction::Derivative,
    RangeFunction::PredictLinear,
    RangeFunction::Resets,
    RangeFunction::Changes,
    RangeFunction::Avg,
    RangeFunction::Sum,
    RangeFunction::Min,
    RangeFunction::Max,
    RangeFunction::Count,
    RangeFunction::Quantile,
    RangeFunction::Stddev,
    RangeFunction::Stdvar,
    RangeFunction::Last,
    RangeFunction::First,
    RangeFunction::Present,
    RangeFunction::MedianAbsoluteDeviation,
    RangeFunction::TimeOfFirst,
    RangeFunction::TimeOfLast,
    RangeFunction::TimeOfMin,
    RangeFunction::TimeOfMax,
    RangeFunction::DoubleExponentialSmoothing,
];

const PARAMETER: f64 = 0.3;

/// The samples of one window, its borders and its evaluation time in seconds.
struct Naive<'w> {
    samples: &'w [(f64, f64)],
    start: f64,
    end: f64,
}

impl Naive<'_> {
    fn values(&self) -> Vec<f64> {
        self.samples.iter().map(|(_, value)| *value).collect()
    }

    fn compute(&self, function: RangeFunction) -> Option<f64> {
        let values = self.values();
        let count = values.len() as f64;
        let (first, last) = (*self.samples.first()?, *self.samples.last()?);
        let mean = || values.iter().sum::<f64>() / count;
        let variance = || values.iter().map(|value| (value - mean()).powi(2)).sum::<f64>() / count;
        let known = || values.iter().copied().filter(|value| !value.is_nan());
        let pairs = || values.iter().zip(values.iter().skip(1));
        let time_of = |best: f64| {
            let at = self.samples.iter().rfind(|(_, value)| *value == best);
            at.unwrap_or(&last).0
        };
        Some(match function {
            RangeFunction::Rate => self.growth(true)? / (self.end - self.start),
            RangeFunction::Increase => self.growth(true)?,
            RangeFunction::Delta => self.growth(false)?,
            RangeFunction::InstantRate | RangeFunction::InstantDelta => self.instant(function)?,
            RangeFunction::Derivative => self.line()?.0,
            RangeFunction::PredictLinear => {
                let (slope, at_end) = self.line()?;
                at_end + slope * PARAMETER
            }
            RangeFunction::Resets => pairs().filter(|(before, after)| after < before).count() as f64,
            RangeFunction::Changes => pairs()
                .filter(|(before, after)| before != after && !(before.is_nan() && after.is_nan()))
                .count() as f64,
            RangeFunction::Avg => mean(),
            RangeFunction::Sum => values.iter().sum(),
            RangeFunction::Min => known().reduce(f64::min).unwrap_or(f64::NAN),
            RangeFunction::Max => known().reduce(f64::max).unwrap_or(f64::NAN),
            RangeFunction::TimeOfMin => time_of(known().reduce(f64::min).unwrap_or(f64::NAN)),
            RangeFunction::TimeOfMax => time_of(known().reduce(f64::max).unwrap_or(f64::NAN)),
            RangeFunction::Count => count,
            RangeFunction::Quantile => quantile(PARAMETER, values),
            RangeFunction::Stddev => variance().sqrt(),
            RangeFunction::Stdvar => variance(),
            RangeFunction::Last => last.1,
            RangeFunction::First => first.1,
            RangeFunction::Present => 1.0,
            RangeFunction::MedianAbsoluteDeviation if known().count() < values.len() => f64::NAN,
            RangeFunction::MedianAbsoluteDeviation => {
                let median = quantile(0.5, values.clone());
                quantile(0.5, values.iter().map(|value| (value - median).abs()).collect())
            }
            RangeFunction::TimeOfFirst => first.0,
            RangeFunction::TimeOfLast => last.0,
            RangeFunction::DoubleExponentialSmoothing => smooth(&values)?,
        })
    }

    fn growth(&self, is_counter: bool) -> Option<f64> {
        let [first, .., last] = self.samples else {
            return None;
        };
        let mut growth = last.1 - first.1;
        if is_counter {
            for pair in self.samples.windows(2) {
                if pair[1].1 < pair[0].1 {
                    growth += pair[0].1;
                }
            }
        }
        let sampled = last.0 - first.0;
        let average = sampled / (self.samples.len() - 1) as f64;
        let stretch = |gap: f64| if gap >= average * 1.1 { average / 2.0 } else { gap };
        let mut before = stretch(first.0 - self.start);
        if is_counter && growth > 0.0 && first.1 >= 0.0 {
            before = before.min(sampled * first.1 / growth);
        }
        Some(growth * (sampled + before + stretch(self.end - last.0)) / sampled)
    }

    fn instant(&self, function: RangeFunction) -> Option<f64> {
        let [.., before, last] = self.samples else {
            return None;
        };
        if function == RangeFunction::InstantDelta {
            return Some(last.1 - before.1);
        }
        let growth = if last.1 < before.1 {
            last.1
        } else {
            last.1 - before.1
        };
        Some(growth / (last.0 - before.0))
    }

    /// Slope, and value at the end of the window.
    fn line(&self) -> Option<(f64, f64)> {
        let [first, _, ..] = self.samples else { return None };
        if self.samples.iter().all(|sample| sample.1 == first.1) {
            return Some((0.0, first.1));
        }
        let count = self.samples.len() as f64;
        let mean_x = self.samples.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = self.samples.iter().map(|(_, y)| y).sum::<f64>() / count;
        let covariance: f64 = self
            .samples
            .iter()
            .map(|(x, y)| (x - mean_x) * (y - mean_y))
            .sum();
        let variance: f64 = self.samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        let slope = covariance / variance;
        Some((slope, mean_y + slope * (self.end - mean_x)))
    }
}

fn quantile(quantile: f64, mut values: Vec<f64>) -> f64 {
    values.sort_by(|left, right| right.is_nan().cmp(&left.is_nan()).then(left.total_cmp(right)));
    let rank = quantile * (values.len() - 1) as f64;
    let (lower, upper) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
    lower + (upper - lower) * (rank - rank.floor())
}

fn smooth(values: &[f64]) -> Option<f64> {
    let [first, second, ..] = values else { return None };
    let (mut before, mut smoothed, mut trend) = (0.0, *first, second - first);
    for (index, value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = PARAMETER * (smoothed - before) + (1.0 - PARAMETER) * trend;
        }
        (before, smoothed) = (
            smoothed,
            PARAMETER * value + (1.0 - PARAMETER) * (smoothed + trend),
        );
    }
    Some(smoothed)
}

fn check(samples: &FloatColumns, windows: Windows) {
    let parameters = [Scalars::Constant(PARAMETER), Scalars::Constant(PARAMETER)];
    let (mut scratch, mut out) = (Scratch::default(), Column::default());
    for function in FUNCTIONS {
        let kernel = WindowFunction {
            function,
            parameters: &parameters,
            windows,
            grid: Grid {
                start_ms: windows.first_end_ms,
                step_ms: windows.step_ms,
                steps: windows.steps,
            },
            edges: None,
            uses_start_timestamps: false,
        };
        kernel.evaluate_floats(samples, &mut scratch, &mut out);
        for step in 0..windows.steps {
            let end_ms = windows.end_ms(step);
            let inside: Vec<(f64, f64)> = samples
                .timestamps_ms
                .iter()
                .zip(&samples.values)
                .filter(|(time_ms, _)| **time_ms > end_ms - windows.length_ms && **time_ms <= end_ms)
                .map(|(time_ms, value)| (*time_ms as f64 / 1000.0, *value))
                .collect();
            let naive = Naive {
                samples: &inside,
                start: (end_ms - windows.length_ms) as f64 / 1000.0,
                end: end_ms as f64 / 1000.0,
            };
            let (found, expected) = (out.get(step), naive.compute(function));
            let is_close = match (found, expected) {
                (Some(found), Some(expected)) => is_close(found, expected),
                (found, expected) => found == expected,
            };
            assert!(
                is_close,
                "{function:?} at {end_ms}: {found:?}, naively {expected:?} of {inside:?}"
            );
        }
    }
}

fn is_close(left: f64, right: f64) -> bool {
    let scale = left.abs().max(right.abs()).max(1.0);
    left == right || (left.is_nan() && right.is_nan()) || (left - right).abs() <= 1e-7 * scale
}

fn columns(points: &[(i64, f64)]) -> FloatColumns {
    let mut samples = FloatColumns::default();
    let mut time_ms = 0;
    for (distance_ms, value) in points {
        time_ms += distance_ms;
        samples.push(time_ms, *value);
    }
    samples
}

fn point() -> impl Strategy<Value = (i64, f64)> {
    let distance_ms = prop_oneof![20 => Just(1000_i64), 5 => 1_i64..3000, 1 => 20_000_i64..60_000];
    let value = prop_oneof![
        20 => (0_i32..1000).prop_map(f64::from),
        5 => Just(7.0),
        2 => Just(0.0),
        2 => -100.0..100.0,
        1 => Just(NORMAL_NAN),
    ];
    (distance_ms, value)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kernels_agree_with_naive_windows(
        points in prop::collection::vec(point(), 0..300),
        first_end_ms in -5_000_i64..20_000,
        step_ms in prop_oneof![Just(0_i64), Just(1000), 1_i64..20_000],
        length_ms in prop_oneof![Just(1000_i64), 1_i64..10_000, 10_000_i64..200_000],
    ) {
        let windows = Windows { first_end_ms, step_ms, steps: 60, length_ms };
        check(&columns(&points), windows);
    }
}

#[test]
fn long_windows_of_counters_with_many_resets() {
    let points: Vec<(i64, f64)> = (0..2000).map(|index| (1000, f64::from(index * 7 % 50))).collect();
    for length_ms in [5_000, 40_000, 1_000_000] {
        let windows = Windows {
            first_end_ms: 0,
            step_ms: 13_000,
            steps: 170,
            length_ms,
        };
        check(&columns(&points), windows);
    }
}

#[test]
fn what_left_the_window_leaves_no_trace() {
    let values = |index: i32| match index {
        50 => f64::INFINITY,
        51 => 1e300,
        _ => f64::from(index % 10),
    };
    let points: Vec<(i64, f64)> = (0..200).map(|index| (1000, values(index))).collect();
    let windows = Windows {
        first_end_ms: 100_000,
        step_ms: 1000,
        steps: 100,
        length_ms: 40_000,
    };
    check(&columns(&points), windows);
}
