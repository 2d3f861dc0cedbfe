//! Sixteen bytes at a time in a register, which every x86-64 has.
#![expect(
    unsafe_code,
    reason = "functions with a target feature are unsafe to call; measured to pay"
)]

use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    _mm_setzero_si128, _mm_sub_epi8, _mm_subs_epu8,
};

use super::LANES;

/// A bit for each lane that is a letter, an underscore, or lies between `0` and `last_digit`.
#[inline]
pub(super) fn name_marks(lanes: [u8; LANES], last_digit: u8) -> u32 {
    // SAFETY: SSE2 is part of x86-64, for which alone this file is compiled.
    unsafe { name_marks_in_register(load(lanes), last_digit) }
}

/// A bit for each lane that is a double quote, a backslash or a line feed.
#[inline]
pub(super) fn quote_marks(lanes: [u8; LANES]) -> u32 {
    // SAFETY: SSE2 is part of x86-64, for which alone this file is compiled.
    unsafe { quote_marks_in_register(load(lanes)) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn name_marks_in_register(lanes: __m128i, last_digit: u8) -> u32 {
    let small = _mm_or_si128(lanes, everywhere(0x20));
    let is_letter = in_range(small, b'a', b'z');
    let is_digit = in_range(lanes, b'0', last_digit);
    let is_underscore = _mm_cmpeq_epi8(lanes, everywhere(b'_'));
    bits(_mm_or_si128(_mm_or_si128(is_letter, is_digit), is_underscore))
}

#[inline]
#[target_feature(enable = "sse2")]
fn quote_marks_in_register(lanes: __m128i) -> u32 {
    let is_quote = _mm_cmpeq_epi8(lanes, everywhere(b'"'));
    let is_backslash = _mm_cmpeq_epi8(lanes, everywhere(b'\\'));
    let is_line_feed = _mm_cmpeq_epi8(lanes, everywhere(b'\n'));
    bits(_mm_or_si128(_mm_or_si128(is_quote, is_backslash), is_line_feed))
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(lanes: [u8; LANES]) -> __m128i {
    let lanes = u128::from_le_bytes(lanes);
    _mm_set_epi64x((lanes >> 64) as i64, lanes as i64)
}

#[inline]
#[target_feature(enable = "sse2")]
fn everywhere(byte: u8) -> __m128i {
    _mm_set1_epi8(byte as i8)
}

/// All ones where a byte is at least `low` and at most `high`.
#[inline]
#[target_feature(enable = "sse2")]
fn in_range(lanes: __m128i, low: u8, high: u8) -> __m128i {
    // Bytes below `low` wrap to large ones, and what is left of those in range is zero.
    let excess = _mm_subs_epu8(_mm_sub_epi8(lanes, everywhere(low)), everywhere(high - low));
    _mm_cmpeq_epi8(excess, _mm_setzero_si128())
}

#[inline]
#[target_feature(enable = "sse2")]
fn bits(lanes: __m128i) -> u32 {
    _mm_movemask_epi8(lanes) as u32
}
