//! The times of extremes, by a queue of the samples that can still become the extreme.

use moheng_metrics::FloatColumns;

use super::{Scratch, Window, WindowFunction};
use crate::eval::column::Column;

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
