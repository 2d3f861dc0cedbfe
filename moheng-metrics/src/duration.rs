//! Durations as Prometheus writes them: `1h30m`.

use thiserror::Error;

/// Units with their milliseconds, largest first. Those that are only written when nothing is left are marked.
const UNITS: [(&str, i64, bool); 7] = [
    ("y", 365 * 24 * 3_600_000, true),
    ("w", 7 * 24 * 3_600_000, true),
    ("d", 24 * 3_600_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// Prometheus counts nanoseconds in 64 bits, which ends here.
const MAX_MS: i64 = i64::MAX / 1_000_000;

/// Reads a duration such as `15s`, `1h30m` or `0` as milliseconds.
///
/// Units are `y w d h m s ms`, each at most once and in this order, with whole numbers. Only zero goes without one.
///
/// ```
/// use moheng_metrics::parse_duration_ms;
///
/// assert_eq!(parse_duration_ms("1h30m"), Ok(5_400_000));
/// assert!(parse_duration_ms("1.5h").is_err());
/// ```
///
/// # Errors
///
/// See [`DurationError`].
pub fn parse_duration_ms(text: &str) -> Result<i64, DurationError> {
    match text {
        "" => return Err(DurationError::Empty),
        "0" => return Ok(0),
        _ => {}
    }
    let invalid = || DurationError::Invalid(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total_ms = 0_i64;
    while !rest.is_empty() {
        let (number, after) = split_at_end_of(rest, |byte| byte.is_ascii_digit());
        let (unit, after) = split_at_end_of(after, |byte| byte.is_ascii_alphabetic());
        // Looking on from the previous unit makes each unit appear once and in order.
        let (_, unit_ms, _) = units.find(|(name, ..)| *name == unit).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        let count: i64 = number.parse().map_err(|_| too_long())?;
        total_ms = count
            .checked_mul(*unit_ms)
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .filter(|total_ms| *total_ms <= MAX_MS)
            .ok_or_else(too_long)?;
        rest = after;
    }
    Ok(total_ms)
}

/// Writes milliseconds as Prometheus does, `0s` for zero and with a leading `-` when negative.
///
/// Years and weeks appear only when the duration is a whole number of them, since `90d` reads better than `12w6d`.
///
/// ```
/// assert_eq!(moheng_metrics::format_duration(5_400_000), "1h30m");
/// ```
pub fn format_duration(duration_ms: i64) -> String {
    if duration_ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if duration_ms < 0 {
        out.push('-');
    }
    let mut rest_ms = duration_ms.unsigned_abs();
    for (unit, unit_ms, only_whole) in UNITS {
        let unit_ms = unit_ms.unsigned_abs();
        let count = rest_ms / unit_ms;
        if count == 0 || (only_whole && !rest_ms.is_multiple_of(unit_ms)) {
            continue;
        }
        out.push_str(&count.to_string());
        out.push_str(unit);
        rest_ms %= unit_ms;
    }
    out
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DurationError {
    /// There is no text.
    #[error("empty duration string")]
    Empty,
    /// The text does not follow the syntax.
    #[error("not a valid duration string: {0:?} (expected for example 15s, 5m or 1h30m)")]
    Invalid(String),
    /// More than 64 bits of nanoseconds, about 292 years.
    #[error("duration out of range: {0:?}")]
    TooLong(String),
}

fn split_at_end_of(text: &str, is_part: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, duration_ms) in [
            ("0", 0),
            ("0s", 0),
            ("1ms", 1),
            ("15s", 15_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1y2w3d4h5m6s7ms", 33_019_506_007),
            ("90d", 7_776_000_000),
            ("007s", 7_000),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(duration_ms), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused() {
        use DurationError::{Empty, Invalid, TooLong};
        assert_eq!(parse_duration_ms(""), Err(Empty));
        for text in [
            "1", "-1s", "1.5h", "s", "1s1m", "1s1s", "1 s", " 1s", "1x", "1S", "1sm", "1h30", "\u{661}s",
        ] {
            assert_eq!(parse_duration_ms(text), Err(Invalid(text.to_owned())));
        }
        for text in ["293y", "99999999999999999999s", "9223372036854775807d"] {
            assert_eq!(parse_duration_ms(text), Err(TooLong(text.to_owned())));
        }
    }

    #[test]
    fn durations_are_written() {
        for (duration_ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (60_000, "1m"),
            (5_400_000, "1h30m"),
            (7 * 86_400_000, "1w"),
            (8 * 86_400_000, "8d"),
            (90 * 86_400_000, "90d"),
            (2 * 365 * 86_400_000, "2y"),
            (365 * 86_400_000 + 1, "365d1ms"),
            (-90_000, "-1m30s"),
        ] {
            assert_eq!(format_duration(duration_ms), text);
        }
        assert_eq!(format_duration(i64::MIN), "-106751991167d7h12m55s808ms");
    }
}
