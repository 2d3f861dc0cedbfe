//! Function calls: dispatch, and the functions that need few lines.

use moheng_metrics::{Labels, METRIC_NAME, MatchOp};

use super::column::{Column, Mask};
use super::element::Element;
use super::grid::Grid;
use super::scalars::Scalars;
use super::{Evaluator, Sink, names_are_uniform};
use crate::ast::{CallExpr, Expr, ExprKind, Selector, Span};
use crate::error::QueryError;
use crate::functions::{DateField, Evaluator as FunctionEvaluator, ScalarMap, Special};

impl Evaluator<'_> {
    pub(super) fn stream_call(
        &self,
        call: &CallExpr,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match call.function.evaluator() {
            FunctionEvaluator::Map(f) => {
                self.stream_floats(argument(call, 0)?, grid, sink, &mut |column| column.map(f))
            }
            FunctionEvaluator::MapScalars(map) => self.stream_scalar_map(call, map, grid, sink),
            FunctionEvaluator::Date(field) => self.stream_date(call, field, grid, sink),
            FunctionEvaluator::Range(function) => self.stream_range_function(call, function, grid, sink),
            FunctionEvaluator::Special(special) => self.stream_special(special, call, span, grid, sink),
            FunctionEvaluator::Histogram { value, needs_buckets } => {
                self.reading_statistics(!needs_buckets, || {
                    self.stream_nameless(argument(call, 0)?, grid, sink, &mut |column| {
                        column.drop_floats();
                        column.histograms_to_floats(|_, histogram| value(histogram.view()));
                    })
                })
            }
            FunctionEvaluator::Context(_) => Err(QueryError::execution(format!(
                "{}() is not an instant vector",
                call.function.name()
            ))),
        }
    }

    fn stream_special(
        &self,
        special: Special,
        call: &CallExpr,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match special {
            Special::Vector => {
                let scalars = self.scalars(argument(call, 0)?, grid)?;
                emit_scalars(&scalars, grid, sink)
            }
            Special::Timestamp => self.stream_timestamp(argument(call, 0)?, grid, sink),
            Special::Absent => self.stream_absent(argument(call, 0)?, grid, sink),
            Special::AbsentOverTime => self.stream_absent_over_time(argument(call, 0)?, grid, sink),
            Special::Sort { is_descending } => self.stream_sort(call, is_descending, span, grid, sink),
            Special::SortByLabel { is_descending } => {
                self.stream_sort_by_label(call, is_descending, span, grid, sink)
            }
            Special::LabelReplace => self.stream_label_replace(call, grid, sink),
            Special::LabelJoin => self.stream_label_join(call, grid, sink),
            Special::HistogramQuantile => {
                self.reading_statistics(false, || self.stream_histogram_quantile(call, grid, sink))
            }
            Special::HistogramFraction => {
                self.reading_statistics(false, || self.stream_histogram_fraction(call, grid, sink))
            }
            Special::HistogramQuantiles => {
                self.reading_statistics(false, || self.stream_histogram_quantiles(call, grid, sink))
            }
            Special::Info => self.stream_info(call, span, grid, sink),
            Special::StartTimestamp => self.stream_start_timestamp(argument(call, 0)?, grid, sink),
            Special::Scalar => Err(QueryError::execution("scalar() is not an instant vector")),
        }
    }

    fn stream_scalar_map(
        &self,
        call: &CallExpr,
        map: ScalarMap,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let parameters = call
            .arguments
            .iter()
            .skip(1)
            .map(|argument| self.scalars(argument, grid))
            .collect::<Result<Vec<_>, _>>()?;
        let at = |index: usize, step: usize| parameters.get(index).map_or(1.0, |scalars| scalars.at(step));
        self.stream_floats(argument(call, 0)?, grid, sink, &mut |column| match map {
            ScalarMap::Clamp => {
                column.retain(|step, _| {
                    at(0, step) <= at(1, step) || at(0, step).is_nan() || at(1, step).is_nan()
                });
                column.map_steps(|step, value| largest(at(0, step), smallest(at(1, step), value)));
            }
            ScalarMap::ClampMin => column.map_steps(|step, value| largest(at(0, step), value)),
            ScalarMap::ClampMax => column.map_steps(|step, value| smallest(at(0, step), value)),
            ScalarMap::Round => column.map_steps(|step, value| {
                let per_unit = 1.0 / at(0, step);
                (value * per_unit + 0.5).floor() / per_unit
            }),
        })
    }

    fn stream_date(
        &self,
        call: &CallExpr,
        field: DateField,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if let Some(argument) = call.arguments.first() {
            return self.stream_floats(argument, grid, sink, &mut |column| {
                column.map(|seconds| field.of(seconds));
            });
        }
        let times = (0..grid.steps).map(|step| field.of(grid.time_ms(step) as f64 / 1000.0));
        emit_scalars(&Scalars::PerStep(times.collect()), grid, sink)
    }

    /// The time of the samples where the argument is a plain selector, the evaluation time elsewhere.
    fn stream_timestamp(&self, argument: &Expr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let ExprKind::Selector(selector) = argument.without_parens().kind() else {
            return self.stream_nameless(argument, grid, sink, &mut |column| {
                column.histograms_to_floats(|_, _| 0.0);
                column.map_steps(|step, _| grid.time_ms(step) as f64 / 1000.0);
            });
        };
        let mut produce = |out: &mut Sink<'_>| {
            self.stream_sample_times(
                selector,
                argument.without_parens().span(),
                grid,
                &mut |element, column| out(element.nameless(), column),
            )
        };
        self.without_collisions(names_are_uniform(argument), sink, &mut produce)
    }

    /// When the samples of a plain selector started to count; nothing for any other expression.
    fn stream_start_timestamp(
        &self,
        argument: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if !self.query.uses_start_timestamps {
            return Err(QueryError::execution(
                "start_timestamp() needs start timestamps, which this engine is not set to use",
            ));
        }
        let argument = argument.without_parens();
        let ExprKind::Selector(selector) = argument.kind() else {
            return self.stream(argument, grid, &mut |_, _| Ok(()));
        };
        let mut produce = |out: &mut Sink<'_>| {
            self.stream_start_times(selector, argument.span(), grid, &mut |element, column| {
                out(element.nameless(), column)
            })
        };
        self.without_collisions(names_are_uniform(argument), sink, &mut produce)
    }

    fn stream_absent(&self, argument: &Expr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let mut seen = Mask::empty(grid.steps);
        self.stream(argument, grid, &mut |_, column| {
            seen.unite(&column.any_present());
            Ok(())
        })?;
        let ones = absent_elsewhere(&seen, grid.steps);
        emit_absent(argument, ones, sink)
    }

    fn stream_absent_over_time(
        &self,
        argument: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.edges(argument, "absent_over_time")?;
        let windows = self.range_windows(argument, grid)?;
        let kernel = super::window::WindowFunction {
            function: crate::functions::RangeFunction::Present,
            parameters: &[],
            windows,
            grid: *grid,
            edges: None,
            uses_start_timestamps: false,
        };
        let mut seen = Mask::empty(grid.steps);
        let (mut scratch, mut column) = (super::window::Scratch::default(), Column::default());
        self.read_ranges(argument, "absent_over_time", &windows, &mut |_, samples| {
            kernel.evaluate(samples, &mut scratch, &mut column);
            seen.unite(&column.any_present());
            Ok(())
        })?;
        let ones = absent_elsewhere(&seen, grid.steps);
        emit_absent(argument, ones, sink)
    }
}

/// The argument at `index`, which the checker made sure of.
pub(crate) fn argument(call: &CallExpr, index: usize) -> Result<&Expr, QueryError> {
    let missing = || QueryError::execution(format!("{}() needs more arguments", call.function.name()));
    call.arguments.get(index).ok_or_else(missing)
}

/// The string argument at `index`.
pub(crate) fn string_argument(call: &CallExpr, index: usize) -> Result<&str, QueryError> {
    match argument(call, index)?.without_parens().kind() {
        ExprKind::String(text) => Ok(text),
        _ => Err(QueryError::execution("expected a string")),
    }
}

/// Infinity beats `NaN`, which beats all else.
fn largest(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Negative infinity beats `NaN`, which beats all else.
fn smallest(a: f64, b: f64) -> f64 {
    -largest(-a, -b)
}

fn absent_elsewhere(seen: &Mask, steps: usize) -> Column {
    let mut ones = Column::default();
    if steps > 0 {
        ones.fill(steps, 1.0);
        ones.subtract(seen);
    }
    ones
}

fn emit_absent(argument: &Expr, mut ones: Column, sink: &mut Sink<'_>) -> Result<(), QueryError> {
    if ones.is_empty() {
        return Ok(());
    }
    sink(Element::new(absent_labels(argument)), &mut ones)
}

/// The labels an absent element would have had as far as the selector fixes them.
fn absent_labels(argument: &Expr) -> Labels {
    let selector: &Selector = match argument.without_parens().kind() {
        ExprKind::Selector(selector) => selector,
        ExprKind::Range(range) => &range.selector,
        _ => return Labels::empty(),
    };
    let mut fixed: Vec<&str> = Vec::new();
    let mut builder = Labels::empty().to_builder();
    for matcher in &selector.matchers {
        if matcher.name() == METRIC_NAME {
            continue;
        }
        // A label asked for twice is not fixed to one value.
        if matcher.op() == MatchOp::Equal && !fixed.contains(&matcher.name()) {
            fixed.push(matcher.name());
            builder.set(matcher.name(), matcher.value());
        } else {
            builder.remove(matcher.name());
        }
    }
    builder.finish()
}

/// One element without labels.
fn emit_scalars(scalars: &Scalars, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
    if grid.steps == 0 {
        return Ok(());
    }
    let mut column = Column::default();
    column.fill(grid.steps, 0.0);
    column.map_steps(|step, _| scalars.at(step));
    sink(Element::new(Labels::empty()), &mut column)
}
