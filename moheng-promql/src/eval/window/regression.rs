//! `deriv` and `predict_linear`: least squares.

use moheng_metrics::FloatColumns;

use super::{Window, WindowFunction};
use crate::eval::column::Column;
use crate::eval::numeric::compensated_add;

/// The slope per second of each window.
pub(super) fn derivative(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    let mut sums = SlidingSums::new(samples);
    function.each(samples, out, |window| {
        if window.end - window.first < 2 {
            return None;
        }
        let origin_ms = samples.timestamps_ms[window.first];
        Some(sums.line(samples, &window, origin_ms).slope)
    });
}

/// The value of the line so many seconds after the evaluation time.
pub(super) fn predict(function: &WindowFunction<'_>, samples: &FloatColumns, out: &mut Column) {
    let mut sums = SlidingSums::new(samples);
    function.each(samples, out, |window| {
        if window.end - window.first < 2 {
            return None;
        }
        let line = sums.line(samples, &window, function.grid.time_ms(window.step));
        Some(line.slope * function.parameter(0, window.step) + line.intercept)
    });
}

struct Line {
    slope: f64,
    /// The value at the origin.
    intercept: f64,
}

/// Windows of at most so many samples are gone through one by one.
const DIRECT_SAMPLES: usize = 32;

/// Moments of samples around their means, which parts can be put together from.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    covariance: f64,
    variance_x: f64,
}

impl Moments {
    fn of(x: f64, y: f64) -> Self {
        Self {
            count: 1.0,
            mean_x: x,
            mean_y: y,
            ..Self::default()
        }
    }

    fn merged(&self, later: &Self) -> Self {
        if self.count == 0.0 {
            return *later;
        }
        if later.count == 0.0 {
            return *self;
        }
        let count = self.count + later.count;
        let (delta_x, delta_y) = (later.mean_x - self.mean_x, later.mean_y - self.mean_y);
        let weight = self.count * later.count / count;
        Self {
            count,
            mean_x: self.mean_x + delta_x * (later.count / count),
            mean_y: self.mean_y + delta_y * (later.count / count),
            covariance: self.covariance + later.covariance + delta_x * delta_y * weight,
            variance_x: self.variance_x + later.variance_x + delta_x * delta_x * weight,
        }
    }
}

/// Moments of windows that move forward, cut at a split as in `summary`.
struct SlidingSums {
    /// Seconds are counted from here.
    origin_ms: i64,
    suffixes: Vec<Moments>,
    base: usize,
    split: usize,
    grown: Moments,
    grown_to: usize,
    /// For each sample how many before it, itself included, have its value.
    equal_run: Vec<u32>,
}

impl SlidingSums {
    fn new(samples: &FloatColumns) -> Self {
        let mut equal_run: Vec<u32> = Vec::with_capacity(samples.len());
        for (index, value) in samples.values.iter().enumerate() {
            let run = match index.checked_sub(1) {
                Some(before) if samples.values[before] == *value => equal_run[before] + 1,
                _ => 1,
            };
            equal_run.push(run);
        }
        Self {
            origin_ms: 0,
            suffixes: Vec::new(),
            base: 0,
            split: 0,
            grown: Moments::default(),
            grown_to: 0,
            equal_run,
        }
    }

    fn line(&mut self, samples: &FloatColumns, window: &Window, origin_ms: i64) -> Line {
        let count = window.end - window.first;
        let first = samples.values[window.first];
        if self.equal_run[window.end - 1] as usize >= count {
            let value = if first.is_infinite() { f64::NAN } else { first };
            return Line {
                slope: if first.is_infinite() { f64::NAN } else { 0.0 },
                intercept: value,
            };
        }
        if count <= DIRECT_SAMPLES {
            return direct_line(samples, window, origin_ms);
        }
        let moments = self.moments(samples, window);
        let slope = moments.covariance / moments.variance_x;
        if !slope.is_finite() || !moments.mean_y.is_finite() {
            // What infinite values and overflows come to depends on the order of operations.
            return direct_line(samples, window, origin_ms);
        }
        let origin = (origin_ms - self.origin_ms) as f64 / 1000.0;
        Line {
            slope,
            intercept: moments.mean_y + slope * (origin - moments.mean_x),
        }
    }

    fn moments(&mut self, samples: &FloatColumns, window: &Window) -> Moments {
        if window.first >= self.split {
            // Near the samples, so that little of their times is rounded away.
            self.origin_ms = samples.timestamps_ms[window.first];
        }
        let origin_ms = self.origin_ms;
        let at = |index: usize| {
            let x = (samples.timestamps_ms[index] - origin_ms) as f64 / 1000.0;
            Moments::of(x, samples.values[index])
        };
        if window.first >= self.split {
            self.suffixes.clear();
            self.suffixes
                .resize(window.end - window.first, Moments::default());
            let mut behind = Moments::default();
            for index in (window.first..window.end).rev() {
                behind = at(index).merged(&behind);
                self.suffixes[index - window.first] = behind;
            }
            self.base = window.first;
            self.split = window.end;
            self.grown = Moments::default();
        } else {
            for index in self.grown_to..window.end {
                self.grown = self.grown.merged(&at(index));
            }
        }
        self.grown_to = window.end;
        self.suffixes[window.first - self.base].merged(&self.grown)
    }
}

/// The line through the samples by compensated sums in their order.
fn direct_line(samples: &FloatColumns, window: &Window, origin_ms: i64) -> Line {
    let mut sums = [(0.0, 0.0); 4];
    for index in window.first..window.end {
        let x = (samples.timestamps_ms[index] - origin_ms) as f64 / 1000.0;
        let y = samples.values[index];
        for ((sum, compensation), value) in sums.iter_mut().zip([x, y, x * y, x * x]) {
            (*sum, *compensation) = compensated_add(value, *sum, *compensation);
        }
    }
    let count = (window.end - window.first) as f64;
    let [x, y, xy, xx] = sums.map(|(sum, compensation)| sum + compensation);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Line {
        slope,
        intercept: y / count - slope * x / count,
    }
}
