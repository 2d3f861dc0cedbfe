//! `min` and `max`, by the extremes of both halves of a window; and their times, by a queue of the samples that can still
//! become the extreme.

use moheng_metrics::FloatColumns;

use super::{Scratch, Window, WindowFunction};
use crate::eval::column::Column;

/// The extreme value of each window, of equal ones the first; `NaN` only where there is nothing else.
pub(super) fn values(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
    beats: impl Fn(f64, f64) -> bool,
) {
    let mut halves = Halves::new(&mut scratch.extremes);
    function.each(samples, out, |window| {
        Some(halves.best(&samples.values, &window, &beats))
    });
}

/// The time in seconds of the last of the extreme samples of each window.
pub(super) fn times(
    function: &WindowFunction<'_>,
    samples: &FloatColumns,
    scratch: &mut Scratch,
    out: &mut Column,
    beats: impl Fn(f64, f64) -> bool,
) {
    let mut queue = Candidates::new(&mut scratch.positions);
    function.each(samples, out, |window| {
        let best = queue
            .best(&samples.values, &window, &beats)
            .unwrap_or(window.end - 1);
        Some(samples.timestamps_ms[best] as f64 / 1000.0)
    });
}

/// A window in two halves: of the front one the extremes of all its ends are known, of the back one its own. The front is made
/// anew when the window has left it, so that no sample is looked at more than twice.
struct Halves<'s> {
    /// The extreme of the samples from `front_start + index` up to `middle`.
    front: &'s mut Vec<f64>,
    front_start: usize,
    middle: usize,
    back: f64,
    seen: usize,
}

impl<'s> Halves<'s> {
    fn new(front: &'s mut Vec<f64>) -> Self {
        front.clear();
        Self {
            front,
            front_start: 0,
            middle: 0,
            back: f64::NAN,
            seen: 0,
        }
    }

    #[inline]
    fn best(&mut self, values: &[f64], window: &Window, beats: &impl Fn(f64, f64) -> bool) -> f64 {
        let choose = |first: f64, later: f64| {
            if beats(later, first) || first.is_nan() {
                later
            } else {
                first
            }
        };
        if window.first < self.middle {
            for value in &values[self.seen..window.end] {
                self.back = choose(self.back, *value);
            }
        } else {
            let inside = &values[window.first..window.end];
            self.front.resize(inside.len(), f64::NAN);
            let mut best = f64::NAN;
            for (value, place) in inside.iter().zip(self.front.iter_mut()).rev() {
                best = choose(*value, best);
                *place = best;
            }
            self.front_start = window.first;
            self.middle = window.end;
            self.back = f64::NAN;
        }
        self.seen = window.end;
        choose(self.front[window.first - self.front_start], self.back)
    }
}

/// Indices of samples, each beaten by no later one: the first inside the window is its extreme.
struct Candidates<'s> {
    queue: &'s mut Vec<u32>,
    head: usize,
    seen: usize,
}

impl<'s> Candidates<'s> {
    fn new(queue: &'s mut Vec<u32>) -> Self {
        queue.clear();
        Self {
            queue,
            head: 0,
            seen: 0,
        }
    }

    #[inline]
    fn best(&mut self, values: &[f64], window: &Window, beats: &impl Fn(f64, f64) -> bool) -> Option<usize> {
        for (index, value) in values
            .iter()
            .enumerate()
            .take(window.end)
            .skip(self.seen.max(window.first))
        {
            if value.is_nan() {
                continue;
            }
            while self.queue.len() > self.head
                && self
                    .queue
                    .last()
                    .is_some_and(|last| !beats(values[*last as usize], *value))
            {
                self.queue.pop();
            }
            self.queue.push(index as u32);
        }
        self.seen = window.end;
        while self
            .queue
            .get(self.head)
            .is_some_and(|index| (*index as usize) < window.first)
        {
            self.head += 1;
        }
        self.queue.get(self.head).map(|index| *index as usize)
    }
}
