//! Frames: messages in a stream, each with its length and checksum in front.

use thiserror::Error;

use crate::protobuf::Writer;

/// The most bytes of a message that Prometheus accepts as a client; as a server it sends about 1 MiB at once.
pub const MAX_FRAME_BYTES: usize = 50_000_000;

const MAX_LENGTH_BYTES: usize = 10;
const CHECKSUM_BYTES: usize = 4;

/// Why a frame cannot be read. The stream is of no more use then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame says that it is longer than is accepted.
    #[error("frame of {length_bytes} bytes is longer than the limit of {max_bytes}")]
    TooLarge {
        /// What the frame says.
        length_bytes: u64,
        /// What is accepted.
        max_bytes: usize,
    },
    /// What should be a length is none.
    #[error("frame has no valid length")]
    Length,
    /// The message is not the one that was sent.
    #[error("frame has checksum {computed:08x}, but states {stated:08x}")]
    Checksum {
        /// What the frame says.
        stated: u32,
        /// What it should say, going by its message.
        computed: u32,
    },
}

/// Takes the first frame off `stream`: its message, and the number of bytes that the frame takes. `None` when more bytes
/// are needed, or when there are none.
///
/// # Errors
///
/// [`FrameError`]; a frame that is longer than `max_bytes` is refused as soon as its length is there.
pub fn read_frame(stream: &[u8], max_bytes: usize) -> Result<Option<(&[u8], usize)>, FrameError> {
    let Some((length, length_bytes)) = read_length(stream)? else {
        return Ok(None);
    };
    let length = match usize::try_from(length) {
        Ok(length) if length <= max_bytes => length,
        _ => {
            let length_bytes = length;
            return Err(FrameError::TooLarge {
                length_bytes,
                max_bytes,
            });
        }
    };
    let rest = stream.get(length_bytes..).unwrap_or_default();
    let Some((checksum, rest)) = rest.split_first_chunk::<CHECKSUM_BYTES>() else {
        return Ok(None);
    };
    let Some(message) = rest.get(..length) else {
        return Ok(None);
    };
    let stated = u32::from_be_bytes(*checksum);
    let computed = crc_fast::crc32_iscsi(message);
    if stated != computed {
        return Err(FrameError::Checksum { stated, computed });
    }
    Ok(Some((message, length_bytes + CHECKSUM_BYTES + length)))
}

/// Appends a frame with this message.
pub(super) fn write_frame(message: &[u8], out: &mut Vec<u8>) {
    Writer::new(out).varint(message.len() as u64);
    out.extend_from_slice(&crc_fast::crc32_iscsi(message).to_be_bytes());
    out.extend_from_slice(message);
}

/// A length and how many bytes it takes, or `None` when it goes on behind the end.
fn read_length(stream: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut length = 0_u64;
    for (index, &byte) in stream.iter().take(MAX_LENGTH_BYTES).enumerate() {
        if index == MAX_LENGTH_BYTES - 1 && byte > 1 {
            return Err(FrameError::Length);
        }
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok(Some((length, index + 1)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_pieces() {
        let messages: [&[u8]; 3] = [b"first", b"", &[7; 300]];
        let mut stream = Vec::new();
        for message in messages {
            write_frame(message, &mut stream);
        }
        let mut rest = stream.as_slice();
        for message in messages {
            let (read, taken) = read_frame(rest, 300).unwrap().expect("a whole frame");
            assert_eq!(read, message);
            for end in 0..taken {
                assert_eq!(read_frame(&rest[..end], 300), Ok(None));
            }
            rest = &rest[taken..];
        }
        assert_eq!(read_frame(rest, 300), Ok(None));
    }

    #[test]
    fn the_layout_is_fixed() {
        let mut stream = Vec::new();
        write_frame(b"123456789", &mut stream);
        assert_eq!(stream, b"\x09\xe3\x06\x92\x83123456789");
    }

    #[test]
    fn bad_frames_are_refused() {
        #[track_caller]
        fn check(stream: &[u8], expected: &str) {
            assert_eq!(read_frame(stream, 20).unwrap_err().to_string(), expected);
        }
        check(b"\x15", "frame of 21 bytes is longer than the limit of 20");
        check(
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "frame of 18446744073709551615 bytes is longer than the limit of 20",
        );
        check(
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            "frame has no valid length",
        );
        check(
            b"\x09\xe3\x06\x92\x83123456788",
            "frame has checksum 116d1180, but states e3069283",
        );
    }
}
