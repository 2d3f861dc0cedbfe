//! Range vectors, whose windows are never made: selectors and subqueries hand their samples to window functions.

use moheng_metrics::FloatColumns;

use super::column::Column;
use super::element::Element;
use super::grid::{Grid, Windows};
use super::scalars::Scalars;
use super::selector::remove_stale_markers;
use super::window::{Scratch, WindowFunction};
use super::{Evaluator, Sink, names_are_uniform};
use crate::ast::{CallExpr, Expr, ExprKind, Subquery, ValueType};
use crate::error::QueryError;
use crate::functions::RangeFunction;

/// Takes the samples of one element of a range vector.
pub(crate) type RangeSink<'s> = dyn FnMut(Element, &mut FloatColumns) -> Result<(), QueryError> + 's;

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
        let kernel = WindowFunction {
            function,
            parameters: &parameters,
            windows: self.range_windows(argument, grid)?,
            grid: *grid,
        };
        let (mut scratch, mut column) = (Scratch::default(), Column::default());
        let name = call.function.name();
        let mut produce = |out: &mut Sink<'_>| {
            self.read_ranges(argument, name, &kernel.windows, &mut |element, samples| {
                kernel.evaluate(samples, &mut scratch, &mut column);
                if column.is_empty() {
                    return Ok(());
                }
                if function.keeps_name() {
                    return out(element, &mut column);
                }
                if matches!(function, RangeFunction::Rate | RangeFunction::Increase) {
                    self.remark_on_name(&element, argument);
                }
                out(element.nameless(), &mut column)
            })
        };
        let cannot_collide = function.keeps_name() || names_are_uniform(argument);
        self.without_collisions(cannot_collide, sink, &mut produce)
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
            ExprKind::Range(range) => self.read_series(
                &range.selector,
                windows,
                Some(function),
                &mut |element, samples| {
                    remove_stale_markers(samples);
                    visit(element, samples)
                },
            ),
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
        let step_ms = match &subquery.step {
            Some(step) => self.duration_ms(step)?,
            None => self.query.default_step_ms,
        };
        let first_ms = windows.earliest_ms();
        let start_ms = first_ms + (step_ms - first_ms.rem_euclid(step_ms)) % step_ms;
        let grid = Grid::new(start_ms, windows.latest_ms(), step_ms);
        if windows.steps == 0 || grid.steps == 0 {
            return Ok(());
        }
        let _held = self.limits.hold(grid.steps)?;
        let mut samples = FloatColumns::default();
        self.stream(&subquery.expr, &grid, &mut |element, column| {
            samples.clear();
            column.for_each(|step, value| samples.push(grid.time_ms(step), value));
            visit(element, &mut samples)
        })
    }
}
