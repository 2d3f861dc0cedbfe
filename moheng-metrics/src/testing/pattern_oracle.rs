//! [`check_pattern`]: the short cuts of [`Pattern`] compared with the regular expression itself.

use crate::{CapturePattern, Pattern};

/// Holds [`Pattern`] against the engine, which [`CapturePattern`] always runs.
///
/// # Panics
///
/// When the two disagree about the pattern or about the value.
pub fn check_pattern(pattern: &str, value: &str) {
    let (Ok(compiled), Ok(engine)) = (Pattern::new(pattern), CapturePattern::new(pattern)) else {
        return;
    };
    let expected = engine.is_match(value);
    assert_eq!(compiled.is_match(value), expected, "{pattern:?} on {value:?}");
    assert_eq!(
        engine.captures(value).is_some(),
        expected,
        "captures of {pattern:?} on {value:?}"
    );
    if let Some(values) = compiled.literal_set() {
        let is_listed = values.iter().any(|listed| listed == value);
        assert_eq!(is_listed, expected, "values of {pattern:?} on {value:?}");
    }
    let has_prefix = value.starts_with(compiled.prefix().unwrap_or_default());
    assert!(has_prefix || !expected, "prefix of {pattern:?} on {value:?}");
}
