//! [`AtomicBuckets`]: classic buckets that threads count into without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::counter::AtomicFloat;
use super::options::{bucket_of, searchable};

/// Classic buckets and the sum of what was observed.
#[derive(Debug)]
pub(super) struct AtomicBuckets {
    /// Ascending, without infinity.
    bounds: Box<[f64]>,
    /// One more than bounds; not cumulative.
    counts: Box<[AtomicU64]>,
    sum: AtomicFloat,
}

impl AtomicBuckets {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let bounds = searchable(bounds);
        Self {
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            bounds,
            sum: AtomicFloat::default(),
        }
    }

    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    #[inline]
    pub(super) fn observe(&self, value: f64) {
        if let Some(count) = self.counts.get(bucket_of(&self.bounds, value)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.add(value);
    }

    /// The observations of each bucket alone.
    pub(super) fn counts(&self) -> Vec<u64> {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect()
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum.get()
    }
}
