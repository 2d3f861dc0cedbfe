//! OpenMetrics read the slow and obvious way, and [`check_openmetrics`], which compares [`OpenMetricsParser`] with it.

use std::collections::BTreeMap;

use crate::exposition::OpenMetricsParser;
use crate::{METRIC_NAME, ParseError, TextEntry, TextSample, parse_float};

/// A meaningful line, decoded.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    /// Keyword, name, text.
    Comment(&'static str, String, String),
    /// Labels, bits of the value, timestamp, exemplar.
    Sample(Labels, u64, Option<i64>, Option<(Labels, u64, Option<i64>)>),
}

type Labels = BTreeMap<String, String>;

/// Holds [`OpenMetricsParser`] against an obvious parser on any bytes, with right, wrong and no guesses of the next series, and
/// with start timestamps against without.
///
/// # Panics
///
/// When the two disagree, or a guess changes the outcome.
pub fn check_openmetrics(text: &[u8]) {
    let entries = entries(OpenMetricsParser::new(text), &[]);
    let decoded = entries.as_ref().ok().and_then(|entries| decode(entries));
    assert_eq!(decoded, oracle(text), "the parser and the oracle disagree");
    let Ok(entries_found) = &entries else {
        return;
    };
    let series: Vec<&[u8]> = samples(entries_found).map(|sample| sample.series).collect();
    let shifted: Vec<&[u8]> = series.iter().skip(1).chain(series.first()).copied().collect();
    let constant = vec![series.first().copied().unwrap_or_default(); series.len()];
    for guesses in [&series, &shifted, &constant] {
        let guessed = self::entries(OpenMetricsParser::new(text), guesses);
        assert_eq!(guessed, entries, "a guess changed the outcome");
    }
    check_start_timestamps(text, entries_found);
}

/// Only `_created` samples may go, and the others stay as they are.
fn check_start_timestamps(text: &[u8], entries_found: &[TextEntry<'_>]) {
    let Ok(with_starts) = entries(OpenMetricsParser::new(text).with_start_timestamps(), &[]) else {
        return;
    };
    let mut remaining = samples(&with_starts).peekable();
    for sample in samples(entries_found) {
        let same = remaining.next_if(|other| {
            let mut other = **other;
            other.start_timestamp_ms = None;
            other == *sample
        });
        let is_created = memchr::memmem::find(sample.series, b"_created").is_some();
        assert!(same.is_some() || is_created, "{sample:?} was dropped");
    }
    assert_eq!(remaining.next(), None, "a sample was made up");
}

fn samples<'e, 'a>(entries: &'e [TextEntry<'a>]) -> impl Iterator<Item = &'e TextSample<'a>> {
    entries.iter().filter_map(|entry| match entry {
        TextEntry::Sample(sample) => Some(sample),
        _ => None,
    })
}

fn entries<'a>(
    mut parser: OpenMetricsParser<'a>,
    guesses: &[&[u8]],
) -> Result<Vec<TextEntry<'a>>, ParseError> {
    let mut entries = Vec::new();
    let mut count = 0;
    while let Some(entry) = parser.next_entry(guesses.get(count).copied().unwrap_or_default())? {
        count += usize::from(matches!(entry, TextEntry::Sample(_)));
        entries.push(entry);
    }
    Ok(entries)
}

/// `None` when a series or an exemplar is wrong in itself.
fn decode(entries: &[TextEntry<'_>]) -> Option<Vec<Line>> {
    let owned = |labels: &crate::Labels| -> Labels {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        labels.iter().map(owned).collect()
    };
    let mut lines = Vec::new();
    for entry in entries {
        lines.push(match entry {
            TextEntry::Help { name, help } => Line::Comment("HELP", name.to_string(), help.to_string()),
            TextEntry::Unit { name, unit } => Line::Comment("UNIT", name.to_string(), unit.to_string()),
            TextEntry::Type { name, kind } => {
                Line::Comment("TYPE", name.to_string(), kind.as_openmetrics_str().to_owned())
            }
            TextEntry::Sample(sample) => {
                let exemplar = sample.exemplar().ok()?;
                let exemplar = exemplar.map(|exemplar| {
                    let labels = owned(&exemplar.labels);
                    (labels, exemplar.value.to_bits(), exemplar.timestamp_ms)
                });
                let labels = owned(&sample.labels().ok()?);
                Line::Sample(labels, sample.value.to_bits(), sample.timestamp_ms, exemplar)
            }
        });
    }
    Some(lines)
}

/// `None` stands for any error.
fn oracle(text: &[u8]) -> Option<Vec<Line>> {
    let text = std::str::from_utf8(text).ok()?;
    let body = text.strip_suffix('\n').unwrap_or(text).strip_suffix("# EOF")?;
    if !body.is_empty() && !body.ends_with('\n') {
        return None;
    }
    let mut kind = String::new();
    let mut lines = Vec::new();
    for line in body.split_terminator('\n') {
        let line = if line.starts_with('#') {
            comment(line)?
        } else {
            sample(line, &kind)?
        };
        if let Line::Comment("TYPE", _, word) = &line {
            kind.clone_from(word);
        }
        lines.push(line);
    }
    Some(lines)
}

fn comment(line: &str) -> Option<Line> {
    let keyword = ["HELP", "TYPE", "UNIT"].into_iter().find(|keyword| {
        line.strip_prefix("# ")
            .and_then(|rest| rest.strip_prefix(keyword))
            .is_some()
    })?;
    let mut rest = line[6..].strip_prefix(' ')?;
    let name = if rest.starts_with('"') {
        quoted(&mut rest)?
    } else {
        name(&mut rest, true)?
    };
    let text = rest.strip_prefix(' ')?;
    if name.is_empty() {
        return None;
    }
    if keyword == "TYPE" {
        let kinds = [
            "counter",
            "gauge",
            "histogram",
            "gaugehistogram",
            "summary",
            "info",
            "stateset",
            "unknown",
        ];
        return kinds
            .contains(&text)
            .then(|| Line::Comment(keyword, name, text.to_owned()));
    }
    let text = unescape(text);
    if keyword == "UNIT" && !text.is_empty() && !name.ends_with(&format!("_{text}")) {
        return None;
    }
    Some(Line::Comment(keyword, name, text))
}

fn sample(line: &str, kind: &str) -> Option<Line> {
    let mut rest = line;
    let mut pairs = Vec::new();
    if !rest.starts_with('{') {
        pairs.push((METRIC_NAME.to_owned(), name(&mut rest, true)?));
    }
    if rest.starts_with('{') {
        labels(&mut rest, &mut pairs)?;
    }
    let rest = rest.strip_prefix(' ')?;
    let (number, exemplar) = match rest.split_once(" # {") {
        Some((number, exemplar)) => (number, Some(format!("{{{exemplar}"))),
        None => (rest, None),
    };
    let (value, timestamp_ms) = number_and_time(number)?;
    let exemplar = match exemplar {
        None => None,
        Some(text) => {
            let mut rest = text.as_str();
            let mut pairs = vec![(METRIC_NAME.to_owned(), String::new())];
            labels(&mut rest, &mut pairs)?;
            let labels = label_set(pairs.split_off(1))?;
            let characters: usize = labels
                .iter()
                .map(|(name, value)| name.chars().count() + value.chars().count())
                .sum();
            let (value, timestamp_ms) = number_and_time(rest.strip_prefix(' ')?)?;
            (characters <= 128).then_some(())?;
            Some((labels, value.to_bits(), timestamp_ms))
        }
    };
    let mut labels = label_set(pairs)?;
    let bound = match kind {
        "histogram" | "gaugehistogram" => labels.get_mut("le"),
        "summary" => labels.get_mut("quantile"),
        _ => None,
    };
    if let Some(bound) = bound {
        *bound = super::text_oracle::float_bound(bound);
    }
    labels.contains_key(METRIC_NAME).then_some(())?;
    Some(Line::Sample(labels, value.to_bits(), timestamp_ms, exemplar))
}

fn number_and_time(text: &str) -> Option<(f64, Option<i64>)> {
    let mut words = text.split(' ');
    let value = parse_float(words.next()?)?;
    let timestamp_ms = match words.next() {
        None => None,
        Some(word) => Some(milliseconds(word)?),
    };
    words.next().is_none().then_some((value, timestamp_ms))
}

fn milliseconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !is_plain(digits) || !is_plain(fraction) {
        let exact_ms = parse_float(text).filter(|seconds| seconds.is_finite())? * 1000.0;
        let is_whole = (exact_ms - exact_ms.round()).abs() <= exact_ms.abs() * f64::EPSILON;
        let whole_ms = if is_whole {
            exact_ms.round()
        } else {
            exact_ms.trunc()
        };
        return (-(2.0_f64.powi(63))..2.0_f64.powi(63))
            .contains(&whole_ms)
            .then_some(whole_ms as i64);
    }
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    let digits = format!("{whole}{fraction}");
    digits.parse().ok()
}

fn labels(rest: &mut &str, pairs: &mut Vec<(String, String)>) -> Option<()> {
    let mut has_name = !pairs.is_empty();
    *rest = rest.strip_prefix('{')?;
    if let Some(after) = rest.strip_prefix('}') {
        *rest = after;
        return Some(());
    }
    loop {
        let is_quoted = rest.starts_with('"');
        let label = if is_quoted {
            quoted(rest)?
        } else {
            name(rest, false)?
        };
        if is_quoted && rest.starts_with([',', '}']) {
            if has_name {
                return None;
            }
            has_name = true;
            pairs.push((METRIC_NAME.to_owned(), label));
        } else {
            *rest = rest.strip_prefix('=')?;
            pairs.push((label, quoted(rest)?));
        }
        let after = rest.get(1..);
        match rest.bytes().next()? {
            b',' => *rest = after?,
            b'}' => {
                *rest = after?;
                return Some(());
            }
            _ => return None,
        }
    }
}

fn label_set(pairs: Vec<(String, String)>) -> Option<Labels> {
    let count = pairs.len();
    let mut labels: Labels = pairs.into_iter().collect();
    let is_distinct = labels.len() == count;
    labels.retain(|_, value| !value.is_empty());
    is_distinct.then_some(labels)
}

fn name(rest: &mut &str, is_metric: bool) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (is_metric && byte == b':');
    let length = rest.bytes().take_while(|byte| is_name(*byte)).count();
    let (name, after) = rest.split_at(length);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    *rest = after;
    Some(name.to_owned())
}

fn quoted(rest: &mut &str) -> Option<String> {
    let text = rest.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    *rest = &text[end + 1..];
    Some(unescape(&text[..end]))
}

fn unescape(text: &str) -> String {
    super::text_oracle::unescape(text, &['\\', 'n', '"'])
}
