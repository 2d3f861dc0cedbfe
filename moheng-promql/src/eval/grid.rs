//! The times a query is evaluated at, and the windows that look back from them.

/// Evenly spaced evaluation times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) steps: usize,
}

impl Grid {
    /// From `start_ms` to at most `end_ms`; no step when the end lies before the start.
    pub(crate) fn new(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let steps = if end_ms < start_ms {
            0
        } else {
            ((end_ms - start_ms) / step_ms.max(1)) as usize + 1
        };
        Self {
            start_ms,
            step_ms,
            steps,
        }
    }

    /// The first step alone.
    pub(crate) fn first_step(self) -> Self {
        Self {
            steps: self.steps.min(1),
            ..self
        }
    }

    pub(crate) fn time_ms(&self, step: usize) -> i64 {
        self.start_ms + step as i64 * self.step_ms
    }
}

/// One window per step: the times `t` with `end - length < t <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) first_end_ms: i64,
    /// 0 when all windows are the same.
    pub(crate) step_ms: i64,
    pub(crate) steps: usize,
    pub(crate) length_ms: i64,
}

impl Windows {
    pub(crate) fn end_ms(&self, step: usize) -> i64 {
        self.first_end_ms + step as i64 * self.step_ms
    }

    /// The first millisecond that any window contains.
    pub(crate) fn earliest_ms(&self) -> i64 {
        self.first_end_ms - self.length_ms + 1
    }

    /// The last millisecond that any window contains.
    pub(crate) fn latest_ms(&self) -> i64 {
        self.end_ms(self.steps.saturating_sub(1))
    }
}
