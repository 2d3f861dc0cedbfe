//! The grammar of a series, `name{label="value",...}`, and its decoding into [`Labels`].

use std::borrow::Cow;

use super::scanner::{Quoted, Scanner};
use super::swar::{find_quote_or_backslash, name_length};
use crate::labels::MAX_TEXT_BYTES;
use crate::{Labels, METRIC_NAME, MetricKind, ParseError, format_float, parse_float};

/// A piece of a series, as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// The metric name.
    MetricName(Quoted<'a>),
    /// A label and its value.
    Label(Quoted<'a>, Quoted<'a>),
}

/// The length of the series at the start of `text`, if it is written as nearly all are: without blanks, escapes and
/// quoted names. Any other, and a wrong one, is left to [`scan_series`], which says what is wrong.
#[inline]
pub(super) fn plain_series_length(text: &[u8]) -> Option<usize> {
    let mut at = plain_name_length(text, true)?;
    match text.get(at..)? {
        [b'{', ..] => at += 1,
        [b' ', next, ..] if !matches!(next, b' ' | b'\t' | b'{') => return Some(at),
        _ => return None,
    }
    loop {
        let (name_length, value_length) = plain_label(text.get(at..)?)?;
        at += name_length + value_length + 4;
        match text.get(at - 1)? {
            b',' => {}
            b'}' => return Some(at),
            _ => return None,
        }
    }
}

/// The lengths of name and value of the `name="value"` at the start of `text`; something follows it.
#[inline]
fn plain_label(text: &[u8]) -> Option<(usize, usize)> {
    let name_length = plain_name_length(text, false)?;
    let [b'=', b'"', value @ ..] = text.get(name_length..)? else {
        return None;
    };
    let value_length = find_quote_or_backslash(value)?;
    (value.get(value_length) == Some(&b'"')).then_some((name_length, value_length))
}

#[inline]
fn plain_name_length(text: &[u8], with_colon: bool) -> Option<usize> {
    let is_name = !text.first()?.is_ascii_digit();
    let length = name_length(text, with_colon);
    (is_name && length > 0).then_some(length)
}

/// Moves past a series and hands each of its pieces to `on_part`.
#[inline]
pub(super) fn scan_series<'a>(
    scanner: &mut Scanner<'a>,
    mut on_part: impl FnMut(Part<'a>),
) -> Result<(), ParseError> {
    let name = scanner.metric_name();
    let mut has_name = !name.is_empty();
    if has_name {
        on_part(Part::MetricName(unquoted(name)));
        let after_name = scanner.clone();
        scanner.skip_blanks();
        if scanner.peek() != Some(b'{') {
            // The blanks belong to the value, not to the series.
            *scanner = after_name;
            return Ok(());
        }
    } else if scanner.peek() != Some(b'{') {
        return Err(scanner.expected("a metric name, a comment or {"));
    }
    scanner.advance(1);
    scanner.skip_blanks();
    while !scanner.eat(b'}') {
        scan_label(scanner, &mut has_name, &mut on_part)?;
        // Prometheus takes labels with only a blank, or nothing, between them; so does this.
        scanner.skip_blanks();
        scanner.eat(b',');
        scanner.skip_blanks();
    }
    Ok(())
}

/// Moves past `label="value"`, or past a quoted metric name that stands between the braces.
#[inline]
fn scan_label<'a>(
    scanner: &mut Scanner<'a>,
    has_name: &mut bool,
    on_part: &mut impl FnMut(Part<'a>),
) -> Result<(), ParseError> {
    let start = scanner.position();
    let is_quoted = scanner.peek() == Some(b'"');
    let label = if is_quoted {
        scanner.quoted()?
    } else {
        unquoted(scanner.label_name())
    };
    if label.raw.is_empty() && !is_quoted {
        return Err(scanner.expected("a label name or }"));
    }
    scanner.skip_blanks();
    if is_quoted && matches!(scanner.peek(), Some(b',' | b'}')) {
        if *has_name {
            return Err(scanner.error_at(start, "the metric has a name already".to_owned()));
        }
        *has_name = true;
        on_part(Part::MetricName(label));
        return Ok(());
    }
    if !scanner.eat(b'=') {
        return Err(scanner.expected("= after the label name"));
    }
    scanner.skip_blanks();
    if scanner.peek() != Some(b'"') {
        return Err(scanner.expected("a label value in double quotes"));
    }
    let value = scanner.quoted()?;
    on_part(Part::Label(label, value));
    Ok(())
}

fn unquoted(raw: &[u8]) -> Quoted<'_> {
    Quoted {
        raw,
        has_escapes: false,
    }
}

/// Decodes a series that is written as [`plain_series_length`] wants it, and right in itself.
pub(super) fn decode_plain_series(series: &str) -> Option<Labels> {
    let bytes = series.as_bytes();
    if bytes.len() > MAX_TEXT_BYTES {
        return None;
    }
    let mut at = plain_name_length(bytes, true)?;
    let mut pairs = Vec::with_capacity(16);
    pairs.push((METRIC_NAME, series.get(..at)?));
    let mut expected: &[u8] = b"{";
    while at < bytes.len() {
        if !expected.contains(&bytes[at]) {
            return None;
        }
        at += 1;
        if at == bytes.len() && bytes[at - 1] == b'}' {
            break;
        }
        let (name_length, value_length) = plain_label(bytes.get(at..)?)?;
        let name = series.get(at..at + name_length)?;
        at += name_length + 2;
        pairs.push((name, series.get(at..at + value_length)?));
        at += value_length + 1;
        expected = b",}";
    }
    pairs.sort_unstable();
    let is_distinct = pairs.windows(2).all(|pair| pair[0].0 < pair[1].0);
    // An empty label is an absent one.
    pairs.retain(|(_, value)| !value.is_empty());
    is_distinct.then(|| Labels::from_sorted_pairs(pairs))
}

/// Decodes the series that the scanner stands at.
pub(super) fn decode_series(scanner: &mut Scanner<'_>) -> Result<Labels, ParseError> {
    let start = scanner.clone();
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(16);
    let mut is_too_long = false;
    scan_series(scanner, |part| {
        let (name, value) = match part {
            Part::MetricName(name) => (Cow::Borrowed(METRIC_NAME), decode(name)),
            Part::Label(name, value) => (decode(name), decode(value)),
        };
        is_too_long |= name.len() > MAX_TEXT_BYTES || value.len() > MAX_TEXT_BYTES;
        pairs.push((name, value));
    })?;
    if is_too_long {
        return Err(start.error_here(format!(
            "a label of this series is longer than {MAX_TEXT_BYTES} bytes"
        )));
    }
    pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
    if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let name = &pair[0].0;
        return Err(start.error_here(format!("the series has the label {name:?} twice")));
    }
    // An empty label is an absent one.
    let present = pairs.iter().filter(|(_, value)| !value.is_empty());
    let labels = Labels::from_sorted_pairs(present.map(|(name, value)| (name.as_ref(), value.as_ref())));
    if labels.metric_name().is_empty() {
        return Err(start.error_here("the series has no metric name".to_owned()));
    }
    Ok(labels)
}

/// Writes the bound of a histogram's bucket, or a summary's quantile, so that it shows it is a float.
pub(super) fn with_float_bounds(labels: Labels, kind: MetricKind) -> Labels {
    let name = match kind {
        MetricKind::Histogram => "le",
        MetricKind::Summary => "quantile",
        _ => return labels,
    };
    let Some((written, bound)) = labels.get(name).and_then(|text| Some((text, parse_float(text)?))) else {
        return labels;
    };
    let mut text = String::new();
    format_float(bound, &mut text);
    if bound.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    if text == written {
        return labels;
    }
    labels.to_builder().with(name, &text).finish()
}

/// The text of a quoted name or value. Only `\\`, `\"` and `\n` are escapes; any other backslash is itself.
pub(super) fn decode(quoted: Quoted<'_>) -> Cow<'_, str> {
    let text = text_of(quoted.raw);
    if quoted.has_escapes {
        Cow::Owned(unescape(&text, true))
    } else {
        text
    }
}

/// What the parser has found to be UTF-8, as text.
pub(super) fn text_of(raw: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Borrowed)
}

/// Replaces `\\` and `\n`, and `\"` if asked to; help texts do not escape quotes.
pub(super) fn unescape(text: &str, with_quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(index) = rest.find('\\') {
        out.push_str(&rest[..index]);
        let after = &rest[index + 1..];
        let character = match after.as_bytes().first() {
            Some(b'n') => Some('\n'),
            Some(b'\\') => Some('\\'),
            Some(b'"') if with_quotes => Some('"'),
            _ => None,
        };
        out.push(character.unwrap_or('\\'));
        rest = &after[usize::from(character.is_some())..];
    }
    out.push_str(rest);
    out
}
