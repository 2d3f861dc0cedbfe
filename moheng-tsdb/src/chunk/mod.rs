//! Compressed chunks of samples, pure: bytes in, columns out.

mod bits;
mod xor;

use moheng_metrics::FloatColumns;
use thiserror::Error;

pub(crate) use xor::XorAppender;

/// How the bytes of a chunk are encoded; the numbers are those on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Encoding {
    /// Floats: delta of delta of timestamps, XOR of values.
    Xor = 1,
}

impl Encoding {
    /// Appends all samples of a chunk to `floats`, or leaves it as it was.
    pub(crate) fn decode(self, chunk: &[u8], floats: &mut FloatColumns) -> Result<(), ChunkError> {
        match self {
            Self::Xor => xor::decode(chunk, floats),
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
}
