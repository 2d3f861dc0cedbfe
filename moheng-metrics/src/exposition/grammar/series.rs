//! The grammar of a series, `name{label="value",...}`, and its decoding into [`Labels`].

use std::borrow::Cow;

use super::scanner::{Quoted, Scanner};
use super::search::{find_quote_or_escape, name_length};
use crate::labels::MAX_TEXT_BYTES;
use crate::number::FloatText;
use crate::{Labels, METRIC_NAME, MetricKind, ParseError, parse_float};

const LINE_FEED_IN_VALUE: &str = "a line feed within a label (it is written \\n)";

/// A piece of a series, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part<'a> {
    /// The metric name.
    MetricName(Quoted<'a>),
    /// A label and its value.
    Label(Quoted<'a>, Quoted<'a>),
}

/// The length of the series at the start of `text`, if it is written as nearly all are: without blanks, escapes, line
/// feeds and quoted names. Any other, and a wrong one, is left to [`scan_series`], which says what is wrong.
#[inline]
pub(crate) fn plain_series_length(text: &[u8]) -> Option<usize> {
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
pub(crate) fn plain_label(text: &[u8]) -> Option<(usize, usize)> {
    let name_length = plain_name_length(text, false)?;
    let [b'=', b'"', value @ ..] = text.get(name_length..)? else {
        return None;
    };
    let value_length = find_quote_or_escape(value)?;
    (value.get(value_length) == Some(&b'"')).then_some((name_length, value_length))
}

#[inline]
pub(crate) fn plain_name_length(text: &[u8], with_colon: bool) -> Option<usize> {
    let is_name = !text.first()?.is_ascii_digit();
    let length = name_length(text, with_colon);
    (is_name && length > 0).then_some(length)
}

/// Moves past a series, which is valid UTF-8, to where its value or the blanks before it begin.
#[inline]
pub(crate) fn skip_series<const STRICT: bool>(scanner: &mut Scanner<'_>) -> Result<(), ParseError> {
    let start = scanner.position();
    let plain_length = plain_series_length(scanner.rest());
    match plain_length {
        Some(length) => scanner.advance(length),
        None => scan_series::<STRICT>(scanner, |_| ())?,
    }
    let series = scanner.since(start);
    if !series.is_ascii()
        && let Err(error) = std::str::from_utf8(series)
    {
        let position = start + error.valid_up_to();
        return Err(scanner.error_at(position, "the series is not valid UTF-8".to_owned()));
    }
    if STRICT
        && plain_length.is_none()
        && let Some(index) = memchr::memchr(b'\n', series)
    {
        return Err(scanner.error_at(start + index, LINE_FEED_IN_VALUE.to_owned()));
    }
    Ok(())
}

/// Moves past a series and hands each of its pieces to `on_part`.
///
/// Between labels, OpenMetrics has a comma and nothing else; it is read with `STRICT`. Prometheus's own format allows blanks, and
/// Prometheus takes labels with only a blank, or nothing, between them.
#[inline]
pub(crate) fn scan_series<'a, const STRICT: bool>(
    scanner: &mut Scanner<'a>,
    mut on_part: impl FnMut(Part<'a>),
) -> Result<(), ParseError> {
    let name = scanner.metric_name();
    let mut has_name = !name.is_empty();
    if has_name {
        on_part(Part::MetricName(unquoted(name)));
        let after_name = scanner.clone();
        skip_blanks::<STRICT>(scanner);
        if scanner.peek() != Some(b'{') {
            // The blanks belong to the value, not to the series.
            *scanner = after_name;
            return Ok(());
        }
    } else if scanner.peek() != Some(b'{') {
        return Err(scanner.expected("a metric name, a comment or {"));
    }
    scan_labels::<STRICT>(scanner, &mut has_name, &mut on_part)
}

/// Moves past the labels of an exemplar, `{label="value",...}`.
pub(crate) fn scan_exemplar_labels<'a>(
    scanner: &mut Scanner<'a>,
    mut on_part: impl FnMut(Part<'a>),
) -> Result<(), ParseError> {
    if scanner.peek() != Some(b'{') {
        return Err(scanner.expected("the labels of an exemplar in braces"));
    }
    scan_labels::<true>(scanner, &mut true, &mut on_part)
}

fn scan_labels<'a, const STRICT: bool>(
    scanner: &mut Scanner<'a>,
    has_name: &mut bool,
    on_part: &mut impl FnMut(Part<'a>),
) -> Result<(), ParseError> {
    scanner.advance(1);
    skip_blanks::<STRICT>(scanner);
    if scanner.eat(b'}') {
        return Ok(());
    }
    loop {
        scan_label::<STRICT>(scanner, has_name, on_part)?;
        skip_blanks::<STRICT>(scanner);
        let has_comma = scanner.eat(b',');
        skip_blanks::<STRICT>(scanner);
        if !(STRICT && has_comma) && scanner.eat(b'}') {
            return Ok(());
        }
        if STRICT && !has_comma {
            return Err(scanner.expected("a comma or }"));
        }
    }
}

#[inline]
fn skip_blanks<const STRICT: bool>(scanner: &mut Scanner<'_>) {
    if !STRICT {
        scanner.skip_blanks();
    }
}

/// Moves past `label="value"`, or past a quoted metric name that stands between the braces.
#[inline]
fn scan_label<'a, const STRICT: bool>(
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
    skip_blanks::<STRICT>(scanner);
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
    skip_blanks::<STRICT>(scanner);
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

/// Decodes the series that the scanner stands at.
pub(crate) fn decode_series(scanner: &mut Scanner<'_>) -> Result<Labels, ParseError> {
    let start = scanner.clone();
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(16);
    // What was accepted before is decoded whatever the format.
    scan_series::<false>(scanner, |part| pairs.push(decode_part(part)))?;
    let labels = labels_of(&start, "series", pairs)?;
    if labels.metric_name().is_empty() {
        return Err(start.error_here("the series has no metric name".to_owned()));
    }
    Ok(labels)
}

/// Decodes the labels of the exemplar that the scanner stands at.
pub(crate) fn decode_exemplar_labels(scanner: &mut Scanner<'_>) -> Result<Labels, ParseError> {
    let start = scanner.clone();
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    scan_exemplar_labels(scanner, |part| pairs.push(decode_part(part)))?;
    labels_of(&start, "exemplar", pairs)
}

fn decode_part(part: Part<'_>) -> (Cow<'_, str>, Cow<'_, str>) {
    match part {
        Part::MetricName(name) => (Cow::Borrowed(METRIC_NAME), decode(name)),
        Part::Label(name, value) => (decode(name), decode(value)),
    }
}

fn labels_of(
    start: &Scanner<'_>,
    what: &str,
    mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>,
) -> Result<Labels, ParseError> {
    if pairs
        .iter()
        .any(|(name, value)| name.len() > MAX_TEXT_BYTES || value.len() > MAX_TEXT_BYTES)
    {
        return Err(start.error_here(format!(
            "a label of this {what} is longer than {MAX_TEXT_BYTES} bytes"
        )));
    }
    pairs.sort_by(|(left, _), (right, _)| left.cmp(right));
    if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let name = &pair[0].0;
        return Err(start.error_here(format!("the {what} has the label {name:?} twice")));
    }
    // An empty label is an absent one.
    let present = pairs.iter().filter(|(_, value)| !value.is_empty());
    Ok(Labels::from_sorted_pairs(
        present.map(|(name, value)| (name.as_ref(), value.as_ref())),
    ))
}

/// Writes the bound of a histogram's bucket, or a summary's quantile, so that it shows it is a float.
pub(crate) fn with_float_bounds(labels: Labels, kind: MetricKind) -> Labels {
    let name = bound_label(kind);
    let Some((written, bound)) = name.and_then(|name| {
        let written = labels.get(name)?;
        Some((written, parse_float(written)?))
    }) else {
        return labels;
    };
    let text = FloatText::bound(bound);
    if text.as_str() == written {
        return labels;
    }
    labels
        .to_builder()
        .with(name.unwrap_or_default(), text.as_str())
        .finish()
}

/// The label that holds the bound of a bucket or the rank of a quantile.
pub(crate) fn bound_label(kind: MetricKind) -> Option<&'static str> {
    match kind {
        MetricKind::Histogram | MetricKind::GaugeHistogram => Some("le"),
        MetricKind::Summary => Some("quantile"),
        _ => None,
    }
}

/// The text of a quoted name or value. Only `\\`, `\"` and `\n` are escapes; any other backslash is itself.
pub(crate) fn decode(quoted: Quoted<'_>) -> Cow<'_, str> {
    let text = text_of(quoted.raw);
    if quoted.has_escapes {
        Cow::Owned(unescape(&text, true))
    } else {
        text
    }
}

/// What the parser has found to be UTF-8, as text.
pub(crate) fn text_of(raw: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Borrowed)
}

/// Replaces `\\` and `\n`, and `\"` if asked to; help texts do not escape quotes.
pub(crate) fn unescape(text: &str, with_quotes: bool) -> String {
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
