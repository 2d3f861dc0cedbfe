//! What operators do when a native histogram takes part.

use std::sync::Arc;

use moheng_metrics::histogram::FloatHistogram;

use crate::ast::{BinaryExpr, BinaryOp};
use crate::eval::{Cell, Column, Evaluator};

/// What an operator makes of two values.
pub(super) enum Outcome {
    Histogram(FloatHistogram),
    /// The answer of a comparison.
    Verdict(bool),
    /// The two do not go together.
    Nothing,
}

impl Evaluator<'_> {
    /// Applies an operator to two values that are not both floats, or that cannot be trimmed.
    pub(super) fn combine_cells(&self, binary: &BinaryExpr, left: Cell<'_>, right: Cell<'_>) -> Outcome {
        match (left, binary.op, right) {
            (Cell::Histogram(left), BinaryOp::Add | BinaryOp::Subtract, Cell::Histogram(right)) => {
                self.add_histograms(binary, left, right)
            }
            (Cell::Histogram(left), BinaryOp::Equal, Cell::Histogram(right)) => {
                Outcome::Verdict(left.view().is_equal(&right.view()))
            }
            (Cell::Histogram(left), BinaryOp::NotEqual, Cell::Histogram(right)) => {
                Outcome::Verdict(!left.view().is_equal(&right.view()))
            }
            (Cell::Histogram(histogram), BinaryOp::Multiply, Cell::Float(factor))
            | (Cell::Float(factor), BinaryOp::Multiply, Cell::Histogram(histogram)) => {
                changed(histogram, |histogram| histogram.scale(factor))
            }
            (Cell::Histogram(histogram), BinaryOp::Divide, Cell::Float(divisor)) => {
                changed(histogram, |histogram| histogram.divide(divisor))
            }
            (Cell::Histogram(histogram), BinaryOp::TrimUpper, Cell::Float(limit)) => {
                changed(histogram, |histogram| histogram.keep_below(limit))
            }
            (Cell::Histogram(histogram), BinaryOp::TrimLower, Cell::Float(limit)) => {
                changed(histogram, |histogram| histogram.keep_above(limit))
            }
            _ => {
                let op = binary.op.as_str();
                let message = format!(
                    "incompatible sample types encountered for binary operator {op:?}: {} {op} {}",
                    kind(left),
                    kind(right)
                );
                self.inform(binary.left.span().to(binary.right.span()), &message);
                Outcome::Nothing
            }
        }
    }

    fn add_histograms(
        &self,
        binary: &BinaryExpr,
        left: &Arc<FloatHistogram>,
        right: &Arc<FloatHistogram>,
    ) -> Outcome {
        let span = binary.left.span().to(binary.right.span());
        let mut result = FloatHistogram::clone(left);
        let (merged, operation) = if binary.op == BinaryOp::Add {
            (result.add(right.view()), "addition")
        } else {
            (result.subtract(right.view()), "subtraction")
        };
        let Ok(merged) = merged else {
            let op = binary.op.as_str();
            let message = format!("incompatible bucket layout encountered for binary operator {op}");
            self.warn(span, &message);
            return Outcome::Nothing;
        };
        if merged.resets_collide {
            self.warn(
                span,
                &format!("conflicting counter resets during histogram {operation}"),
            );
        }
        if merged.bounds_reconciled {
            let message = format!("mismatched custom buckets were reconciled during {operation}");
            self.inform(span, &message);
        }
        result.compact(0);
        Outcome::Histogram(result)
    }

    /// Applies an operator to the histograms of a column and the number `other` has at their step.
    pub(super) fn combine_with_numbers(
        &self,
        binary: &BinaryExpr,
        column: &mut Column,
        other: impl Fn(usize) -> f64,
        number_is_left: bool,
    ) {
        let histograms: Vec<(usize, Arc<FloatHistogram>)> = column
            .histograms()
            .map(|(step, histogram)| (step, Arc::clone(histogram)))
            .collect();
        for (step, histogram) in histograms {
            let (number, cell) = (Cell::Float(other(step)), Cell::Histogram(&histogram));
            let outcome = if number_is_left {
                self.combine_cells(binary, number, cell)
            } else {
                self.combine_cells(binary, cell, number)
            };
            set_outcome(column, step, outcome, cell, binary.returns_bool);
        }
    }
}

/// Sets a step to what came out; a comparison that filters answers with `kept`.
pub(super) fn set_outcome(
    column: &mut Column,
    step: usize,
    outcome: Outcome,
    kept: Cell<'_>,
    returns_bool: bool,
) {
    match outcome {
        Outcome::Histogram(histogram) => column.set_histogram(step, Arc::new(histogram)),
        Outcome::Verdict(verdict) if returns_bool => {
            column.set_cell(step, Cell::Float(f64::from(u8::from(verdict))));
        }
        Outcome::Verdict(true) => column.set_cell(step, kept),
        Outcome::Verdict(false) | Outcome::Nothing => column.clear(step),
    }
}

fn changed(histogram: &Arc<FloatHistogram>, change: impl FnOnce(&mut FloatHistogram)) -> Outcome {
    let mut changed = FloatHistogram::clone(histogram);
    change(&mut changed);
    changed.compact(0);
    Outcome::Histogram(changed)
}

fn kind(cell: Cell<'_>) -> &'static str {
    match cell {
        Cell::Float(_) => "float",
        Cell::Histogram(_) => "histogram",
    }
}
