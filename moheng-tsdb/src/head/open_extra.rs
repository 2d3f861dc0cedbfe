//! [`OpenExtra`]: an open chunk of histograms, or of floats with start timestamps. Most series never have one.

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::{HistogramValue, SampleBuffer};

use super::series::BLOCK_RANGE_MS;
use crate::chunk::cut::{
    OpenChunk, TARGET_BYTES, TARGET_SAMPLES, is_full_of_histograms, plan_end_of_histograms, range_end_ms,
};
use crate::chunk::{ChunkError, Encoding, Fit, HistogramAppender, Xor2Appender, fingerprint};

/// An open chunk with at least one sample.
#[derive(Debug)]
pub(crate) struct OpenExtra {
    chunk: ExtraChunk,
    start_ms: i64,
    range_end_ms: i64,
    /// Once it was predicted.
    planned_end_ms: Option<i64>,
    /// Of the newest sample: a float's bits, a histogram's fingerprint.
    value_bits: u64,
}

#[derive(Debug)]
enum ExtraChunk {
    Floats(Xor2Appender),
    Integers(HistogramAppender<u64>),
    FloatHistograms(HistogramAppender<f64>),
}

/// Whether a sample went into a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Added,
    /// It needs a new chunk; a histogram one that begins with this header.
    NeedsNewChunk(ResetHint),
}

/// What a sample is checked against when it is appended twice.
pub(crate) fn value_bits(value: HistogramValue<'_>) -> u64 {
    match value {
        HistogramValue::Integer(histogram) => fingerprint(histogram),
        HistogramValue::Float(histogram) => fingerprint(histogram),
    }
}

impl OpenExtra {
    /// A chunk with one float.
    pub(crate) fn with_float(timestamp_ms: i64, sample_start_ms: i64, value: f64) -> Self {
        let mut appender = Xor2Appender::default();
        appender.push(timestamp_ms, sample_start_ms, value);
        Self::new(ExtraChunk::Floats(appender), timestamp_ms, value.to_bits())
    }

    /// A chunk with one histogram that begins with this header.
    pub(crate) fn with_histogram(
        timestamp_ms: i64,
        sample_start_ms: i64,
        value: HistogramValue<'_>,
        reset: ResetHint,
    ) -> Self {
        let has_starts = sample_start_ms != 0;
        let chunk = match value {
            HistogramValue::Integer(histogram) => {
                let mut appender = HistogramAppender::new(reset, has_starts);
                appender.push(timestamp_ms, sample_start_ms, histogram);
                ExtraChunk::Integers(appender)
            }
            HistogramValue::Float(histogram) => {
                let mut appender = HistogramAppender::new(reset, has_starts);
                appender.push(timestamp_ms, sample_start_ms, histogram);
                ExtraChunk::FloatHistograms(appender)
            }
        };
        Self::new(chunk, timestamp_ms, value_bits(value))
    }

    /// Goes on with a chunk of anything but floats without start timestamps; `value_bits` are those of its newest sample.
    pub(crate) fn resume(
        encoding: Encoding,
        chunk: &[u8],
        (start_ms, value_bits): (i64, u64),
    ) -> Result<Self, ChunkError> {
        let has_starts = encoding.has_starts();
        let chunk = match encoding {
            Encoding::Xor | Encoding::Xor2 => {
                let mut samples = SampleBuffer::new();
                encoding.decode(chunk, &mut samples)?;
                let floats = &samples.floats;
                let mut appender = Xor2Appender::default();
                for (index, (&timestamp_ms, &value)) in
                    floats.timestamps_ms.iter().zip(&floats.values).enumerate()
                {
                    appender.push(timestamp_ms, floats.start_timestamp_ms(index), value);
                }
                ExtraChunk::Floats(appender)
            }
            Encoding::Histogram | Encoding::HistogramWithStarts => {
                ExtraChunk::Integers(HistogramAppender::resume(chunk, has_starts)?)
            }
            Encoding::FloatHistogram | Encoding::FloatHistogramWithStarts => {
                ExtraChunk::FloatHistograms(HistogramAppender::resume(chunk, has_starts)?)
            }
        };
        Ok(Self::new(chunk, start_ms, value_bits))
    }

    fn new(chunk: ExtraChunk, start_ms: i64, value_bits: u64) -> Self {
        Self {
            chunk,
            start_ms,
            range_end_ms: range_end_ms(start_ms, BLOCK_RANGE_MS),
            planned_end_ms: None,
            value_bits,
        }
    }

    pub(crate) fn encoding(&self) -> Encoding {
        match &self.chunk {
            ExtraChunk::Floats(_) => Encoding::Xor2,
            ExtraChunk::Integers(appender) if appender.has_starts() => Encoding::HistogramWithStarts,
            ExtraChunk::Integers(_) => Encoding::Histogram,
            ExtraChunk::FloatHistograms(appender) if appender.has_starts() => {
                Encoding::FloatHistogramWithStarts
            }
            ExtraChunk::FloatHistograms(_) => Encoding::FloatHistogram,
        }
    }

    /// Appends the chunk to `out`.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        match &self.chunk {
            ExtraChunk::Floats(appender) => appender.write_to(out),
            ExtraChunk::Integers(appender) => appender.write_to(out),
            ExtraChunk::FloatHistograms(appender) => appender.write_to(out),
        }
    }

    /// The first and the last timestamp.
    pub(crate) fn range(&self) -> (i64, i64) {
        let end_ms = match &self.chunk {
            ExtraChunk::Floats(appender) => appender.end_ms(),
            ExtraChunk::Integers(appender) => appender.end_ms(),
            ExtraChunk::FloatHistograms(appender) => appender.end_ms(),
        };
        (self.start_ms, end_ms)
    }

    pub(crate) fn value_bits(&self) -> u64 {
        self.value_bits
    }

    pub(crate) fn size_bytes(&self) -> usize {
        match &self.chunk {
            ExtraChunk::Floats(appender) => appender.size_bytes(),
            ExtraChunk::Integers(appender) => appender.size_bytes(),
            ExtraChunk::FloatHistograms(appender) => appender.size_bytes(),
        }
    }

    /// Memory, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunk = match &self.chunk {
            ExtraChunk::Floats(appender) => appender.heap_bytes(),
            ExtraChunk::Integers(appender) => appender.heap_bytes(),
            ExtraChunk::FloatHistograms(appender) => appender.heap_bytes(),
        };
        chunk + size_of::<Self>()
    }

    fn sample_count(&self) -> u16 {
        match &self.chunk {
            ExtraChunk::Floats(appender) => appender.sample_count(),
            ExtraChunk::Integers(appender) => appender.sample_count(),
            ExtraChunk::FloatHistograms(appender) => appender.sample_count(),
        }
    }

    /// Adds a float to a chunk of floats that is not full.
    pub(crate) fn push_float(&mut self, timestamp_ms: i64, sample_start_ms: i64, value: f64) -> Pushed {
        let is_full = self.sample_count() >= TARGET_SAMPLES
            || self.size_bytes() >= TARGET_BYTES
            || timestamp_ms >= self.range_end_ms;
        match &mut self.chunk {
            ExtraChunk::Floats(appender) if !is_full => {
                appender.push(timestamp_ms, sample_start_ms, value);
                self.value_bits = value.to_bits();
                Pushed::Added
            }
            _ => Pushed::NeedsNewChunk(ResetHint::Unknown),
        }
    }

    /// Adds a histogram to a chunk of histograms of its kind that is not full and that it fits into.
    pub(crate) fn push_histogram(
        &mut self,
        timestamp_ms: i64,
        sample_start_ms: i64,
        value: HistogramValue<'_>,
    ) -> Pushed {
        let is_full = self.is_full_of_histograms(timestamp_ms);
        let pushed = match (&mut self.chunk, value) {
            (ExtraChunk::Integers(appender), HistogramValue::Integer(histogram)) => {
                push(appender, (timestamp_ms, sample_start_ms), histogram, is_full)
            }
            (ExtraChunk::FloatHistograms(appender), HistogramValue::Float(histogram)) => {
                push(appender, (timestamp_ms, sample_start_ms), histogram, is_full)
            }
            _ => Pushed::NeedsNewChunk(ResetHint::Unknown),
        };
        if pushed == Pushed::Added {
            self.value_bits = value_bits(value);
        }
        pushed
    }

    fn is_full_of_histograms(&mut self, timestamp_ms: i64) -> bool {
        let (start_ms, end_ms) = self.range();
        let mut chunk = OpenChunk {
            start_ms,
            end_ms,
            sample_count: self.sample_count(),
            size_bytes: self.size_bytes(),
            planned_end_ms: self.planned_end_ms.unwrap_or(self.range_end_ms),
        };
        if self.planned_end_ms.is_none() {
            self.planned_end_ms = plan_end_of_histograms(&chunk);
            chunk.planned_end_ms = self.planned_end_ms.unwrap_or(self.range_end_ms);
        }
        is_full_of_histograms(&chunk, timestamp_ms, self.range_end_ms)
    }
}

fn push<C: crate::chunk::Count>(
    appender: &mut HistogramAppender<C>,
    (timestamp_ms, sample_start_ms): (i64, i64),
    histogram: &moheng_metrics::histogram::NativeHistogram<C>,
    is_full: bool,
) -> Pushed {
    let has_no_room = is_full || sample_start_ms != 0 && !appender.has_starts();
    if !has_no_room && appender.push(timestamp_ms, sample_start_ms, histogram) {
        return Pushed::Added;
    }
    Pushed::NeedsNewChunk(match appender.fit(histogram) {
        Fit::NewChunk(reset) => reset,
        Fit::Fits | Fit::Narrower | Fit::Wider(_) => ResetHint::NotReset,
    })
}
