//! Eight bytes at a time in a word of any machine.

use super::LANES;

const HIGH_BITS: u64 = everywhere(0x80);

/// A bit for each lane that is a letter, an underscore, or lies between `0` and `last_digit`.
#[inline]
pub(super) fn name_marks(lanes: [u8; LANES], last_digit: u8) -> u32 {
    marks(lanes, |word| {
        let is_letter = in_range(word | everywhere(0x20), b'a', b'z');
        let is_digit = in_range(word, b'0', last_digit);
        is_letter | is_digit | in_range(word, b'_', b'_')
    })
}

/// A bit for each lane that is a double quote, a backslash or a line feed.
#[inline]
pub(super) fn quote_marks(lanes: [u8; LANES]) -> u32 {
    let equal = |word, byte| in_range(word, byte, byte);
    marks(lanes, |word| {
        equal(word, b'"') | equal(word, b'\\') | equal(word, b'\n')
    })
}

#[inline]
fn marks(lanes: [u8; LANES], mark: impl Fn(u64) -> u64) -> u32 {
    let lanes = u128::from_le_bytes(lanes);
    let [low, high] = [lanes as u64, (lanes >> 64) as u64].map(|word| gather(mark(word) & HIGH_BITS));
    low | high << 8
}

/// The high bits of eight bytes, next to each other.
#[inline]
fn gather(high_bits: u64) -> u32 {
    // Each bit moves to a place of its own in the highest byte.
    ((high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

/// A byte in every place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte that lies between `low` and `high`, both ASCII; the other bits are arbitrary.
#[inline]
fn in_range(word: u64, low: u8, high: u8) -> u64 {
    // Without their high bits no byte carries into the next one.
    let ascii = word & !HIGH_BITS;
    let at_least_low = ascii + everywhere(0x80 - low);
    let above_high = ascii + everywhere(0x7f - high);
    at_least_low & !above_high & !word
}
