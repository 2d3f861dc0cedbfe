//! Windows with `anchored` or `smoothed` edges, which are not extrapolated.

use moheng_metrics::FloatColumns;

use super::counter::differs;
use super::{Scratch, WindowFunction};
use crate::ast::EdgeModifier;
use crate::eval::column::Column;
use crate::eval::grid::Windows;
use crate::functions::RangeFunction;

/// The samples inside one window, and their neighbours outside it that the lookback reaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edged {
    pub(super) step: usize,
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// The last sample at or before the start of the window.
    pub(super) before: Option<usize>,
    /// The samples inside the window: `first..end`.
    pub(super) first: usize,
    pub(super) end: usize,
    /// The first sample behind the window.
    pub(super) after: Option<usize>,
}

/// Computes one of the functions that know about edges. The samples hold no stale markers.
pub(super) fn evaluate(
    function: &WindowFunction<'_>,
    edges: EdgeModifier,
    lookback_ms: i64,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
) {
    let windows = &function.windows;
    match (edges, function.function) {
        (EdgeModifier::Anchored, RangeFunction::Changes) => {
            let values = &samples.values;
            let running = running_count(scratch, values.len(), |after| {
                differs(values[after - 1], values[after])
            });
            each(windows, lookback_ms, samples, out, |edged| {
                count_from_anchor(running, edged)
            });
        }
        (EdgeModifier::Anchored, RangeFunction::Resets) => {
            let values = &samples.values;
            let running = running_count(scratch, values.len(), |after| values[after] < values[after - 1]);
            each(windows, lookback_ms, samples, out, |edged| {
                count_from_anchor(running, edged)
            });
        }
        _ => {
            let is_counter = function.function != RangeFunction::Delta;
            let per_second = if function.function == RangeFunction::Rate {
                windows.length_ms as f64 / 1000.0
            } else {
                1.0
            };
            each(windows, lookback_ms, samples, out, |edged| {
                let (left, right) = match edges {
                    EdgeModifier::Anchored => anchored_ends(samples, edged)?,
                    EdgeModifier::Smoothed => smoothed_ends(samples, edged, is_counter)?,
                };
                let mut growth = right - left;
                if is_counter {
                    growth += lost_at_resets(samples, edged, left, right);
                }
                Some(growth / per_second)
            });
        }
    }
}

/// The value at the end of each window, interpolated between its neighbours: `selector smoothed`. The lookback is the
/// length of the windows. Behind the last sample its value goes on.
pub(super) fn smoothed_floats(samples: &FloatColumns, windows: &Windows, out: &mut Column) {
    let lookback_ms = windows.length_ms;
    let points = Windows {
        length_ms: 0,
        ..*windows
    };
    out.reset(windows.steps);
    each(&points, lookback_ms, samples, out, |edged| {
        let before = edged.before?;
        Some(match edged.after {
            Some(after) => interpolate(samples, before, after, edged.end_ms, false),
            None => samples.values[before],
        })
    });
}

fn each(
    windows: &Windows,
    lookback_ms: i64,
    samples: &FloatColumns,
    out: &mut Column,
    mut compute: impl FnMut(&Edged) -> Option<f64>,
) {
    each_of_times(windows, lookback_ms, &samples.timestamps_ms, |edged| {
        if let Some(value) = compute(edged) {
            out.set(edged.step, value);
        }
    });
}

/// Calls `visit` for every window over samples at ascending times. All borders only move forward.
pub(super) fn each_of_times(
    windows: &Windows,
    lookback_ms: i64,
    times: &[i64],
    mut visit: impl FnMut(&Edged),
) {
    let (mut first, mut end) = (0, 0);
    for step in 0..windows.steps {
        let end_ms = windows.end_ms(step);
        let start_ms = end_ms - windows.length_ms;
        while end < times.len() && times[end] <= end_ms {
            end += 1;
        }
        while first < end && times[first] <= start_ms {
            first += 1;
        }
        let is_near = |index: &usize| times[*index] > start_ms - lookback_ms;
        let edged = Edged {
            step,
            start_ms,
            end_ms,
            before: first.checked_sub(1).filter(is_near),
            first,
            end,
            after: (end < times.len() && times[end] <= end_ms + lookback_ms).then_some(end),
        };
        visit(&edged);
    }
}

/// How many of the samples up to each one `counts` says yes to.
fn running_count(scratch: &mut Scratch, samples: usize, counts: impl Fn(usize) -> bool) -> &[u32] {
    let running = &mut scratch.positions;
    running.clear();
    running.push(0);
    let mut total = 0;
    for after in 1..samples {
        total += u32::from(counts(after));
        running.push(total);
    }
    running
}

fn count_from_anchor(running: &[u32], edged: &Edged) -> Option<f64> {
    if edged.first == edged.end {
        return None;
    }
    let from = edged.before.unwrap_or(edged.first);
    Some(f64::from(running[edged.end - 1] - running[from]))
}

/// The values the window begins and ends with: the last sample before it, or else its first one, and its last one.
fn anchored_ends(samples: &FloatColumns, edged: &Edged) -> Option<(f64, f64)> {
    if edged.first == edged.end {
        return None;
    }
    let left = edged.before.unwrap_or(edged.first);
    Some((samples.values[left], samples.values[edged.end - 1]))
}

/// The values at the start and at the end of the window, each between the samples around it.
fn smoothed_ends(samples: &FloatColumns, edged: &Edged, is_counter: bool) -> Option<(f64, f64)> {
    let has_inside = edged.first < edged.end;
    // Samples on one side only do not tell how the value moves inside the window.
    if !has_inside && (edged.before.is_none() || edged.after.is_none()) {
        return None;
    }
    let first_behind_start = if has_inside {
        Some(edged.first)
    } else {
        edged.after
    }?;
    let left = match edged.before {
        Some(before) => interpolate(samples, before, first_behind_start, edged.start_ms, is_counter),
        None => samples.values[first_behind_start],
    };
    let last_before_end = if has_inside {
        Some(edged.end - 1)
    } else {
        edged.before
    }?;
    let right = match edged.after {
        Some(after) => interpolate(samples, last_before_end, after, edged.end_ms, is_counter),
        None => samples.values[last_before_end],
    };
    Some((left, right))
}

/// The value at `time_ms` on the line between two samples. A counter that falls starts at zero right behind the first.
fn interpolate(samples: &FloatColumns, before: usize, after: usize, time_ms: i64, is_counter: bool) -> f64 {
    let (first_ms, second_ms) = (samples.timestamps_ms[before], samples.timestamps_ms[after]);
    let (first, second) = (samples.values[before], samples.values[after]);
    if time_ms <= first_ms || first_ms == second_ms {
        return first;
    }
    let from = if is_counter && second < first { 0.0 } else { first };
    from + (second - from) * ((time_ms - first_ms) as f64 / (second_ms - first_ms) as f64)
}

/// What a counter lost at the resets on its way from `left` over the samples inside the window to `right`.
fn lost_at_resets(samples: &FloatColumns, edged: &Edged, left: f64, right: f64) -> f64 {
    let inside = samples.values.get(edged.first..edged.end).unwrap_or_default();
    let (mut before, mut lost) = (left, 0.0);
    for value in inside.iter().chain([&right]) {
        if *value < before {
            lost += before;
        }
        before = *value;
    }
    lost
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eval::grid::Grid;

    /// The value at a time on the line between the samples around it.
    fn line(points: &[(i64, f64)], time_ms: i64, is_counter: bool) -> Option<f64> {
        let before = points.iter().rfind(|(at_ms, _)| *at_ms <= time_ms);
        let after = points.iter().find(|(at_ms, _)| *at_ms > time_ms);
        Some(match (before, after) {
            (Some(before), Some(after)) if before.0 < time_ms => {
                let share = (time_ms - before.0) as f64 / (after.0 - before.0) as f64;
                let falls = is_counter && after.1 < before.1;
                let from = if falls { 0.0 } else { before.1 };
                from + (after.1 - from) * share
            }
            (Some(before), _) => before.1,
            (None, Some(after)) => after.1,
            (None, None) => return None,
        })
    }

    /// The same from the definition, with all samples within the lookback at hand.
    fn naive(
        function: RangeFunction,
        edges: EdgeModifier,
        all: &[(i64, f64)],
        (start_ms, end_ms, lookback_ms): (i64, i64, i64),
    ) -> Option<f64> {
        let reach_ms = if edges == EdgeModifier::Smoothed {
            lookback_ms
        } else {
            0
        };
        let near: Vec<(i64, f64)> = all
            .iter()
            .copied()
            .filter(|(at_ms, _)| *at_ms > start_ms - lookback_ms && *at_ms <= end_ms + reach_ms)
            .collect();
        let inside = |at_ms: i64| at_ms > start_ms && at_ms <= end_ms;
        let is_counter = matches!(function, RangeFunction::Rate | RangeFunction::Increase);
        let mut path: Vec<f64> = near
            .iter()
            .filter(|(at_ms, _)| inside(*at_ms))
            .map(|(_, value)| *value)
            .collect();
        match edges {
            EdgeModifier::Anchored => {
                path.first()?;
                let anchor = near.iter().rfind(|(at_ms, _)| *at_ms <= start_ms);
                path.insert(0, anchor.map_or(path[0], |(_, value)| *value));
            }
            EdgeModifier::Smoothed => {
                let has_before = near.iter().any(|(at_ms, _)| *at_ms <= start_ms);
                let has_after = near.iter().any(|(at_ms, _)| *at_ms > end_ms);
                if path.is_empty() && !(has_before && has_after) {
                    return None;
                }
                let left = line(&near, start_ms, is_counter)?;
                let right = line(&near, end_ms, is_counter)?;
                path.insert(0, left);
                path.push(right);
            }
        }
        let pairs = || path.windows(2).map(|pair| (pair[0], pair[1]));
        let growth = path.last()? - path.first()?;
        let lost: f64 = pairs()
            .filter(|(before, after)| after < before)
            .map(|(before, _)| before)
            .sum();
        Some(match function {
            RangeFunction::Changes => pairs().filter(|(before, after)| before != after).count() as f64,
            RangeFunction::Resets => pairs().filter(|(before, after)| after < before).count() as f64,
            RangeFunction::Increase => growth + lost,
            RangeFunction::Rate => (growth + lost) / ((end_ms - start_ms) as f64 / 1000.0),
            _ => growth,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn edges_agree_with_their_definition(
            points in prop::collection::vec((1_i64..4000, 0_i32..20), 0..60),
            step_ms in 0_i64..9000,
            length_ms in 1_i64..20_000,
            lookback_ms in 1_i64..20_000,
        ) {
            let mut at_ms = 0;
            let all: Vec<(i64, f64)> = points
                .iter()
                .map(|(distance_ms, value)| {
                    at_ms += distance_ms;
                    (at_ms, f64::from(*value))
                })
                .collect();
            let mut samples = FloatColumns::default();
            for (at_ms, value) in &all {
                samples.push(*at_ms, *value);
            }
            let windows = Windows { first_end_ms: -3000, step_ms, steps: 25, length_ms };
            let (mut scratch, mut out) = (Scratch::default(), Column::default());
            for (edges, function) in [
                (EdgeModifier::Anchored, RangeFunction::Changes),
                (EdgeModifier::Anchored, RangeFunction::Resets),
                (EdgeModifier::Anchored, RangeFunction::Delta),
                (EdgeModifier::Anchored, RangeFunction::Increase),
                (EdgeModifier::Smoothed, RangeFunction::Rate),
                (EdgeModifier::Smoothed, RangeFunction::Delta),
            ] {
                let kernel = WindowFunction {
                    function,
                    parameters: &[],
                    windows,
                    grid: Grid { start_ms: -3000, step_ms, steps: 25 },
                    edges: Some((edges, lookback_ms)),
                    uses_start_timestamps: false,
                };
                kernel.evaluate_floats(&samples, &mut scratch, &mut out);
                for step in 0..25 {
                    let end_ms = windows.end_ms(step);
                    let expected = naive(function, edges, &all, (end_ms - length_ms, end_ms, lookback_ms));
                    let found = out.get(step);
                    let is_close = match (found, expected) {
                        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
                        (found, expected) => found == expected,
                    };
                    prop_assert!(is_close, "{edges:?} {function:?} at {end_ms}: {found:?}, by definition {expected:?}");
                }
            }
        }
    }
}
