//! [`Reader`]: a cursor over the fields of one message, which copies nothing.

use super::{ProtobufError, ProtobufErrorKind};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// The most bytes of a varint.
const MAX_VARINT_BYTES: usize = 10;

/// The key of a field that holds a varint.
pub(crate) const fn varint(number: u32) -> u32 {
    number << 3 | VARINT
}

/// The key of a field that holds eight bytes.
pub(crate) const fn fixed64_key(number: u32) -> u32 {
    number << 3 | FIXED64
}

/// The key of a field that holds a text, a message or a packed list.
pub(crate) const fn delimited(number: u32) -> u32 {
    number << 3 | DELIMITED
}

/// The fields of a definition as a set, for [`Reader::skip`].
pub(crate) const fn known(numbers: &[u32]) -> u64 {
    let mut set = 0;
    let mut index = 0;
    while index < numbers.len() {
        set |= 1 << numbers[index];
        index += 1;
    }
    set
}

/// Undoes the zigzag form of signed numbers.
pub(crate) const fn signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// [`signed`] for fields of 32 bits.
fn signed32(value: u64) -> Option<i32> {
    u32::try_from(value)
        .ok()
        .map(|value| signed(u64::from(value)) as i32)
}

/// A number of eight bytes as a float.
fn fixed64(bytes: [u8; 8]) -> f64 {
    f64::from_le_bytes(bytes)
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` ends in the outermost message.
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
        }
    }

    /// Where the next byte lies in the outermost message.
    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[cold]
    pub(crate) fn error(&self, field: &'static str, kind: ProtobufErrorKind) -> ProtobufError {
        ProtobufError::new(self.offset(), field, kind)
    }

    /// Refuses one more than `max` of something.
    #[inline]
    pub(crate) fn check_length(
        &self,
        length: usize,
        max: usize,
        field: &'static str,
    ) -> Result<(), ProtobufError> {
        if length < max {
            Ok(())
        } else {
            Err(self.error(field, ProtobufErrorKind::TooMany(max)))
        }
    }

    /// The key of the next field, or `None` at the end of the message.
    #[inline]
    pub(crate) fn key(&mut self, message: &'static str) -> Result<Option<u32>, ProtobufError> {
        let Some((&first, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        // Field numbers 1 to 15.
        if (8..0x80).contains(&first) {
            self.rest = rest;
            return Ok(Some(u32::from(first)));
        }
        let start = *self;
        let key = self.varint(message)?;
        match u32::try_from(key) {
            Ok(key @ 8..) => Ok(Some(key)),
            _ => Err(start.error(message, ProtobufErrorKind::FieldNumber)),
        }
    }

    /// A number of variable length.
    #[inline]
    pub(crate) fn varint(&mut self, field: &'static str) -> Result<u64, ProtobufError> {
        match self.rest {
            [first @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            [first, second @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*first & 0x7f) | u64::from(*second) << 7)
            }
            _ => self.long_varint(field),
        }
    }

    fn long_varint(&mut self, field: &'static str) -> Result<u64, ProtobufError> {
        if let Some(word) = self.rest.first_chunk::<8>() {
            let word = u64::from_le_bytes(*word);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                // All bits up to the first byte without a mark.
                let groups = word & (ends ^ (ends - 1));
                let length = ends.trailing_zeros() as usize / 8 + 1;
                self.rest = self.rest.get(length..).unwrap_or_default();
                return Ok(join_groups(groups));
            }
        }
        self.slow_varint(field)
    }

    fn slow_varint(&mut self, field: &'static str) -> Result<u64, ProtobufError> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(MAX_VARINT_BYTES).enumerate() {
            // The tenth byte has room for one more bit.
            if index == MAX_VARINT_BYTES - 1 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < MAX_VARINT_BYTES {
            self.error(field, ProtobufErrorKind::Truncated)
        } else {
            self.error(field, ProtobufErrorKind::Overflow)
        })
    }

    /// A number of variable length that must fit into 32 bits.
    #[inline]
    pub(crate) fn varint32(&mut self, field: &'static str) -> Result<u32, ProtobufError> {
        let start = *self;
        let value = self.varint(field)?;
        u32::try_from(value).map_err(|_| start.error(field, ProtobufErrorKind::Overflow))
    }

    /// A 32-bit number in zigzag form.
    pub(crate) fn signed32(&mut self, field: &'static str) -> Result<i32, ProtobufError> {
        let start = *self;
        let value = self.varint(field)?;
        signed32(value).ok_or_else(|| start.error(field, ProtobufErrorKind::Overflow))
    }

    /// The number of a choice, which may be negative.
    pub(crate) fn choice(&mut self, field: &'static str) -> Result<i32, ProtobufError> {
        let start = *self;
        let value = self.varint(field)? as i64;
        i32::try_from(value).map_err(|_| start.error(field, ProtobufErrorKind::Overflow))
    }

    /// A float of eight bytes.
    #[inline]
    pub(crate) fn double(&mut self, field: &'static str) -> Result<f64, ProtobufError> {
        match self.rest.split_first_chunk::<8>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(fixed64(*bytes))
            }
            None => Err(self.error(field, ProtobufErrorKind::Truncated)),
        }
    }

    /// What is in a field that states its length.
    #[inline]
    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], ProtobufError> {
        let start = *self;
        let length = self.varint(field)?;
        match usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
        {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(start.error(field, ProtobufErrorKind::Length(length))),
        }
    }

    #[inline]
    pub(crate) fn message(&mut self, field: &'static str) -> Result<Self, ProtobufError> {
        let bytes = self.bytes(field)?;
        Ok(Self {
            rest: bytes,
            end: self.offset(),
        })
    }

    #[inline]
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, ProtobufError> {
        let message = self.message(field)?;
        std::str::from_utf8(message.rest).map_err(|error| {
            let offset = message.offset() + error.valid_up_to();
            ProtobufError::new(offset, field, ProtobufErrorKind::Utf8)
        })
    }

    /// Appends the numbers of a repeated field, of which `key` says whether they are packed.
    pub(crate) fn push_varints<T>(
        &mut self,
        key: u32,
        field: &'static str,
        out: &mut Vec<T>,
        mut convert: impl FnMut(u64) -> T,
    ) -> Result<(), ProtobufError> {
        if key & 7 == VARINT {
            out.push(convert(self.varint(field)?));
            return Ok(());
        }
        let mut packed = self.message(field)?;
        while !packed.is_empty() {
            out.push(convert(packed.varint(field)?));
        }
        Ok(())
    }

    /// [`Reader::push_varints`] for floats.
    pub(crate) fn push_doubles(
        &mut self,
        key: u32,
        field: &'static str,
        out: &mut Vec<f64>,
    ) -> Result<(), ProtobufError> {
        if key & 7 == FIXED64 {
            out.push(self.double(field)?);
            return Ok(());
        }
        let packed = self.message(field)?;
        let (numbers, rest) = packed.rest.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(packed.error(field, ProtobufErrorKind::Truncated));
        }
        out.extend(numbers.iter().copied().map(fixed64));
        Ok(())
    }

    /// Passes over a field. It must not be one of `known`, which would have been read had it the right wire type.
    pub(crate) fn skip(&mut self, key: u32, known: u64, message: &'static str) -> Result<(), ProtobufError> {
        let (number, wire_type) = (key >> 3, key & 7);
        let wrong_type = ProtobufErrorKind::WireType(wire_type as u8);
        if number < u64::BITS && known >> number & 1 == 1 {
            return Err(self.error(message, wrong_type));
        }
        match wire_type {
            VARINT => self.varint(message).map(drop),
            DELIMITED => self.bytes(message).map(drop),
            FIXED64 => self.double(message).map(drop),
            FIXED32 => match self.rest.split_first_chunk::<4>() {
                Some((_, rest)) => {
                    self.rest = rest;
                    Ok(())
                }
                None => Err(self.error(message, ProtobufErrorKind::Truncated)),
            },
            _ => Err(self.error(message, wrong_type)),
        }
    }
}

/// Puts the lower seven bits of each of eight bytes together.
const fn join_groups(word: u64) -> u64 {
    let word = word & 0x7f7f_7f7f_7f7f_7f7f;
    let word = (word & 0x007f_007f_007f_007f) | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = (word & 0x0000_3fff_0000_3fff) | (word & 0x3fff_0000_3fff_0000) >> 2;
    (word & 0x0000_0000_0fff_ffff) | (word & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use super::super::Writer;
    use super::*;

    #[test]
    fn varints_of_every_length() {
        for bits in 0..=64_u32 {
            let value = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
            for value in [value, value ^ (value >> 2), value / 3 * 2] {
                for padding in [0, 1, 9] {
                    let mut bytes = Vec::new();
                    Writer::new(&mut bytes).varint(value);
                    let length = bytes.len();
                    bytes.resize(length + padding, 0xff);
                    let mut reader = Reader::new(&bytes);
                    assert_eq!(reader.varint("n"), Ok(value), "{value:#x}");
                    assert_eq!(reader.offset(), length);
                    for end in 0..length {
                        let error = Reader::new(&bytes[..end]).varint("n").unwrap_err();
                        assert_eq!(error.kind, ProtobufErrorKind::Truncated);
                    }
                }
            }
        }
    }

    #[test]
    fn wrong_bytes_are_named() {
        #[track_caller]
        fn check(bytes: &[u8], expected: &str) {
            let mut reader = Reader::new(bytes);
            let mut read = || {
                while let Some(key) = reader.key("message")? {
                    match key {
                        0x0a => drop(reader.text("text")?),
                        0x10 => drop(reader.varint32("number")?),
                        key => reader.skip(key, known(&[1, 2]), "message")?,
                    }
                }
                Ok::<(), ProtobufError>(())
            };
            assert_eq!(read().unwrap_err().to_string(), expected, "{bytes:x?}");
        }
        check(
            b"\x0a\x05abcd",
            "byte 1: text: length of 5 bytes reaches beyond the end",
        );
        check(
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
            "byte 1: text: length of 18446744073709551615 bytes reaches beyond the end",
        );
        check(b"\x0a\x03a\xffb", "byte 3: text: invalid UTF-8");
        check(b"\x10\x80", "byte 1: number: truncated");
        check(b"\x10\xff\xff\xff\xff\x10", "byte 1: number: integer overflow");
        check(
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            "byte 1: number: integer overflow",
        );
        check(b"\x00", "byte 0: message: invalid field number");
        check(b"\xff\xff\xff\xff\x1f", "byte 0: message: invalid field number");
        check(b"\x09", "byte 1: message: wrong wire type 1");
        check(b"\x1b", "byte 1: message: wrong wire type 3");
        check(b"\x1d\x00\x00", "byte 1: message: truncated");
        check(b"\x19\x00\x00", "byte 1: message: truncated");
    }
}
