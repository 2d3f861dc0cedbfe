//! Sums, means and variances that keep their precision, of one value after the other or of parts put together.

/// Adds `value` to the compensated sum `(sum, compensation)`: what rounding lost is known exactly (Knuth's two-sum, which equals
/// Neumaier's term without having to ask which number is larger).
#[inline]
pub(crate) fn compensated_add(value: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + value;
    let added = total - sum;
    let lost = (sum - (total - added)) + (value - added);
    let compensation = if total.is_infinite() {
        0.0
    } else {
        compensation + lost
    };
    (total, compensation)
}

/// What can be told of samples in a window and put together from parts.
pub(crate) trait Summary: Copy + Default {
    /// Takes in the next value.
    fn add(&mut self, value: f64);

    /// Takes in the values of a later part.
    fn merge(&mut self, later: &Self);

    /// The result; at least one value was taken in.
    fn result(&self) -> f64;
}

/// A compensated sum.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    compensation: f64,
}

impl Summary for Sum {
    #[inline]
    fn add(&mut self, value: f64) {
        (self.sum, self.compensation) = compensated_add(value, self.sum, self.compensation);
    }

    #[inline]
    fn merge(&mut self, later: &Self) {
        self.add(later.sum);
        if self.sum.is_finite() {
            self.compensation += later.compensation;
        }
    }

    #[inline]
    fn result(&self) -> f64 {
        if self.sum.is_infinite() {
            self.sum
        } else {
            self.sum + self.compensation
        }
    }
}

/// A mean: a compensated sum until that would overflow, then an incremental mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    /// The sum, or the mean once incremental.
    value: f64,
    compensation: f64,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    fn make_incremental(&mut self) {
        if !self.is_incremental {
            self.is_incremental = true;
            if self.count > 0.0 {
                self.value /= self.count;
                self.compensation /= self.count;
            }
        }
    }
}

impl Summary for Mean {
    #[inline]
    fn add(&mut self, value: f64) {
        if !self.is_incremental {
            let (sum, compensation) = compensated_add(value, self.value, self.compensation);
            // The first value is taken as it is, infinite or not.
            if sum.is_finite() || sum.is_nan() || self.count == 0.0 {
                (self.value, self.compensation) = (sum, compensation);
                self.count += 1.0;
                return;
            }
            self.make_incremental();
        }
        self.count += 1.0;
        let kept = (self.count - 1.0) / self.count;
        (self.value, self.compensation) =
            compensated_add(value / self.count, kept * self.value, kept * self.compensation);
    }

    fn merge(&mut self, later: &Self) {
        if later.count == 0.0 {
            return;
        }
        let mut later = *later;
        if !self.is_incremental && !later.is_incremental {
            let (sum, compensation) = compensated_add(later.value, self.value, self.compensation);
            if !sum.is_infinite() || self.count == 0.0 {
                self.value = sum;
                self.compensation = compensation + later.compensation;
                self.count += later.count;
                return;
            }
        }
        self.make_incremental();
        later.make_incremental();
        let count = self.count + later.count;
        let (kept, added) = (self.count / count, later.count / count);
        (self.value, self.compensation) =
            compensated_add(later.value * added, kept * self.value, kept * self.compensation);
        if self.value.is_finite() {
            self.compensation += later.compensation * added;
        }
        self.count = count;
    }

    #[inline]
    fn result(&self) -> f64 {
        if self.is_incremental {
            self.value + self.compensation
        } else {
            self.value / self.count + self.compensation / self.count
        }
    }
}

/// A population variance after Welford, compensated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: f64,
    mean_compensation: f64,
    squares: f64,
    squares_compensation: f64,
}

impl Summary for Variance {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean + self.mean_compensation);
        (self.mean, self.mean_compensation) =
            compensated_add(delta / self.count, self.mean, self.mean_compensation);
        let rest = value - (self.mean + self.mean_compensation);
        (self.squares, self.squares_compensation) =
            compensated_add(delta * rest, self.squares, self.squares_compensation);
    }

    fn merge(&mut self, later: &Self) {
        if later.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = *later;
            return;
        }
        let count = self.count + later.count;
        let share = later.count / count;
        let delta = (later.mean + later.mean_compensation) - (self.mean + self.mean_compensation);
        let squares = later.squares + delta * delta * (self.count * share);
        self.squares_compensation += later.squares_compensation;
        (self.squares, self.squares_compensation) =
            compensated_add(squares, self.squares, self.squares_compensation);
        (self.mean, self.mean_compensation) =
            compensated_add(delta * share, self.mean, self.mean_compensation);
        self.count = count;
    }

    #[inline]
    fn result(&self) -> f64 {
        (self.squares + self.squares_compensation) / self.count
    }
}

/// The quantile of values sorted ascending with `NaN` first, by linear interpolation between ranks.
pub(crate) fn quantile_of_sorted(quantile: f64, count: usize, value_at: impl Fn(usize) -> f64) -> f64 {
    if count == 0 || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let rank = quantile * (count - 1) as f64;
    let lower = rank.floor().max(0.0);
    let upper = (lower + 1.0).min((count - 1) as f64);
    let weight = rank - rank.floor();
    value_at(lower as usize) * (1.0 - weight) + value_at(upper as usize) * weight
}

/// A key that sorts floats ascending with `NaN` first and all `NaN` alike.
#[inline]
pub(crate) fn order_key(value: f64) -> u64 {
    if value.is_nan() {
        return 0;
    }
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The float of a key of [`order_key`].
#[inline]
pub(crate) fn value_of_key(key: u64) -> f64 {
    if key == 0 {
        f64::NAN
    } else if key >> 63 == 1 {
        f64::from_bits(key & !(1 << 63))
    } else {
        f64::from_bits(!key)
    }
}

/// A number in messages: as in results.
pub(crate) fn number_text(value: f64) -> String {
    let mut text = String::new();
    moheng_metrics::format_json_float(value, &mut text);
    text
}

/// The smallest value, of equal ones the first: `NaN` only where there is nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Smallest(f64);

impl Default for Smallest {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Summary for Smallest {
    #[inline]
    fn add(&mut self, value: f64) {
        if value < self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(later.0);
    }

    fn result(&self) -> f64 {
        self.0
    }
}

/// The largest value, of equal ones the first: `NaN` only where there is nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Largest(f64);

impl Default for Largest {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Summary for Largest {
    #[inline]
    fn add(&mut self, value: f64) {
        if value > self.0 || self.0.is_nan() {
            self.0 = value;
        }
    }

    fn merge(&mut self, later: &Self) {
        self.add(later.0);
    }

    fn result(&self) -> f64 {
        self.0
    }
}
