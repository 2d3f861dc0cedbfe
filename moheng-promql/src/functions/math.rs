//! Maths functions of one float that the standard library has not as PromQL wants them.

/// -1, 0 or 1; `NaN` stays.
pub(super) fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// Does not overflow for large arguments.
pub(super) fn acosh(value: f64) -> f64 {
    const LARGE: f64 = 268_435_456.0;
    if value > LARGE {
        value.ln() + std::f64::consts::LN_2
    } else {
        value.acosh()
    }
}

/// Keeps the sign of zero and does not overflow for large arguments.
pub(super) fn asinh(value: f64) -> f64 {
    const LARGE: f64 = 268_435_456.0;
    if value.abs() > LARGE && value.is_finite() {
        (value.abs().ln() + std::f64::consts::LN_2).copysign(value)
    } else {
        value.asinh()
    }
}
