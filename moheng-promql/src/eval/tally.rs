//! [`Tally`]: how many samples each step sees.

use moheng_metrics::SampleBuffer;

use super::column::Column;
use super::grid::Windows;
use super::limits::histogram_samples;

/// Samples seen, step by step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    per_step: Vec<u64>,
}

impl Tally {
    /// Counts one sample for every step that has a value.
    pub(crate) fn add_present(&mut self, column: &Column) {
        self.reserve(column.steps());
        column.for_each(|step, _| self.per_step[step] += 1);
        for (step, histogram) in column.histograms() {
            self.per_step[step] += histogram_samples(histogram.view()) as u64;
        }
    }

    /// Counts the samples of a series inside each window.
    pub(crate) fn add_buffer(&mut self, samples: &SampleBuffer, windows: &Windows) {
        self.add_windows(&samples.floats.timestamps_ms, windows, |first, end| {
            (end - first) as u64
        });
        if samples.histograms.is_empty() {
            return;
        }
        let mut total = 0;
        let mut before = vec![0];
        for (_, histogram) in samples.histograms.iter() {
            total += histogram_samples(histogram) as u64;
            before.push(total);
        }
        self.add_windows(&samples.histograms.timestamps_ms, windows, |first, end| {
            before[end] - before[first]
        });
    }

    /// Counts what `weight` says of the samples inside each window; the times are ascending.
    fn add_windows(&mut self, times_ms: &[i64], windows: &Windows, weight: impl Fn(usize, usize) -> u64) {
        self.reserve(windows.steps);
        let (mut first, mut end) = (0, 0);
        for step in 0..windows.steps {
            let end_ms = windows.end_ms(step);
            while end < times_ms.len() && times_ms[end] <= end_ms {
                end += 1;
            }
            while first < end && times_ms[first] <= end_ms - windows.length_ms {
                first += 1;
            }
            self.per_step[step] += weight(first, end);
        }
    }

    /// Adds the counts to `totals`: step by step, or all to the last step where the steps are not the same.
    pub(crate) fn add_to(&self, totals: &mut [u64], steps_are_the_same: bool) {
        if steps_are_the_same && self.per_step.len() <= totals.len() {
            for (total, count) in totals.iter_mut().zip(&self.per_step) {
                *total += count;
            }
        } else if let Some(last) = totals.last_mut() {
            *last += self.per_step.iter().sum::<u64>();
        }
    }

    fn reserve(&mut self, steps: usize) {
        if self.per_step.len() < steps {
            self.per_step.resize(steps, 0);
        }
    }
}
