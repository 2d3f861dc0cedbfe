//! Aggregations of native histograms.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::ast::{AggregateExpr, push_quoted};
use crate::error::QueryError;
use crate::eval::{Column, Element, ElementSet, Evaluator, Held, HistogramTotal, histogram_samples};

/// What an aggregation does with histograms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Histograms {
    Sum,
    Mean,
    /// They are values like others.
    Counted,
    Ignored,
}

/// The sums or means of the histograms in each group.
pub(super) struct HistogramTotals<'t, 'q> {
    evaluator: &'t Evaluator<'q>,
    aggregate: &'t AggregateExpr,
    histograms: Histograms,
    held: Held<'t, 'q>,
    /// By group and step.
    cells: HashMap<(usize, usize), TotalCell>,
}

/// One group at one step.
struct TotalCell {
    total: Box<HistogramTotal>,
    has_mixed_buckets: bool,
}

impl<'t, 'q> HistogramTotals<'t, 'q> {
    pub(super) fn new(
        evaluator: &'t Evaluator<'q>,
        aggregate: &'t AggregateExpr,
        histograms: Histograms,
    ) -> Result<Self, QueryError> {
        Ok(Self {
            evaluator,
            aggregate,
            histograms,
            held: evaluator.limits.hold(0)?,
            cells: HashMap::new(),
        })
    }

    /// Takes in the histograms of an element.
    pub(super) fn add(&mut self, group: usize, element: &Element, column: &Column) -> Result<(), QueryError> {
        if self.histograms == Histograms::Ignored {
            self.evaluator.inform_of_ignored_histograms(self.aggregate);
            return Ok(());
        }
        for (step, histogram) in column.histograms() {
            let view = histogram.view();
            let cell = match self.cells.entry((group, step)) {
                hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                hashbrown::hash_map::Entry::Vacant(entry) => {
                    self.held.add(histogram_samples(view))?;
                    let total = if self.histograms == Histograms::Mean {
                        HistogramTotal::mean()
                    } else {
                        HistogramTotal::sum()
                    };
                    entry.insert(TotalCell {
                        total: Box::new(total),
                        has_mixed_buckets: false,
                    })
                }
            };
            if !cell.has_mixed_buckets && cell.total.add(view).is_err() {
                cell.has_mixed_buckets = true;
                let mut message = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name ".to_owned();
                push_quoted(element.labels.metric_name(), &mut message);
                self.evaluator.warn(self.aggregate.expr.span(), &message);
            }
        }
        Ok(())
    }

    /// Completes the column of a group, which holds what its floats gave.
    pub(super) fn finish(&mut self, group: usize, column: &mut Column) {
        if self.cells.is_empty() {
            return;
        }
        let span = self.aggregate.expr.span();
        for step in 0..column.steps() {
            let Some(cell) = self.cells.remove(&(group, step)) else {
                continue;
            };
            if column.get(step).is_some() {
                self.evaluator
                    .warn(span, "encountered a mix of histograms and floats for aggregation");
                column.clear(step);
                continue;
            }
            if cell.has_mixed_buckets {
                continue;
            }
            let merged = cell.total.merged();
            if merged.resets_collide {
                self.evaluator
                    .warn(span, "conflicting counter resets during histogram aggregation");
            }
            if merged.bounds_reconciled {
                let message = "mismatched custom buckets were reconciled during aggregation";
                self.evaluator.inform(span, message);
            }
            if let Some(mut value) = cell.total.value() {
                value.compact(0);
                column.set_histogram(step, Arc::new(value));
            }
        }
    }
}

impl Evaluator<'_> {
    /// Drops the histograms of aggregations that compare or rank numbers.
    pub(super) fn ignore_histograms(&self, aggregate: &AggregateExpr, set: &mut ElementSet<'_, '_>) {
        for (_, column) in &mut set.rows {
            if column.has_histograms() {
                self.inform_of_ignored_histograms(aggregate);
                column.drop_histograms();
            }
        }
    }

    fn inform_of_ignored_histograms(&self, aggregate: &AggregateExpr) {
        let message = format!("ignored histogram in {} aggregation", aggregate.op.as_str());
        self.inform(aggregate.expr.span(), &message);
    }
}
