//! What follows a series: values, times, and the whole line when the series is the expected one.

use super::scanner::Scanner;
use crate::number::{parse_inexact_float, scan_exact_float};
use crate::{MetricKind, ParseError, TextSample, parse_float};

/// Reads the number that `text` begins with and that a blank, a line feed or the end follows.
#[inline]
pub(crate) fn scan_value(text: &[u8]) -> Option<(f64, usize)> {
    let exact = scan_exact_float(text);
    let is_whole =
        |(_, length): &(f64, usize)| matches!(text.get(*length), None | Some(b' ' | b'\t' | b'\n'));
    exact.filter(is_whole).or_else(|| scan_inexact_value(text))
}

#[cold]
fn scan_inexact_value(text: &[u8]) -> Option<(f64, usize)> {
    let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'{');
    let length = text.iter().position(is_end).unwrap_or(text.len());
    let word = std::str::from_utf8(text.get(..length)?).ok()?;
    Some((parse_inexact_float(word)?, length))
}

/// The next sample, if its line begins with the expected series and a blank. What is not a plain value and the end of the line
/// behind that is left to `unusual`; a line that is not right is left to the full scan.
#[inline]
pub(crate) fn expected_sample<'a>(
    scanner: &mut Scanner<'a>,
    expected_series: &[u8],
    kind: MetricKind,
    unusual: impl FnOnce(&mut Scanner<'a>, usize) -> Result<TextSample<'a>, ParseError>,
) -> Option<TextSample<'a>> {
    let rest = scanner.rest();
    let length = expected_series.len();
    if length == 0 || rest.get(length) != Some(&b' ') || !rest.starts_with(expected_series) {
        return None;
    }
    let after = rest.get(length + 1..)?;
    let (value, value_length) = scan_value(after)?;
    let start = scanner.position();
    if after.get(value_length) != Some(&b'\n') {
        let mut ahead = scanner.clone();
        ahead.advance(length);
        let sample = unusual(&mut ahead, start).ok()?;
        *scanner = ahead;
        return Some(sample);
    }
    scanner.advance(length + 1 + value_length + 1);
    Some(TextSample {
        series: rest.get(..length)?,
        value,
        timestamp_ms: None,
        start_timestamp_ms: None,
        before: scanner.text().get(..scanner.position() - 1)?,
        series_start: start,
        exemplar_bytes: 0,
        kind,
    })
}

/// Why a text is not a time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecondsError {
    /// It is not a finite number.
    NotANumber,
    /// It does not fit 64 bits of milliseconds.
    OutOfRange,
}

/// Reads seconds as OpenMetrics writes times, as milliseconds. What is finer is cut, as Prometheus does.
pub(crate) fn seconds_as_ms(text: &[u8]) -> Result<i64, SecondsError> {
    if let Some(outcome) = plain_seconds_as_ms(text) {
        return outcome;
    }
    let seconds = std::str::from_utf8(text)
        .ok()
        .and_then(parse_float)
        .filter(|seconds| seconds.is_finite())
        .ok_or(SecondsError::NotANumber)?;
    let exact_ms = seconds * 1000.0;
    // Seconds that were written with an exponent are whole milliseconds but for the rounding of the float.
    let nearest_ms = exact_ms.round();
    let is_whole = (exact_ms - nearest_ms).abs() <= exact_ms.abs() * f64::EPSILON;
    let whole_ms = if is_whole { nearest_ms } else { exact_ms.trunc() };
    // The largest 64 bit integer is not a float; the power of two above it is.
    let limit_ms = -(i64::MIN as f64);
    if (-limit_ms..limit_ms).contains(&whole_ms) {
        return Ok(whole_ms as i64);
    }
    Err(SecondsError::OutOfRange)
}

/// Reads `-12.345` digit by digit; `None` for any other notation.
fn plain_seconds_as_ms(text: &[u8]) -> Option<Result<i64, SecondsError>> {
    let (is_negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        _ => (false, text),
    };
    let mut parts = unsigned.splitn(2, |byte| *byte == b'.');
    let whole = parts.next()?;
    let fraction = parts.next().unwrap_or_default();
    let is_plain = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if whole.is_empty() || !is_plain(whole) || !is_plain(fraction) {
        return None;
    }
    let milliseconds = (0..3).map(|index| fraction.get(index).copied().unwrap_or(b'0'));
    let mut total_ms = Some(0_i64);
    for digit in whole.iter().copied().chain(milliseconds) {
        let digit = i64::from(digit - b'0');
        total_ms = total_ms
            .and_then(|total_ms| total_ms.checked_mul(10))
            .and_then(|total_ms| total_ms.checked_add(if is_negative { -digit } else { digit }));
    }
    Some(total_ms.ok_or(SecondsError::OutOfRange))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds() {
        use SecondsError::{NotANumber, OutOfRange};
        for (text, expected) in [
            ("0", Ok(0)),
            ("1520879607.789", Ok(1_520_879_607_789)),
            ("1.520879607789e+09", Ok(1_520_879_607_789)),
            ("1520879607.7899", Ok(1_520_879_607_789)),
            ("-0.5", Ok(-500)),
            ("-1.0009", Ok(-1000)),
            ("5.", Ok(5000)),
            (".5", Ok(500)),
            ("1e3", Ok(1_000_000)),
            ("9223372036854775.807", Ok(i64::MAX)),
            ("-9223372036854775.808", Ok(i64::MIN)),
            ("9223372036854775.808", Err(OutOfRange)),
            ("99999999999999999999", Err(OutOfRange)),
            ("1e300", Err(OutOfRange)),
            ("-1e16", Err(OutOfRange)),
            ("NaN", Err(NotANumber)),
            ("+Inf", Err(NotANumber)),
            ("", Err(NotANumber)),
            ("-", Err(NotANumber)),
            ("1.2.3", Err(NotANumber)),
            ("x", Err(NotANumber)),
        ] {
            assert_eq!(seconds_as_ms(text.as_bytes()), expected, "{text}");
        }
    }
}
