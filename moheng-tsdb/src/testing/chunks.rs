//! Chunks of every encoding.

use moheng_metrics::SampleBuffer;
use moheng_metrics::histogram::{FloatHistogram, IntegerHistogram, ResetHint};

use crate::chunk::{Count, Encoding, Fit, HistogramAppender, Xor2Appender, XorAppender};

/// How the bytes of a chunk are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkEncoding {
    /// Floats.
    Xor,
    /// Integer histograms.
    Histogram,
    /// Float histograms.
    FloatHistogram,
    /// Floats with start timestamps.
    Xor2,
    /// Integer histograms with start timestamps.
    HistogramWithStarts,
    /// Float histograms with start timestamps.
    FloatHistogramWithStarts,
}

impl ChunkEncoding {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Xor,
        Self::Histogram,
        Self::FloatHistogram,
        Self::Xor2,
        Self::HistogramWithStarts,
        Self::FloatHistogramWithStarts,
    ];

    fn encoding(self) -> Encoding {
        match self {
            Self::Xor => Encoding::Xor,
            Self::Histogram => Encoding::Histogram,
            Self::FloatHistogram => Encoding::FloatHistogram,
            Self::Xor2 => Encoding::Xor2,
            Self::HistogramWithStarts => Encoding::HistogramWithStarts,
            Self::FloatHistogramWithStarts => Encoding::FloatHistogramWithStarts,
        }
    }

    /// The number on disk.
    pub fn code(self) -> u8 {
        self.encoding().code()
    }
}

/// Builds chunks of one encoding.
#[derive(Clone, Debug)]
pub struct ChunkBuilder {
    appender: Appender,
}

#[derive(Clone, Debug)]
enum Appender {
    Xor(XorAppender),
    Xor2(Xor2Appender),
    Integer(HistogramAppender<u64>),
    Float(HistogramAppender<f64>),
}

impl Default for ChunkBuilder {
    fn default() -> Self {
        Self::new(ChunkEncoding::Xor)
    }
}

impl ChunkBuilder {
    /// An empty chunk.
    pub fn new(encoding: ChunkEncoding) -> Self {
        let has_starts = encoding.encoding().has_starts();
        let appender = match encoding {
            ChunkEncoding::Xor => Appender::Xor(XorAppender::default()),
            ChunkEncoding::Xor2 => Appender::Xor2(Xor2Appender::default()),
            ChunkEncoding::Histogram | ChunkEncoding::HistogramWithStarts => {
                Appender::Integer(HistogramAppender::new(ResetHint::Unknown, has_starts))
            }
            ChunkEncoding::FloatHistogram | ChunkEncoding::FloatHistogramWithStarts => {
                Appender::Float(HistogramAppender::new(ResetHint::Unknown, has_starts))
            }
        };
        Self { appender }
    }

    /// Adds a float, later than the sample before; at most 65535. Chunks of histograms ignore it.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.push_with_start(timestamp_ms, 0, value);
    }

    /// Adds a float that started to count at `start_ms` (0: not known), later than the sample before; at most 65535.
    /// Chunks of histograms ignore it, XOR chunks the start.
    #[inline]
    pub fn push_with_start(&mut self, timestamp_ms: i64, start_ms: i64, value: f64) {
        match &mut self.appender {
            Appender::Xor(appender) => appender.push(timestamp_ms, value),
            Appender::Xor2(appender) => appender.push(timestamp_ms, start_ms, value),
            Appender::Integer(_) | Appender::Float(_) => {}
        }
    }

    /// Adds an integer histogram, later than the sample before; `false` when it needs a new chunk, which
    /// [`ChunkBuilder::restart`] begins.
    pub fn push_integer(&mut self, timestamp_ms: i64, start_ms: i64, histogram: &IntegerHistogram) -> bool {
        match &mut self.appender {
            Appender::Integer(appender) => appender.push(timestamp_ms, start_ms, histogram),
            _ => false,
        }
    }

    /// Adds a float histogram, later than the sample before; `false` when it needs a new chunk, which
    /// [`ChunkBuilder::restart`] begins.
    pub fn push_float(&mut self, timestamp_ms: i64, start_ms: i64, histogram: &FloatHistogram) -> bool {
        match &mut self.appender {
            Appender::Float(appender) => appender.push(timestamp_ms, start_ms, histogram),
            _ => false,
        }
    }

    /// Starts the chunk that an integer histogram needs which was refused.
    pub fn restart(&mut self, next: &IntegerHistogram) {
        if let Appender::Integer(appender) = &mut self.appender {
            restart(appender, next);
        }
    }

    /// Appends the chunk to `out`.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match &self.appender {
            Appender::Xor(appender) => appender.write_to(out),
            Appender::Xor2(appender) => appender.write_to(out),
            Appender::Integer(appender) => appender.write_to(out),
            Appender::Float(appender) => appender.write_to(out),
        }
    }

    /// Starts the next chunk.
    pub fn clear(&mut self) {
        match &mut self.appender {
            Appender::Xor(appender) => appender.clear(),
            Appender::Xor2(appender) => appender.clear(),
            Appender::Integer(appender) => appender.restart(ResetHint::Unknown),
            Appender::Float(appender) => appender.restart(ResetHint::Unknown),
        }
    }
}

fn restart<C: Count>(
    appender: &mut HistogramAppender<C>,
    next: &moheng_metrics::histogram::NativeHistogram<C>,
) {
    let reset = match appender.fit(next) {
        Fit::NewChunk(reset) => reset,
        Fit::Fits | Fit::Narrower | Fit::Wider(_) => ResetHint::Unknown,
    };
    appender.restart(reset);
}

/// Appends the samples of a chunk; `false` when it is damaged, and then nothing was appended.
#[inline]
pub fn decode_chunk(encoding: ChunkEncoding, chunk: &[u8], samples: &mut SampleBuffer) -> bool {
    encoding.encoding().decode(chunk, samples).is_ok()
}
