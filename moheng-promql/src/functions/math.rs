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

/// Does not overflow for large arguments, and keeps its precision near 1.
pub(super) fn acosh(value: f64) -> f64 {
    const LARGE: f64 = 268_435_456.0;
    if value > LARGE {
        value.ln() + std::f64::consts::LN_2
    } else if (1.0..2.0).contains(&value) {
        let above = value - 1.0;
        (above + (2.0 * above + above * above).sqrt()).ln_1p()
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

/// As precise for negative numbers as for positive ones.
pub(super) fn atanh(value: f64) -> f64 {
    let size = value.abs();
    let ratio = if size < 0.5 {
        2.0 * size + 2.0 * size * size / (1.0 - size)
    } else {
        2.0 * size / (1.0 - size)
    };
    (0.5 * ratio.ln_1p()).copysign(value)
}

#[cfg(test)]
mod tests {
    #[test]
    fn precision_near_the_edges() {
        for (result, expected) in [
            (super::acosh(1.0025), 0.070_695_955_007_626_63),
            (super::acosh(1.0), 0.0),
            (super::acosh(3.0), 1.762_747_174_039_086),
            (super::atanh(-0.985_729_349_334_376_6), -2.467_768_264_415_559),
            (super::atanh(0.985_729_349_334_376_6), 2.467_768_264_415_559),
            (super::atanh(-0.25), -0.255_412_811_882_995_34),
            (super::atanh(1.0), f64::INFINITY),
            (super::atanh(-1.0), f64::NEG_INFINITY),
        ] {
            let is_close = result == expected || (result - expected).abs() <= 4.5e-16 * expected.abs();
            assert!(is_close, "{result} instead of {expected}");
        }
        assert!(super::atanh(-0.0).is_sign_negative());
        assert!(super::atanh(1.5).is_nan() && super::acosh(0.5).is_nan() && super::atanh(f64::NAN).is_nan());
    }
}
