//! [`Recorder`]: what each node of a query took.

use std::cell::RefCell;
use std::time::Duration;

use hashbrown::HashMap;

use super::grid::Grid;
use super::{Evaluator, Sink};
use crate::ast::{Expr, Span};
use crate::error::QueryError;

/// What one node took and handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// The time for the node and all below it.
    pub time: Duration,
    /// Elements handed on.
    pub series: u64,
    /// Values of these elements.
    pub samples: u64,
    /// Series read from the source.
    pub series_read: u64,
    /// Samples decoded.
    pub samples_read: u64,
}

/// Measures by where nodes were written.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    nodes: RefCell<HashMap<Span, Measured>>,
}

impl Recorder {
    /// What the node written at `span` took, if it was evaluated by itself.
    pub(crate) fn measured(&self, span: Span) -> Option<Measured> {
        self.nodes.borrow().get(&span).copied()
    }

    fn change(&self, span: Span, change: impl FnOnce(&mut Measured)) {
        change(self.nodes.borrow_mut().entry(span).or_default());
    }
}

impl Evaluator<'_> {
    /// Evaluates a node and measures it. The time that the elements take further up is not its own.
    pub(crate) fn stream_measured(
        &self,
        recorder: &Recorder,
        expr: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let clock = self.limits.clock();
        let started = clock.monotonic();
        let mut elsewhere = Duration::ZERO;
        let (mut series, mut samples) = (0, 0);
        let result = self.stream_node(expr, grid, &mut |element, column| {
            series += 1;
            samples += column.count() as u64;
            let handed_on = clock.monotonic();
            let result = sink(element, column);
            elsewhere += clock.monotonic().saturating_sub(handed_on);
            result
        });
        let time = clock
            .monotonic()
            .saturating_sub(started)
            .saturating_sub(elsewhere);
        recorder.change(expr.span(), |measured| {
            measured.time += time;
            measured.series += series;
            measured.samples += samples;
        });
        result
    }

    /// Notes what the selector written at `span` read.
    pub(crate) fn record_read(&self, span: Span, series: u64, samples: u64) {
        self.count_read(series, samples);
        if let Some(recorder) = &self.recorder {
            recorder.change(span, |measured| {
                measured.series_read += series;
                measured.samples_read += samples;
            });
        }
    }
}
