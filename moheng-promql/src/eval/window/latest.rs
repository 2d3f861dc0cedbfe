//! The newest sample of each window: instant vector selectors.

use std::sync::Arc;

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{FloatColumns, HistogramView, SampleBuffer, is_stale_nan};

use crate::eval::column::Column;
use crate::eval::grid::Windows;

/// The value of the newest sample of each window, unless that is a stale marker.
pub(crate) fn latest_values(samples: &SampleBuffer, windows: &Windows, out: &mut Column) {
    if samples.histograms.is_empty() {
        return latest(&samples.floats, windows, out, |index| {
            samples.floats.values[index]
        });
    }
    // A sample that is the newest of several steps is made a histogram of its own only once.
    let mut shared: Option<(usize, Arc<FloatHistogram>)> = None;
    latest_of_both(samples, windows, out, |step, newest, out| match newest {
        Newest::Float(index) => out.set(step, samples.floats.values[index]),
        Newest::Histogram(index, view) => {
            let histogram = match &shared {
                Some((known, histogram)) if *known == index => Arc::clone(histogram),
                _ => Arc::new(view.to_float()),
            };
            shared = Some((index, Arc::clone(&histogram)));
            out.set_histogram(step, histogram);
        }
    });
}

/// The time in seconds of the newest sample of each window, unless that is a stale marker.
pub(crate) fn latest_times(samples: &SampleBuffer, windows: &Windows, out: &mut Column) {
    let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
    if samples.histograms.is_empty() {
        return latest(&samples.floats, windows, out, |index| {
            seconds(samples.floats.timestamps_ms[index])
        });
    }
    latest_of_both(samples, windows, out, |step, newest, out| {
        let time_ms = match newest {
            Newest::Float(index) => samples.floats.timestamps_ms[index],
            Newest::Histogram(index, _) => samples.histograms.timestamps_ms[index],
        };
        out.set(step, seconds(time_ms));
    });
}

/// When the newest sample of each window started to count, in seconds, unless that is not known or the sample is a
/// stale marker.
pub(crate) fn latest_start_times(samples: &SampleBuffer, windows: &Windows, out: &mut Column) {
    let seconds = |time_ms: i64| time_ms as f64 / 1000.0;
    latest_of_both(samples, windows, out, |step, newest, out| {
        let start_ms = match newest {
            Newest::Float(index) => samples.floats.start_timestamp_ms(index),
            Newest::Histogram(index, _) => samples.histograms.start_timestamp_ms(index),
        };
        if start_ms != 0 {
            out.set(step, seconds(start_ms));
        }
    });
}

/// The newest sample of a window.
enum Newest<'s> {
    Float(usize),
    Histogram(usize, HistogramView<'s>),
}

#[inline]
fn latest(samples: &FloatColumns, windows: &Windows, out: &mut Column, result: impl Fn(usize) -> f64) {
    out.reset(windows.steps);
    let mut cursor = Cursor::new(&samples.timestamps_ms);
    out.set_each(|step| {
        let end_ms = windows.end_ms(step);
        let newest = cursor.newest(end_ms)?;
        let is_inside = samples.timestamps_ms[newest] > end_ms - windows.length_ms;
        (is_inside && !is_stale_nan(samples.values[newest])).then(|| result(newest))
    });
}

fn latest_of_both<'s>(
    samples: &'s SampleBuffer,
    windows: &Windows,
    out: &mut Column,
    mut visit: impl FnMut(usize, Newest<'s>, &mut Column),
) {
    out.reset(windows.steps);
    let (float_times, histogram_times) = (&samples.floats.timestamps_ms, &samples.histograms.timestamps_ms);
    let (mut floats, mut histograms) = (Cursor::new(float_times), Cursor::new(histogram_times));
    for step in 0..windows.steps {
        let end_ms = windows.end_ms(step);
        let is_inside = |time_ms: &i64| *time_ms > end_ms - windows.length_ms;
        let float = floats
            .newest(end_ms)
            .filter(|index| is_inside(&float_times[*index]));
        let histogram = histograms
            .newest(end_ms)
            .filter(|index| is_inside(&histogram_times[*index]));
        let float_is_newer = match (float, histogram) {
            (Some(float), Some(histogram)) => float_times[float] > histogram_times[histogram],
            (float, _) => float.is_some(),
        };
        if let Some(index) = float.filter(|_| float_is_newer) {
            if !is_stale_nan(samples.floats.values[index]) {
                visit(step, Newest::Float(index), out);
            }
        } else if let Some(index) = histogram
            && let Some(view) = samples.histograms.get(index)
            && !view.is_stale()
        {
            visit(step, Newest::Histogram(index, view), out);
        }
    }
}

/// Walks along ascending times.
struct Cursor<'t> {
    times_ms: &'t [i64],
    end: usize,
}

impl<'t> Cursor<'t> {
    fn new(times_ms: &'t [i64]) -> Self {
        Self { times_ms, end: 0 }
    }

    /// The last index not behind `end_ms`, which never lies before that of the call before.
    #[inline]
    fn newest(&mut self, end_ms: i64) -> Option<usize> {
        while self.end < self.times_ms.len() && self.times_ms[self.end] <= end_ms {
            self.end += 1;
        }
        self.end.checked_sub(1)
    }
}
