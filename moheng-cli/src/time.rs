//! Times and durations as the HTTP API and the command line write them.

use jiff::Timestamp;
use moheng_metrics::parse_duration_ms;

/// The texts that stand for the beginning and the end of all time.
const FIRST_TIME: &str = "-292273086-05-16T16:47:06Z";
const LAST_TIME: &str = "292277025-08-18T07:12:54.999999999Z";

/// Reads Unix seconds with decimals, or RFC 3339, as milliseconds.
pub(crate) fn parse_time_ms(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return seconds_to_ms(seconds);
    }
    match text {
        FIRST_TIME => Some(i64::MIN),
        LAST_TIME => Some(i64::MAX),
        _ => text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond),
    }
}

/// As [`parse_time_ms`], and `now` or a time before it such as `now-1h30m` or `-1h30m`.
pub(crate) fn parse_command_time_ms(text: &str, now_ms: i64) -> Option<i64> {
    if text == "now" {
        return Some(now_ms);
    }
    let before = text.strip_prefix("now").unwrap_or(text).strip_prefix('-');
    match before.and_then(|before| parse_duration_ms(before).ok()) {
        Some(before_ms) => now_ms.checked_sub(before_ms),
        None => parse_time_ms(text),
    }
}

/// Reads seconds with decimals, or a duration such as `1h30m`, as milliseconds.
pub(crate) fn parse_seconds_or_duration_ms(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => seconds_to_ms(seconds),
        Err(_) => parse_duration_ms(text).ok(),
    }
}

fn seconds_to_ms(seconds: f64) -> Option<i64> {
    let milliseconds = (seconds * 1000.0).round();
    // Nothing close to the ends of the range is a time anyone means, and sums with it would overflow.
    (milliseconds.abs() < 9e18).then_some(milliseconds as i64)
}

/// RFC 3339 in UTC with milliseconds, or the number itself where no calendar reaches.
pub(crate) fn format_time(timestamp_ms: i64) -> String {
    match Timestamp::from_millisecond(timestamp_ms) {
        Ok(timestamp) => format!("{timestamp:.3}"),
        Err(_) => format!("{timestamp_ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1.5", Some(1_500)),
            ("1795380653.603", Some(1_795_380_653_603)),
            ("-1", Some(-1_000)),
            ("1e9", Some(1_000_000_000_000)),
            ("1970-01-01T00:00:01Z", Some(1_000)),
            ("1970-01-01T01:00:01.25+01:00", Some(1_250)),
            (FIRST_TIME, Some(i64::MIN)),
            (LAST_TIME, Some(i64::MAX)),
            ("NaN", None),
            ("Inf", None),
            ("1e300", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_time_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn times_before_now() {
        for (text, expected) in [
            ("now", Some(10_000_000)),
            ("now-1h", Some(6_400_000)),
            ("-1h", Some(6_400_000)),
            ("-1", Some(-1_000)),
            ("now+1h", None),
            ("now-", None),
            ("5", Some(5_000)),
        ] {
            assert_eq!(parse_command_time_ms(text, 10_000_000), expected, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m30s", Some(90_000)),
            ("1x", None),
            ("1e30", None),
        ] {
            assert_eq!(parse_seconds_or_duration_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn formatted() {
        assert_eq!(format_time(1_795_380_653_600), "2026-11-22T20:50:53.600Z");
        assert_eq!(format_time(i64::MAX), format!("{}ms", i64::MAX));
    }
}
