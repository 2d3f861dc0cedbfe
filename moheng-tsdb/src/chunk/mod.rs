//! Compressed chunks of samples, pure: bytes in, columns out.
//!
//! * floats: [`XorAppender`], which everything reads, and [`Xor2Appender`], which has start timestamps;
//! * histograms: [`HistogramAppender`] of either count, with start timestamps or without;
//! * [`Encoding::decode`] reads all of them;
//! * [`cut`] says when a chunk is ended.

mod bits;
pub(crate) mod cut;
mod histogram;
mod histogram_count;
mod histogram_decoder;
mod histogram_layout;
mod start_time;
mod varbit;
mod window;
mod xor;
mod xor2;

use moheng_metrics::SampleBuffer;
use thiserror::Error;

pub(crate) use histogram::{Fit, HistogramAppender, fingerprint};
pub(crate) use histogram_count::Count;
pub(crate) use histogram_decoder::HistogramDecoder;
pub(crate) use xor::XorAppender;
pub(crate) use xor2::Xor2Appender;

/// How the bytes of a chunk are encoded; the numbers are those on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Encoding {
    /// Floats: delta of delta of timestamps, XOR of values.
    Xor = 1,
    /// Integer histograms.
    Histogram = 2,
    /// Float histograms.
    FloatHistogram = 3,
    /// Floats, denser, with start timestamps.
    Xor2 = 4,
    /// Integer histograms with start timestamps.
    HistogramWithStarts = 5,
    /// Float histograms with start timestamps.
    FloatHistogramWithStarts = 6,
}

impl Encoding {
    /// The encoding with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Xor,
            2 => Self::Histogram,
            3 => Self::FloatHistogram,
            4 => Self::Xor2,
            5 => Self::HistogramWithStarts,
            6 => Self::FloatHistogramWithStarts,
            _ => return None,
        })
    }

    /// The number on disk.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// Whether the samples are histograms.
    pub(crate) fn is_histogram(self) -> bool {
        !matches!(self, Self::Xor | Self::Xor2)
    }

    /// Whether there is room for start timestamps.
    pub(crate) fn has_starts(self) -> bool {
        matches!(
            self,
            Self::Xor2 | Self::HistogramWithStarts | Self::FloatHistogramWithStarts
        )
    }

    /// How many samples a chunk says it has.
    pub(crate) fn sample_count(self, chunk: &[u8]) -> Result<u16, ChunkError> {
        let bytes = chunk.first_chunk().ok_or(ChunkError::UnexpectedEnd)?;
        let count = u16::from_be_bytes(*bytes);
        Ok(match self {
            Self::HistogramWithStarts | Self::FloatHistogramWithStarts => {
                count & histogram::STARTS_COUNT_MASK
            }
            Self::Xor | Self::Xor2 | Self::Histogram | Self::FloatHistogram => count,
        })
    }

    /// Appends all samples of a chunk to the columns of their kind, or leaves these as they were.
    pub(crate) fn decode(self, chunk: &[u8], samples: &mut SampleBuffer) -> Result<(), ChunkError> {
        let histograms = &mut samples.histograms;
        match self {
            Self::Xor => xor::decode(chunk, &mut samples.floats),
            Self::Xor2 => xor2::decode(chunk, &mut samples.floats),
            Self::Histogram | Self::HistogramWithStarts => {
                histogram_decoder::decode::<u64>(chunk, self.has_starts(), histograms)
            }
            Self::FloatHistogram | Self::FloatHistogramWithStarts => {
                histogram_decoder::decode::<f64>(chunk, self.has_starts(), histograms)
            }
        }
    }
}

/// Why a chunk could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ChunkError {
    /// The bytes end before the last sample.
    #[error("chunk ends before its last sample")]
    UnexpectedEnd,
    /// A value claims more than 64 bits.
    #[error("chunk holds an impossible bit width")]
    InvalidWidth,
    /// The schema or the spans are not ones a histogram can have.
    #[error("chunk holds an impossible histogram layout")]
    InvalidLayout,
    /// The timestamps do not ascend, or are not those that the chunk is said to have.
    #[error("chunk holds impossible timestamps")]
    InvalidTimes,
}
