//! Exemplars at the end of a line: ` # {label="value"} number timestamp`.

use crate::exposition::grammar::{
    Scanner, SecondsError, decode_exemplar_labels, scan_exemplar_labels, scan_value, seconds_as_ms,
};
use crate::{Exemplar, Labels, ParseError};

/// How many characters the labels of an exemplar may have in OpenMetrics 1.0, names and values together.
pub const MAX_EXEMPLAR_CHARACTERS: usize = 128;

/// Whether the labels of an exemplar are short enough for OpenMetrics.
pub(super) fn fits(labels: &Labels) -> bool {
    character_count(labels) <= MAX_EXEMPLAR_CHARACTERS
}

/// Moves past the exemplar that the scanner stands at, its opening brace first.
pub(super) fn skip_exemplar(scanner: &mut Scanner<'_>) -> Result<(), ParseError> {
    let start = scanner.position();
    scan_exemplar_labels(scanner, |_| ())?;
    let labels = scanner.since(start);
    if let Err(error) = std::str::from_utf8(labels) {
        let position = start + error.valid_up_to();
        return Err(scanner.error_at(position, "the exemplar is not valid UTF-8".to_owned()));
    }
    if let Some(index) = memchr::memchr(b'\n', labels) {
        return Err(scanner.error_at(start + index, "a line feed within an exemplar".to_owned()));
    }
    value_and_timestamp(scanner).map(drop)
}

/// Decodes the exemplar that the scanner stands at, its opening brace first.
pub(in crate::exposition) fn decode_exemplar(scanner: &mut Scanner<'_>) -> Result<Exemplar, ParseError> {
    let start = scanner.clone();
    let labels = decode_exemplar_labels(scanner)?;
    if !fits(&labels) {
        let count = character_count(&labels);
        return Err(start.error_here(format!(
            "the labels of the exemplar have {count} characters, more than {MAX_EXEMPLAR_CHARACTERS}"
        )));
    }
    let (value, timestamp_ms) = value_and_timestamp(scanner)?;
    Ok(Exemplar {
        labels,
        value,
        timestamp_ms,
    })
}

fn value_and_timestamp(scanner: &mut Scanner<'_>) -> Result<(f64, Option<i64>), ParseError> {
    let value = value(scanner, "a blank and the value of the exemplar")?;
    let timestamp_ms = match scanner.peek() {
        Some(b' ') => {
            scanner.advance(1);
            Some(timestamp(scanner)?)
        }
        _ => None,
    };
    Ok((value, timestamp_ms))
}

/// Reads a blank and a number.
pub(super) fn value(scanner: &mut Scanner<'_>, expected: &str) -> Result<f64, ParseError> {
    if !scanner.eat(b' ') {
        return Err(scanner.expected(expected));
    }
    let (value, length) = scan_value(scanner.rest()).ok_or_else(|| scanner.expected("a number"))?;
    scanner.advance(length);
    Ok(value)
}

/// Reads a time in seconds.
pub(super) fn timestamp(scanner: &mut Scanner<'_>) -> Result<i64, ParseError> {
    let rest = scanner.rest();
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\n'))
        .unwrap_or(rest.len());
    let timestamp_ms =
        seconds_as_ms(rest.get(..length).unwrap_or_default()).map_err(|error| match error {
            SecondsError::NotANumber => scanner.expected("a time in seconds"),
            SecondsError::OutOfRange => {
                scanner.error_here("the time does not fit 64 bits of milliseconds".to_owned())
            }
        })?;
    scanner.advance(length);
    Ok(timestamp_ms)
}

fn character_count(labels: &Labels) -> usize {
    labels
        .iter()
        .map(|(name, value)| name.chars().count() + value.chars().count())
        .sum()
}
