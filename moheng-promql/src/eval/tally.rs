//! [`Tally`]: how many samples each step sees.

use super::column::Column;
use super::grid::Windows;

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
    }

    /// Counts the samples inside each window; the times are ascending.
    pub(crate) fn add_windows(&mut self, times_ms: &[i64], windows: &Windows) {
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
            self.per_step[step] += (end - first) as u64;
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
