//! Operations between a vector and a scalar.

use super::arithmetic::operation;
use crate::ast::{BinaryExpr, ValueType};
use crate::error::QueryError;
use crate::eval::{Cell, Column, Evaluator, Grid, Sink};

impl Evaluator<'_> {
    pub(super) fn stream_with_scalar(
        &self,
        binary: &BinaryExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let scalar_is_left = binary.left.value_type() == ValueType::Scalar;
        let (scalar, vector) = if scalar_is_left {
            (&binary.left, &binary.right)
        } else {
            (&binary.right, &binary.left)
        };
        let scalars = self.scalars(scalar, grid)?;
        let combine_histograms = |column: &mut Column| {
            self.combine_with_numbers(binary, column, |step| scalars.at(step), scalar_is_left);
        };
        if binary.op.is_trim() {
            return self.stream(vector, grid, &mut |element, column| {
                let first = column.iter().next();
                if let Some((step, value)) = first {
                    // Floats have no observations to trim: this only tells so.
                    let (value, number) = (Cell::Float(value), Cell::Float(scalars.at(step)));
                    self.combine_cells(binary, value, number);
                    column.drop_floats();
                }
                combine_histograms(column);
                if column.is_empty() {
                    Ok(())
                } else {
                    sink(element, column)
                }
            });
        }
        let operation = operation(binary.op);
        let apply = |step: usize, value: f64| {
            if scalar_is_left {
                operation(scalars.at(step), value)
            } else {
                operation(value, scalars.at(step))
            }
        };
        if binary.op.is_comparison() && !binary.returns_bool {
            return self.stream(vector, grid, &mut |element, column| {
                column.retain(|step, value| apply(step, value) != 0.0);
                combine_histograms(column);
                if column.is_empty() {
                    Ok(())
                } else {
                    sink(element, column)
                }
            });
        }
        self.stream_nameless(vector, grid, sink, &mut |column| {
            column.map_steps(apply);
            combine_histograms(column);
        })
    }
}
