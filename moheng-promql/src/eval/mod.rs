//! The evaluator: series by series, all steps of a series at once, in columns.
//!
//! Expressions push their elements one after the other into a sink, each with a column of one value per step that is
//! used again for the next element. So an aggregation holds its groups and never its input; only operators that need
//! their operands as a whole collect them into an [`ElementSet`].

mod annotations;
mod call;
mod classic_buckets;
mod column;
mod duration;
mod element;
mod engine;
mod fetch;
mod grid;
mod histogram;
mod histogram_total;
mod info;
mod input;
mod labels;
mod limits;
mod numeric;
mod parallel;
mod range;
mod recorder;
mod scalars;
mod selector;
mod settings;
mod sort;
mod tally;
mod window;

pub use annotations::Annotations;
pub use engine::Engine;
pub use limits::CancelToken;
pub use recorder::Measured;
pub use settings::{EngineSettings, InstantQuery, RangeQuery};

pub(crate) use column::{Cell, Column, Mask};
pub(crate) use element::{Element, ElementSet, is_metadata_label, without_metadata};
pub(crate) use grid::Grid;
pub(crate) use histogram_total::HistogramTotal;
pub(crate) use input::TimeRange;
pub(crate) use limits::{Held, histogram_samples};
pub(crate) use numeric::{
    Largest, Mean, Smallest, Sum, Summary, Variance, number_text, order_key, quantile_of_sorted, value_of_key,
};
pub(crate) use recorder::Recorder;
pub(crate) use scalars::smaller_or_larger;
pub(crate) use sort::compare_nan_last;

use std::cell::RefCell;

use annotations::Annotator;
use fetch::FetchTable;
use limits::Limits;
use moheng_metrics::SeriesSource;
use tally::Tally;

use crate::ast::{Expr, ExprKind, Span, UnaryExpr, UnaryOp, ValueType};
use crate::error::QueryError;
use crate::functions::{Evaluator as FunctionEvaluator, Special};
use crate::value::Statistics;

/// Where elements go. Whoever takes an element may take its column too: it is made anew for the next one.
pub(crate) type Sink<'s> = dyn FnMut(Element, &mut Column) -> Result<(), QueryError> + 's;

/// What stays the same while a query runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryContext {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// 0 for an instant query.
    pub(crate) step_ms: i64,
    pub(crate) lookback_ms: i64,
    pub(crate) default_step_ms: i64,
    pub(crate) delays_name_removal: bool,
    pub(crate) uses_start_timestamps: bool,
    pub(crate) counts_samples_per_step: bool,
    pub(crate) threads: usize,
}

/// One running query.
pub(crate) struct Evaluator<'q> {
    pub(crate) source: &'q dyn SeriesSource,
    pub(crate) query: QueryContext,
    pub(crate) limits: Limits<'q>,
    pub(crate) annotator: RefCell<Annotator<'q>>,
    pub(crate) statistics: RefCell<Statistics>,
    pub(crate) fetches: FetchTable,
    /// How many subqueries are being evaluated inside each other.
    pub(crate) subquery_depth: std::cell::Cell<usize>,
    /// Whether only counts and sums of native histograms are asked for, whose resets are then told by all buckets.
    pub(crate) reads_statistics: std::cell::Cell<bool>,
    /// Measures every node, when the query is to be analyzed.
    pub(crate) recorder: Option<Recorder>,
}

impl<'q> Evaluator<'q> {
    /// Evaluates an expression of type instant vector and hands its elements to `sink`, those without any value left
    /// out.
    pub(crate) fn stream(&self, expr: &Expr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        if let Some(recorder) = &self.recorder {
            return self.stream_measured(recorder, expr, grid, sink);
        }
        self.stream_node(expr, grid, sink)
    }

    fn stream_node(&self, expr: &Expr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        if grid.steps > 1 && expr.is_step_invariant() {
            return self.stream_invariant(expr, grid, sink);
        }
        match expr.kind() {
            ExprKind::Selector(selector) => self.stream_selector(selector, expr.span(), grid, sink),
            ExprKind::Paren(inner) => self.stream(inner, grid, sink),
            ExprKind::Unary(unary) => self.stream_unary(unary, grid, sink),
            ExprKind::Binary(binary) => self.stream_binary(binary, grid, sink),
            ExprKind::Aggregate(aggregate) => self.stream_aggregate(aggregate, grid, sink),
            ExprKind::Call(call) => self.stream_call(call, expr.span(), grid, sink),
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Range(_) | ExprKind::Subquery(_) => {
                Err(QueryError::execution(format!("{expr} is not an instant vector")))
            }
        }
    }

    /// Evaluates an expression of type instant vector and holds its elements.
    pub(crate) fn collect(&self, expr: &Expr, grid: &Grid) -> Result<ElementSet<'_, 'q>, QueryError> {
        let mut set = ElementSet::new(self)?;
        self.stream(expr, grid, &mut |element, column| {
            set.push(element, std::mem::take(column))
        })?;
        Ok(set)
    }

    /// Evaluates something for which it is known whether only counts and sums of native histograms are asked for.
    pub(crate) fn reading_statistics<T>(&self, reads_statistics: bool, evaluate: impl FnOnce() -> T) -> T {
        let before = self.reads_statistics.replace(reads_statistics);
        let result = evaluate();
        self.reads_statistics.set(before);
        result
    }

    pub(crate) fn warn(&self, span: Span, message: &str) {
        self.annotator.borrow_mut().warn(span, message);
    }

    pub(crate) fn inform(&self, span: Span, message: &str) {
        self.annotator.borrow_mut().inform(span, message);
    }

    pub(crate) fn count_read(&self, series: u64, samples: u64) {
        let mut statistics = self.statistics.borrow_mut();
        statistics.series_read += series;
        statistics.samples_read += samples;
    }

    /// Adds to the samples that each step sees.
    pub(crate) fn count_queryable(&self, tally: &Tally) {
        if self.query.counts_samples_per_step {
            let mut statistics = self.statistics.borrow_mut();
            tally.add_to(
                &mut statistics.queryable_samples_per_step,
                self.subquery_depth.get() == 0,
            );
        }
    }

    /// The labels as the expression around sees them.
    pub(crate) fn seen_labels(&self, element: &Element) -> moheng_metrics::Labels {
        if self.hides_name(element) {
            without_metadata(&element.labels)
        } else {
            element.labels.clone()
        }
    }

    /// Whether the expression around does not see the labels that describe the metric as a whole any more.
    pub(crate) fn hides_name(&self, element: &Element) -> bool {
        element.drops_name && !self.query.delays_name_removal
    }

    /// Evaluates what is the same at every step only once.
    fn stream_invariant(&self, expr: &Expr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let mut repeated = Column::default();
        self.stream_node(expr, &grid.first_step(), &mut |element, column| {
            match column.cell(0) {
                Some(Cell::Float(value)) => repeated.fill(grid.steps, value),
                Some(Cell::Histogram(histogram)) => repeated.fill_histogram(grid.steps, histogram),
                None => return Ok(()),
            }
            sink(element, &mut repeated)
        })
    }

    fn stream_unary(&self, unary: &UnaryExpr, grid: &Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        if unary.op == UnaryOp::Plus {
            return self.stream(&unary.expr, grid, sink);
        }
        self.stream_nameless(&unary.expr, grid, sink, &mut |column| {
            column.map(|value| -value);
            column.map_histograms(|_, histogram| {
                let mut negative = histogram.clone();
                negative.scale(-1.0);
                Some(negative)
            });
        })
    }

    /// Changes the floats of `expr`, drops its histograms and the names of its elements.
    pub(crate) fn stream_floats(
        &self,
        expr: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
        change: &mut dyn FnMut(&mut Column),
    ) -> Result<(), QueryError> {
        self.stream_nameless(expr, grid, sink, &mut |column| {
            column.drop_histograms();
            change(column);
        })
    }

    /// Changes the columns of `expr` and drops the names of its elements.
    pub(crate) fn stream_nameless(
        &self,
        expr: &Expr,
        grid: &Grid,
        sink: &mut Sink<'_>,
        change: &mut dyn FnMut(&mut Column),
    ) -> Result<(), QueryError> {
        let mut produce = |out: &mut Sink<'_>| {
            self.stream(expr, grid, &mut |element, column| {
                change(column);
                if column.is_empty() {
                    return Ok(());
                }
                out(element.nameless(), column)
            })
        };
        self.without_collisions(names_are_uniform(expr), sink, &mut produce)
    }

    /// Passes nameless elements on. Where different names may have been dropped and dropping takes effect at once, two
    /// elements may have become the same: they are put together, or refused when they have values at the same step.
    pub(crate) fn without_collisions(
        &self,
        cannot_collide: bool,
        sink: &mut Sink<'_>,
        produce: &mut dyn FnMut(&mut Sink<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if cannot_collide || self.query.delays_name_removal {
            return produce(sink);
        }
        let mut set = ElementSet::new(self)?;
        produce(&mut |element, column| {
            let labels = self.seen_labels(&element);
            set.push(Element::new(labels), std::mem::take(column))
        })?;
        set.merge_same_labels()?;
        emit(set, sink)
    }
}

/// Hands the elements of a set on.
pub(crate) fn emit(mut set: ElementSet<'_, '_>, sink: &mut Sink<'_>) -> Result<(), QueryError> {
    for (element, column) in &mut set.rows {
        if !column.is_empty() {
            sink(element.clone(), column)?;
        }
    }
    Ok(())
}

/// Whether all elements of an expression have the same metric name or none, so that dropping names cannot make two
/// of them the same.
pub(crate) fn names_are_uniform(expr: &Expr) -> bool {
    match expr.kind() {
        ExprKind::Selector(selector) => selector_names_one_metric(selector),
        ExprKind::Range(range) => selector_names_one_metric(&range.selector),
        ExprKind::Subquery(subquery) => names_are_uniform(&subquery.expr),
        ExprKind::Paren(inner) => names_are_uniform(inner),
        ExprKind::Unary(unary) => names_are_uniform(&unary.expr),
        ExprKind::Binary(binary) => {
            let is_vector = |expr: &Expr| expr.value_type() == ValueType::InstantVector;
            binary.op != crate::ast::BinaryOp::Or
                && [&binary.left, &binary.right]
                    .into_iter()
                    .filter(|operand| is_vector(operand))
                    .all(|operand| names_are_uniform(operand))
        }
        ExprKind::Aggregate(aggregate) => match &aggregate.grouping {
            _ if aggregate.op.keeps_elements() => names_are_uniform(&aggregate.expr),
            Some(grouping) if !grouping.is_without => {
                !grouping.labels.iter().any(|label| is_metadata_label(label))
            }
            // Neither `without` nor the lack of a grouping leaves a name.
            _ => true,
        },
        ExprKind::Call(call) => match call.function.evaluator() {
            FunctionEvaluator::Special(Special::LabelReplace | Special::LabelJoin) => false,
            _ => call.arguments.iter().all(names_are_uniform),
        },
        ExprKind::Number(_) | ExprKind::String(_) => true,
    }
}

pub(crate) fn selector_names_one_metric(selector: &crate::ast::Selector) -> bool {
    let names_metric = |matcher: &moheng_metrics::Matcher| {
        matcher.name() == moheng_metrics::METRIC_NAME && matcher.op() == moheng_metrics::MatchOp::Equal
    };
    selector.name.is_some() || selector.matchers.iter().any(names_metric)
}
