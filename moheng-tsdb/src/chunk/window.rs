//! Floats by XOR with the one before: which bits differ.

use super::ChunkError;
use super::bits::{BitReader, BitWriter, Code};

/// Before the first value that differed there is no window to reuse.
const NONE: u8 = 0xff;

/// The count of leading zeros has five bits.
const LEADING_ZEROS_MAX: u32 = 31;

/// The width of [`Window::code`] in bits.
pub(super) const WINDOW_BITS: u32 = 11;

/// Where the bits are in which two values differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    leading: u8,
    trailing: u8,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            leading: NONE,
            trailing: 0,
        }
    }
}

impl Window {
    /// Sees to it that the window holds all bits of `xor`, which is not 0, and returns whether it had to be moved.
    #[inline]
    pub(super) fn fit(&mut self, xor: u64) -> bool {
        let leading = xor.leading_zeros().min(LEADING_ZEROS_MAX) as u8;
        let trailing = xor.trailing_zeros() as u8;
        if self.leading != NONE && leading >= self.leading && trailing >= self.trailing {
            return false;
        }
        *self = Self { leading, trailing };
        true
    }

    /// Five bits of leading zeros and six bits of width, 0 for 64.
    #[inline]
    pub(super) fn code(self) -> u64 {
        (u64::from(self.leading) << 6) | u64::from(self.width() & 0x3f)
    }

    /// Reads [`Window::code`] from the high end of `word`.
    #[inline]
    pub(super) fn from_code(word: u64) -> Result<Self, ChunkError> {
        let leading = (word >> 59) as u8;
        let width = match (word >> 53) as u8 & 0x3f {
            0 => 64,
            width => width,
        };
        let trailing = 64_u8
            .checked_sub(leading + width)
            .ok_or(ChunkError::InvalidWidth)?;
        Ok(Self { leading, trailing })
    }

    /// How many bits are in the window.
    #[inline]
    pub(super) fn width(self) -> u32 {
        if self.leading == NONE {
            return 64;
        }
        64 - u32::from(self.leading) - u32::from(self.trailing)
    }

    /// Writes `before` and then the bits of `xor` inside the window.
    #[inline]
    pub(super) fn put(self, writer: &mut BitWriter, before: Code, xor: u64) {
        let (width, bits) = (self.width(), xor >> self.trailing);
        if before.count + width <= 64 {
            writer.push_code(before.then(bits, width));
        } else {
            writer.push_code(before);
            writer.push(bits, width);
        }
    }

    /// Reads what [`Window::put`] wrote behind `before`.
    #[inline]
    pub(super) fn read(self, reader: &mut BitReader<'_>) -> u64 {
        reader.read(self.width()) << self.trailing
    }
}

/// A value that the next one is encoded against: `0` the same, `10` and the bits inside the window, `11` and a new window
/// and the bits inside it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct XorValue {
    bits: u64,
    window: Window,
}

impl XorValue {
    #[inline]
    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.bits)
    }

    /// Writes the first value, all of it.
    pub(super) fn put_first(&mut self, writer: &mut BitWriter, value: f64) {
        self.bits = value.to_bits();
        writer.push(self.bits, 64);
    }

    /// Writes a later value.
    #[inline]
    pub(super) fn put(&mut self, writer: &mut BitWriter, value: f64) {
        let xor = value.to_bits() ^ self.bits;
        self.bits = value.to_bits();
        if xor == 0 {
            return writer.push(0, 1);
        }
        let before = if self.window.fit(xor) {
            Code { bits: 0b11, count: 2 }.then(self.window.code(), WINDOW_BITS)
        } else {
            Code { bits: 0b10, count: 2 }
        };
        self.window.put(writer, before, xor);
    }

    pub(super) fn read_first(&mut self, reader: &mut BitReader<'_>) -> f64 {
        self.bits = reader.read(64);
        self.get()
    }

    #[inline]
    pub(super) fn read(&mut self, reader: &mut BitReader<'_>) -> Result<f64, ChunkError> {
        let word = reader.peek();
        if word >> 63 == 0 {
            reader.skip(1);
            return Ok(self.get());
        }
        if word >> 62 == 0b11 {
            self.window = Window::from_code(word << 2)?;
            reader.skip(2 + WINDOW_BITS);
        } else {
            reader.skip(2);
        }
        self.bits ^= self.window.read(reader);
        Ok(self.get())
    }
}
