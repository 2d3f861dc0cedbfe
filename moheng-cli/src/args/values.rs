//! Values of flags.

use std::time::Duration;

/// A positive duration such as `5m` or `1h30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    match moheng_metrics::parse_duration_ms(text) {
        Ok(0) => Err("expected a duration longer than zero".to_owned()),
        Ok(duration_ms) => Ok(Duration::from_millis(duration_ms.unsigned_abs())),
        Err(_) => Err("expected a duration such as 15s or 1h30m".to_owned()),
    }
}

/// A duration such as `15d`, or `0`.
pub(super) fn parse_duration_or_zero(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => match moheng_metrics::parse_duration_ms(text) {
            Ok(duration_ms) => Ok(Duration::from_millis(duration_ms.unsigned_abs())),
            Err(_) => Err("expected 0 or a duration such as 30d or 1y".to_owned()),
        },
    }
}

/// A size such as `512MB`, in powers of 1024 as Prometheus reads it, or `0`.
pub(super) fn parse_size_bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected 0 or a size such as 512MB or 20GB".to_owned();
    if text == "0" {
        return Ok(0);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(expected)?;
    let power = ["B", "KB", "MB", "GB", "TB", "PB", "EB"]
        .iter()
        .position(|known| *known == unit);
    let scale = 1024_u64.pow(power.ok_or_else(expected)? as u32);
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(scale).ok_or_else(expected)
}

/// A label as `name=value`.
pub(super) fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if moheng_metrics::is_valid_label_name(name) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE with the name of a label".to_owned()),
    }
}

/// A whole number, at least 1.
pub(super) fn parse_positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number, at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parse_label("a=b=c"), pair("a", "b=c"));
        assert_eq!(parse_label("a="), pair("a", ""));
        for text in ["", "a", "=b", "1a=b"] {
            assert!(parse_label(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_durations() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1B", Some(1)),
            ("2KB", Some(2048)),
            ("20GB", Some(20 << 30)),
            ("", None),
            ("20", None),
            ("GB", None),
            ("-1GB", None),
            ("20gb", None),
            ("99EB", None),
        ] {
            assert_eq!(parse_size_bytes(text).ok(), expected, "{text}");
        }
        assert_eq!(parse_duration_or_zero("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration_or_zero("15d"), Ok(Duration::from_hours(15 * 24)));
        assert!(parse_duration_or_zero("15").is_err());
    }
}
