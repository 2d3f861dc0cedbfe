//! Decoding of histogram chunks: into columns, or one exact histogram after the other.

use std::sync::Arc;

use moheng_metrics::histogram::{HistogramLayout, NativeHistogram, ResetHint};
use moheng_metrics::{HistogramColumns, HistogramView, is_stale_nan};

use super::ChunkError;
use super::bits::BitReader;
use super::histogram::{HEADER_BYTES, STARTS_COUNT_MASK, reset_of};
use super::histogram_count::Count;
use super::histogram_layout::read_layout;
use super::start_time::StartDecoder;
use super::varbit::read_signed;
use super::window::XorValue;

/// Reads the samples of a histogram chunk one after the other.
#[derive(Debug)]
pub(crate) struct HistogramDecoder<'a, C: Count> {
    reader: BitReader<'a>,
    layout: Arc<HistogramLayout>,
    reset: ResetHint,
    starts: Option<StartDecoder>,
    sample_count: usize,
    index: usize,
    times: Times,
    count: C::State,
    zero_count: C::State,
    sum: XorValue,
    buckets: Vec<C::State>,
    positive_buckets: usize,
}

#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "all of them are times")]
struct Times {
    before_ms: i64,
    timestamp_ms: i64,
    delta_ms: i64,
}

/// All of a sample but its buckets.
struct SampleHead<C> {
    reset_hint: ResetHint,
    count: C,
    zero_count: C,
    sum: f64,
    /// A stale marker has no buckets, except, in theory, when it is the first sample.
    has_buckets: bool,
}

impl<'a, C: Count> HistogramDecoder<'a, C> {
    /// Reads the header and layout of a chunk.
    pub(crate) fn new(chunk: &'a [u8], has_starts: bool) -> Result<Self, ChunkError> {
        let (&[first, second, third], rest) = chunk
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(ChunkError::UnexpectedEnd)?;
        let count = u16::from_be_bytes([first, second]);
        let (count, flags) = if has_starts {
            (count & STARTS_COUNT_MASK, first)
        } else {
            (count, third)
        };
        let mut reader = BitReader::new(rest);
        let layout = if count == 0 {
            HistogramLayout::default()
        } else {
            read_layout(&mut reader)?
        };
        let positive_buckets = layout.positive_bucket_count();
        Ok(Self {
            reader,
            reset: reset_of(flags),
            starts: has_starts.then(|| StartDecoder::new(third)),
            sample_count: usize::from(count),
            index: 0,
            times: Times::default(),
            count: C::State::default(),
            zero_count: C::State::default(),
            sum: XorValue::default(),
            buckets: vec![C::State::default(); positive_buckets + layout.negative_bucket_count()],
            positive_buckets,
            layout: Arc::new(layout),
        })
    }

    /// What the header says about a counter reset before the chunk.
    pub(crate) fn reset(&self) -> ResetHint {
        self.reset
    }

    /// The next sample: its timestamp, start timestamp (0 when it is not known) and value.
    pub(crate) fn next_histogram(&mut self) -> Result<Option<(i64, i64, NativeHistogram<C>)>, ChunkError> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        let mut histogram = NativeHistogram {
            layout: Arc::clone(&self.layout),
            reset_hint: head.reset_hint,
            count: head.count,
            sum: head.sum,
            zero_count: head.zero_count,
            positive: Vec::new(),
            negative: Vec::new(),
        };
        if head.has_buckets {
            let mut counts = vec![C::default(); self.buckets.len()];
            self.buckets(&mut counts, |count| count)?;
            histogram.negative = counts.split_off(self.positive_buckets.min(counts.len()));
            histogram.positive = counts;
        }
        if is_stale_nan(head.sum) {
            histogram = NativeHistogram {
                sum: head.sum,
                ..NativeHistogram::empty(HistogramLayout::default())
            };
        }
        let start_ms = self.finish_sample()?;
        Ok(Some((self.times.timestamp_ms, start_ms, histogram)))
    }

    /// Appends all samples to `columns`; those appended before an error are left there.
    fn decode_into(&mut self, columns: &mut HistogramColumns) -> Result<(), ChunkError> {
        let mut stale_layout = None;
        while let Some(head) = self.head()? {
            let is_stale = is_stale_nan(head.sum);
            let layout = if is_stale {
                stale_layout.get_or_insert_with(Arc::<HistogramLayout>::default)
            } else {
                &self.layout
            };
            let view = HistogramView {
                layout,
                reset_hint: head.reset_hint,
                is_integer: C::IS_INTEGER,
                count: head.count.to_float(),
                sum: head.sum,
                zero_count: head.zero_count.to_float(),
                positive: &[],
                negative: &[],
            };
            if is_stale {
                let view = HistogramView {
                    count: 0.0,
                    zero_count: 0.0,
                    ..view
                };
                columns.push(self.times.timestamp_ms, view);
                if head.has_buckets {
                    let mut unused = vec![0.0; self.buckets.len()];
                    self.buckets(&mut unused, C::to_float)?;
                }
            } else {
                let negative = self.buckets.len() - self.positive_buckets;
                let timestamp_ms = self.times.timestamp_ms;
                let out = columns.push_unfilled(timestamp_ms, view, self.positive_buckets, negative);
                self.buckets(out, C::to_float)?;
            }
            let start_ms = self.finish_sample()?;
            if start_ms != 0 {
                columns.set_start_timestamp_ms(start_ms);
            }
        }
        Ok(())
    }

    /// Reads a sample up to its buckets; `None` behind the last one.
    #[inline]
    fn head(&mut self) -> Result<Option<SampleHead<C>>, ChunkError> {
        if self.index == self.sample_count {
            return Ok(None);
        }
        let reader = &mut self.reader;
        let times = &mut self.times;
        let is_first = self.index == 0;
        times.before_ms = times.timestamp_ms;
        let (count, zero_count, sum);
        if is_first {
            times.timestamp_ms = read_signed(reader);
            count = C::read_first(&mut self.count, reader);
            zero_count = C::read_first(&mut self.zero_count, reader);
            sum = self.sum.read_first(reader);
        } else {
            times.delta_ms = times.delta_ms.wrapping_add(read_signed(reader));
            times.timestamp_ms = times.timestamp_ms.wrapping_add(times.delta_ms);
            count = C::read(&mut self.count, reader, C::default())?;
            zero_count = C::read(&mut self.zero_count, reader, C::default())?;
            sum = self.sum.read(reader)?;
        }
        let is_stale = is_stale_nan(sum);
        let reset_hint = match self.reset {
            _ if is_stale => ResetHint::Unknown,
            ResetHint::Gauge => ResetHint::Gauge,
            _ if !is_first => ResetHint::NotReset,
            ResetHint::Reset => ResetHint::Reset,
            // Whether the chunk before is still there is not known.
            ResetHint::Unknown | ResetHint::NotReset => ResetHint::Unknown,
        };
        Ok(Some(SampleHead {
            reset_hint,
            count,
            zero_count,
            sum,
            has_buckets: is_first || !is_stale,
        }))
    }

    /// Reads the buckets of a sample; `out` has a place for each.
    #[inline]
    fn buckets<T>(&mut self, out: &mut [T], convert: impl Fn(C) -> T) -> Result<(), ChunkError> {
        let positive = self.positive_buckets;
        let (Some((positive_states, negative_states)), Some((positive_out, negative_out))) = (
            self.buckets.split_at_mut_checked(positive),
            out.split_at_mut_checked(positive),
        ) else {
            return Ok(());
        };
        let is_first = self.index == 0;
        for (states, out) in [(positive_states, positive_out), (negative_states, negative_out)] {
            if is_first {
                let mut neighbour = C::default();
                for (state, out) in states.iter_mut().zip(out) {
                    neighbour = C::read_first_bucket(state, &mut self.reader, neighbour);
                    *out = convert(neighbour);
                }
            } else {
                read_side::<C, T>(&mut self.reader, states, out, &convert)?;
            }
        }
        Ok(())
    }

    /// Reads what is behind the buckets and returns the start timestamp.
    #[inline]
    fn finish_sample(&mut self) -> Result<i64, ChunkError> {
        let times = (self.times.before_ms, self.times.timestamp_ms);
        let start_ms = match &mut self.starts {
            Some(starts) => starts.read(&mut self.reader, self.index, times)?,
            None => 0,
        };
        if self.reader.is_past_end() {
            return Err(ChunkError::UnexpectedEnd);
        }
        self.index += 1;
        Ok(start_ms)
    }
}

/// Reads the buckets of one side of a later sample.
#[inline]
fn read_side<C: Count, T>(
    reader: &mut BitReader<'_>,
    states: &mut [C::State],
    out: &mut [T],
    convert: impl Fn(C) -> T,
) -> Result<(), ChunkError> {
    let mut neighbour = C::default();
    let mut buckets = states.iter_mut().zip(out);
    while let Some((state, out)) = buckets.next() {
        // Each bucket that goes on as before is a zero bit.
        let unchanged = reader.peek().leading_zeros().min(56);
        if unchanged == 0 {
            neighbour = C::read(state, reader, neighbour)?;
            *out = convert(neighbour);
            continue;
        }
        neighbour = C::unchanged(state, neighbour);
        *out = convert(neighbour);
        let mut count = 1;
        for (state, out) in buckets.by_ref().take(unchanged as usize - 1) {
            neighbour = C::unchanged(state, neighbour);
            *out = convert(neighbour);
            count += 1;
        }
        reader.skip(count);
    }
    Ok(())
}

/// Appends all samples of a chunk to `columns`, or leaves it as it was.
pub(super) fn decode<C: Count>(
    chunk: &[u8],
    has_starts: bool,
    columns: &mut HistogramColumns,
) -> Result<(), ChunkError> {
    let before = columns.len();
    let outcome =
        HistogramDecoder::<C>::new(chunk, has_starts).and_then(|mut decoder| decoder.decode_into(columns));
    if outcome.is_err() {
        columns.truncate(before);
    }
    outcome
}
