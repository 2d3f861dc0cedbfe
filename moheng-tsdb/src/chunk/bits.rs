//! Bits in bytes, most significant first: appending to a vector, and windows for reading.

/// Appends bits to bytes. The newest bits wait in a word, so that adding a few touches no other memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The newest bits are the low ones.
    pending: u64,
    pending_count: u8,
}

impl BitWriter {
    /// Goes on behind the first `bit_count` bits of `bytes`.
    pub(crate) fn resume(bytes: &[u8], bit_count: usize) -> Self {
        let (whole, count) = (bit_count / 8, bit_count % 8);
        let last = bytes.get(whole).copied().unwrap_or_default();
        Self {
            bytes: bytes.get(..whole).unwrap_or_default().to_vec(),
            pending: u64::from(last).unbounded_shr(8 - count as u32),
            pending_count: count as u8,
        }
    }

    /// Appends what was written to `out`, the last byte filled with zeros.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        let count = u32::from(self.pending_count);
        let aligned = self.pending.unbounded_shl(64 - count).to_be_bytes();
        out.extend_from_slice(&aligned[..count.div_ceil(8) as usize]);
    }

    /// How many bytes [`BitWriter::write_to`] appends.
    #[inline]
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len() + usize::from(self.pending_count.div_ceil(8))
    }

    /// Forgets the content and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pending = 0;
        self.pending_count = 0;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// For whole bytes; only right before the first bit.
    pub(crate) fn whole_bytes(&mut self) -> &mut Vec<u8> {
        debug_assert_eq!(self.pending_count, 0);
        &mut self.bytes
    }

    /// Appends the low `count` bits of `bits`, at most 64; the others must be zero.
    #[inline]
    pub(crate) fn push(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= 64 && bits.unbounded_shr(count) == 0);
        let room = 64 - u32::from(self.pending_count);
        if count <= room {
            self.pending = self.pending.unbounded_shl(count) | bits;
            self.pending_count += count as u8;
            return;
        }
        let left = count - room;
        let word = self.pending.unbounded_shl(room) | bits.unbounded_shr(left);
        self.bytes.extend_from_slice(&word.to_be_bytes());
        self.pending = bits & !u64::MAX.unbounded_shl(left);
        self.pending_count = left as u8;
    }

    #[inline]
    pub(crate) fn push_code(&mut self, code: Code) {
        self.push(code.bits, code.count);
    }

    /// Appends an unsigned integer in groups of seven bits, least significant first, a byte each wherever it begins.
    pub(crate) fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.push(value, 8);
    }

    /// Appends a signed integer, zig-zag mapped to an unsigned one.
    pub(crate) fn push_signed_varint(&mut self, value: i64) {
        self.push_varint(((value << 1) ^ (value >> 63)) as u64);
    }
}

/// Bits that are written together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Code {
    pub(crate) bits: u64,
    pub(crate) count: u32,
}

impl Code {
    /// These bits and then others, at most 64 together, and fewer than 64 others unless these are none.
    #[inline]
    pub(crate) fn then(self, bits: u64, count: u32) -> Self {
        Self {
            bits: self.bits.unbounded_shl(count) | bits,
            count: self.count + count,
        }
    }
}

/// Bits to read; behind the end everything is zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitWindow<'a> {
    bytes: &'a [u8],
}

impl<'a> BitWindow<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn bit_count(&self) -> usize {
        self.bytes.len() * 8
    }

    /// At least 57 bits from `position`, in the high end of the word.
    #[inline]
    pub(crate) fn peek(&self, position: usize) -> u64 {
        let start = position / 8;
        let word = match self.bytes.get(start..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(bytes) => u64::from_be_bytes(*bytes),
            None => self.peek_end(start),
        };
        word << (position % 8)
    }

    /// `count` bits (1 to 64) from `position`.
    #[inline]
    pub(crate) fn read(&self, position: usize, count: u32) -> u64 {
        let word = self.peek(position);
        if count <= 57 {
            return word >> (64 - count);
        }
        // What the first eight bytes do not have is in the high bits of the ninth.
        let last = self.bytes.get(position / 8 + 8).copied().unwrap_or_default();
        (word | u64::from(last) >> (8 - position % 8)) >> (64 - count)
    }

    #[cold]
    fn peek_end(&self, start: usize) -> u64 {
        let mut word = [0; 8];
        let rest = self.bytes.get(start..).unwrap_or_default();
        for (target, byte) in word.iter_mut().zip(rest) {
            *target = *byte;
        }
        u64::from_be_bytes(word)
    }
}

/// Reads bits one after the other. Behind the end everything is zero, so whoever reads asks
/// [`BitReader::is_past_end`] before believing what was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BitReader<'a> {
    window: BitWindow<'a>,
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            window: BitWindow::new(bytes),
            position: 0,
        }
    }

    /// At least the next 57 bits, in the high end of the word.
    #[inline]
    pub(crate) fn peek(&self) -> u64 {
        self.window.peek(self.position)
    }

    #[inline]
    pub(crate) fn skip(&mut self, count: u32) {
        self.position += count as usize;
    }

    /// The next `count` bits, 1 to 64.
    #[inline]
    pub(crate) fn read(&mut self, count: u32) -> u64 {
        let bits = self.window.read(self.position, count);
        self.skip(count);
        bits
    }

    pub(crate) fn is_past_end(&self) -> bool {
        self.position > self.window.bit_count()
    }

    /// How many bits are left.
    pub(crate) fn remaining(&self) -> usize {
        self.window.bit_count().saturating_sub(self.position)
    }

    /// Reads what [`BitWriter::push_varint`] wrote; `None` when it does not fit 64 bits.
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.read(8);
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Reads what [`BitWriter::push_signed_varint`] wrote; `None` when it does not fit 64 bits.
    pub(crate) fn signed_varint(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_pushed_is_read(parts in prop::collection::vec((any::<u64>(), 1_u32..=64), 0..100)) {
            let mut writer = BitWriter::default();
            for (bits, count) in &parts {
                writer.push(bits >> (64 - count), *count);
            }
            let mut bytes = Vec::new();
            writer.write_to(&mut bytes);
            prop_assert_eq!(bytes.len(), writer.size_bytes());
            for written in [0, parts.len() / 2, parts.len()] {
                let (before, after) = parts.split_at(written);
                let bit_count: usize = before.iter().map(|(_, count)| *count as usize).sum();
                let mut resumed = BitWriter::resume(&bytes, bit_count);
                for (bits, count) in after {
                    resumed.push(bits >> (64 - count), *count);
                }
                let mut again = Vec::new();
                resumed.write_to(&mut again);
                prop_assert_eq!(&again, &bytes);
            }
            let window = BitWindow::new(&bytes);
            let mut position = 0;
            for (bits, count) in &parts {
                prop_assert_eq!(window.read(position, *count), bits >> (64 - count));
                position += *count as usize;
            }
            prop_assert_eq!(window.bit_count(), position.div_ceil(8) * 8);
        }
    }

    #[test]
    fn variable_length_integers_begin_anywhere() {
        for value in [0, 1, -1, 63, -64, 64, 300, i64::MAX, i64::MIN] {
            let mut writer = BitWriter::default();
            writer.push(1, 3);
            writer.push_signed_varint(value);
            writer.push_varint(value as u64);
            let mut bytes = Vec::new();
            writer.write_to(&mut bytes);
            let mut reader = BitReader::new(&bytes);
            assert_eq!(reader.read(3), 1);
            assert_eq!(reader.signed_varint(), Some(value));
            assert_eq!(reader.varint(), Some(value as u64));
            assert!(!reader.is_past_end() && reader.remaining() < 8);
        }
        assert_eq!(BitReader::new(&[0xff; 12]).varint(), None);
    }

    #[test]
    fn behind_the_end_everything_is_zero() {
        assert_eq!(BitWindow::new(&[0xff]).peek(4), 0xf000_0000_0000_0000);
        assert_eq!(BitWindow::new(&[0xff]).peek(80), 0);
    }
}
