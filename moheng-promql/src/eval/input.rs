//! Where the series of a selector come from: the source, or what another selector of the query has read before.

use std::sync::Arc;

use moheng_metrics::{Labels, SampleBuffer, SelectedSeries, SeriesCursor};

use super::limits::{Held, Limits, buffered_samples};
use crate::error::QueryError;

/// Hands out the series of a selector one after the other.
pub(crate) enum Input<'a> {
    /// From the source.
    Cursor(Box<dyn SeriesCursor<'a> + 'a>),
    /// From memory, from the row `next` on.
    Shared { series: Arc<SharedSeries>, next: usize },
}

/// Series that several selectors read, with all samples that any of them sees.
#[derive(Debug, Default)]
pub(crate) struct SharedSeries {
    pub(crate) rows: Vec<(Labels, SampleBuffer)>,
}

/// One series yet to be decoded or copied, on whatever thread.
pub(crate) enum Job<'a> {
    Decode(SelectedSeries<'a>),
    Copy(Arc<SharedSeries>, usize),
}

/// The milliseconds a selector is interested in, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

impl<'a> Input<'a> {
    pub(crate) fn next_job(&mut self) -> Result<Option<Job<'a>>, QueryError> {
        match self {
            Self::Cursor(cursor) => Ok(cursor.next_series()?.map(Job::Decode)),
            Self::Shared { series, next } => {
                let row = *next;
                *next += 1;
                Ok((row < series.rows.len()).then(|| Job::Copy(Arc::clone(series), row)))
            }
        }
    }

    /// How many series are left at most, where that is known.
    pub(crate) fn remaining_hint(&self) -> Option<usize> {
        match self {
            Self::Cursor(cursor) => cursor.remaining_hint(),
            Self::Shared { series, next } => Some(series.rows.len().saturating_sub(*next)),
        }
    }
}

impl Job<'_> {
    /// Brings the samples of the range into `buffer`; returns who they belong to, how many samples were decoded, and the
    /// account of their memory.
    pub(crate) fn load<'l, 'q>(
        self,
        range: TimeRange,
        limits: &'l Limits<'q>,
        buffer: &mut SampleBuffer,
    ) -> Result<(Labels, usize, Held<'l, 'q>), QueryError> {
        limits.check()?;
        buffer.clear();
        let mut held = limits.hold(0)?;
        match self {
            Self::Decode(mut series) => {
                let (mut floats, mut histograms) = (0, 0);
                while series.samples.read(buffer)? {
                    held.add(buffer.floats.len() - floats + buffered_samples(buffer, histograms))?;
                    (floats, histograms) = (buffer.floats.len(), buffer.histograms.len());
                }
                Ok((series.labels, floats + histograms, held))
            }
            Self::Copy(shared, row) => {
                let (labels, samples) = &shared.rows[row];
                copy_range(samples, range, buffer);
                held.add(buffer.floats.len() + buffered_samples(buffer, 0))?;
                Ok((labels.clone(), 0, held))
            }
        }
    }
}

/// Appends the samples of the range.
fn copy_range(from: &SampleBuffer, range: TimeRange, to: &mut SampleBuffer) {
    let bounds = |times: &[i64]| {
        let first = times.partition_point(|time_ms| *time_ms < range.start_ms);
        let end = times.partition_point(|time_ms| *time_ms <= range.end_ms);
        first..end.max(first)
    };
    let floats = &from.floats;
    let rows = bounds(&floats.timestamps_ms);
    let known_starts = floats.start_timestamps_ms.len();
    let starts = rows.start.min(known_starts)..rows.end.min(known_starts);
    to.floats
        .timestamps_ms
        .extend_from_slice(&floats.timestamps_ms[rows.clone()]);
    to.floats.values.extend_from_slice(&floats.values[rows]);
    to.floats
        .start_timestamps_ms
        .extend_from_slice(&floats.start_timestamps_ms[starts]);
    for index in bounds(&from.histograms.timestamps_ms) {
        if let Some(view) = from.histograms.get(index) {
            to.histograms.push(from.histograms.timestamps_ms[index], view);
            let start_ms = from.histograms.start_timestamp_ms(index);
            if start_ms != 0 {
                to.histograms.set_start_timestamp_ms(start_ms);
            }
        }
    }
}
