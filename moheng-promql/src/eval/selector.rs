//! Reading series through the seam: instant vector selectors.

use moheng_metrics::{FloatColumns, SampleBuffer, Select, SelectedSeries, SeriesOrder, is_stale_nan};

use super::column::Column;
use super::element::Element;
use super::grid::{Grid, Windows};
use super::window::{latest_times, latest_values};
use super::{Evaluator, Sink};
use crate::ast::{AtModifier, Selector, TimeModifiers};
use crate::error::QueryError;

impl Evaluator<'_> {
    /// The newest value in the lookback of every step.
    pub(crate) fn stream_selector(
        &self,
        selector: &Selector,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream_latest(selector, grid, sink, latest_values)
    }

    /// The time in seconds of the newest sample in the lookback of every step.
    pub(crate) fn stream_sample_times(
        &self,
        selector: &Selector,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream_latest(selector, grid, sink, latest_times)
    }

    fn stream_latest(
        &self,
        selector: &Selector,
        grid: &Grid,
        sink: &mut Sink<'_>,
        kernel: fn(&FloatColumns, &Windows, &mut Column),
    ) -> Result<(), QueryError> {
        let windows = self.windows(&selector.modifiers, self.query.lookback_ms, grid)?;
        let mut column = Column::default();
        self.read_series(selector, &windows, None, &mut |element, samples| {
            kernel(samples, &windows, &mut column);
            if column.is_empty() {
                return Ok(());
            }
            sink(element, &mut column)
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
        let fixed_ms = modifiers.at.map(|at| match at {
            AtModifier::Time(time_ms) => time_ms,
            AtModifier::Start => self.query.start_ms,
            AtModifier::End => self.query.end_ms,
        });
        Ok(Windows {
            first_end_ms: fixed_ms.unwrap_or(grid.start_ms) - offset_ms,
            step_ms: if fixed_ms.is_some() { 0 } else { grid.step_ms },
            steps: grid.steps,
            length_ms,
        })
    }

    /// Decodes all samples that the windows can see, one series after the other into the same memory.
    pub(crate) fn read_series(
        &self,
        selector: &Selector,
        windows: &Windows,
        function: Option<&str>,
        visit: &mut dyn FnMut(Element, &mut FloatColumns) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if windows.steps == 0 {
            return Ok(());
        }
        let mut select = Select::new(
            selector.all_matchers(),
            windows.earliest_ms(),
            windows.latest_ms(),
        );
        // The elements of an instant vector are best handed out in an order that does not change; matrices are sorted.
        if self.query.step_ms > 0 {
            select.order = SeriesOrder::Any;
        }
        select.step_ms = windows.step_ms;
        select.function = function.map(str::to_owned);
        let mut cursor = self.source.select(&select)?;
        let mut buffer = SampleBuffer::new();
        while let Some(series) = cursor.next_series()? {
            self.limits.check()?;
            let labels = self.decode(series, &mut buffer)?;
            if !buffer.is_empty() {
                visit(Element::new(labels), &mut buffer.floats)?;
            }
        }
        Ok(())
    }

    fn decode(
        &self,
        mut series: SelectedSeries<'_>,
        buffer: &mut SampleBuffer,
    ) -> Result<moheng_metrics::Labels, QueryError> {
        buffer.clear();
        let mut held = self.limits.hold(0)?;
        let mut known = 0;
        while series.samples.read(buffer)? {
            held.add(buffer.len() - known)?;
            known = buffer.len();
        }
        self.count_read(1, known);
        Ok(series.labels)
    }
}

/// Removes stale markers, which windows of samples never see.
pub(crate) fn remove_stale_markers(samples: &mut FloatColumns) {
    let Some(first) = samples.values.iter().position(|value| is_stale_nan(*value)) else {
        return;
    };
    let mut kept = first;
    for index in first..samples.len() {
        if !is_stale_nan(samples.values[index]) {
            samples.values[kept] = samples.values[index];
            samples.timestamps_ms[kept] = samples.timestamps_ms[index];
            kept += 1;
        }
    }
    samples.values.truncate(kept);
    samples.timestamps_ms.truncate(kept);
}
