//! [`ShardedBuckets`]: native buckets, and classic ones beside them, that threads rarely meet at.

use std::array;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::NativeOptions;
use super::options::{bucket_of, searchable};
use super::sparse::{Sparse, schema_within};

/// How many threads can observe at the same moment without meeting.
const SHARDS: usize = 4;

thread_local!(static OWN: Cell<Option<usize>> = const { Cell::new(None) });

/// The buckets of a native histogram, split up by thread.
///
/// A native histogram's buckets come and go, so they are not atomics but plain numbers behind a lock. A thread takes the lock of its own
/// shard, or of the next one that is free, and holds it for some nanoseconds.
#[derive(Debug)]
pub(super) struct ShardedBuckets {
    options: NativeOptions,
    schema: i8,
    zero_threshold: f64,
    /// Of the classic buckets; empty without any.
    bounds: Box<[f64]>,
    shards: Box<[Padded; SHARDS]>,
}

/// On cache lines of its own, of which processors fetch pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Padded(Mutex<Content>);

/// What was observed, all of it at one moment.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) native: Sparse,
    /// The observations of each classic bucket alone; empty without any.
    pub(super) classic: Vec<u64>,
    pub(super) sum: f64,
}

impl ShardedBuckets {
    pub(super) fn new(bounds: &[f64], options: NativeOptions) -> Self {
        let options = NativeOptions {
            max_buckets: options.max_buckets.max(2),
            ..options
        };
        let zero_threshold = options.zero_threshold;
        let is_threshold = (0.0..f64::INFINITY).contains(&zero_threshold);
        let zero_threshold = if is_threshold { zero_threshold } else { 0.0 };
        let schema = schema_within(options.bucket_factor);
        let bounds = searchable(bounds);
        let empty = Content::new(schema, zero_threshold, bounds.len());
        Self {
            shards: Box::new(array::from_fn(|_| Padded(Mutex::new(empty.clone())))),
            options,
            schema,
            zero_threshold,
            bounds,
        }
    }

    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    pub(super) fn options(&self) -> &NativeOptions {
        &self.options
    }

    #[inline]
    pub(super) fn observe(&self, value: f64) {
        let mut content = self.lock();
        content.native.observe(value, self.options.max_buckets);
        if let Some(count) = content.classic.get_mut(bucket_of(&self.bounds, value)) {
            *count += 1;
        }
        content.sum += value;
    }

    /// Everything that was observed. If buckets were put together and `may_reset` holds, everything starts anew, and the second
    /// part of the answer is true.
    pub(super) fn picture(&self, may_reset: bool) -> (Content, bool) {
        let mut shards: [_; SHARDS] = array::from_fn(|index| {
            self.shards[index]
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        });
        let empty = Content::new(self.schema, self.zero_threshold, self.bounds.len());
        let mut picture = empty.clone();
        for shard in &shards {
            picture.merge(shard);
        }
        picture.native.limit(self.options.max_buckets);
        let is_reset = may_reset && picture.native.is_reduced(self.schema, self.zero_threshold);
        if is_reset {
            for shard in &mut shards {
                (**shard).clone_from(&empty);
            }
        }
        (picture, is_reset)
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        let own = own_shard();
        for offset in 0..SHARDS {
            let shard = (own + offset) % SHARDS;
            match self.shards[shard].0.try_lock() {
                Ok(content) => {
                    if offset > 0 {
                        // Two threads that met would meet again.
                        OWN.set(Some(shard));
                    }
                    return content;
                }
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.shards[own % SHARDS]
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn new(schema: i8, zero_threshold: f64, bounds: usize) -> Self {
        let classic_buckets = if bounds == 0 { 0 } else { bounds + 1 };
        Self {
            native: Sparse::new(schema, zero_threshold),
            classic: vec![0; classic_buckets],
            sum: 0.0,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.native.merge(&other.native);
        for (sum, count) in self.classic.iter_mut().zip(&other.classic) {
            *sum += count;
        }
        self.sum += other.sum;
    }
}

/// Where the calling thread counts. Threads take turns at first.
#[inline]
fn own_shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    OWN.get().unwrap_or_else(|| {
        let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
        OWN.set(Some(shard));
        shard
    })
}
