//! The buckets of a native histogram that is observed into: sparse, and bounded in number.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::histogram::{
    BucketSpan, HistogramLayout, IntegerHistogram, MAX_SCHEMA, MIN_SCHEMA, bucket_bound, bucket_index,
};

/// How fine a native histogram is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NativeOptions {
    /// Each bucket is at most this many times as wide as the one below it: the coarsest schema of which that is true is taken,
    /// and the finest there is when it is true of none.
    pub bucket_factor: f64,
    /// When more buckets than this would be needed, neighbours are put together: every bucket becomes twice as wide on the
    /// logarithmic scale, and where that is not possible any more, the zero bucket grows. At least 2.
    pub max_buckets: usize,
    /// Observations whose absolute value is at most this are counted as zero.
    pub zero_threshold: f64,
}

impl Default for NativeOptions {
    /// Buckets a tenth wider than the ones below, 160 of them, and zero for what is closer to it than 2^-128.
    fn default() -> Self {
        Self {
            bucket_factor: 1.1,
            max_buckets: 160,
            zero_threshold: 2.0_f64.powi(-128),
        }
    }
}

/// Sparse buckets that threads count into.
#[derive(Debug)]
pub(super) struct NativeBuckets {
    max_buckets: usize,
    /// Shared to count, alone to put buckets together.
    table: RwLock<Table>,
}

#[derive(Debug)]
struct Table {
    schema: i8,
    zero_threshold: f64,
    zero_count: AtomicU64,
    /// Observations that are not a number: in no bucket.
    nan_count: AtomicU64,
    positive: Slots,
    negative: Slots,
    /// Buckets in both.
    used: AtomicUsize,
}

/// A hash table of bucket indexes that only grows, without a lock: a free slot is claimed by exchanging its key.
#[derive(Debug)]
struct Slots {
    /// [`FREE`] or the index of a bucket.
    keys: Box<[AtomicI64]>,
    counts: Box<[AtomicU64]>,
}

const FREE: i64 = i64::MAX;

impl NativeBuckets {
    pub(super) fn new(options: &NativeOptions) -> Self {
        let max_buckets = options.max_buckets.max(2);
        let zero_threshold = if options.zero_threshold >= 0.0 {
            options.zero_threshold
        } else {
            0.0
        };
        Self {
            max_buckets,
            table: RwLock::new(Table::new(
                max_buckets,
                widest_within(options.bucket_factor),
                zero_threshold,
            )),
        }
    }

    #[inline]
    pub(super) fn observe(&self, value: f64) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        // Refused when the table is full, which others may be about to change.
        let is_counted = table.count(value, 1);
        let is_over = table.used.load(Ordering::Relaxed) > self.max_buckets;
        drop(table);
        if is_over || !is_counted {
            self.reduce((!is_counted).then_some(value));
        }
    }

    /// The buckets as a histogram, with a sum of zero.
    pub(super) fn picture(&self) -> IntegerHistogram {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let (positive_spans, positive) = spans(table.positive.sorted());
        let (negative_spans, negative) = spans(table.negative.sorted());
        let zero_count = table.zero_count.load(Ordering::Relaxed);
        let in_buckets: u64 = positive.iter().chain(&negative).sum();
        IntegerHistogram {
            count: zero_count + table.nan_count.load(Ordering::Relaxed) + in_buckets,
            zero_count,
            positive,
            negative,
            ..IntegerHistogram::empty(HistogramLayout {
                positive: positive_spans,
                negative: negative_spans,
                ..HistogramLayout::exponential(table.schema, table.zero_threshold)
            })
        }
    }

    #[cold]
    fn reduce(&self, mut uncounted: Option<f64>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = uncounted
                && table.count(value, 1)
            {
                uncounted = None;
            }
            if uncounted.is_none() && table.used.load(Ordering::Relaxed) <= self.max_buckets {
                return;
            }
            *table = if table.schema > MIN_SCHEMA {
                table.with_half_the_resolution(self.max_buckets)
            } else {
                table.with_wider_zero_bucket(self.max_buckets)
            };
        }
    }
}

impl Table {
    fn new(max_buckets: usize, schema: i8, zero_threshold: f64) -> Self {
        // Half full at most when the limit is reached, and some room for those who are over it at once.
        let slots = (2 * max_buckets + 16).next_power_of_two();
        Self {
            schema,
            zero_threshold,
            zero_count: AtomicU64::new(0),
            nan_count: AtomicU64::new(0),
            positive: Slots::new(slots),
            negative: Slots::new(slots),
            used: AtomicUsize::new(0),
        }
    }

    /// Counts a value so many times; `false` when there is no slot left.
    #[inline]
    fn count(&self, value: f64, times: u64) -> bool {
        if value.is_nan() {
            self.nan_count.fetch_add(times, Ordering::Relaxed);
            return true;
        }
        let size = value.abs();
        if size <= self.zero_threshold {
            self.zero_count.fetch_add(times, Ordering::Relaxed);
            return true;
        }
        let slots = if value > 0.0 {
            &self.positive
        } else {
            &self.negative
        };
        self.count_index(slots, bucket_index(size, self.schema), times)
    }

    #[inline]
    fn count_index(&self, slots: &Slots, index: i32, times: u64) -> bool {
        match slots.add(index, times) {
            Added::Known => true,
            Added::New => {
                self.used.fetch_add(1, Ordering::Relaxed);
                true
            }
            Added::Full => false,
        }
    }

    fn with_half_the_resolution(&self, max_buckets: usize) -> Self {
        let new = self.emptied(max_buckets, self.schema - 1, self.zero_threshold);
        for (from, to) in [(&self.positive, &new.positive), (&self.negative, &new.negative)] {
            for (index, count) in from.sorted() {
                // Buckets 2n - 1 and 2n become bucket n. There are fewer than before, so there is room.
                new.count_index(to, (index + 1) >> 1, count);
            }
        }
        new
    }

    /// Takes the bucket nearest to zero into the zero bucket.
    fn with_wider_zero_bucket(&self, max_buckets: usize) -> Self {
        let sides = [self.positive.sorted(), self.negative.sorted()];
        let nearest = sides
            .iter()
            .filter_map(|side| side.first())
            .map(|&(index, _)| index)
            .min();
        let threshold = nearest.map_or(self.zero_threshold, |index| bucket_bound(index, self.schema));
        let new = self.emptied(max_buckets, self.schema, threshold);
        for (side, to) in sides.iter().zip([&new.positive, &new.negative]) {
            for &(index, count) in side {
                if Some(index) == nearest {
                    new.zero_count.fetch_add(count, Ordering::Relaxed);
                } else {
                    new.count_index(to, index, count);
                }
            }
        }
        new
    }

    /// A table with the counts of this one that are in no bucket.
    fn emptied(&self, max_buckets: usize, schema: i8, zero_threshold: f64) -> Self {
        let new = Self::new(max_buckets, schema, zero_threshold);
        for (from, to) in [
            (&self.zero_count, &new.zero_count),
            (&self.nan_count, &new.nan_count),
        ] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        new
    }
}

enum Added {
    Known,
    New,
    Full,
}

impl Slots {
    /// `length` is a power of two.
    fn new(length: usize) -> Self {
        Self {
            keys: (0..length).map(|_| AtomicI64::new(FREE)).collect(),
            counts: (0..length).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    #[inline]
    fn add(&self, index: i32, times: u64) -> Added {
        let key = i64::from(index);
        let mask = self.keys.len() - 1;
        // Neighbouring buckets are hit together: they lie beside each other.
        let start = key as usize & mask;
        for offset in 0..self.keys.len() {
            let place = (start + offset) & mask;
            let (Some(slot), Some(count)) = (self.keys.get(place), self.counts.get(place)) else {
                return Added::Full;
            };
            let mut found = slot.load(Ordering::Relaxed);
            let is_new = found == FREE;
            if is_new {
                found = match slot.compare_exchange(FREE, key, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => {
                        count.fetch_add(times, Ordering::Relaxed);
                        return Added::New;
                    }
                    Err(other) => other,
                };
            }
            if found == key {
                count.fetch_add(times, Ordering::Relaxed);
                return Added::Known;
            }
        }
        Added::Full
    }

    /// The buckets with their counts, ascending by index.
    fn sorted(&self) -> Vec<(i32, u64)> {
        let slots = self.keys.iter().zip(&self.counts);
        let mut buckets: Vec<(i32, u64)> = slots
            .map(|(key, count)| (key.load(Ordering::Relaxed), count.load(Ordering::Relaxed)))
            .filter(|&(key, count)| key != FREE && count > 0)
            .map(|(key, count)| (key as i32, count))
            .collect();
        buckets.sort_unstable();
        buckets
    }
}

/// The coarsest schema whose buckets are at most `factor` times as wide as the ones below.
fn widest_within(factor: f64) -> i8 {
    let fits = |schema: &i8| f64::from(-*schema).exp2() <= factor.log2();
    (MIN_SCHEMA..=MAX_SCHEMA).find(fits).unwrap_or(MAX_SCHEMA)
}

/// Buckets, ascending by index, as runs and counts.
fn spans(buckets: Vec<(i32, u64)>) -> (Vec<BucketSpan>, Vec<u64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut counts = Vec::with_capacity(buckets.len());
    let mut next = 0;
    for (index, count) in buckets {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(BucketSpan {
                offset: index - next,
                length: 1,
            }),
        }
        next = index + 1;
        counts.push(count);
    }
    (spans, counts)
}
