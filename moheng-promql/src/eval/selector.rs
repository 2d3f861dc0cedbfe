//! Reading series through the seam: instant vector selectors.

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::{
    FloatColumns, HistogramColumns, HistogramView, Matcher, SampleBuffer, Select, SeriesOrder, is_stale_nan,
};

use super::element::Element;
use super::grid::{Grid, Windows};
use super::input::{Input, TimeRange};
use super::parallel::{Deliver, Worker, run_alone, run_on_threads};
use super::window::{Remarks, Scratch, latest_start_times, latest_times, latest_values, smoothed_values};
use super::{Column, Evaluator, Sink};
use crate::ast::{AtModifier, EdgeModifier, Selector, Span, TimeModifiers};
use crate::error::QueryError;

/// Fewer series than this are not worth a thread.
const FEWEST_SERIES_PER_THREAD: usize = 16;

/// What is computed from the samples of one series.
pub(crate) type Kernel<'k> = dyn Fn(&mut SampleBuffer, &mut Scratch, &mut Column) -> Remarks + Sync + 'k;

/// What is computed for an instant vector selector.
type LatestKernel = fn(&SampleBuffer, &Windows, &mut Column) -> Remarks;

/// A selector, what it reads, and how its samples are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'r> {
    pub(crate) selector: &'r Selector,
    /// Where it was written.
    pub(crate) span: Span,
    pub(crate) windows: Windows,
    /// The function that reads it, for instant vector selectors none.
    pub(crate) function: Option<&'r str>,
}

impl Evaluator<'_> {
    /// The newest value in the lookback of every step.
    pub(crate) fn stream_selector(
        &self,
        selector: &Selector,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let kernel: LatestKernel = match selector.edges {
            Some(EdgeModifier::Smoothed) => smoothed_values,
            _ => |samples, windows, out| {
                latest_values(samples, windows, out);
                Remarks::default()
            },
        };
        self.stream_latest(selector, span, grid, sink, kernel)
    }

    /// The time in seconds of the newest sample in the lookback of every step.
    pub(crate) fn stream_sample_times(
        &self,
        selector: &Selector,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream_latest(selector, span, grid, sink, |samples, windows, out| {
            latest_times(samples, windows, out);
            Remarks::default()
        })
    }

    /// When the newest sample in the lookback of every step started to count, in seconds.
    pub(crate) fn stream_start_times(
        &self,
        selector: &Selector,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream_latest(selector, span, grid, sink, |samples, windows, out| {
            latest_start_times(samples, windows, out);
            Remarks::default()
        })
    }

    fn stream_latest(
        &self,
        selector: &Selector,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
        kernel: LatestKernel,
    ) -> Result<(), QueryError> {
        let windows = self.windows(&selector.modifiers, self.query.lookback_ms, grid)?;
        let reading = Reading {
            selector,
            span,
            windows,
            function: None,
        };
        let is_smoothed = selector.edges.is_some();
        let kernel = |samples: &mut SampleBuffer, _: &mut Scratch, column: &mut Column| {
            if is_smoothed {
                remove_stale_markers(samples);
            }
            kernel(samples, &windows, column)
        };
        self.stream_series(&reading, &kernel, &mut |element, column, remarks| {
            self.remark(remarks, &element, span);
            if column.is_empty() {
                return Ok(());
            }
            sink(element, column)
        })
    }

    /// The windows of a selector or subquery with these modifiers.
    pub(crate) fn windows(
        &self,
        modifiers: &TimeModifiers,
        length_ms: i64,
        grid: &Grid,
    ) -> Result<Windows, QueryError> {
        let offset_ms = match &modifiers.offset {
            Some(offset) => self.offset_ms(offset)?,
            None => 0,
        };
        let fixed_ms = modifiers.at.map(|at| self.fixed_time_ms(at));
        Ok(Windows {
            first_end_ms: fixed_ms.unwrap_or(grid.start_ms) - offset_ms,
            step_ms: if fixed_ms.is_some() { 0 } else { grid.step_ms },
            steps: grid.steps,
            length_ms,
        })
    }

    /// The time after `@` in milliseconds.
    pub(crate) fn fixed_time_ms(&self, at: AtModifier) -> i64 {
        match at {
            AtModifier::Time(time_ms) => time_ms,
            AtModifier::Start => self.query.start_ms,
            AtModifier::End => self.query.end_ms,
        }
    }

    /// All times a selector looks at: its windows, and around them what its edges need.
    pub(crate) fn time_range(&self, selector: &Selector, windows: &Windows) -> TimeRange {
        let lookback_ms = self.query.lookback_ms;
        // The windows of a smoothed instant vector selector are its lookback.
        let (before_ms, after_ms) = match selector.edges {
            None => (0, 0),
            Some(EdgeModifier::Anchored) => (lookback_ms, 0),
            Some(EdgeModifier::Smoothed) => (lookback_ms, lookback_ms),
        };
        TimeRange {
            start_ms: windows.earliest_ms() - before_ms,
            end_ms: windows.latest_ms() + after_ms,
        }
    }

    /// Computes a column for every series of a selector, on several threads where that pays, and delivers them in order.
    /// A column without values is delivered only when there is something to remark.
    pub(crate) fn stream_series(
        &self,
        reading: &Reading<'_>,
        kernel: &Kernel<'_>,
        deliver: &mut Deliver<'_>,
    ) -> Result<(), QueryError> {
        if reading.windows.steps == 0 {
            return Ok(());
        }
        let range = self.time_range(reading.selector, &reading.windows);
        let mut input = self.open(reading, range)?;
        let (limits, counts) = (&self.limits, self.query.counts_samples_per_step);
        let is_instant = reading.function.is_none();
        let reads_statistics = self.reads_statistics.get();
        let detects_resets = matches!(reading.function, Some("rate" | "increase" | "irate" | "resets"));
        let windows = reading.windows;
        let work = |job: super::input::Job<'_>, worker: &mut Worker| {
            let (labels, samples_read, _held) = job.load(range, limits, &mut worker.buffer)?;
            worker.series_read += u64::from(samples_read > 0);
            worker.samples_read += samples_read as u64;
            if worker.buffer.is_empty() {
                return Ok(None);
            }
            if reads_statistics && !worker.buffer.histograms.is_empty() {
                worker.buffer.histograms = with_reset_hints(&worker.buffer.histograms);
            } else if !detects_resets && has_resets(&worker.buffer.histograms) {
                worker.buffer.histograms = without_resets(&worker.buffer.histograms);
            }
            let remarks = kernel(&mut worker.buffer, &mut worker.scratch, &mut worker.column);
            if counts && is_instant {
                worker.tally.add_present(&worker.column);
            } else if counts {
                worker.tally.add_buffer(&worker.buffer, &windows);
            }
            if worker.column.is_empty() && remarks.is_empty() {
                return Ok(None);
            }
            Ok(Some((Element::new(labels), remarks)))
        };
        let worthwhile = input.remaining_hint().unwrap_or(usize::MAX) / FEWEST_SERIES_PER_THREAD;
        let threads = self.query.threads.min(worthwhile);
        let workers = if threads > 1 {
            run_on_threads(threads, &mut input, &work, deliver)?
        } else {
            run_alone(&mut input, &work, deliver)?
        };
        for worker in workers {
            self.record_read(reading.span, worker.series_read, worker.samples_read);
            self.count_queryable(&worker.tally);
        }
        Ok(())
    }

    /// Hands on the samples of every series of a selector.
    pub(crate) fn visit_series(
        &self,
        reading: &Reading<'_>,
        visit: &mut dyn FnMut(Element, &mut SampleBuffer) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if reading.windows.steps == 0 {
            return Ok(());
        }
        let range = self.time_range(reading.selector, &reading.windows);
        let mut input = self.open(reading, range)?;
        let mut buffer = SampleBuffer::new();
        let mut tally = super::tally::Tally::default();
        while let Some(job) = input.next_job()? {
            let (labels, samples_read, _held) = job.load(range, &self.limits, &mut buffer)?;
            self.record_read(reading.span, u64::from(samples_read > 0), samples_read as u64);
            if self.query.counts_samples_per_step {
                tally.add_buffer(&buffer, &reading.windows);
            }
            if !buffer.is_empty() {
                visit(Element::new(labels), &mut buffer)?;
            }
        }
        self.count_queryable(&tally);
        Ok(())
    }

    fn open(&self, reading: &Reading<'_>, range: TimeRange) -> Result<Input<'_>, QueryError> {
        if let Some(series) = self.shared_series(reading.span)? {
            return Ok(Input::Shared { series, next: 0 });
        }
        let matchers = reading.selector.all_matchers();
        self.select(matchers, range, reading.windows.step_ms, reading.function)
    }

    /// Selects series from the source.
    pub(crate) fn select(
        &self,
        matchers: Vec<Matcher>,
        range: TimeRange,
        step_ms: i64,
        function: Option<&str>,
    ) -> Result<Input<'_>, QueryError> {
        let mut select = Select::new(matchers, range.start_ms, range.end_ms);
        // The elements of an instant vector are best handed out in an order that does not change; matrices are sorted.
        if self.query.step_ms > 0 {
            select.order = SeriesOrder::Any;
        }
        select.step_ms = step_ms;
        select.function = function.map(str::to_owned);
        Ok(Input::Cursor(self.source.select(&select)?))
    }
}

/// Removes stale markers, which windows of samples never see.
pub(crate) fn remove_stale_markers(samples: &mut SampleBuffer) {
    remove_stale_floats(&mut samples.floats);
    if samples
        .histograms
        .iter()
        .any(|(_, histogram)| histogram.is_stale())
    {
        samples.histograms = live_histograms(&samples.histograms);
    }
}

/// The histograms with what their buckets tell of resets between them, where that was not known.
fn with_reset_hints(all: &HistogramColumns) -> HistogramColumns {
    let mut before: Option<HistogramView<'_>> = None;
    hinted(all, |histogram| {
        let reset_hint = match before {
            Some(before) if histogram.reset_hint == ResetHint::Unknown && !before.is_stale() => {
                if histogram.is_reset_since(&before) {
                    ResetHint::Reset
                } else {
                    ResetHint::NotReset
                }
            }
            _ => histogram.reset_hint,
        };
        before = Some(histogram);
        reset_hint
    })
}

fn has_resets(all: &HistogramColumns) -> bool {
    all.iter()
        .any(|(_, histogram)| histogram.reset_hint == ResetHint::Reset)
}

/// The histograms without what the storage knows of resets before them. Prometheus's never tells, and so does not warn of resets
/// that contradict each other when histograms are added.
fn without_resets(all: &HistogramColumns) -> HistogramColumns {
    hinted(all, |histogram| match histogram.reset_hint {
        ResetHint::Reset => ResetHint::Unknown,
        other => other,
    })
}

/// The histograms with other hints, which are asked for in order.
fn hinted<'a>(
    all: &'a HistogramColumns,
    mut reset_hint: impl FnMut(HistogramView<'a>) -> ResetHint,
) -> HistogramColumns {
    let mut hinted = HistogramColumns::default();
    for (index, (time_ms, histogram)) in all.iter().enumerate() {
        let reset_hint = reset_hint(histogram);
        hinted.push(
            time_ms,
            HistogramView {
                reset_hint,
                ..histogram
            },
        );
        let start_ms = all.start_timestamp_ms(index);
        if start_ms != 0 {
            hinted.set_start_timestamp_ms(start_ms);
        }
    }
    hinted
}

fn live_histograms(all: &HistogramColumns) -> HistogramColumns {
    let mut live = HistogramColumns::default();
    for (index, (time_ms, histogram)) in all.iter().enumerate() {
        if histogram.is_stale() {
            continue;
        }
        live.push(time_ms, histogram);
        let start_ms = all.start_timestamp_ms(index);
        if start_ms != 0 {
            live.set_start_timestamp_ms(start_ms);
        }
    }
    live
}

fn remove_stale_floats(samples: &mut FloatColumns) {
    let Some(first) = samples.values.iter().position(|value| is_stale_nan(*value)) else {
        return;
    };
    let mut kept = first;
    for index in first..samples.len() {
        if !is_stale_nan(samples.values[index]) {
            samples.values[kept] = samples.values[index];
            samples.timestamps_ms[kept] = samples.timestamps_ms[index];
            if kept < samples.start_timestamps_ms.len() {
                samples.start_timestamps_ms[kept] = samples.start_timestamp_ms(index);
            }
            kept += 1;
        }
    }
    samples.truncate(kept);
}
