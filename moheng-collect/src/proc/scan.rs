//! Small byte scanners that the parsers of this directory share.

use std::borrow::Cow;

use super::MalformedFile;

/// The lines that are not blank, numbered from 1.
pub(super) fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    content
        .split(|&byte| byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// The parts of a line between blanks.
pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// Cuts `line` at the first `separator`.
pub(super) fn split_once(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, line)?;
    Some((&line[..at], &line[at + 1..]))
}

/// A decimal number without sign.
pub(super) fn decimal(field: &[u8]) -> Option<u64> {
    number(field, 10)
}

/// A hexadecimal number without sign or prefix.
pub(super) fn hexadecimal(field: &[u8]) -> Option<u64> {
    number(field, 16)
}

fn number(field: &[u8], radix: u32) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        number
            .checked_mul(u64::from(radix))?
            .checked_add(u64::from(digit))
    })
}

/// A decimal number without sign that may have a fraction.
pub(crate) fn fraction(field: &[u8]) -> Option<f64> {
    let (whole, part) = split_once(field, b'.').unwrap_or((field, b"0"));
    decimal(whole)?;
    let is_part = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    is_part.then(|| text(field).parse().ok()).flatten()
}

/// A decimal number that may have a sign, as a float.
pub(super) fn signed(field: &[u8]) -> Option<f64> {
    match field.strip_prefix(b"-") {
        Some(magnitude) => decimal(magnitude).map(|number| -(number as f64)),
        None => decimal(field).map(|number| number as f64),
    }
}

/// The decimal number of a line that must have one here.
pub(super) fn expect_decimal(field: Option<&[u8]>, line: usize, what: &str) -> Result<u64, MalformedFile> {
    field.and_then(decimal).ok_or_else(|| expected(what, field, line))
}

/// `WHAT expected, found FIELD`.
pub(super) fn expected(what: &str, found: Option<&[u8]>, line: usize) -> MalformedFile {
    let found = match found {
        // Long fields would fill the log.
        Some(field) => format!("{:?}", text(&field[..field.len().min(40)])),
        None => "the end of the line".to_owned(),
    };
    MalformedFile::new(line, format!("{what} expected, found {found}"))
}

/// Text of the kernel, which need not be UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
