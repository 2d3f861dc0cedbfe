//! Histogram chunks: integer and float histograms, with and without start timestamps.
//!
//! `sample count u16 | flags u8 | layout | samples`; with start timestamps (Prometheus 3.14) `flags and sample count u16 | start
//! header u8 | layout | samples`, each sample followed by its start as [`super::start_time`] says. The top two bits of the flags
//! say what is known about a counter reset before the chunk; inside a chunk there is none.
//!
//! A sample is `time | count | zero count | sum | {bucket}*`, the positive buckets before the negative ones. Time is a varbit integer,
//! from the second sample on as delta of delta. Integers: counts are varbit unsigned and buckets varbit differences to the bucket
//! before, both from the second sample on as delta of delta; the sum is 64 bits, then XOR. Floats: everything is 64 bits,
//! then XOR. A stale marker has no buckets and counts of zero, and only others follow it.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::histogram::{HistogramLayout, NativeHistogram, ResetHint};
use moheng_metrics::is_stale_nan;

use super::ChunkError;
use super::bits::BitWriter;
use super::histogram_count::Count;
use super::histogram_decoder::HistogramDecoder;
use super::histogram_layout::{Relation, Side, put_layout, relate, spread};
use super::start_time::StartEncoder;
use super::varbit::put_signed;
use super::window::XorValue;

pub(super) const HEADER_BYTES: usize = 3;

/// Where the count of samples shares its bytes with the flags, it has 14 bits.
pub(super) const STARTS_COUNT_MASK: u16 = 0x3fff;

/// The samples a chunk holds at most.
const SAMPLES_MAX: u16 = STARTS_COUNT_MASK;

/// The flags of a chunk's header.
pub(super) fn reset_flags(reset: ResetHint) -> u8 {
    match reset {
        ResetHint::Unknown => 0,
        ResetHint::NotReset => 0x40,
        ResetHint::Reset => 0x80,
        ResetHint::Gauge => 0xc0,
    }
}

/// Reads [`reset_flags`] from the top two bits of a byte.
pub(super) fn reset_of(flags: u8) -> ResetHint {
    match flags >> 6 {
        0 => ResetHint::Unknown,
        1 => ResetHint::NotReset,
        2 => ResetHint::Reset,
        _ => ResetHint::Gauge,
    }
}

/// Whether a histogram can be added to a chunk.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fit {
    /// It can.
    Fits,
    /// It can, and gets buckets of 0 that only the chunk has.
    Narrower,
    /// It can once the chunk is encoded again with this layout, which has the buckets of both.
    Wider(Arc<HistogramLayout>),
    /// It needs a new chunk that begins with this header.
    NewChunk(ResetHint),
}

/// A chunk that histograms of one kind are added to.
#[derive(Clone, Debug)]
pub(crate) struct HistogramAppender<C: Count> {
    /// All but the header.
    writer: BitWriter,
    layout: Arc<HistogramLayout>,
    reset: ResetHint,
    starts: Option<StartEncoder>,
    sample_count: u16,
    timestamp_ms: i64,
    delta_ms: i64,
    count: C::State,
    zero_count: C::State,
    sum: XorValue,
    /// The positive ones, then the negative ones.
    buckets: Vec<C::State>,
}

impl<C: Count> HistogramAppender<C> {
    /// An empty chunk that begins with this header.
    pub(crate) fn new(reset: ResetHint, has_starts: bool) -> Self {
        Self {
            writer: BitWriter::default(),
            layout: Arc::default(),
            reset,
            starts: has_starts.then(StartEncoder::default),
            sample_count: 0,
            timestamp_ms: 0,
            delta_ms: 0,
            count: C::State::default(),
            zero_count: C::State::default(),
            sum: XorValue::default(),
            buckets: Vec::new(),
        }
    }

    /// Goes on with a chunk.
    pub(crate) fn resume(chunk: &[u8], has_starts: bool) -> Result<Self, ChunkError> {
        let mut decoder = HistogramDecoder::<C>::new(chunk, has_starts)?;
        let mut appender = Self::new(decoder.reset(), has_starts);
        while let Some((timestamp_ms, start_ms, histogram)) = decoder.next_histogram()? {
            appender.push_fitting(timestamp_ms, start_ms, &histogram);
        }
        Ok(appender)
    }

    /// Starts a new chunk with this header and keeps the memory.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn restart(&mut self, reset: ResetHint) {
        let mut writer = std::mem::take(&mut self.writer);
        writer.clear();
        let mut buckets = std::mem::take(&mut self.buckets);
        buckets.clear();
        *self = Self {
            writer,
            buckets,
            ..Self::new(reset, self.starts.is_some())
        };
    }

    /// Appends the chunk to `out`.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        if self.sample_count == 0 {
            return;
        }
        let [high, low] = self.sample_count.to_be_bytes();
        let flags = reset_flags(self.reset);
        out.extend_from_slice(&match &self.starts {
            Some(starts) => [flags | high, low, starts.header],
            None => [high, low, flags],
        });
        self.writer.write_to(out);
    }

    /// The size of the chunk in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.writer.size_bytes()
    }

    /// Whether the chunk has room for start timestamps.
    pub(crate) fn has_starts(&self) -> bool {
        self.starts.is_some()
    }

    pub(crate) fn sample_count(&self) -> u16 {
        self.sample_count
    }

    /// The timestamp of the newest sample.
    pub(crate) fn end_ms(&self) -> i64 {
        self.timestamp_ms
    }

    /// Memory held beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.writer.capacity() + self.buckets.capacity() * size_of::<C::State>()
    }

    /// Whether `histogram` can be added. It must be well formed: a count for each bucket of its layout.
    pub(crate) fn fit(&self, histogram: &NativeHistogram<C>) -> Fit {
        let is_gauge = histogram.reset_hint == ResetHint::Gauge;
        if self.sample_count == 0 {
            return Fit::Fits;
        }
        // A gauge chunk says nothing about the counter before it, so neither does what follows it.
        if is_gauge != (self.reset == ResetHint::Gauge) {
            let reset = match histogram.reset_hint {
                ResetHint::Gauge | ResetHint::Reset => histogram.reset_hint,
                ResetHint::Unknown | ResetHint::NotReset => ResetHint::Unknown,
            };
            return Fit::NewChunk(reset);
        }
        if histogram.reset_hint == ResetHint::Reset {
            return Fit::NewChunk(ResetHint::Reset);
        }
        if histogram.is_stale() && self.sample_count < SAMPLES_MAX {
            return Fit::Fits;
        }
        let otherwise = |reset| Fit::NewChunk(if is_gauge { ResetHint::Gauge } else { reset });
        if is_stale_nan(self.sum.get()) {
            return otherwise(ResetHint::Unknown);
        }
        if !is_gauge && histogram.count < C::last(&self.count, C::default()) {
            return otherwise(ResetHint::Reset);
        }
        // Prometheus says that other custom bounds are a reset; whoever reads can do better.
        if !self.has_same_bounds(&histogram.layout) {
            return otherwise(ResetHint::Unknown);
        }
        if !is_gauge && histogram.zero_count < C::last(&self.zero_count, C::default()) {
            return otherwise(ResetHint::Reset);
        }
        let counts = self.last_counts();
        let (positive, negative) = split(&counts, self.layout.positive_bucket_count());
        let relation = relate(
            &sides(&self.layout, positive, negative),
            &sides(&histogram.layout, &histogram.positive, &histogram.negative),
            &histogram.layout,
            is_gauge,
        );
        match relation {
            Relation::Fewer => otherwise(ResetHint::Reset),
            _ if self.sample_count >= SAMPLES_MAX => otherwise(ResetHint::NotReset),
            Relation::Same => Fit::Fits,
            Relation::ChunkIsWider => Fit::Narrower,
            Relation::Merged(layout) => Fit::Wider(layout),
        }
    }

    /// Adds a histogram, which must be later than the last one, started at `start_ms` (0: not known) and is well formed: a count for
    /// each bucket of its layout. Returns `false`, and has done nothing, when it needs a new chunk, as
    /// [`HistogramAppender::fit`] says.
    pub(crate) fn push(&mut self, timestamp_ms: i64, start_ms: i64, histogram: &NativeHistogram<C>) -> bool {
        match self.fit(histogram) {
            Fit::Fits => self.push_fitting(timestamp_ms, start_ms, histogram),
            Fit::Narrower => {
                let spread = spread_over(histogram, &self.layout);
                self.push_fitting(timestamp_ms, start_ms, &spread);
            }
            Fit::Wider(layout) => {
                self.recode(&layout);
                let spread = spread_over(histogram, &layout);
                self.push_fitting(timestamp_ms, start_ms, &spread);
            }
            Fit::NewChunk(_) => return false,
        }
        true
    }

    fn push_fitting(&mut self, timestamp_ms: i64, start_ms: i64, histogram: &NativeHistogram<C>) {
        let is_stale = histogram.is_stale();
        if self.sample_count == 0 {
            self.push_first(timestamp_ms, histogram, is_stale);
        } else {
            let delta_ms = timestamp_ms.wrapping_sub(self.timestamp_ms);
            put_signed(&mut self.writer, delta_ms.wrapping_sub(self.delta_ms));
            self.delta_ms = delta_ms;
            if is_stale {
                C::put_stale(&mut self.count, &mut self.writer);
                C::put_stale(&mut self.zero_count, &mut self.writer);
                self.sum.put(&mut self.writer, histogram.sum);
            } else {
                self.push_counts(histogram);
            }
        }
        if let Some(starts) = &mut self.starts {
            let times = (self.timestamp_ms, timestamp_ms);
            starts.put(&mut self.writer, self.sample_count, times, start_ms);
        }
        self.timestamp_ms = timestamp_ms;
        self.sample_count += 1;
    }

    fn push_first(&mut self, timestamp_ms: i64, histogram: &NativeHistogram<C>, is_stale: bool) {
        if histogram.reset_hint == ResetHint::Gauge || histogram.reset_hint == ResetHint::Reset {
            self.reset = histogram.reset_hint;
        }
        let empty;
        let histogram = if is_stale {
            empty = NativeHistogram {
                sum: histogram.sum,
                ..NativeHistogram::empty(HistogramLayout::default())
            };
            &empty
        } else {
            histogram
        };
        self.layout = Arc::clone(&histogram.layout);
        put_layout(&mut self.writer, &self.layout);
        put_signed(&mut self.writer, timestamp_ms);
        histogram.count.put_first(&mut self.count, &mut self.writer);
        histogram
            .zero_count
            .put_first(&mut self.zero_count, &mut self.writer);
        self.sum.put_first(&mut self.writer, histogram.sum);
        self.buckets.clear();
        for side in [&histogram.positive, &histogram.negative] {
            let mut neighbour = C::default();
            for &count in side {
                let mut state = C::State::default();
                count.put_first_bucket(&mut state, &mut self.writer, neighbour);
                self.buckets.push(state);
                neighbour = count;
            }
        }
    }

    fn push_counts(&mut self, histogram: &NativeHistogram<C>) {
        let writer = &mut self.writer;
        histogram.count.put(&mut self.count, writer, C::default());
        histogram
            .zero_count
            .put(&mut self.zero_count, writer, C::default());
        self.sum.put(writer, histogram.sum);
        let mut states = self.buckets.iter_mut();
        for side in [&histogram.positive, &histogram.negative] {
            let mut neighbour = C::default();
            for (&count, state) in side.iter().zip(states.by_ref()) {
                count.put(state, writer, neighbour);
                neighbour = count;
            }
        }
    }

    /// Encodes all samples again with a layout that has all buckets there are.
    fn recode(&mut self, layout: &Arc<HistogramLayout>) {
        let mut chunk = Vec::with_capacity(self.size_bytes());
        self.write_to(&mut chunk);
        let mut again = Self::new(self.reset, self.starts.is_some());
        let Ok(mut decoder) = HistogramDecoder::<C>::new(&chunk, self.starts.is_some()) else {
            return;
        };
        // What was written here can be read.
        while let Ok(Some((timestamp_ms, start_ms, histogram))) = decoder.next_histogram() {
            again.push_fitting(timestamp_ms, start_ms, &spread_over(&histogram, layout));
        }
        *self = again;
    }

    /// Whether schema, zero threshold and custom bounds are the same.
    fn has_same_bounds(&self, layout: &HistogramLayout) -> bool {
        let bits = |bounds: &[f64]| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
        self.layout.schema == layout.schema
            && self.layout.zero_threshold == layout.zero_threshold
            && (!layout.is_custom() || bits(&self.layout.custom_bounds) == bits(&layout.custom_bounds))
    }

    /// The buckets of the newest sample.
    fn last_counts(&self) -> Vec<C> {
        let positive = self.layout.positive_bucket_count();
        let mut neighbour = C::default();
        let counts = self.buckets.iter().enumerate().map(|(index, state)| {
            if index == positive {
                neighbour = C::default();
            }
            neighbour = C::last(state, neighbour);
            neighbour
        });
        counts.collect()
    }
}

/// The same number for histograms with the same value, whatever empty buckets they have besides, and with all likelihood
/// another one for others.
pub(crate) fn fingerprint<C: Count>(histogram: &NativeHistogram<C>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u8(u8::from(C::IS_INTEGER));
    hasher.write_u64(histogram.sum.to_bits());
    if histogram.is_stale() {
        return hasher.finish();
    }
    let layout = &histogram.layout;
    hasher.write_u8(u8::from(histogram.reset_hint == ResetHint::Gauge));
    hasher.write_i8(layout.schema);
    hasher.write_u64(layout.zero_threshold.to_bits());
    hasher.write_u64(histogram.count.to_bits());
    hasher.write_u64(histogram.zero_count.to_bits());
    for bound in &layout.custom_bounds {
        hasher.write_u64(bound.to_bits());
    }
    for side in sides(layout, &histogram.positive, &histogram.negative) {
        for (number, count) in side.buckets().filter(|(_, count)| *count != C::default()) {
            hasher.write_i64(number);
            hasher.write_u64(count.to_bits());
        }
        hasher.write_u8(0);
    }
    hasher.finish()
}

fn split<C>(counts: &[C], positive: usize) -> (&[C], &[C]) {
    counts.split_at_checked(positive).unwrap_or((counts, &[]))
}

fn sides<'a, C>(layout: &'a HistogramLayout, positive: &'a [C], negative: &'a [C]) -> [Side<'a, C>; 2] {
    [
        Side {
            spans: &layout.positive,
            counts: positive,
        },
        Side {
            spans: &layout.negative,
            counts: negative,
        },
    ]
}

/// The same histogram with a layout that has all of its buckets, and perhaps more.
fn spread_over<C: Count>(
    histogram: &NativeHistogram<C>,
    layout: &Arc<HistogramLayout>,
) -> NativeHistogram<C> {
    let [positive, negative] = sides(&histogram.layout, &histogram.positive, &histogram.negative);
    let mut wide = NativeHistogram {
        layout: Arc::clone(layout),
        positive: Vec::new(),
        negative: Vec::new(),
        ..histogram.clone()
    };
    spread(positive, &layout.positive, &mut wide.positive);
    spread(negative, &layout.negative, &mut wide.negative);
    wide
}

#[cfg(test)]
mod tests;
