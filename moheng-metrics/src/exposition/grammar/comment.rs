//! Names and texts of the lines that begin with `#`.

use std::borrow::Cow;

use super::scanner::Scanner;
use super::series::{decode, text_of, unescape};
use crate::ParseError;

/// Reads the name of a metric family, quoted or not, which ends with a blank, the line or the text.
pub(crate) fn family_name<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, str>, ParseError> {
    let start = scanner.position();
    let name = if scanner.peek() == Some(b'"') {
        let quoted = scanner.quoted()?;
        if let Err(error) = std::str::from_utf8(scanner.since(start)) {
            let position = start + error.valid_up_to();
            return Err(scanner.error_at(position, "the metric name is not valid UTF-8".to_owned()));
        }
        decode(quoted)
    } else {
        text_of(scanner.metric_name())
    };
    if name.is_empty() {
        return Err(Scanner::new(scanner.text(), start).expected("a metric name"));
    }
    if !matches!(scanner.peek(), None | Some(b' ' | b'\t' | b'\n')) {
        return Err(scanner.expected("a blank after the metric name"));
    }
    Ok(name)
}

/// Reads the text up to the end of the line; in OpenMetrics double quotes are escaped in it too.
pub(crate) fn escaped_text<'a>(
    scanner: &mut Scanner<'a>,
    what: &str,
    with_quotes: bool,
) -> Result<Cow<'a, str>, ParseError> {
    let start = scanner.position();
    // Most texts have no backslash: what is found first is their end.
    let found = memchr::memchr2(b'\n', b'\\', scanner.rest());
    let has_escapes = found.is_some_and(|index| scanner.rest().get(index) == Some(&b'\\'));
    let raw = match found {
        Some(index) if !has_escapes => scanner.line_of(index),
        _ => scanner.rest_of_line(),
    };
    let text = std::str::from_utf8(raw).map_err(|error| {
        let position = start + error.valid_up_to();
        scanner.error_at(position, format!("the {what} is not valid UTF-8"))
    })?;
    if has_escapes {
        return Ok(Cow::Owned(unescape(text, with_quotes)));
    }
    Ok(Cow::Borrowed(text))
}
