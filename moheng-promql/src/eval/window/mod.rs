//! Functions of sliding windows: one pass over a series' samples whatever the length of the window.
//!
//! A kernel reads the samples of one series as columns and writes one value per step. It shares no state with the
//! kernels of other series.

mod counter;
mod edged_histograms;
mod edges;
mod extreme;
mod histogram_growth;
mod histograms;
mod latest;
mod order;
mod regression;
mod remarks;
mod smoothing;
mod summary;

#[cfg(test)]
mod tests;

pub(crate) use edged_histograms::smoothed_values;
pub(crate) use latest::{latest_start_times, latest_times, latest_values};

pub(crate) use remarks::{Remark, Remarks};

use moheng_metrics::{FloatColumns, SampleBuffer};

use super::column::Column;
use super::grid::{Grid, Windows};
use super::scalars::Scalars;
use crate::ast::EdgeModifier;
use crate::functions::RangeFunction;

/// A function of windows with all it needs besides the samples.
#[derive(Debug)]
pub(crate) struct WindowFunction<'a> {
    pub(crate) function: RangeFunction,
    /// The scalar arguments.
    pub(crate) parameters: &'a [Scalars],
    pub(crate) windows: Windows,
    /// The evaluation times, which differ from the ends of the windows by offset and `@`.
    pub(crate) grid: Grid,
    /// What happens at the edges of the windows, and how far outside them samples are looked for.
    pub(crate) edges: Option<(EdgeModifier, i64)>,
    /// Whether counters are taken to start at zero when their samples say they started.
    pub(crate) uses_start_timestamps: bool,
}

/// Memory that kernels use again from series to series.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Vec<u64>,
    positions: Vec<u32>,
}

/// The samples `first..end` of a series that one window contains, at least one.
#[derive(Clone, Copy, Debug)]
struct Window {
    step: usize,
    first: usize,
    end: usize,
    /// The end of the window in milliseconds.
    end_ms: i64,
}

impl WindowFunction<'_> {
    /// Computes the function over the windows of one series, whose samples hold no stale markers.
    pub(crate) fn evaluate(
        &self,
        samples: &SampleBuffer,
        scratch: &mut Scratch,
        out: &mut Column,
    ) -> Remarks {
        if samples.histograms.is_empty() {
            return self.evaluate_floats(&samples.floats, scratch, out);
        }
        if let Some((edges, lookback_ms)) = self.edges {
            return edged_histograms::evaluate(self, edges, lookback_ms, samples, out);
        }
        let remarks = self.evaluate_floats(&samples.floats, scratch, out);
        histograms::evaluate(self, samples, out, remarks)
    }

    fn evaluate_floats(&self, samples: &FloatColumns, scratch: &mut Scratch, out: &mut Column) -> Remarks {
        out.reset(self.windows.steps);
        let mut remarks = Remarks::default();
        if samples.is_empty() {
            return remarks;
        }
        if let Some((edges, lookback_ms)) = self.edges {
            edges::evaluate(self, edges, lookback_ms, samples, scratch, out);
            return remarks;
        }
        match self.function {
            RangeFunction::Rate | RangeFunction::Increase | RangeFunction::Delta => {
                remarks = counter::extrapolated(self, samples, out);
            }
            RangeFunction::InstantRate | RangeFunction::InstantDelta => {
                remarks = counter::instant(self, samples, out);
            }
            _ => self.evaluate_others(samples, scratch, out),
        }
        remarks
    }

    fn evaluate_others(&self, samples: &FloatColumns, scratch: &mut Scratch, out: &mut Column) {
        match self.function {
            RangeFunction::Rate
            | RangeFunction::Increase
            | RangeFunction::Delta
            | RangeFunction::InstantRate
            | RangeFunction::InstantDelta => {}
            RangeFunction::Resets => {
                let starts = counter::StartTimes::of(self, samples);
                let is_reset = |after: usize| {
                    samples.values[after] < samples.values[after - 1] || starts.is_reset(after)
                };
                counter::count_pairs(self, samples, scratch, out, is_reset);
            }
            RangeFunction::Changes => {
                let differ =
                    |after: usize| counter::differs(samples.values[after - 1], samples.values[after]);
                counter::count_pairs(self, samples, scratch, out, differ);
            }
            RangeFunction::Avg => summary::summarize::<super::numeric::Mean>(self, samples, out),
            RangeFunction::Sum => summary::summarize::<super::numeric::Sum>(self, samples, out),
            RangeFunction::Stdvar => summary::summarize::<super::numeric::Variance>(self, samples, out),
            RangeFunction::Stddev => {
                summary::summarize::<super::numeric::Variance>(self, samples, out);
                out.map(f64::sqrt);
            }
            RangeFunction::Min => summary::summarize::<super::numeric::Smallest>(self, samples, out),
            RangeFunction::Max => summary::summarize::<super::numeric::Largest>(self, samples, out),
            RangeFunction::TimeOfMin => {
                extreme::times(self, samples, scratch, out, |value, other| value < other);
            }
            RangeFunction::TimeOfMax => {
                extreme::times(self, samples, scratch, out, |value, other| value > other);
            }
            RangeFunction::Count => {
                self.each(samples, out, |window| Some((window.end - window.first) as f64));
            }
            RangeFunction::Present => self.each(samples, out, |_| Some(1.0)),
            RangeFunction::Last => self.each(samples, out, |window| Some(samples.values[window.end - 1])),
            RangeFunction::First => self.each(samples, out, |window| Some(samples.values[window.first])),
            RangeFunction::TimeOfFirst => self.each(samples, out, |window| {
                Some(samples.timestamps_ms[window.first] as f64 / 1000.0)
            }),
            RangeFunction::TimeOfLast => self.each(samples, out, |window| {
                Some(samples.timestamps_ms[window.end - 1] as f64 / 1000.0)
            }),
            RangeFunction::Quantile => order::quantile(self, samples, scratch, out),
            RangeFunction::MedianAbsoluteDeviation => {
                order::median_absolute_deviation(self, samples, scratch, out);
            }
            RangeFunction::Derivative => regression::derivative(self, samples, out),
            RangeFunction::PredictLinear => regression::predict(self, samples, out),
            RangeFunction::DoubleExponentialSmoothing => smoothing::smooth(self, samples, out),
        }
    }

    /// The scalar argument at `index`.
    fn parameter(&self, index: usize, step: usize) -> f64 {
        self.parameters
            .get(index)
            .map_or(f64::NAN, |scalars| scalars.at(step))
    }

    /// Calls `compute` for every window that has a sample. Both borders only move forward.
    #[inline]
    fn each(&self, samples: &FloatColumns, out: &mut Column, mut compute: impl FnMut(Window) -> Option<f64>) {
        let mut borders = Borders::default();
        out.set_each(|step| compute(borders.next(&samples.timestamps_ms, &self.windows, step)?));
    }

    /// Calls `visit` for every window that has one of the ascending times.
    #[inline]
    fn each_of_times(&self, times: &[i64], mut visit: impl FnMut(Window)) {
        let mut borders = Borders::default();
        for step in 0..self.windows.steps {
            if let Some(window) = borders.next(times, &self.windows, step) {
                visit(window);
            }
        }
    }
}

/// Where the window of the last step lay.
#[derive(Clone, Copy, Debug, Default)]
struct Borders {
    first: usize,
    end: usize,
}

impl Borders {
    /// The window of a step if it has one of the ascending times; to be asked step by step.
    #[inline]
    fn next(&mut self, times: &[i64], windows: &Windows, step: usize) -> Option<Window> {
        let end_ms = windows.end_ms(step);
        let start_ms = end_ms - windows.length_ms;
        while self.end < times.len() && times[self.end] <= end_ms {
            self.end += 1;
        }
        while self.first < self.end && times[self.first] <= start_ms {
            self.first += 1;
        }
        (self.first < self.end).then_some(Window {
            step,
            first: self.first,
            end: self.end,
            end_ms,
        })
    }
}
