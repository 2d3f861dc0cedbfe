//! [`Series`]: the samples of one series.

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::{FloatColumns, HistogramValue};

use super::open_extra::{OpenExtra, Pushed};
use super::sealed::{SealedChunk, SealedData};
use crate::chunk::cut::{OpenChunk, PLANNED_SAMPLES, is_full_of_floats, plan_end_of_floats, range_end_ms};
use crate::chunk::{Encoding, XorAppender};

/// No chunk goes past a multiple of this, so that chunks never cross the borders of two-hour blocks.
pub(crate) const BLOCK_RANGE_MS: i64 = 2 * 60 * 60 * 1000;

/// What an append is checked against and logged with; guarded apart from the samples, so that queries never wait for the
/// log.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
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
        let end_ms = series.end_ms();
        self.has_samples = end_ms.is_some();
        self.end_ms = end_ms.unwrap_or_default();
        self.value_bits = series.value_bits();
    }
}

/// The samples of one series.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The open chunk of floats without start timestamps.
    open: XorAppender,
    /// The open chunk of anything else; `open` is empty then.
    extra: Option<Box<OpenExtra>>,
    /// The first timestamp of `open`.
    open_start_ms: i64,
    /// Where `open` is planned to end, exclusive.
    open_planned_end_ms: i64,
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
        match &self.extra {
            Some(extra) => Some(extra.range().1),
            None => self.sealed.last().map(SealedChunk::end_ms),
        }
    }

    /// The oldest timestamp.
    pub(crate) fn start_ms(&self) -> Option<i64> {
        match self.sealed.first() {
            Some(chunk) => Some(chunk.start_ms),
            None => self.open_range().map(|(start_ms, _)| start_ms),
        }
    }

    /// The first and the last timestamp of the open chunk.
    pub(crate) fn open_range(&self) -> Option<(i64, i64)> {
        if self.open.sample_count() > 0 {
            return Some((self.open_start_ms, self.open.end_ms()));
        }
        self.extra.as_ref().map(|extra| extra.range())
    }

    /// Appends the open chunk to `out` and says how it is encoded; when there is none, nothing is appended.
    pub(crate) fn write_open(&self, out: &mut Vec<u8>) -> Encoding {
        if let Some(extra) = &self.extra {
            extra.write_to(out);
            return extra.encoding();
        }
        self.open.write_to(out);
        Encoding::Xor
    }

    /// What the newest sample is recognised by: a float's bits, a histogram's fingerprint.
    pub(crate) fn value_bits(&self) -> u64 {
        self.extra
            .as_ref()
            .map_or_else(|| self.open.value_bits(), |extra| extra.value_bits())
    }

    /// Drops the open chunk.
    pub(crate) fn drop_open(&mut self) {
        self.open = XorAppender::default();
        self.extra = None;
    }

    /// Adds a sample that is later than all others; returns whether it begins a chunk that is not the first one.
    #[inline]
    pub(crate) fn push(&mut self, timestamp_ms: i64, value: f64) -> bool {
        if self.extra.is_some() {
            return self.push_behind_extra(timestamp_ms, 0, value);
        }
        if self.open.sample_count() > 0 && self.is_full_before(timestamp_ms) {
            self.seal();
        }
        let mut is_next_chunk = false;
        if self.open.sample_count() == 0 {
            self.open_start_ms = timestamp_ms;
            self.open_planned_end_ms = range_end_ms(timestamp_ms, BLOCK_RANGE_MS);
            is_next_chunk = !self.sealed.is_empty();
        }
        self.open.push(timestamp_ms, value);
        is_next_chunk
    }

    /// Adds a sample that started to count at `start_ms` (0: not known) and is later than all others; returns whether it
    /// begins a chunk that is not the first one.
    pub(crate) fn push_started(&mut self, timestamp_ms: i64, start_ms: i64, value: f64) -> bool {
        if start_ms == 0 {
            return self.push(timestamp_ms, value);
        }
        self.push_behind_extra(timestamp_ms, start_ms, value)
    }

    #[cold]
    fn push_behind_extra(&mut self, timestamp_ms: i64, start_ms: i64, value: f64) -> bool {
        if let Some(extra) = &mut self.extra
            && extra.push_float(timestamp_ms, start_ms, value) == Pushed::Added
        {
            return false;
        }
        let is_next_chunk = self.seal();
        if start_ms == 0 {
            self.push(timestamp_ms, value);
        } else {
            let extra = OpenExtra::with_float(timestamp_ms, start_ms, value);
            self.extra = Some(Box::new(extra));
        }
        is_next_chunk
    }

    /// Adds a histogram that started to count at `start_ms` (0: not known) and is later than all other samples; returns whether
    /// it begins a chunk that is not the first one.
    pub(crate) fn push_histogram(
        &mut self,
        timestamp_ms: i64,
        start_ms: i64,
        value: HistogramValue<'_>,
    ) -> bool {
        let mut reset = ResetHint::Unknown;
        if let Some(extra) = &mut self.extra {
            match extra.push_histogram(timestamp_ms, start_ms, value) {
                Pushed::Added => return false,
                Pushed::NeedsNewChunk(found) => reset = found,
            }
        }
        let is_next_chunk = self.seal();
        let extra = OpenExtra::with_histogram(timestamp_ms, start_ms, value, reset);
        self.extra = Some(Box::new(extra));
        is_next_chunk
    }

    /// Goes on with an open chunk of floats whose samples are `floats`, all of them later than those of the full chunks.
    pub(crate) fn resume_floats(&mut self, open: XorAppender, floats: &FloatColumns) {
        let times_ms = &floats.timestamps_ms;
        let Some(&start_ms) = times_ms.first() else {
            return;
        };
        self.open_start_ms = start_ms;
        self.open_planned_end_ms = range_end_ms(start_ms, BLOCK_RANGE_MS);
        // Planned when the next sample came.
        let planned = usize::from(PLANNED_SAMPLES);
        if let Some(&end_ms) = times_ms.get(planned - 1)
            && times_ms.len() > planned
        {
            self.open_planned_end_ms = plan_end_of_floats(&OpenChunk {
                start_ms,
                end_ms,
                sample_count: PLANNED_SAMPLES,
                size_bytes: 0,
                planned_end_ms: self.open_planned_end_ms,
            });
        }
        self.open = open;
    }

    /// Goes on with an open chunk of anything else, later than the full chunks.
    pub(crate) fn resume_extra(&mut self, extra: OpenExtra) {
        self.extra = Some(Box::new(extra));
    }

    /// Adds full chunks from files, ascending by time, and returns how many found no room because they overlap others.
    pub(crate) fn attach(&mut self, chunks: Vec<SealedChunk>) -> usize {
        let mut left_out = 0;
        for chunk in chunks {
            if self
                .open_range()
                .is_some_and(|(_, end_ms)| end_ms < chunk.start_ms)
            {
                self.seal();
            }
            let index = self
                .sealed
                .partition_point(|other| other.end_ms() < chunk.start_ms);
            let next_start_ms = match self.sealed.get(index) {
                Some(next) => Some(next.start_ms),
                None => self.open_range().map(|(start_ms, _)| start_ms),
            };
            if next_start_ms.is_none_or(|start_ms| chunk.end_ms() < start_ms) {
                self.sealed.insert(index, chunk);
            } else {
                left_out += 1;
            }
        }
        self.sealed.shrink_to_fit();
        left_out
    }

    /// Says what the newest sample is recognised by when it is in a full chunk.
    pub(crate) fn set_value_bits(&mut self, value_bits: u64) {
        self.open.set_value_bits(value_bits);
    }

    /// Memory beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunks: usize = self.sealed.iter().map(SealedChunk::heap_bytes).sum();
        let extra = self.extra.as_ref().map_or(0, |extra| extra.heap_bytes());
        self.open.heap_bytes() + extra + self.sealed.capacity() * size_of::<SealedChunk>() + chunks
    }

    #[inline]
    fn is_full_before(&mut self, timestamp_ms: i64) -> bool {
        if self.open.sample_count() == PLANNED_SAMPLES {
            self.open_planned_end_ms = plan_end_of_floats(&self.open_chunk());
        }
        is_full_of_floats(&self.open_chunk(), timestamp_ms)
    }

    #[inline]
    fn open_chunk(&self) -> OpenChunk {
        OpenChunk {
            start_ms: self.open_start_ms,
            end_ms: self.open.end_ms(),
            sample_count: self.open.sample_count(),
            size_bytes: self.open.size_bytes(),
            planned_end_ms: self.open_planned_end_ms,
        }
    }

    /// Ends the open chunk, if there is one, and returns whether there are full ones now.
    #[cold]
    fn seal(&mut self) -> bool {
        if let Some(range) = self.open_range() {
            let mut bytes = Vec::with_capacity(self.open.size_bytes());
            let encoding = self.write_open(&mut bytes);
            let length = bytes.len();
            let data = SealedData::Memory(bytes.into());
            self.sealed
                .extend(SealedChunk::new(range, encoding, length, data));
            self.open.clear();
            self.extra = None;
        }
        !self.sealed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::SampleBuffer;

    use super::*;
    use crate::chunk::Encoding;
    use crate::chunk::cut::TARGET_BYTES;

    fn bytes(chunk: &SealedChunk) -> &[u8] {
        match &chunk.data {
            SealedData::Memory(bytes) => bytes,
            SealedData::Mapped(_) => &[],
        }
    }

    fn chunk_lengths(series: &Series) -> Vec<usize> {
        let mut lengths = Vec::new();
        for chunk in &series.sealed {
            let mut samples = SampleBuffer::new();
            Encoding::Xor.decode(bytes(chunk), &mut samples).unwrap();
            let floats = samples.floats;
            assert_eq!(floats.timestamps_ms.first(), Some(&chunk.start_ms));
            assert_eq!(floats.timestamps_ms.last(), Some(&chunk.end_ms()));
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
            series.push(number * BLOCK_RANGE_MS / 2, 1.0);
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
                .all(|chunk| bytes(chunk).len() <= TARGET_BYTES)
        );
    }
}
