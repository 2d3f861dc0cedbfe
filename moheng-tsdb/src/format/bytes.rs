//! A checked reader over bytes, and the integer encodings the formats use.

use thiserror::Error;

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum DecodeError {
    /// The bytes end in the middle of something.
    #[error("unexpected end of data")]
    UnexpectedEnd,
    /// A variable-length integer does not fit 64 bits.
    #[error("integer does not fit 64 bits")]
    IntegerOverflow,
    /// A text is not UTF-8.
    #[error("text is not UTF-8")]
    InvalidText,
    /// A value that nothing valid contains.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Reads from the front of a byte slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteReader<'a> {
    rest: &'a [u8],
}

impl<'a> ByteReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(DecodeError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Four bytes, most significant first.
    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<4>()
            .ok_or(DecodeError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    /// Eight bytes, most significant first.
    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<8>()
            .ok_or(DecodeError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(u64::from_be_bytes(*taken))
    }

    /// An unsigned integer in groups of seven bits, least significant first.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        if let Some((&first, rest)) = self.rest.split_first()
            && first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(DecodeError::IntegerOverflow);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::IntegerOverflow)
    }

    /// A signed integer, zig-zag mapped to an unsigned one.
    #[inline]
    pub(crate) fn signed_varint(&mut self) -> Result<i64, DecodeError> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A text with its length in front.
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = usize::try_from(self.varint()?).map_err(|_| DecodeError::UnexpectedEnd)?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| DecodeError::InvalidText)
    }
}

/// Writes what [`ByteReader::varint`] reads.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes what [`ByteReader::signed_varint`] reads.
#[inline]
pub(crate) fn put_signed_varint(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Writes what [`ByteReader::text`] reads.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip() {
        for value in [0, 1, 63, 64, 127, 128, 300, 1 << 35, i64::MAX] {
            for value in [value, -value, -value - 1] {
                let mut out = Vec::new();
                put_signed_varint(&mut out, value);
                put_varint(&mut out, value as u64);
                let mut reader = ByteReader::new(&out);
                assert_eq!(reader.signed_varint(), Ok(value));
                assert_eq!(reader.varint(), Ok(value as u64));
                assert!(reader.is_empty());
            }
        }
    }

    #[test]
    fn layout_is_the_documented_one() {
        let mut out = Vec::new();
        put_varint(&mut out, 300);
        put_signed_varint(&mut out, -1);
        put_signed_varint(&mut out, 1);
        put_bytes(&mut out, b"ab");
        assert_eq!(out, [0xac, 0x02, 1, 2, 2, b'a', b'b']);
    }

    #[test]
    fn bad_input_is_refused() {
        let end = Err(DecodeError::UnexpectedEnd);
        assert_eq!(ByteReader::new(&[0x80]).varint(), end);
        assert_eq!(ByteReader::new(&[]).varint(), end);
        assert_eq!(ByteReader::new(&[1, 2, 3]).u64(), end);
        assert_eq!(
            ByteReader::new(&[0xff; 11]).varint(),
            Err(DecodeError::IntegerOverflow)
        );
        let mut largest = [0xff; 10];
        largest[9] = 1;
        assert_eq!(ByteReader::new(&largest).varint(), Ok(u64::MAX));
        largest[9] = 2;
        assert_eq!(
            ByteReader::new(&largest).varint(),
            Err(DecodeError::IntegerOverflow)
        );
        assert_eq!(
            ByteReader::new(&[5, b'a']).text(),
            Err(DecodeError::UnexpectedEnd)
        );
        assert_eq!(ByteReader::new(&[1, 0xff]).text(), Err(DecodeError::InvalidText));
    }
}
