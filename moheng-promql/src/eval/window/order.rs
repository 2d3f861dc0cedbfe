//! `quantile_over_time` and `mad_over_time`: windows in sorted order.

use moheng_metrics::FloatColumns;

use super::{Scratch, Window, WindowFunction};
use crate::eval::column::Column;
use crate::eval::numeric::{order_key, quantile_of_sorted, value_of_key};

/// The quantile of each window.
pub(super) fn quantile(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
) {
    let mut sorted = SortedWindow::new(&mut scratch.keys);
    function.each(samples, out, |window| {
        sorted.move_to(&samples.values, &window);
        let keys = &*sorted.keys;
        let quantile = function.parameter(0, window.step);
        Some(quantile_of_sorted(quantile, keys.len(), |index| {
            value_of_key(keys[index])
        }))
    });
}

/// The median distance from the median of each window.
pub(super) fn median_absolute_deviation(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
) {
    let mut sorted = SortedWindow::new(&mut scratch.keys);
    let mut distances = Vec::new();
    function.each(samples, out, |window| {
        sorted.move_to(&samples.values, &window);
        let keys = &*sorted.keys;
        // `NaN` sorts first.
        if keys.first().is_some_and(|key| value_of_key(*key).is_nan()) {
            return Some(f64::NAN);
        }
        let median = quantile_of_sorted(0.5, keys.len(), |index| value_of_key(keys[index]));
        distances.clear();
        distances.extend(
            keys.iter()
                .map(|key| order_key((value_of_key(*key) - median).abs())),
        );
        distances.sort_unstable();
        Some(quantile_of_sorted(0.5, distances.len(), |index| {
            value_of_key(distances[index])
        }))
    });
}

/// The samples of the current window as ascending keys, kept up as the window moves.
struct SortedWindow<'s> {
    keys: &'s mut Vec<u64>,
    first: usize,
    end: usize,
}

impl<'s> SortedWindow<'s> {
    fn new(keys: &'s mut Vec<u64>) -> Self {
        keys.clear();
        Self {
            keys,
            first: 0,
            end: 0,
        }
    }

    fn move_to(&mut self, values: &[f64], window: &Window) {
        let leaving = window.first - self.first;
        let entering = window.end - self.end;
        let is_cheaper_anew = (leaving + entering) * 4 > window.end - window.first;
        if is_cheaper_anew {
            self.keys.clear();
            let window_values = &values[window.first..window.end];
            self.keys
                .extend(window_values.iter().map(|value| order_key(*value)));
            self.keys.sort_unstable();
        } else {
            for value in &values[self.first..window.first] {
                if let Ok(position) = self.keys.binary_search(&order_key(*value)) {
                    self.keys.remove(position);
                }
            }
            for value in &values[self.end..window.end] {
                let key = order_key(*value);
                let position = self.keys.partition_point(|other| *other < key);
                self.keys.insert(position, key);
            }
        }
        (self.first, self.end) = (window.first, window.end);
    }
}
