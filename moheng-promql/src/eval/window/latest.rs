//! The newest sample of each window: instant vector selectors.

use moheng_metrics::{FloatColumns, is_stale_nan};

use crate::eval::column::Column;
use crate::eval::grid::Windows;

/// The value of the newest sample of each window, unless that is a stale marker.
pub(crate) fn latest_values(samples: &FloatColumns, windows: &Windows, out: &mut Column) {
    latest(samples, windows, out, |index| samples.values[index]);
}

/// The time in seconds of the newest sample of each window, unless that is a stale marker.
pub(crate) fn latest_times(samples: &FloatColumns, windows: &Windows, out: &mut Column) {
    latest(samples, windows, out, |index| {
        samples.timestamps_ms[index] as f64 / 1000.0
    });
}

/// When the newest sample of each window started to count, in seconds, unless that is not known or the sample is a
/// stale marker.
pub(crate) fn latest_start_times(samples: &FloatColumns, windows: &Windows, out: &mut Column) {
    latest(samples, windows, out, |index| {
        samples.start_timestamp_ms(index) as f64 / 1000.0
    });
    out.retain(|_, seconds| seconds != 0.0);
}

#[inline]
fn latest(samples: &FloatColumns, windows: &Windows, out: &mut Column, result: impl Fn(usize) -> f64) {
    out.reset(windows.steps);
    let times = samples.timestamps_ms.as_slice();
    let mut end = 0;
    for step in 0..windows.steps {
        let end_ms = windows.end_ms(step);
        while end < times.len() && times[end] <= end_ms {
            end += 1;
        }
        let Some(newest) = end.checked_sub(1) else {
            continue;
        };
        if times[newest] > end_ms - windows.length_ms && !is_stale_nan(samples.values[newest]) {
            out.set(step, result(newest));
        }
    }
}
