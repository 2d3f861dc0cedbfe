//! Bits in bytes, most significant first: appending to a vector, and windows for reading.

/// Appends bits to bytes whose last one may be partly used.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// How many low bits of the last byte are free (and zero).
    free_bits: u8,
}

impl BitWriter {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Forgets the content and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.free_bits = 0;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for whole bytes; only right while no byte is partly used.
    pub(crate) fn whole_bytes(&mut self) -> &mut Vec<u8> {
        debug_assert_eq!(self.free_bits, 0);
        &mut self.bytes
    }

    /// Appends the low `count` bits of `bits`, at most 64; the others must be zero.
    #[inline]
    pub(crate) fn push(&mut self, bits: u64, count: u32) {
        debug_assert!(count <= 64 && (count == 64 || bits >> count == 0));
        let free = u32::from(self.free_bits);
        if count <= free {
            if let Some(last) = self.bytes.last_mut() {
                *last |= (bits << (free - count)) as u8;
            }
            self.free_bits = (free - count) as u8;
            return;
        }
        let rest = count - free;
        if free > 0
            && let Some(last) = self.bytes.last_mut()
        {
            *last |= (bits >> rest) as u8;
        }
        let aligned = bits << (64 - rest);
        let length = rest.div_ceil(8);
        self.bytes
            .extend_from_slice(&aligned.to_be_bytes()[..length as usize]);
        self.free_bits = (length * 8 - rest) as u8;
    }

    /// Appends `count` zero bits when they fit the last byte, which is the common case and costs almost nothing.
    #[inline]
    pub(crate) fn push_zeros_in_place(&mut self, count: u8) -> bool {
        let fits = self.free_bits >= count;
        if fits {
            self.free_bits -= count;
        }
        fits
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
            let window = BitWindow::new(writer.bytes());
            let mut position = 0;
            for (bits, count) in &parts {
                prop_assert_eq!(window.read(position, *count), bits >> (64 - count));
                position += *count as usize;
            }
            prop_assert_eq!(window.bit_count(), position.div_ceil(8) * 8);
        }
    }

    #[test]
    fn zeros_in_place_are_zeros() {
        let mut writer = BitWriter::default();
        assert!(!writer.push_zeros_in_place(2));
        writer.push(0b1, 1);
        assert!(writer.push_zeros_in_place(2));
        writer.push(0b1_1111, 5);
        assert_eq!(writer.bytes(), [0b1001_1111]);
        assert!(!writer.push_zeros_in_place(1));
        assert_eq!(BitWindow::new(&[0xff]).peek(4), 0xf000_0000_0000_0000);
        assert_eq!(BitWindow::new(&[0xff]).peek(80), 0);
    }
}
