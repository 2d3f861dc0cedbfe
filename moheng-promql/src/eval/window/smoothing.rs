//! `double_exponential_smoothing`.

use moheng_metrics::FloatColumns;

use super::WindowFunction;
use crate::eval::column::Column;

/// The last smoothed value of each window. Every window starts anew, so the cost grows with its length.
pub(super) fn smooth(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    function.each(samples, out, |window| {
        let values = &samples.values[window.first..window.end];
        let [first, second, ..] = *values else { return None };
        let smoothing = function.parameter(0, window.step);
        let trending = function.parameter(1, window.step);
        let mut before = 0.0;
        let mut smoothed = first;
        let mut trend = second - first;
        for (index, value) in values.iter().enumerate().skip(1) {
            if index > 1 {
                trend = trending * (smoothed - before) + (1.0 - trending) * trend;
            }
            let next = smoothing * value + (1.0 - smoothing) * (smoothed + trend);
            (before, smoothed) = (smoothed, next);
        }
        Some(smoothed)
    });
}
