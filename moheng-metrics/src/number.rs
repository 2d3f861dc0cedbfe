//! Floats as text, the way Prometheus and Go's `strconv` read and write them.

use crate::NORMAL_NAN;

/// Powers of ten that a float holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// Powers of ten by which up to eight more digits shift a mantissa.
const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];
/// Integers up to here are exact as floats.
const EXACT_MANTISSA: u64 = 1 << 53;
/// This many decimal digits always fit a `u64`.
const MANTISSA_DIGITS: usize = 19;

/// Reads a float as the exposition formats write it.
///
/// That is what Go's `ParseFloat` takes, less underscores and hexadecimal: decimal digits with an optional point and
/// exponent, and `Inf`, `Infinity` or `NaN` in any case, `NaN` without a sign. Numbers beyond the range of a float
/// are refused rather than rounded to infinity. Every `NaN` becomes [`NORMAL_NAN`], so that no text can make a stale
/// marker.
///
/// ```
/// use moheng_metrics::parse_float;
///
/// assert_eq!(parse_float("1.8e+09"), Some(1_800_000_000.0));
/// assert_eq!(parse_float("-inf"), Some(f64::NEG_INFINITY));
/// assert_eq!(parse_float("1_000"), None);
/// assert_eq!(parse_float("1e999"), None);
/// ```
pub fn parse_float(text: &str) -> Option<f64> {
    match scan_exact_float(text.as_bytes()) {
        Some((value, length)) if length == text.len() => Some(value),
        _ => parse_inexact_float(text),
    }
}

/// Appends `value` as Go's `strconv` formats it with `'g'` and the shortest digits that read back: the way the
/// text format writes values.
///
/// ```
/// let mut out = String::new();
/// moheng_metrics::format_float(1e6, &mut out);
/// assert_eq!(out, "1e+06");
/// ```
pub fn format_float(value: f64, out: &mut String) {
    out.push_str(FloatText::new(value).as_str());
}

/// Appends `value` as Prometheus's HTTP API and PromQL write it: plain digits, an exponent only below `1e-6` and
/// from `1e21` on, and `NaN`, `+Inf`, `-Inf`. The API's JSON puts it between quotes; this function does not.
///
/// ```
/// let mut out = String::new();
/// moheng_metrics::format_json_float(1e20, &mut out);
/// assert_eq!(out, "100000000000000000000");
/// ```
pub fn format_json_float(value: f64, out: &mut String) {
    let integer = value as i64;
    if integer.unsigned_abs() < EXACT_MANTISSA && (integer as f64).to_bits() == value.to_bits() {
        return out.push_str(itoa::Buffer::new().format(integer));
    }
    if is_plain_in_json(value) {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        // Without an exponent it is written in the same way already.
        if !text.as_bytes().contains(&b'e') {
            return out.push_str(text.strip_suffix(".0").unwrap_or(text));
        }
    }
    out.push_str(FloatText::json(value).as_str());
}

/// Whether a float is written without an exponent.
fn is_plain_in_json(value: f64) -> bool {
    value == 0.0 || (1e-6..1e21).contains(&value.abs())
}

/// A float as text, on the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloatText {
    /// No text is longer than 26 bytes: a sign, seven characters up to the first digit, and the digits.
    bytes: [u8; 32],
    length: usize,
}

impl FloatText {
    /// As [`format_float`] writes it.
    #[inline]
    pub(crate) fn new(value: f64) -> Self {
        Self::with(value, |decimal, text| {
            if (-3..=6).contains(&decimal.point) {
                decimal.push_plain(text);
            } else {
                decimal.push_exponent(text);
            }
        })
    }

    /// As [`format_json_float`] writes it.
    pub(crate) fn json(value: f64) -> Self {
        Self::with(value, |decimal, text| {
            if is_plain_in_json(value) {
                decimal.push_plain(text);
            } else {
                decimal.push_exponent(text);
            }
        })
    }

    /// As the bound of a bucket and the rank of a quantile are written, `1.0` for one.
    pub(crate) fn bound(value: f64) -> Self {
        let mut text = Self::new(value);
        let is_float = text.as_bytes().iter().any(|byte| matches!(byte, b'.' | b'e'));
        if value.is_finite() && !is_float {
            text.push(b".0");
        }
        text
    }

    #[inline]
    fn with(value: f64, push_decimal: impl FnOnce(&Decimal, &mut Self)) -> Self {
        let mut text = Self {
            bytes: [0; 32],
            length: 0,
        };
        if !text.push_small_integer(value) && !text.push_special(value) {
            push_decimal(&Decimal::shortest(value), &mut text);
        }
        text
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// What does not fit is cut; nothing a float is written as comes near that.
    #[inline]
    fn push(&mut self, ascii: &[u8]) {
        let place = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = ascii.len().min(place.len());
        place[..length].copy_from_slice(&ascii[..length]);
        self.length += length;
    }

    fn push_zeros(&mut self, count: usize) {
        let zeros = [b'0'; 32];
        self.push(zeros.get(..count).unwrap_or(&zeros));
    }

    /// Most counters are small integers; no shortest-digits search is needed for them.
    #[inline]
    fn push_small_integer(&mut self, value: f64) -> bool {
        let integer = value as i32;
        if f64::from(integer).to_bits() != value.to_bits() || !(-999_999..=999_999).contains(&integer) {
            return false;
        }
        let mut digits = [0_u8; 6];
        let mut start = digits.len();
        let mut rest = integer.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if integer < 0 {
            self.push(b"-");
        }
        self.push(&digits[start..]);
        true
    }

    fn push_special(&mut self, value: f64) -> bool {
        let text: &[u8] = if value.is_nan() {
            b"NaN"
        } else if value == f64::INFINITY {
            b"+Inf"
        } else if value == f64::NEG_INFINITY {
            b"-Inf"
        } else {
            return false;
        };
        self.push(text);
        true
    }
}

/// Reads the decimal number at the start of `text` if its value follows from one exact multiplication or division,
/// which covers nearly all that exporters write. Also returns how many bytes it took.
///
/// What follows the number is not looked at: the caller checks that the number ends where it must.
#[inline]
pub(crate) fn scan_exact_float(text: &[u8]) -> Option<(f64, usize)> {
    let is_negative = text.first() == Some(&b'-');
    let first_digit = usize::from(is_negative);
    let (mut mantissa, mut at) = scan_digits(text, first_digit, 0);
    let mut digits = at - first_digit;
    let mut scale = 0_i32;
    if text.get(at) == Some(&b'.') {
        let first_decimal = at + 1;
        (mantissa, at) = scan_digits(text, first_decimal, mantissa);
        digits += at - first_decimal;
        scale = -((at - first_decimal).min(MANTISSA_DIGITS + 1) as i32);
    }
    if digits == 0 || digits > MANTISSA_DIGITS || mantissa > EXACT_MANTISSA {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let (exponent, length) = scan_exponent(text.get(at + 1..)?)?;
        at += 1 + length;
        scale += exponent;
    }
    let magnitude = match scale {
        // A mantissa this small converts faster as a signed integer.
        0 => mantissa as i64 as f64,
        1.. => mantissa as i64 as f64 * EXACT_POWERS.get(scale as usize)?,
        _ => mantissa as i64 as f64 / EXACT_POWERS.get(scale.unsigned_abs() as usize)?,
    };
    Some((if is_negative { -magnitude } else { magnitude }, at))
}

/// At most three digits of an exponent with an optional sign, and how many bytes they took.
fn scan_exponent(text: &[u8]) -> Option<(i32, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let mut at = sign_length;
    let mut exponent = 0;
    while let Some(digit) = digit_at(text, at) {
        if at - sign_length == 3 {
            return None;
        }
        exponent = exponent * 10 + digit as i32;
        at += 1;
    }
    if at == sign_length {
        return None;
    }
    Some((if text[0] == b'-' { -exponent } else { exponent }, at))
}

/// Reads digits from `start` on behind those of `mantissa`, which wraps. Also returns where they end.
#[inline]
fn scan_digits(text: &[u8], start: usize, mut mantissa: u64) -> (u64, usize) {
    let mut at = start;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let (value, length) = leading_digits(u64::from_le_bytes(*chunk));
        at += length;
        // Nearly all numbers end here, having shifted a mantissa of zero.
        mantissa = mantissa
            .wrapping_mul(POWERS.get(length).copied().unwrap_or_default())
            .wrapping_add(value);
        if length < chunk.len() {
            return (mantissa, at);
        }
    }
    while let Some(digit) = digit_at(text, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    (mantissa, at)
}

/// The value and the number of the digits that eight characters begin with, the first one in the lowest byte.
///
/// Without a loop there is no branch to mispredict, which costs more than the arithmetic.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    let digits = word ^ everywhere(b'0');
    // Adding 0x76 carries anything above nine into the high bit. The carry out of a byte spoils only later ones.
    let others = (digits.wrapping_add(everywhere(0x76)) | digits) & everywhere(0x80);
    let length = others.trailing_zeros() / 8;
    // The digits move to the high end, leading zeros in front of them. A shift by all 64 bits is one by none.
    let digits = digits.checked_shl(64 - 8 * length).unwrap_or_default();
    let pairs = (digits.wrapping_mul(10)).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100)).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000)).wrapping_add(fours >> 32) & 0xffff_ffff;
    (value, length as usize)
}

const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[inline]
fn digit_at(text: &[u8], index: usize) -> Option<u64> {
    let digit = text.get(index)?.wrapping_sub(b'0');
    (digit <= 9).then_some(u64::from(digit))
}

/// [`parse_float`] for texts that [`scan_exact_float`] cannot read.
pub(crate) fn parse_inexact_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    // The standard library also takes a signed NaN, and rounds what is too large to infinity.
    let value: f64 = text.parse().ok()?;
    if value.is_nan() {
        return (unsigned.len() == text.len()).then_some(NORMAL_NAN);
    }
    (value.is_finite() || !is_number).then_some(value)
}

/// The shortest digits that identify a finite float: `0.DIGITS * 10^point`, negated where `is_negative`.
struct Decimal {
    is_negative: bool,
    /// ASCII digits without leading or trailing zeros; a single `0` for zero.
    digits: [u8; 20],
    length: usize,
    point: i32,
}

impl Decimal {
    fn shortest(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut decimal = Self {
            is_negative: value.is_sign_negative(),
            digits: [b'0'; 20],
            length: 0,
            point: exponent.parse().unwrap_or_default(),
        };
        let mut is_fraction = false;
        for byte in number.bytes() {
            if byte == b'.' {
                is_fraction = true;
                continue;
            }
            let is_leading_zero = byte == b'0' && decimal.length == 0;
            decimal.point += match (is_fraction, is_leading_zero) {
                (false, false) => 1,
                (true, true) => -1,
                _ => 0,
            };
            // Seventeen digits identify any float; the zeros that follow them in an integer are implied by `point`.
            if !is_leading_zero && decimal.length < decimal.digits.len() {
                decimal.digits[decimal.length] = byte;
                decimal.length += 1;
            }
        }
        while decimal.length > 1 && decimal.digits[decimal.length - 1] == b'0' {
            decimal.length -= 1;
        }
        if decimal.length == 0 {
            (decimal.length, decimal.point) = (1, 1);
        }
        decimal
    }

    fn push_plain(&self, out: &mut FloatText) {
        self.push_sign(out);
        if self.point <= 0 {
            out.push(b"0.");
            out.push_zeros(self.point.unsigned_abs() as usize);
            self.push_digits(0, self.length, out);
            return;
        }
        let integer_length = self.point as usize;
        self.push_digits(0, self.length.min(integer_length), out);
        out.push_zeros(integer_length.saturating_sub(self.length));
        if self.length > integer_length {
            out.push(b".");
            self.push_digits(integer_length, self.length, out);
        }
    }

    fn push_exponent(&self, out: &mut FloatText) {
        self.push_sign(out);
        self.push_digits(0, 1, out);
        if self.length > 1 {
            out.push(b".");
            self.push_digits(1, self.length, out);
        }
        let exponent = self.point - 1;
        out.push(if exponent < 0 { b"e-" } else { b"e+" });
        let magnitude = exponent.unsigned_abs();
        let digits = [magnitude / 100, magnitude / 10 % 10, magnitude % 10].map(|digit| b'0' + digit as u8);
        out.push(if magnitude < 100 { &digits[1..] } else { &digits });
    }

    fn push_sign(&self, out: &mut FloatText) {
        if self.is_negative {
            out.push(b"-");
        }
    }

    fn push_digits(&self, start: usize, end: usize, out: &mut FloatText) {
        out.push(self.digits.get(start..end).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_stale_nan;

    #[test]
    fn floats_are_read_as_go_does() {
        #[track_caller]
        fn check(text: &str, expected: Option<f64>) {
            assert_eq!(
                parse_float(text).map(f64::to_bits),
                expected.map(f64::to_bits),
                "{text}"
            );
        }
        for (text, value) in [
            ("0", 0.0),
            ("-0", -0.0),
            ("+1", 1.0),
            ("12345678901234567", 12_345_678_901_234_567.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("99999999999999999999999", 1e23),
            (".5", 0.5),
            ("5.", 5.0),
            ("0.1", 0.1),
            ("-0.30000000000000004", -0.300_000_000_000_000_04),
            ("1.8e+09", 1.8e9),
            ("1E-7", 1e-7),
            ("1e22", 1e22),
            ("1e23", 1e23),
            ("123e-25", 123e-25),
            ("4.9e-324", 5e-324),
            ("1e-999", 0.0),
            ("0.0000000000000000000000000000001", 1e-31),
            ("inf", f64::INFINITY),
            ("+Infinity", f64::INFINITY),
            ("-INF", f64::NEG_INFINITY),
            ("NaN", NORMAL_NAN),
            ("nan", NORMAL_NAN),
        ] {
            check(text, Some(value));
        }
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "1 ", " 1", "1_0", "0x1p3", "+NaN", "-nan", "1e999",
            "-1e999", "1.2.3", "--1", "in", "1e1000", "1,5",
        ] {
            check(text, None);
        }
        assert!(!is_stale_nan(parse_float("NaN").unwrap()));
    }

    #[test]
    fn floats_are_written_as_go_does() {
        for (value, text, json) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (1.0, "1", "1"),
            (-15.0, "-15", "-15"),
            (100_000.0, "100000", "100000"),
            (999_999.0, "999999", "999999"),
            (1e6, "1e+06", "1000000"),
            (-1_234_567.0, "-1.234567e+06", "-1234567"),
            (123_456.5, "123456.5", "123456.5"),
            (0.1, "0.1", "0.1"),
            (0.0001, "0.0001", "0.0001"),
            (0.000_01, "1e-05", "0.00001"),
            (0.000_001_5, "1.5e-06", "0.0000015"),
            (1e-6, "1e-06", "0.000001"),
            (9.9e-7, "9.9e-07", "9.9e-07"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (1.5e21, "1.5e+21", "1.5e+21"),
            (f64::MAX, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (5e-324, "5e-324", "5e-324"),
            (1e100, "1e+100", "1e+100"),
            (123_456_789.125, "1.23456789125e+08", "123456789.125"),
            (f64::NAN, "NaN", "NaN"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
        ] {
            let mut out = String::new();
            format_float(value, &mut out);
            assert_eq!(out, text);
            out.clear();
            format_json_float(value, &mut out);
            assert_eq!(out, json);
        }
    }

    #[test]
    fn short_ways_to_json_write_the_same() {
        let scramble = |number: u64| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
        let wide: Vec<f64> = (0..20_000)
            .map(|number| f64::from_bits(scramble(scramble(number))))
            .collect();
        let near = wide
            .iter()
            .map(|value| (value.to_bits() as i64 >> (value.to_bits() & 63)) as f64);
        let values = near.flat_map(|integer| [integer, integer / 8.0, integer * 1e-9]);
        for value in values.chain(wide.iter().copied()) {
            let mut out = String::new();
            format_json_float(value, &mut out);
            assert_eq!(out, FloatText::json(value).as_str(), "{value:e}");
        }
    }
}
