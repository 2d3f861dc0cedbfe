//! Snappy's block format, which carries remote write and remote read.

use thiserror::Error;

/// A block states its decoded length in 32 bits.
const MAX_BLOCK_BYTES: u64 = u32::MAX as u64;

/// No element of a block gives more bytes than this for each of its own: a copy of 64 bytes takes three.
const MAX_EXPANSION: usize = 22;

/// Why a block was not decoded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnappyError {
    /// The block says that it decodes to more than is accepted. Nothing was allocated for it.
    #[error("snappy block decodes to {decoded_bytes} bytes, more than the limit of {max_decoded_bytes}")]
    TooLarge {
        /// What the block says.
        decoded_bytes: u64,
        /// What is accepted.
        max_decoded_bytes: usize,
    },
    /// The block is damaged, cut, or not one.
    #[error("invalid snappy block: {0}")]
    Invalid(
        /// What is wrong.
        String,
    ),
}

/// Decodes a block, unless it decodes to more than `max_decoded_bytes`.
///
/// The length that the block claims is checked before anything is allocated: against the limit, and against what a block of
/// this size can decode to at all, so that a few bytes never claim much memory.
///
/// # Errors
///
/// [`SnappyError`].
///
/// ```
/// use moheng_metrics::{decode_snappy, encode_snappy};
///
/// let block = encode_snappy(&[7; 1000]).unwrap();
/// assert!(block.len() < 60);
/// assert_eq!(decode_snappy(&block, 1000).unwrap(), [7; 1000]);
/// assert_eq!(
///     decode_snappy(&block, 999).unwrap_err().to_string(),
///     "snappy block decodes to 1000 bytes, more than the limit of 999"
/// );
/// ```
pub fn decode_snappy(block: &[u8], max_decoded_bytes: usize) -> Result<Vec<u8>, SnappyError> {
    let mut decoded = Vec::new();
    decode_snappy_into(block, max_decoded_bytes, &mut decoded)?;
    Ok(decoded)
}

/// [`decode_snappy`] into a buffer that is reused: what it held is replaced.
///
/// # Errors
///
/// [`SnappyError`]; the buffer is then empty.
pub fn decode_snappy_into(
    block: &[u8],
    max_decoded_bytes: usize,
    decoded: &mut Vec<u8>,
) -> Result<(), SnappyError> {
    decoded.clear();
    let length = snap::raw::decompress_len(block).map_err(invalid)?;
    if length > max_decoded_bytes {
        return Err(SnappyError::TooLarge {
            decoded_bytes: length as u64,
            max_decoded_bytes,
        });
    }
    if length > block.len().saturating_mul(MAX_EXPANSION) {
        let message = format!("{} bytes cannot decode to {length}", block.len());
        return Err(SnappyError::Invalid(message));
    }
    decoded.resize(length, 0);
    match snap::raw::Decoder::new().decompress(block, decoded) {
        Ok(written) => {
            decoded.truncate(written);
            Ok(())
        }
        Err(error) => {
            decoded.clear();
            Err(invalid(error))
        }
    }
}

/// Encodes bytes as one block.
///
/// # Errors
///
/// [`SnappyError::TooLarge`] when there are 4 GiB or more, which a block cannot hold.
pub fn encode_snappy(bytes: &[u8]) -> Result<Vec<u8>, SnappyError> {
    let mut block = Vec::new();
    encode_snappy_into(bytes, &mut block)?;
    Ok(block)
}

/// [`encode_snappy`] into a buffer that is reused: what it held is replaced.
///
/// # Errors
///
/// As [`encode_snappy`]; the buffer is then empty.
pub fn encode_snappy_into(bytes: &[u8], block: &mut Vec<u8>) -> Result<(), SnappyError> {
    block.clear();
    let max_length = snap::raw::max_compress_len(bytes.len());
    let too_large = SnappyError::TooLarge {
        decoded_bytes: bytes.len() as u64,
        max_decoded_bytes: MAX_BLOCK_BYTES as usize,
    };
    if max_length == 0 {
        return Err(too_large);
    }
    block.resize(max_length, 0);
    if let Ok(written) = snap::raw::Encoder::new().compress(bytes, block) {
        block.truncate(written);
        Ok(())
    } else {
        block.clear();
        Err(too_large)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: snap::Error) -> SnappyError {
    SnappyError::Invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for bytes in [vec![], vec![1], vec![0; 100_000], (0..=255).collect::<Vec<u8>>()] {
            let block = encode_snappy(&bytes).unwrap();
            assert_eq!(decode_snappy(&block, bytes.len()).as_ref(), Ok(&bytes));
        }
    }

    #[test]
    fn nothing_expands_beyond_the_format() {
        let block = encode_snappy(&vec![0; 1 << 20]).unwrap();
        assert!(block.len() * MAX_EXPANSION > 1 << 20);
        assert_eq!(
            decode_snappy(&block, 1 << 20).map(|bytes| bytes.len()),
            Ok(1 << 20)
        );
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        #[track_caller]
        fn check(block: &[u8], expected: &str) {
            let error = decode_snappy(block, 32 << 20).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        check(
            b"\xff\xff\xff\xff\x0f\x00",
            "snappy block decodes to 4294967295 bytes, more than the limit of 33554432",
        );
        check(
            b"\x80\x80\x80\x0f\x00",
            "invalid snappy block: 5 bytes cannot decode to 31457280",
        );
        let whole = encode_snappy(b"remote write, remote write, remote write").unwrap();
        for end in 0..whole.len() {
            assert!(matches!(
                decode_snappy(&whole[..end], 1 << 20),
                Err(SnappyError::Invalid(_))
            ));
        }
        assert!(decode_snappy(b"\xff\xff\xff\xff\xff\xff", 1 << 20).is_err());
    }
}
