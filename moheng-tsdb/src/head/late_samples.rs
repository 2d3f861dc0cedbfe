//! [`LateSamples`]: samples of one series that came after newer ones.
//!
//! They are few and come in any order, so they are kept apart: the youngest ascending by time in a small buffer, which becomes
//! chunks when it is full. These may overlap each other and the other chunks of the series; queries merge them. Of samples
//! with the same timestamp the one that was written first counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use moheng_metrics::HistogramValue;

use super::isolation::ReadPoint;
use super::open_extra::value_bits;
use super::series::BLOCK_RANGE_MS;
use crate::block::{OwnedSample, SampleEncoder, SampleValue};
use crate::chunk::Encoding;
use crate::format::wal_histograms::LoggedValue;

/// The buffer is made into chunks when it has so many samples, as in Prometheus.
const BUFFER_SAMPLES: usize = 32;

/// The late samples of one series.
#[derive(Debug, Default)]
pub(crate) struct LateSamples {
    /// Ascending by time. More than [`BUFFER_SAMPLES`] only while running captures may not see some of them.
    buffer: Vec<LateSample>,
    /// In the order they were made.
    sealed: Vec<LateChunk>,
    /// So many of `sealed`, and of the buffer the batches up to this one, are being moved to blocks.
    moving: (usize, u64),
}

/// A sample that came late.
#[derive(Clone, Debug)]
pub(crate) struct LateSample {
    /// The batch that it came with.
    pub(crate) batch: u64,
    pub(crate) timestamp_ms: i64,
    /// When it started to count; 0 when that is not known.
    pub(crate) start_ms: i64,
    pub(crate) value: LateValue,
}

/// A float, or a histogram.
#[derive(Clone, Debug)]
pub(crate) enum LateValue {
    Float(f64),
    Histogram(Box<LoggedValue>),
}

/// Samples in no particular relation to those of other chunks, all of one range of [`BLOCK_RANGE_MS`].
#[derive(Debug)]
struct LateChunk {
    start_ms: i64,
    end_ms: i64,
    encoding: Encoding,
    bytes: Arc<[u8]>,
}

impl LateSamples {
    /// Adds a sample, unless one with its timestamp is in the buffer. `is_settled` says of a batch whether all running captures
    /// see it. Returns how many chunks that made.
    pub(crate) fn insert(&mut self, sample: LateSample, is_settled: impl Fn(u64) -> bool) -> u64 {
        let mut chunks = 0;
        // Not every time when much is not settled: going through a large buffer costs.
        if !self.buffer.is_empty() && self.buffer.len().is_multiple_of(BUFFER_SAMPLES) {
            chunks = self.seal(is_settled);
        }
        let position = self
            .buffer
            .partition_point(|other| other.timestamp_ms < sample.timestamp_ms);
        let other = self.buffer.get(position);
        if other.is_none_or(|other| other.timestamp_ms != sample.timestamp_ms) {
            self.buffer.insert(position, sample);
        }
        chunks
    }

    /// The sample of the buffer with this timestamp.
    pub(crate) fn find(&self, timestamp_ms: i64) -> Option<&LateSample> {
        let found = self
            .buffer
            .binary_search_by_key(&timestamp_ms, |sample| sample.timestamp_ms);
        self.buffer.get(found.ok()?)
    }

    /// The first and the last timestamp.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        let first = self.buffer.first().map(|sample| sample.timestamp_ms);
        let last = self.buffer.last().map(|sample| sample.timestamp_ms);
        let sealed = self.sealed.iter().map(|chunk| (chunk.start_ms, chunk.end_ms));
        sealed
            .chain(first.zip(last))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The starts of the two-hour ranges that samples are in.
    pub(crate) fn add_block_starts(&self, starts: &mut BTreeSet<i64>) {
        let sealed = self.sealed.iter().map(|chunk| chunk.start_ms);
        let times = sealed.chain(self.buffer.iter().map(|sample| sample.timestamp_ms));
        starts.extend(times.map(|time_ms| time_ms - time_ms.rem_euclid(BLOCK_RANGE_MS)));
    }

    /// The chunks with what a query sees in a range, both ends inclusive, and more: the first written first.
    pub(crate) fn visible(
        &self,
        point: &ReadPoint<'_>,
        start_ms: i64,
        end_ms: i64,
    ) -> Vec<(Encoding, Arc<[u8]>)> {
        let overlapping = self
            .sealed
            .iter()
            .filter(|chunk| chunk.start_ms <= end_ms && start_ms <= chunk.end_ms);
        let mut chunks: Vec<_> = overlapping
            .map(|chunk| (chunk.encoding, Arc::clone(&chunk.bytes)))
            .collect();
        let seen = self
            .buffer
            .iter()
            .filter(|sample| (start_ms..=end_ms).contains(&sample.timestamp_ms) && point.sees(sample.batch));
        let open = encode(seen);
        chunks.extend(open.into_iter().map(|chunk| (chunk.encoding, chunk.bytes)));
        chunks
    }

    /// Notes what there is now, for [`LateSamples::drop_moved`].
    pub(crate) fn begin_move(&mut self) {
        let newest = self.buffer.iter().map(|sample| sample.batch).max();
        self.moving = (self.sealed.len(), newest.unwrap_or(0));
    }

    /// Drops what there was at the last [`LateSamples::begin_move`], except what got into a chunk since, and returns how many chunks.
    pub(crate) fn drop_moved(&mut self) -> u64 {
        let (sealed, batch) = std::mem::take(&mut self.moving);
        let sealed = sealed.min(self.sealed.len());
        self.sealed.drain(..sealed);
        self.sealed.shrink_to_fit();
        self.buffer.retain(|sample| sample.batch > batch);
        sealed as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.buffer.is_empty()
    }

    /// Memory, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunks: usize = self.sealed.iter().map(|chunk| chunk.bytes.len() + 16).sum();
        size_of::<Self>()
            + self.sealed.capacity() * size_of::<LateChunk>()
            + chunks
            + self.buffer.capacity() * size_of::<LateSample>()
    }

    /// Makes chunks of the settled samples of the buffer, and returns how many.
    fn seal(&mut self, is_settled: impl Fn(u64) -> bool) -> u64 {
        let (settled, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.buffer)
            .into_iter()
            .partition(|sample| is_settled(sample.batch));
        self.buffer = rest;
        let before = self.sealed.len();
        for same_range in settled.chunk_by(|a, b| block_number(a) == block_number(b)) {
            self.sealed.extend(encode(same_range.iter()));
        }
        (self.sealed.len() - before) as u64
    }
}

impl LateSample {
    /// A sample of a batch that has no number yet, or of the log.
    pub(crate) fn new(timestamp_ms: i64, start_ms: i64, value: LateValue) -> Self {
        Self {
            batch: 0,
            timestamp_ms,
            start_ms,
            value,
        }
    }

    /// What the value is recognised by: a float's bits, a histogram's fingerprint.
    pub(crate) fn value_bits(&self) -> u64 {
        match &self.value {
            LateValue::Float(value) => value.to_bits(),
            LateValue::Histogram(value) => value_bits(value.as_ref().as_ref()),
        }
    }

    fn to_owned_sample(&self) -> OwnedSample {
        OwnedSample {
            timestamp_ms: self.timestamp_ms,
            start_timestamp_ms: self.start_ms,
            value: match &self.value {
                LateValue::Float(value) => SampleValue::Float(*value),
                LateValue::Histogram(value) => match &**value {
                    LoggedValue::Integer(histogram) => SampleValue::Integer(histogram.clone()),
                    LoggedValue::Float(histogram) => SampleValue::Fractional(histogram.clone()),
                },
            },
        }
    }
}

impl LateValue {
    /// A copy of a histogram.
    pub(crate) fn of(value: HistogramValue<'_>) -> Self {
        Self::Histogram(Box::new(match value {
            HistogramValue::Integer(histogram) => LoggedValue::Integer(histogram.clone()),
            HistogramValue::Float(histogram) => LoggedValue::Float(histogram.clone()),
        }))
    }
}

fn block_number(sample: &LateSample) -> i64 {
    sample.timestamp_ms.div_euclid(BLOCK_RANGE_MS)
}

/// The chunks of samples that ascend by time.
fn encode<'a>(samples: impl Iterator<Item = &'a LateSample> + Clone) -> Vec<LateChunk> {
    let has_starts = samples.clone().any(|sample| sample.start_ms != 0);
    let mut encoder = SampleEncoder::new(has_starts);
    for sample in samples {
        // Fails only for samples that do not ascend, and each timestamp is in the buffer once.
        let is_ascending = encoder.push(&sample.to_owned_sample()).is_ok();
        debug_assert!(is_ascending, "late samples are sorted");
    }
    let chunks = encoder.finish().into_iter().map(|chunk| LateChunk {
        start_ms: chunk.start_ms,
        end_ms: chunk.end_ms,
        encoding: chunk.encoding,
        bytes: chunk.bytes.into(),
    });
    chunks.collect()
}
