//! [`Series`]: the samples of one series.

use std::sync::Arc;

use crate::chunk::XorAppender;

/// A chunk is ended when it has this many samples, as in Prometheus.
const CHUNK_SAMPLES_MAX: u16 = 120;
/// A chunk is ended when it is this large: noisy values.
const CHUNK_BYTES_MAX: usize = 1024;
/// No chunk goes past a multiple of this, so that chunks never cross the borders of two-hour blocks.
const CHUNK_RANGE_MS: i64 = 2 * 60 * 60 * 1000;

/// What an append is checked against and logged with; guarded apart from the samples, so that queries never wait for the
/// log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    /// The series in the log.
    pub(crate) reference: u64,
    pub(crate) end_ms: i64,
    pub(crate) value_bits: u64,
    pub(crate) has_samples: bool,
    /// Whether the log knows the labels.
    pub(crate) is_logged: bool,
    /// Whether matchers find the series.
    pub(crate) is_published: bool,
    /// Whether the series is gone: its reference is unknown from then on.
    pub(crate) is_removed: bool,
}

impl Tail {
    pub(crate) fn new(reference: u64, is_logged: bool) -> Self {
        Self {
            reference,
            end_ms: 0,
            value_bits: 0,
            has_samples: false,
            is_logged,
            is_published: false,
            is_removed: false,
        }
    }

    /// Makes the tail say what the samples of its series say.
    pub(crate) fn set_from(&mut self, series: &Series) {
        self.has_samples = series.open.sample_count() > 0;
        self.end_ms = series.open.end_ms();
        self.value_bits = series.open.value_bits();
    }
}

/// A full chunk.
#[derive(Clone, Debug)]
pub(crate) struct SealedChunk {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) bytes: Arc<[u8]>,
}

/// The samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Series {
    pub(crate) open: XorAppender,
    /// The first timestamp of the open chunk.
    pub(crate) open_start_ms: i64,
    /// The last timestamp the open chunk may take.
    open_last_ms: i64,
    /// Ascending by time.
    pub(crate) sealed: Vec<SealedChunk>,
    /// The batch that changed the series last.
    pub(crate) last_batch: u64,
    /// The newest timestamp before that batch.
    pub(crate) end_before_ms: Option<i64>,
}

impl Series {
    /// The newest timestamp.
    pub(crate) fn end_ms(&self) -> Option<i64> {
        if self.open.sample_count() > 0 {
            return Some(self.open.end_ms());
        }
        self.sealed.last().map(|chunk| chunk.end_ms)
    }

    /// The oldest timestamp.
    pub(crate) fn start_ms(&self) -> Option<i64> {
        match self.sealed.first() {
            Some(chunk) => Some(chunk.start_ms),
            None => (self.open.sample_count() > 0).then_some(self.open_start_ms),
        }
    }

    /// Adds a sample that is later than all others; returns whether that ended a chunk.
    #[inline]
    pub(crate) fn push(&mut self, timestamp_ms: i64, value: f64) -> bool {
        let is_full = self.open.sample_count() > 0 && self.is_full_before(timestamp_ms);
        if is_full {
            self.seal();
        }
        if self.open.sample_count() == 0 {
            self.open_start_ms = timestamp_ms;
            let into_range = timestamp_ms.rem_euclid(CHUNK_RANGE_MS);
            self.open_last_ms = timestamp_ms.saturating_add(CHUNK_RANGE_MS - 1 - into_range);
        }
        self.open.push(timestamp_ms, value);
        is_full
    }

    /// Memory beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunks: usize = self.sealed.iter().map(|chunk| chunk.bytes.len() + 16).sum();
        self.open.heap_bytes() + self.sealed.capacity() * size_of::<SealedChunk>() + chunks
    }

    fn is_full_before(&self, timestamp_ms: i64) -> bool {
        self.open.sample_count() >= CHUNK_SAMPLES_MAX
            || self.open.size_bytes() >= CHUNK_BYTES_MAX
            || timestamp_ms > self.open_last_ms
    }

    #[cold]
    fn seal(&mut self) {
        let mut bytes = Vec::with_capacity(self.open.size_bytes());
        self.open.write_to(&mut bytes);
        self.sealed.push(SealedChunk {
            start_ms: self.open_start_ms,
            end_ms: self.open.end_ms(),
            bytes: bytes.into(),
        });
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::SampleBuffer;

    use super::*;
    use crate::chunk::Encoding;

    fn chunk_lengths(series: &Series) -> Vec<usize> {
        let mut lengths = Vec::new();
        for chunk in &series.sealed {
            let mut samples = SampleBuffer::new();
            Encoding::Xor.decode(&chunk.bytes, &mut samples).unwrap();
            let floats = samples.floats;
            assert_eq!(floats.timestamps_ms.first(), Some(&chunk.start_ms));
            assert_eq!(floats.timestamps_ms.last(), Some(&chunk.end_ms));
            lengths.push(floats.len());
        }
        lengths
    }

    #[test]
    fn chunks_end_at_120_samples() {
        let mut series = Series::default();
        for number in 0..300 {
            series.push(number * 15_000, 1.0);
        }
        assert_eq!(chunk_lengths(&series), [120, 120]);
        assert_eq!(
            (series.start_ms(), series.end_ms()),
            (Some(0), Some(299 * 15_000))
        );
    }

    #[test]
    fn chunks_end_at_block_borders() {
        let mut series = Series::default();
        for number in -3..3 {
            series.push(number * CHUNK_RANGE_MS / 2, 1.0);
        }
        assert_eq!(chunk_lengths(&series), [1, 2, 2]);
    }

    #[test]
    fn noisy_chunks_end_at_1_kib() {
        let mut series = Series::default();
        for number in 0..1000_u64 {
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
            let jitter = if number % 2 == 0 { 3000 } else { 0 };
            series.push(number as i64 * 5000 + jitter, f64::from_bits(noise));
        }
        assert!(chunk_lengths(&series).iter().all(|&length| length < 120));
        assert!(series.sealed.len() > 8);
        assert!(
            series
                .sealed
                .iter()
                .all(|chunk| chunk.bytes.len() < CHUNK_BYTES_MAX + 16)
        );
    }
}
