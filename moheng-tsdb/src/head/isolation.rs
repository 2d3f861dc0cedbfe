//! [`Isolation`]: a query sees all of a batch or nothing of it.
//!
//! Batches are numbered when they begin to be published. A query notes which numbers are given out and which of
//! them are still being published; a series remembers its newest batch and the timestamp it ended with before. Two batches
//! that touch the same page are published one after the other, so within a series batches become visible in order,
//! and "the samples of visible batches" is "the samples up to a timestamp".

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers batches and knows which are complete.
#[derive(Debug, Default)]
pub(crate) struct Isolation {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last_batch: u64,
    publishing: Vec<u64>,
    /// The floors of running captures: see [`ReadPoint::floor`].
    captures: Vec<u64>,
}

/// A batch that is being published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publishing {
    pub(crate) batch: u64,
    /// A running capture may need to know how series ended before batches above this number.
    pub(crate) oldest_floor: Option<u64>,
}

/// Which batches a query sees.
#[derive(Debug)]
pub(crate) struct ReadPoint<'a> {
    isolation: &'a Isolation,
    last_batch: u64,
    /// Ascending; not seen although at most `last_batch`.
    publishing: Vec<u64>,
}

impl Isolation {
    /// A batch begins to change memory. The caller holds the tails of all its pages.
    pub(crate) fn begin(&self) -> Publishing {
        let mut state = self.state();
        state.last_batch += 1;
        let batch = state.last_batch;
        state.publishing.push(batch);
        Publishing {
            batch,
            oldest_floor: state.captures.iter().min().copied(),
        }
    }

    /// All of the batch is in memory; the caller still holds the tails.
    pub(crate) fn end(&self, publishing: Publishing) {
        self.state().publishing.retain(|&batch| batch != publishing.batch);
    }

    /// What a query that starts now sees.
    pub(crate) fn read_point(&self) -> ReadPoint<'_> {
        let mut state = self.state();
        let point = ReadPoint {
            isolation: self,
            last_batch: state.last_batch,
            publishing: state.publishing.clone(),
        };
        state.captures.push(point.floor());
        point
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadPoint<'_> {
    pub(crate) fn sees(&self, batch: u64) -> bool {
        batch <= self.last_batch && !self.publishing.contains(&batch)
    }

    /// All batches up to this number are seen.
    fn floor(&self) -> u64 {
        self.publishing.first().map_or(self.last_batch, |first| first - 1)
    }
}

impl Drop for ReadPoint<'_> {
    fn drop(&mut self) {
        let floor = self.floor();
        let mut state = self.isolation.state();
        if let Some(index) = state.captures.iter().position(|&other| other == floor) {
            state.captures.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_point_sees_what_was_complete() {
        let isolation = Isolation::default();
        let first = isolation.begin();
        let second = isolation.begin();
        isolation.end(second);
        let point = isolation.read_point();
        assert!(point.sees(0));
        assert!(!point.sees(first.batch));
        assert!(point.sees(second.batch), "complete although an older one is not");
        isolation.end(first);
        assert!(!point.sees(first.batch), "a read point does not move");
        assert!(!point.sees(3));
        assert_eq!(isolation.begin().oldest_floor, Some(0));
        drop(point);
        assert_eq!(isolation.begin().oldest_floor, None);
    }
}
