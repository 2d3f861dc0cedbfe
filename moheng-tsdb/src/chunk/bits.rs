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
        let high = self.peek(position) >> (64 - count);
        if count <= 57 {
            return high;
        }
        let low = self.peek(position + 32) >> (64 - (count - 32));
        (self.peek(position) >> 32 << (count - 32)) | low
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
    fn behind_the_end_everything_is_zero() {
        assert_eq!(BitWindow::new(&[0xff]).peek(4), 0xf000_0000_0000_0000);
        assert_eq!(BitWindow::new(&[0xff]).peek(80), 0);
    }
}
