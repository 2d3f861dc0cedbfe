//! What operators do with two floats.

use crate::ast::BinaryOp;

/// An operator as a function; comparisons answer 0 or 1.
pub(super) fn operation(op: BinaryOp) -> fn(f64, f64) -> f64 {
    match op {
        BinaryOp::Add => |left, right| left + right,
        BinaryOp::Subtract => |left, right| left - right,
        BinaryOp::Multiply => |left, right| left * right,
        BinaryOp::Divide => |left, right| left / right,
        BinaryOp::Modulo => |left, right| left % right,
        BinaryOp::Power => power,
        BinaryOp::Atan2 => f64::atan2,
        BinaryOp::Equal => |left, right| f64::from(left == right),
        BinaryOp::NotEqual => |left, right| f64::from(left != right),
        BinaryOp::Greater => |left, right| f64::from(left > right),
        BinaryOp::Less => |left, right| f64::from(left < right),
        BinaryOp::GreaterOrEqual => |left, right| f64::from(left >= right),
        BinaryOp::LessOrEqual => |left, right| f64::from(left <= right),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => {
            |_, _| f64::NAN
        }
    }
}

/// The value of an operation between scalars.
pub(crate) fn scalar_operation(op: BinaryOp, left: f64, right: f64) -> f64 {
    operation(op)(left, right)
}

fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}
