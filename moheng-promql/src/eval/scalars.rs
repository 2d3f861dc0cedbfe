//! Scalar expressions: one number per step.

use super::Evaluator;
use super::grid::Grid;
use crate::ast::{CallExpr, Expr, ExprKind, UnaryOp};
use crate::binary::scalar_operation;
use crate::error::QueryError;
use crate::functions::{ContextValue, Evaluator as FunctionEvaluator, Special};

/// One number per step, stored once when it never changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalars {
    Constant(f64),
    PerStep(Vec<f64>),
}

impl Scalars {
    #[inline]
    pub(crate) fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::PerStep(values) => values.get(step).copied().unwrap_or(f64::NAN),
        }
    }

    /// The distinct numbers in a row: all there is for a constant.
    pub(crate) fn values(&self) -> &[f64] {
        match self {
            Self::Constant(value) => std::slice::from_ref(value),
            Self::PerStep(values) => values,
        }
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(f(value)),
            Self::PerStep(values) => Self::PerStep(values.into_iter().map(f).collect()),
        }
    }

    fn combine(&self, other: &Self, steps: usize, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Constant(left), Self::Constant(right)) => Self::Constant(f(*left, *right)),
            _ => Self::PerStep((0..steps).map(|step| f(self.at(step), other.at(step))).collect()),
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates an expression of type scalar.
    pub(crate) fn scalars(&self, expr: &Expr, grid: &Grid) -> Result<Scalars, QueryError> {
        if grid.steps > 1 && expr.is_step_invariant() {
            let single = self.scalars(expr, &grid.first_step())?;
            return Ok(Scalars::Constant(single.at(0)));
        }
        match expr.kind() {
            ExprKind::Number(number) => Ok(Scalars::Constant(number.value)),
            ExprKind::Paren(inner) => self.scalars(inner, grid),
            ExprKind::Unary(unary) => {
                let operand = self.scalars(&unary.expr, grid)?;
                Ok(match unary.op {
                    UnaryOp::Plus => operand,
                    UnaryOp::Minus => operand.map(|value| -value),
                })
            }
            ExprKind::Binary(binary) => {
                let left = self.scalars(&binary.left, grid)?;
                let right = self.scalars(&binary.right, grid)?;
                let op = binary.op;
                Ok(left.combine(&right, grid.steps, |left, right| {
                    scalar_operation(op, left, right)
                }))
            }
            ExprKind::Call(call) => self.scalar_call(call, grid),
            _ => Err(QueryError::execution(format!("{expr} is not a scalar"))),
        }
    }

    fn scalar_call(&self, call: &CallExpr, grid: &Grid) -> Result<Scalars, QueryError> {
        let value = match call.function.evaluator() {
            FunctionEvaluator::Context(value) => value,
            FunctionEvaluator::Special(Special::Scalar) => {
                return self.scalar_of_vector(&call.arguments, grid);
            }
            _ => {
                let name = call.function.name();
                return Err(QueryError::execution(format!(
                    "{name}() is not a scalar function"
                )));
            }
        };
        let query = &self.query;
        let seconds = |milliseconds: i64| Scalars::Constant(milliseconds as f64 / 1000.0);
        Ok(match value {
            ContextValue::EvaluationTime => evaluation_times(grid),
            ContextValue::Pi => Scalars::Constant(std::f64::consts::PI),
            ContextValue::QueryStart => seconds(query.start_ms),
            ContextValue::QueryEnd => seconds(query.end_ms),
            ContextValue::QueryRange => seconds(query.end_ms - query.start_ms),
            ContextValue::QueryStep => seconds(query.step_ms),
            ContextValue::MinOf | ContextValue::MaxOf => {
                let [left, right] = call.arguments.as_slice() else {
                    return Err(QueryError::execution("expected two arguments"));
                };
                let (left, right) = (self.scalars(left, grid)?, self.scalars(right, grid)?);
                left.combine(&right, grid.steps, |left, right| {
                    smaller_or_larger(value, left, right)
                })
            }
        })
    }

    /// `scalar(vector)`: the value where there is exactly one element.
    fn scalar_of_vector(&self, arguments: &[Expr], grid: &Grid) -> Result<Scalars, QueryError> {
        let [argument] = arguments else {
            return Err(QueryError::execution("expected one argument"));
        };
        let mut values = vec![f64::NAN; grid.steps];
        let mut counts = vec![0_u8; grid.steps];
        self.stream(argument, grid, &mut |_, column| {
            column.for_each(|step, value| {
                values[step] = value;
                counts[step] = counts[step].saturating_add(1);
            });
            Ok(())
        })?;
        for (value, count) in values.iter_mut().zip(counts) {
            if count != 1 {
                *value = f64::NAN;
            }
        }
        Ok(Scalars::PerStep(values))
    }
}

/// `NaN` where either is.
pub(crate) fn smaller_or_larger(which: ContextValue, left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() {
        f64::NAN
    } else if which == ContextValue::MinOf {
        left.min(right)
    } else {
        left.max(right)
    }
}

/// The evaluation times in seconds.
fn evaluation_times(grid: &Grid) -> Scalars {
    let times = (0..grid.steps).map(|step| grid.time_ms(step) as f64 / 1000.0);
    Scalars::PerStep(times.collect())
}
