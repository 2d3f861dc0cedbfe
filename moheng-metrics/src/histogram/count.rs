//! [`BucketCount`]: what counts observations, and sums of it that keep their precision.

use std::fmt::Debug;

/// How a [`super::NativeHistogram`] counts observations: in whole numbers (`u64`) or fractions (`f64`).
///
/// The trait is sealed.
pub trait BucketCount: sealed::Sealed + Copy + Debug + Default + PartialEq + PartialOrd {
    /// The count as PromQL sees it; whole numbers above 2^53 are rounded.
    fn to_f64(self) -> f64;

    /// The observations of two buckets together; whole numbers stop at [`u64::MAX`].
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// The count, if this is the type of whole numbers.
    fn as_whole(self) -> Option<u64> {
        None
    }

    /// Whether there is no observation.
    fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl BucketCount for u64 {
    fn to_f64(self) -> f64 {
        self as f64
    }

    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }

    fn as_whole(self) -> Option<u64> {
        Some(self)
    }
}

impl BucketCount for f64 {
    fn to_f64(self) -> f64 {
        self
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }
}

/// A sum after Neumaier: what rounding lost is kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Compensated {
    pub(super) sum: f64,
    pub(super) lost: f64,
}

impl Compensated {
    pub(super) fn new(value: f64) -> Self {
        Self {
            sum: value,
            lost: 0.0,
        }
    }

    /// Adds a number.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.lost *= factor;
    }

    pub(super) fn divide(&mut self, divisor: f64) {
        self.sum /= divisor;
        self.lost /= divisor;
    }

    pub(super) fn value(self) -> f64 {
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }
}

impl BucketCount for Compensated {
    fn to_f64(self) -> f64 {
        self.value()
    }

    fn plus(mut self, other: Self) -> Self {
        self.add(other.sum);
        self.lost += other.lost;
        self
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for u64 {}
    impl Sealed for f64 {}
    impl Sealed for super::Compensated {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compensated_sums_keep_what_plain_ones_lose() {
        #[track_caller]
        fn check(values: &[f64], expected: f64) {
            let mut sum = Compensated::default();
            for value in values {
                sum.add(*value);
            }
            assert_eq!(sum.value().to_bits(), expected.to_bits(), "{values:?}");
            let parts = values.iter().map(|value| Compensated::new(*value));
            let merged = parts.fold(Compensated::default(), BucketCount::plus);
            assert_eq!(
                merged.value().to_bits(),
                expected.to_bits(),
                "{values:?} as parts"
            );
        }
        check(&[5.3, 1e100, 1.0, -1e100], 6.3);
        check(&[1e308, 1e308, 1.0], f64::INFINITY);
        check(&[-1e308, -1e308], f64::NEG_INFINITY);
        check(&[0.1, 0.2, -0.3], 2.775_557_561_562_891_4e-17);
        check(&[], 0.0);
    }
}
