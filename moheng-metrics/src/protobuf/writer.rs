//! [`Writer`]: appends the fields of a message.

use super::{delimited, fixed64_key, varint};

/// Appends to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// A number without a key.
    #[inline]
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// A whole number, 0 included.
    pub(crate) fn number(&mut self, field: u32, value: u64) {
        self.varint(u64::from(varint(field)));
        self.varint(value);
    }

    /// A whole number, unless it is 0, which readers take an absent field for.
    pub(crate) fn nonzero(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.number(field, value);
        }
    }

    /// A number in zigzag form, unless it is 0.
    pub(crate) fn nonzero_signed(&mut self, field: u32, value: i64) {
        self.nonzero(field, zigzag(value));
    }

    /// A float, positive zero included.
    pub(crate) fn double(&mut self, field: u32, value: f64) {
        self.varint(u64::from(fixed64_key(field)));
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// A float, unless it is positive zero.
    pub(crate) fn nonzero_double(&mut self, field: u32, value: f64) {
        if value.to_bits() != 0 {
            self.double(field, value);
        }
    }

    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.varint(u64::from(delimited(field)));
        self.varint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// A text, unless it is empty.
    pub(crate) fn nonempty_text(&mut self, field: u32, value: &str) {
        self.nonempty_bytes(field, value.as_bytes());
    }

    /// Bytes, unless there are none.
    pub(crate) fn nonempty_bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.bytes(field, value);
        }
    }

    /// An inner message, which `write` fills.
    pub(crate) fn message(&mut self, field: u32, write: impl FnOnce(&mut Writer<'_>)) {
        self.varint(u64::from(delimited(field)));
        self.with_length(write);
    }

    /// What `write` writes, with its length in front.
    pub(crate) fn with_length(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        self.out.push(0);
        let start = self.out.len();
        write(self);
        let length = self.out.len() - start;
        let extra = varint_length(length as u64) - 1;
        if extra > 0 {
            // The length takes more than the one byte that was left free.
            self.out.extend_from_slice(&[0; 9][..extra]);
            self.out.copy_within(start..start + length, start + extra);
        }
        let mut rest = length as u64;
        let length_bytes = self.out.get_mut(start - 1..start + extra).unwrap_or_default();
        for byte in length_bytes {
            *byte = rest as u8 | 0x80;
            rest >>= 7;
        }
        if let Some(last) = self.out.get_mut(start + extra - 1) {
            *last &= 0x7f;
        }
    }

    /// A message of two texts, as labels are, with its length known beforehand.
    #[inline]
    pub(crate) fn pair(&mut self, field: u32, first: &str, second: &str) {
        let text_length = |text: &str| 1 + varint_length(text.len() as u64) + text.len();
        self.varint(u64::from(delimited(field)));
        self.varint((text_length(first) + text_length(second)) as u64);
        self.text(1, first);
        self.text(2, second);
    }

    /// A list of numbers, packed, unless it is empty.
    pub(crate) fn packed(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() > 0 {
            self.message(field, |writer| values.for_each(|value| writer.varint(value)));
        }
    }

    /// A list of signed numbers in zigzag form, packed, unless it is empty.
    pub(crate) fn packed_signed(&mut self, field: u32, values: impl ExactSizeIterator<Item = i64>) {
        self.packed(field, values.map(zigzag));
    }

    /// A list of floats, packed, unless it is empty.
    pub(crate) fn packed_doubles(&mut self, field: u32, values: &[f64]) {
        if values.is_empty() {
            return;
        }
        self.varint(u64::from(delimited(field)));
        self.varint(size_of_val(values) as u64);
        for value in values {
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

/// How many bytes a number takes.
#[inline]
const fn varint_length(value: u64) -> usize {
    // Seven bits a byte, rounded up.
    ((70 - (value | 1).leading_zeros()) / 7) as usize
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, signed};
    use super::*;

    #[test]
    fn lengths_in_front_of_messages() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content = vec![7; length];
            let mut bytes = vec![1, 2];
            let mut writer = Writer::new(&mut bytes);
            writer.message(3, |inner| inner.out.extend_from_slice(&content));
            let mut expected = vec![1, 2];
            Writer::new(&mut expected).bytes(3, &content);
            assert!(bytes == expected, "{length}");
        }
    }

    #[test]
    fn numbers_take_what_is_said() {
        for bits in 0..64 {
            for value in [1_u64 << bits, (1 << bits) - 1] {
                let mut bytes = Vec::new();
                Writer::new(&mut bytes).varint(value);
                assert_eq!(bytes.len(), varint_length(value), "{value:#x}");
            }
        }
        assert_eq!(varint_length(u64::MAX), 10);
    }

    #[test]
    fn zigzag_and_back() {
        for value in [0, 1, -1, 2, -2, i64::MAX, i64::MIN] {
            assert_eq!(signed(zigzag(value)), value);
        }
        let mut bytes = Vec::new();
        Writer::new(&mut bytes).packed_signed(1, [1_i64, -1].into_iter());
        assert_eq!(bytes, b"\x0a\x02\x02\x01");
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.key("message"), Ok(Some(delimited(1))));
        let mut numbers = Vec::new();
        reader
            .push_varints(delimited(1), "n", &mut numbers, signed)
            .unwrap();
        assert_eq!(numbers, [1, -1]);
    }
}
