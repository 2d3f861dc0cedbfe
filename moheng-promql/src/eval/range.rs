//! Range vectors, whose windows are never made: selectors and subqueries hand their samples to window functions.

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::{HistogramView, SampleBuffer};

use super::column::Column;
use super::element::Element;
use super::grid::{Grid, Windows};
use super::parallel::Deliver;
use super::scalars::Scalars;
use super::selector::{Reading, remove_stale_markers};
use super::window::{Scratch, WindowFunction};
use super::{Evaluator, Sink, names_are_uniform};
use crate::ast::{CallExpr, EdgeModifier, Expr, ExprKind, Subquery, ValueType};
use crate::error::QueryError;
use crate::functions::RangeFunction;

/// Takes the samples of one element of a range vector.
pub(crate) type RangeSink<'s> = dyn FnMut(Element, &mut SampleBuffer) -> Result<(), QueryError> + 's;

impl Evaluator<'_> {
    /// A function of windows.
    pub(crate) fn stream_range_function(
        &self,
        call: &CallExpr,
        function: RangeFunction,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let is_range = |argument: &&Expr| argument.value_type() == ValueType::RangeVector;
        let Some(argument) = call.arguments.iter().find(is_range) else {
            return Err(QueryError::execution("expected a range vector"));
        };
        let parameters = call
            .arguments
            .iter()
            .filter(|argument| !is_range(argument))
            .map(|argument| self.scalars(argument, grid))
            .collect::<Result<Vec<_>, _>>()?;
        self.check_parameters(function, call, &parameters)?;
        let name = call.function.name();
        let kernel = WindowFunction {
            function,
            parameters: &parameters,
            windows: self.range_windows(argument, grid)?,
            grid: *grid,
            edges: self.edges(argument, name)?,
            uses_start_timestamps: self.query.uses_start_timestamps,
        };
        let mut produce = |out: &mut Sink<'_>| {
            self.stream_windows(&kernel, argument, name, &mut |element, column, remarks| {
                self.remark(remarks, &element, argument.span());
                if column.is_empty() {
                    return Ok(());
                }
                if function.keeps_name() {
                    return out(element, column);
                }
                let is_rate = matches!(function, RangeFunction::Rate | RangeFunction::Increase);
                if is_rate && !column.present().is_empty() {
                    self.remark_on_name(&element, argument);
                }
                out(element.nameless(), column)
            })
        };
        let cannot_collide = function.keeps_name() || names_are_uniform(argument);
        self.without_collisions(cannot_collide, sink, &mut produce)
    }

    /// Computes a window function over a range vector.
    fn stream_windows(
        &self,
        function: &WindowFunction<'_>,
        argument: &Expr,
        name: &str,
        deliver: &mut Deliver<'_>,
    ) -> Result<(), QueryError> {
        let argument = argument.without_parens();
        if let ExprKind::Range(range) = argument.kind() {
            let reading = Reading {
                selector: &range.selector,
                span: argument.span(),
                windows: function.windows,
                function: Some(name),
            };
            let kernel = |samples: &mut SampleBuffer, scratch: &mut Scratch, column: &mut Column| {
                remove_stale_markers(samples);
                function.evaluate(samples, scratch, column)
            };
            return self.stream_series(&reading, &kernel, deliver);
        }
        let (mut scratch, mut column) = (Scratch::default(), Column::default());
        self.read_ranges(argument, name, &function.windows, &mut |element, samples| {
            let remarks = function.evaluate(samples, &mut scratch, &mut column);
            if column.is_empty() && remarks.is_empty() {
                return Ok(());
            }
            deliver(element, &mut column, remarks)
        })
    }

    /// The edges of a range vector and how far outside them samples are looked for, where the function knows about them.
    pub(crate) fn edges(
        &self,
        argument: &Expr,
        function: &str,
    ) -> Result<Option<(EdgeModifier, i64)>, QueryError> {
        let ExprKind::Range(range) = argument.without_parens().kind() else {
            return Ok(None);
        };
        let Some(edges) = range.selector.edges else {
            return Ok(None);
        };
        let known: &[&str] = match edges {
            EdgeModifier::Anchored => &["changes", "delta", "increase", "rate", "resets"],
            EdgeModifier::Smoothed => &["delta", "increase", "rate"],
        };
        if !known.contains(&function) {
            return Err(QueryError::execution(format!(
                "{} modifier can only be used with: {} - not with {function}",
                edges.as_str(),
                known.join(", ")
            )));
        }
        Ok(Some((edges, self.query.lookback_ms)))
    }

    fn check_parameters(
        &self,
        function: RangeFunction,
        call: &CallExpr,
        parameters: &[Scalars],
    ) -> Result<(), QueryError> {
        match (function, parameters) {
            (RangeFunction::Quantile, [quantile]) => {
                self.check_quantile(quantile, &call.arguments[0]);
                Ok(())
            }
            (RangeFunction::DoubleExponentialSmoothing, [smoothing, trend]) => {
                for (name, factors) in [("smoothing", smoothing), ("trend", trend)] {
                    let is_wrong = |factor: &&f64| !(**factor > 0.0 && **factor < 1.0);
                    if let Some(factor) = factors.values().iter().find(is_wrong) {
                        let symbol = if name == "trend" { "tf" } else { "sf" };
                        return Err(QueryError::execution(format!(
                            "invalid {name} factor. Expected: 0 < {symbol} < 1, got: {factor}"
                        )));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Warns of quantiles outside 0 to 1.
    pub(crate) fn check_quantile(&self, quantiles: &Scalars, argument: &Expr) {
        for quantile in quantiles.values() {
            if !(0.0..=1.0).contains(quantile) {
                let text = crate::eval::number_text(*quantile);
                let message = format!("quantile value should be between 0 and 1, got {text}");
                self.warn(argument.span(), &message);
            }
        }
    }

    /// Rates of what does not look like a counter are probably mistakes.
    fn remark_on_name(&self, element: &Element, argument: &Expr) {
        let name = element.labels.metric_name();
        let kind = element.labels.get("__type__");
        let is_counter = match kind {
            Some(kind) => matches!(kind, "counter" | "histogram"),
            None => ["_total", "_sum", "_count", "_bucket"]
                .iter()
                .any(|suffix| name.ends_with(suffix)),
        };
        if is_counter || name.is_empty() {
            return;
        }
        let message = match kind {
            Some(kind) => {
                format!(
                    "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {kind:?}: {name:?}"
                )
            }
            None => format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            ),
        };
        self.inform(argument.span(), &message);
    }

    /// The windows of a range vector.
    pub(crate) fn range_windows(&self, expr: &Expr, grid: &Grid) -> Result<Windows, QueryError> {
        match expr.without_parens().kind() {
            ExprKind::Range(range) => {
                let length_ms = self.duration_ms(&range.range)?;
                self.windows(&range.selector.modifiers, length_ms, grid)
            }
            ExprKind::Subquery(subquery) => {
                let length_ms = self.duration_ms(&subquery.range)?;
                self.windows(&subquery.modifiers, length_ms, grid)
            }
            _ => Err(QueryError::execution(format!("{expr} is not a range vector"))),
        }
    }

    /// The samples that the windows of a range vector see, element by element, without stale markers.
    pub(crate) fn read_ranges(
        &self,
        expr: &Expr,
        function: &str,
        windows: &Windows,
        visit: &mut RangeSink<'_>,
    ) -> Result<(), QueryError> {
        match expr.without_parens().kind() {
            ExprKind::Range(range) => {
                self.edges(expr, function)?;
                let reading = Reading {
                    selector: &range.selector,
                    span: expr.without_parens().span(),
                    windows: *windows,
                    function: Some(function),
                };
                self.visit_series(&reading, &mut |element, samples| {
                    remove_stale_markers(samples);
                    visit(element, samples)
                })
            }
            ExprKind::Subquery(subquery) => self.read_subquery(subquery, windows, visit),
            _ => Err(QueryError::execution(format!("{expr} is not a range vector"))),
        }
    }

    /// Evaluates the inner expression of a subquery at all times its windows see, which are multiples of its step.
    fn read_subquery(
        &self,
        subquery: &Subquery,
        windows: &Windows,
        visit: &mut RangeSink<'_>,
    ) -> Result<(), QueryError> {
        let grid = self.subquery_grid(subquery, windows)?;
        if windows.steps == 0 || grid.steps == 0 {
            return Ok(());
        }
        let _held = self.limits.hold(grid.steps)?;
        let mut samples = SampleBuffer::new();
        self.subquery_depth.set(self.subquery_depth.get() + 1);
        let stream =
            |sink: &mut Sink<'_>| self.reading_statistics(false, || self.stream(&subquery.expr, &grid, sink));
        let result = stream(&mut |element, column| {
            samples.clear();
            column.for_each(|step, value| samples.floats.push(grid.time_ms(step), value));
            for (step, histogram) in column.histograms() {
                // What is known of resets between samples says nothing about the steps of the subquery.
                let reset_hint = match histogram.reset_hint {
                    ResetHint::Gauge => ResetHint::Gauge,
                    _ => ResetHint::Unknown,
                };
                let view = HistogramView {
                    reset_hint,
                    ..histogram.view()
                };
                samples.histograms.push(grid.time_ms(step), view);
            }
            visit(element, &mut samples)
        });
        self.subquery_depth.set(self.subquery_depth.get() - 1);
        result
    }

    /// The times the inner expression of a subquery is evaluated at: the multiples of its step that its windows see.
    pub(crate) fn subquery_grid(&self, subquery: &Subquery, windows: &Windows) -> Result<Grid, QueryError> {
        let step_ms = match &subquery.step {
            Some(step) => self.duration_ms(step)?,
            None => self.query.default_step_ms,
        };
        let first_ms = windows.earliest_ms();
        let start_ms = first_ms + (step_ms - first_ms.rem_euclid(step_ms)) % step_ms;
        Ok(Grid::new(start_ms, windows.latest_ms(), step_ms))
    }
}
