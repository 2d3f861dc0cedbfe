//! The text format read the slow and obvious way, and [`check_text`], which compares [`TextParser`] with it.

use std::collections::BTreeMap;

use crate::{METRIC_NAME, ParseError, TextEntry, TextParser};

/// A meaningful line, decoded.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Help(String, String),
    Type(String, String),
    /// Labels without empty values, bits of the value, timestamp.
    Sample(BTreeMap<String, String>, u64, Option<i64>),
}

/// Holds [`TextParser`] against an obvious parser on any bytes, with right, wrong and no guesses of the next series.
///
/// # Panics
///
/// When the two disagree, or a guess changes the outcome.
pub fn check_text(text: &[u8]) {
    let mut series: Vec<&[u8]> = Vec::new();
    let entries: Result<Vec<TextEntry<'_>>, ParseError> = TextParser::new(text)
        .inspect(|entry| {
            if let Ok(TextEntry::Sample(sample)) = entry {
                series.push(sample.series);
            }
        })
        .collect();
    let decoded = entries.as_ref().ok().and_then(|entries| decode(entries));
    assert_eq!(
        decoded,
        Oracle {
            text,
            at: 0,
            kind: String::new()
        }
        .lines(),
        "the parser and the oracle disagree"
    );
    let right = series.clone();
    let shifted = series.iter().skip(1).chain(series.first()).copied().collect();
    let constant = vec![series.first().copied().unwrap_or_default(); series.len()];
    for guesses in [right, shifted, constant] {
        assert_eq!(
            with_guesses(text, &guesses),
            entries,
            "a guess changed the outcome"
        );
    }
}

fn with_guesses<'a>(text: &'a [u8], guesses: &[&[u8]]) -> Result<Vec<TextEntry<'a>>, ParseError> {
    let mut parser = TextParser::new(text);
    let mut entries = Vec::new();
    let mut samples = 0;
    while let Some(entry) = parser.next_entry(guesses.get(samples).copied().unwrap_or_default())? {
        samples += usize::from(matches!(entry, TextEntry::Sample(_)));
        entries.push(entry);
    }
    Ok(entries)
}

/// `None` when a series is wrong in itself.
fn decode(entries: &[TextEntry<'_>]) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    for entry in entries {
        lines.push(match entry {
            TextEntry::Help { name, help } => Line::Help(name.to_string(), help.to_string()),
            TextEntry::Unit { .. } => return None,
            TextEntry::Type { name, kind } => Line::Type(name.to_string(), kind.as_str().to_owned()),
            TextEntry::Sample(sample) => {
                let labels = sample.labels().ok()?;
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                Line::Sample(
                    labels.iter().map(owned).collect(),
                    sample.value.to_bits(),
                    sample.timestamp_ms,
                )
            }
        });
    }
    Some(lines)
}

/// Reads byte for byte and copies everything. `None` stands for any error.
struct Oracle<'a> {
    text: &'a [u8],
    at: usize,
    /// The word of the last `TYPE` line.
    kind: String,
}

impl Oracle<'_> {
    fn lines(mut self) -> Option<Vec<Line>> {
        let mut lines = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None | Some(0) => return Some(lines),
                Some(b'\n') => self.at += 1,
                Some(b'#') => lines.extend(self.comment()?),
                Some(_) => lines.push(self.sample()?),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    fn take_while(&mut self, holds: impl Fn(u8) -> bool) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| holds(*byte)) {
            taken.push(byte);
            self.at += 1;
        }
        taken
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.blanks();
        match self.peek() {
            None => Some(()),
            Some(_) => self.expect(b'\n'),
        }
    }

    /// No line for a comment for people, else one.
    fn comment(&mut self) -> Option<Vec<Line>> {
        let start = self.at;
        self.take_while(|byte| byte != b'\n');
        let line = &self.text[start..self.at];
        let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let mut words = line[1..].split(is_blank).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default();
        let has_blanks = line.get(1).is_some_and(is_blank) && {
            let after = line
                .iter()
                .skip(1)
                .skip_while(|byte| is_blank(byte))
                .skip(keyword.len());
            after.clone().next().is_some_and(is_blank)
        };
        if !has_blanks || !matches!(keyword, b"HELP" | b"TYPE") {
            return Some(Vec::new());
        }
        let keyword = keyword.to_vec();
        self.at = start + 1;
        self.blanks();
        self.at += 4;
        self.blanks();
        let name = match self.peek()? {
            b'"' => self.quoted()?,
            _ => self.name(true)?,
        };
        if name.is_empty() || !matches!(self.peek(), None | Some(b' ' | b'\t' | b'\n')) {
            return None;
        }
        let rest = self.take_while(|byte| byte != b'\n');
        let rest = String::from_utf8(rest).ok()?;
        if keyword == b"HELP" {
            let help = rest.get(1..).unwrap_or_default();
            let help = unescape(help, &['\\', 'n']);
            return Some(vec![Line::Help(name, help)]);
        }
        let kind = rest.trim_matches([' ', '\t']);
        let kinds = ["counter", "gauge", "histogram", "summary", "untyped"];
        kind.clone_into(&mut self.kind);
        kinds
            .contains(&kind)
            .then(|| vec![Line::Type(name, kind.to_owned())])
    }

    fn sample(&mut self) -> Option<Line> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if self.peek()? != b'{' {
            pairs.push((METRIC_NAME.to_owned(), self.name(true)?));
        }
        let mut has_name = !pairs.is_empty();
        self.blanks();
        if self.peek()? == b'{' {
            self.at += 1;
            self.blanks();
            while self.peek()? != b'}' {
                let is_quoted = self.peek()? == b'"';
                let name = if is_quoted {
                    self.quoted()?
                } else {
                    self.name(false)?
                };
                self.blanks();
                if is_quoted && matches!(self.peek()?, b',' | b'}') {
                    if has_name {
                        return None;
                    }
                    has_name = true;
                    pairs.push((METRIC_NAME.to_owned(), name));
                } else {
                    self.expect(b'=')?;
                    self.blanks();
                    pairs.push((name, self.quoted()?));
                }
                self.blanks();
                let _ = self.expect(b',');
                self.blanks();
            }
            self.at += 1;
        }
        self.blanks();
        let value = self.take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'{'));
        let value = float(&String::from_utf8(value).ok()?)?;
        self.blanks();
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        let timestamp_ms = if digits.is_empty() {
            None
        } else {
            Some(String::from_utf8(digits).ok()?.parse().ok()?)
        };
        self.end_of_line()?;
        let count = pairs.len();
        let mut labels: BTreeMap<String, String> = pairs.into_iter().collect();
        let is_distinct = labels.len() == count;
        labels.retain(|_, value| !value.is_empty());
        let bound = match self.kind.as_str() {
            "histogram" => labels.get_mut("le"),
            "summary" => labels.get_mut("quantile"),
            _ => None,
        };
        if let Some(bound) = bound {
            *bound = float_bound(bound);
        }
        let is_named = labels.contains_key(METRIC_NAME);
        (is_distinct && is_named).then(|| Line::Sample(labels, value.to_bits(), timestamp_ms))
    }

    fn name(&mut self, is_metric: bool) -> Option<String> {
        if self.peek()?.is_ascii_digit() {
            return None;
        }
        let name = self
            .take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || (is_metric && byte == b':'));
        String::from_utf8(name).ok().filter(|name| !name.is_empty())
    }

    fn quoted(&mut self) -> Option<String> {
        self.expect(b'"')?;
        let mut raw = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    raw.push(byte);
                    raw.push(self.peek()?);
                    self.at += 1;
                }
                _ => raw.push(byte),
            }
        }
        Some(unescape(&String::from_utf8(raw).ok()?, &['\\', 'n', '"']))
    }
}

pub(super) fn unescape(text: &str, escapes: &[char]) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = characters.next_if(|next| character == '\\' && escapes.contains(next));
        out.push(match escaped {
            None => character,
            Some('n') => '\n',
            Some(other) => other,
        });
    }
    out
}

pub(super) fn float_bound(text: &str) -> String {
    let Some(bound) = float(text) else {
        return text.to_owned();
    };
    let mut out = String::new();
    crate::format_float(bound, &mut out);
    let is_integer = out.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_integer { out + ".0" } else { out }
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "nan" => return Some(crate::NORMAL_NAN),
        "inf" | "+inf" | "infinity" | "+infinity" => return Some(f64::INFINITY),
        "-inf" | "-infinity" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(value)
}
