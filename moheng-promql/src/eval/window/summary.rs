//! `sum`, `avg`, `min`, `max`, `stddev` and `stdvar` over time.

use moheng_metrics::FloatColumns;

use super::WindowFunction;
use crate::eval::column::Column;
use crate::eval::numeric::Summary;

/// Windows of at most so many samples are gone through one by one, which is exact in the order of the samples.
const DIRECT_SAMPLES: usize = 16;

/// Summarizes the samples of each window.
pub(super) fn summarize<S: Summary>(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    let mut slider = Slider::<S>::default();
    let is_single = function.windows.steps == 1;
    function.each(samples, out, |window| {
        if is_single || window.end - window.first <= DIRECT_SAMPLES {
            let mut summary = S::default();
            for value in &samples.values[window.first..window.end] {
                summary.add(*value);
            }
            return Some(summary.result());
        }
        Some(slider.summary(&samples.values, window.first, window.end).result())
    });
}

/// Summaries of windows whose borders only move forward, at a cost per sample that does not depend on their length.
///
/// The window is cut at a split: left of it the summaries of all suffixes are stored, right of it one summary grows.
/// When the window has passed the split, a new split is made at its end. Nothing is ever subtracted, so that huge,
/// infinite or `NaN` values leave no trace behind once they left the window.
#[derive(Debug)]
pub(super) struct Slider<S> {
    /// Summary of `base + index .. split`.
    suffixes: Vec<S>,
    base: usize,
    split: usize,
    /// Summary of `split .. grown_to`.
    grown: S,
    grown_to: usize,
}

impl<S: Summary> Default for Slider<S> {
    fn default() -> Self {
        Self {
            suffixes: Vec::new(),
            base: 0,
            split: 0,
            grown: S::default(),
            grown_to: 0,
        }
    }
}

impl<S: Summary> Slider<S> {
    /// The summary of `values[first..end]`; both borders never lie before those of the call before.
    #[inline]
    pub(super) fn summary(&mut self, values: &[f64], first: usize, end: usize) -> S {
        if first >= self.split {
            self.split_at_end(values, first, end);
        } else {
            for value in &values[self.grown_to..end] {
                self.grown.add(*value);
            }
            self.grown_to = end;
        }
        let mut summary = self.suffixes[first - self.base];
        if self.grown_to > self.split {
            summary.merge(&self.grown);
        }
        summary
    }

    fn split_at_end(&mut self, values: &[f64], first: usize, end: usize) {
        self.suffixes.clear();
        self.suffixes.resize(end - first, S::default());
        let mut behind: Option<S> = None;
        for (slot, value) in self.suffixes.iter_mut().zip(&values[first..end]).rev() {
            slot.add(*value);
            if let Some(behind) = &behind {
                slot.merge(behind);
            }
            behind = Some(*slot);
        }
        self.base = first;
        self.split = end;
        self.grown = S::default();
        self.grown_to = end;
    }
}
