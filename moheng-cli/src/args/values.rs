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

/// A whole number, at least 1.
pub(super) fn parse_positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number, at least 1".to_owned()),
        Ok(number) => Ok(number),
    }
}
