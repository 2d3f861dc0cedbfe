//! Binary operators.

mod arithmetic;
mod histograms;
mod scalar;
mod set_operations;
mod vectors;

pub(crate) use arithmetic::scalar_operation;

use crate::ast::{BinaryExpr, Grouping, ValueType, VectorMatching};
use crate::error::QueryError;
use crate::eval::{Evaluator, Grid, Sink};

impl Evaluator<'_> {
    pub(crate) fn stream_binary(
        &self,
        binary: &BinaryExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let is_vector = |side: &crate::ast::Expr| side.value_type() == ValueType::InstantVector;
        match (is_vector(&binary.left), is_vector(&binary.right)) {
            (true, true) if binary.op.is_set_operator() => self.stream_set_operation(binary, grid, sink),
            (true, true) => self.stream_vectors(binary, grid, sink),
            _ => self.stream_with_scalar(binary, grid, sink),
        }
    }
}

/// Which labels must agree, as a grouping: `on` is like `by`, `ignoring` like `without`.
fn match_grouping(matching: Option<&VectorMatching>) -> Grouping {
    Grouping {
        is_without: matching.is_none_or(|matching| !matching.is_on),
        labels: matching
            .map(|matching| matching.labels.clone())
            .unwrap_or_default(),
    }
}
