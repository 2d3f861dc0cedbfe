//! [`TextParser`]: the lines of the text format, one at a time and without copying them.

use std::borrow::Cow;

use super::scanner::Scanner;
use super::series::{
    decode, decode_plain_series, decode_series, plain_series_length, scan_series, text_of, unescape,
    with_float_bounds,
};
use crate::number::{parse_inexact_float, scan_exact_float};
use crate::{Labels, MetricKind, ParseError};

/// Reads a text exposition line by line.
///
/// Nothing is copied and nothing allocated for a line, errors and escaped texts aside. What a target exposes hardly
/// changes from scrape to scrape, so a caller that remembers the series of the previous one passes the one it expects
/// to [`TextParser::next_entry`]: a line that begins with it is compared instead of scanned. Who does not care uses
/// the parser as an iterator.
///
/// What Prometheus's parser accepts is accepted. Line feeds alone end lines, the last one may be missing, and a NUL
/// where a line could begin ends the text.
///
/// ```
/// use moheng_metrics::{TextEntry, TextParser};
///
/// let text = b"# TYPE up gauge\nup{job=\"node\"} 1\n";
/// let mut parser = TextParser::new(text);
/// assert!(matches!(parser.next_entry(b"")?, Some(TextEntry::Type { .. })));
/// let Some(TextEntry::Sample(sample)) = parser.next_entry(b"up{job=\"node\"}")? else { panic!() };
/// assert_eq!(sample.series, b"up{job=\"node\"}");
/// assert_eq!(sample.value, 1.0);
/// assert_eq!(sample.labels()?.get("job"), Some("node"));
/// assert!(parser.next_entry(b"")?.is_none());
/// # Ok::<(), moheng_metrics::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextParser<'a> {
    scanner: Scanner<'a>,
    /// What the last `TYPE` line said.
    kind: MetricKind,
}

/// A meaningful line of the text format.
#[derive(Clone, Debug, PartialEq)]
pub enum TextEntry<'a> {
    /// `name{label="value"} value timestamp`
    Sample(TextSample<'a>),
    /// `# HELP name text`
    Help {
        /// The metric family.
        name: Cow<'a, str>,
        /// What the metric means, unescaped.
        help: Cow<'a, str>,
    },
    /// `# TYPE name kind`
    Type {
        /// The metric family.
        name: Cow<'a, str>,
        /// Its type.
        kind: MetricKind,
    },
}

/// A sample of the text format.
#[derive(Clone, Copy, Debug)]
pub struct TextSample<'a> {
    /// The series as written, `name{label="value"}`, without the blanks around it.
    pub series: &'a [u8],
    /// The value. A `NaN` is always [`crate::NORMAL_NAN`].
    pub value: f64,
    /// Milliseconds since the Unix epoch, where the line states them.
    pub timestamp_ms: Option<i64>,
    /// The text up to the end of `series`, to tell where in it an error is.
    before: &'a [u8],
    /// What the last `TYPE` line said.
    kind: MetricKind,
}

impl<'a> TextParser<'a> {
    /// A parser at the start of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            scanner: Scanner::new(text, 0),
            kind: MetricKind::Untyped,
        }
    }

    /// Reads up to the next meaningful line; `None` at the end of the text.
    ///
    /// `expected_series` is the [`TextSample::series`] that probably comes next, or empty. A right guess saves the scan
    /// of the series; a wrong one costs a comparison and changes nothing, provided it is a series that a parser has handed
    /// out before: it is not checked again.
    ///
    /// # Errors
    ///
    /// When the text does not follow the format. The parser is then at the end of the text.
    #[inline]
    pub fn next_entry(&mut self, expected_series: &[u8]) -> Result<Option<TextEntry<'a>>, ParseError> {
        if let Some(sample) = self.expected_sample(expected_series) {
            return Ok(Some(TextEntry::Sample(sample)));
        }
        let result = self.any_entry();
        if result.is_err() {
            self.scanner.finish();
        }
        result
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.scanner.rest()
    }

    /// Moves past `lines` if they come next, without reading them. They are whole lines that a parser has read before,
    /// and whose last `TYPE` was `kind`; their entries are not handed out.
    ///
    /// ```
    /// use moheng_metrics::{MetricKind, TextEntry, TextParser};
    ///
    /// let mut parser = TextParser::new(b"# TYPE m histogram\nm_bucket{le=\"1\"} 0\n");
    /// assert!(!parser.skip_lines(b"# TYPE n gauge\n", MetricKind::Gauge));
    /// assert!(parser.skip_lines(b"# TYPE m histogram\n", MetricKind::Histogram));
    /// let Some(TextEntry::Sample(sample)) = parser.next_entry(b"")? else { panic!() };
    /// assert_eq!(sample.labels()?.get("le"), Some("1.0"));
    /// # Ok::<(), moheng_metrics::ParseError>(())
    /// ```
    #[inline]
    pub fn skip_lines(&mut self, lines: &[u8], kind: MetricKind) -> bool {
        let is_next = lines.ends_with(b"\n") && self.rest().starts_with(lines);
        if is_next {
            self.scanner.advance(lines.len());
            self.kind = kind;
        }
        is_next
    }

    /// The next sample, if its line is the expected series with a plain value and nothing else.
    #[inline]
    fn expected_sample(&mut self, expected_series: &[u8]) -> Option<TextSample<'a>> {
        let rest = self.scanner.rest();
        let length = expected_series.len();
        if length == 0 || rest.get(length) != Some(&b' ') || !rest.starts_with(expected_series) {
            return None;
        }
        let after = rest.get(length + 1..)?;
        let (value, value_length) = scan_value(after)?;
        if after.get(value_length) != Some(&b'\n') {
            return self.expected_unusual_sample(length);
        }
        let start = self.scanner.position();
        self.scanner.advance(length + 1 + value_length + 1);
        Some(TextSample {
            series: rest.get(..length)?,
            value,
            timestamp_ms: None,
            before: self.scanner.text().get(..start + length)?,
            kind: self.kind,
        })
    }

    /// The slower part of [`TextParser::expected_sample`]. A line that is not right is left to the full scan.
    fn expected_unusual_sample(&mut self, series_length: usize) -> Option<TextSample<'a>> {
        let mut scanner = self.scanner.clone();
        let start = scanner.position();
        scanner.advance(series_length);
        let sample = sample_after_series(&mut scanner, start, self.kind).ok()?;
        self.scanner = scanner;
        Some(sample)
    }

    fn any_entry(&mut self) -> Result<Option<TextEntry<'a>>, ParseError> {
        let scanner = &mut self.scanner;
        loop {
            scanner.skip_blanks();
            match scanner.peek() {
                None => return Ok(None),
                Some(0) => {
                    scanner.finish();
                    return Ok(None);
                }
                Some(b'\n') => scanner.advance(1),
                Some(b'#') => {
                    if let Some(entry) = comment(scanner)? {
                        if let TextEntry::Type { kind, .. } = entry {
                            self.kind = kind;
                        }
                        return Ok(Some(entry));
                    }
                }
                Some(_) => return sample(scanner, self.kind).map(|sample| Some(TextEntry::Sample(sample))),
            }
        }
    }
}

impl<'a> Iterator for TextParser<'a> {
    type Item = Result<TextEntry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry(&[]).transpose()
    }
}

impl TextSample<'_> {
    /// Decodes the series. A caller does this once for a series and remembers what came out.
    ///
    /// Labels with an empty value are left out. The `le` of a histogram and the `quantile` of a summary are written as
    /// floats, `1.0` for `1`, as Prometheus does since version 3.
    ///
    /// # Errors
    ///
    /// When there is no metric name, a label appears twice or is longer than 16 MiB.
    pub fn labels(&self) -> Result<Labels, ParseError> {
        let plain = std::str::from_utf8(self.series)
            .ok()
            .and_then(decode_plain_series);
        let labels = if let Some(labels) = plain {
            labels
        } else {
            let start = self.before.len().saturating_sub(self.series.len());
            decode_series(&mut Scanner::new(self.before, start))?
        };
        Ok(with_float_bounds(labels, self.kind))
    }

    /// Whether this is a sample of the series that is written `series`, byte for byte.
    pub fn series_is(&self, series: &[u8]) -> bool {
        self.series == series
    }
}

/// Two samples are equal when they say the same: place in the text aside, and values bit for bit.
impl PartialEq for TextSample<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.series == other.series
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp_ms == other.timestamp_ms
    }
}

fn sample<'a>(scanner: &mut Scanner<'a>, kind: MetricKind) -> Result<TextSample<'a>, ParseError> {
    let start = scanner.position();
    match plain_series_length(scanner.rest()) {
        Some(length) => scanner.advance(length),
        None => scan_series(scanner, |_| ())?,
    }
    if let Err(error) = std::str::from_utf8(scanner.since(start)) {
        let position = start + error.valid_up_to();
        return Err(scanner.error_at(position, "the series is not valid UTF-8".to_owned()));
    }
    sample_after_series(scanner, start, kind)
}

/// Reads value and timestamp of the series that began at `start` and ends where the scanner stands.
#[inline]
fn sample_after_series<'a>(
    scanner: &mut Scanner<'a>,
    start: usize,
    kind: MetricKind,
) -> Result<TextSample<'a>, ParseError> {
    let series = scanner.since(start);
    let before = scanner.since(0);
    scanner.skip_blanks();
    let value = sample_value(scanner)?;
    scanner.skip_blanks();
    let timestamp_ms = if scanner.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        let timestamp_ms = timestamp(scanner)?;
        scanner.skip_blanks();
        Some(timestamp_ms)
    } else {
        None
    };
    scanner.end_line(match timestamp_ms {
        None => "a timestamp in whole milliseconds or the end of the line",
        Some(_) => "the end of the line after the timestamp",
    })?;
    Ok(TextSample {
        series,
        value,
        timestamp_ms,
        before,
        kind,
    })
}

#[inline]
fn sample_value(scanner: &mut Scanner<'_>) -> Result<f64, ParseError> {
    let (value, length) = scan_value(scanner.rest()).ok_or_else(|| scanner.expected("a number"))?;
    scanner.advance(length);
    Ok(value)
}

/// Reads the number that `text` begins with and that a blank, a line feed or the end follows.
#[inline]
fn scan_value(text: &[u8]) -> Option<(f64, usize)> {
    let exact = scan_exact_float(text);
    let is_whole =
        |(_, length): &(f64, usize)| matches!(text.get(*length), None | Some(b' ' | b'\t' | b'\n'));
    exact.filter(is_whole).or_else(|| scan_inexact_value(text))
}

fn scan_inexact_value(text: &[u8]) -> Option<(f64, usize)> {
    let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'{');
    let length = text.iter().position(is_end).unwrap_or(text.len());
    let word = std::str::from_utf8(text.get(..length)?).ok()?;
    Some((parse_inexact_float(word)?, length))
}

fn timestamp(scanner: &mut Scanner<'_>) -> Result<i64, ParseError> {
    let start = scanner.position();
    let mut timestamp_ms = Some(0_i64);
    while let Some(byte) = scanner.peek().filter(u8::is_ascii_digit) {
        timestamp_ms = timestamp_ms
            .and_then(|value| value.checked_mul(10))
            .and_then(|value| value.checked_add(i64::from(byte - b'0')));
        scanner.advance(1);
    }
    timestamp_ms.ok_or_else(|| scanner.error_at(start, "the timestamp does not fit 64 bits".to_owned()))
}

/// Reads a line that begins with `#`; `None` for a comment that is for people only.
fn comment<'a>(scanner: &mut Scanner<'a>) -> Result<Option<TextEntry<'a>>, ParseError> {
    scanner.advance(1);
    let has_blank = matches!(scanner.peek(), Some(b' ' | b'\t'));
    scanner.skip_blanks();
    let is_help = match scanner.rest() {
        [b'H', b'E', b'L', b'P', b' ' | b'\t', ..] if has_blank => true,
        [b'T', b'Y', b'P', b'E', b' ' | b'\t', ..] if has_blank => false,
        _ => {
            scanner.rest_of_line();
            return Ok(None);
        }
    };
    scanner.advance(4);
    scanner.skip_blanks();
    let name = family_name(scanner)?;
    let entry = if is_help {
        let help = help_text(scanner)?;
        TextEntry::Help { name, help }
    } else {
        let kind = kind(scanner)?;
        TextEntry::Type { name, kind }
    };
    Ok(Some(entry))
}

fn family_name<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, str>, ParseError> {
    let start = scanner.position();
    let name = if scanner.peek() == Some(b'"') {
        let quoted = scanner.quoted()?;
        check_utf8(scanner, start, "metric name")?;
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

/// Reads the help up to the end of the line, all but the one blank in front of it.
fn help_text<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, str>, ParseError> {
    if scanner.peek() != Some(b'\n') {
        scanner.advance(1);
    }
    let start = scanner.position();
    let has_escapes = matches!(memchr::memchr2(b'\n', b'\\', scanner.rest()), Some(index) if scanner.rest().get(index) == Some(&b'\\'));
    let raw = scanner.rest_of_line();
    let help = std::str::from_utf8(raw).map_err(|error| {
        let position = start + error.valid_up_to();
        scanner.error_at(position, "the help text is not valid UTF-8".to_owned())
    })?;
    if has_escapes {
        return Ok(Cow::Owned(unescape(help, false)));
    }
    Ok(Cow::Borrowed(help))
}

fn kind(scanner: &mut Scanner<'_>) -> Result<MetricKind, ParseError> {
    scanner.skip_blanks();
    let at_word = scanner.clone();
    let mut word = scanner.rest_of_line();
    while let [before @ .., b' ' | b'\t'] = word {
        word = before;
    }
    match word {
        b"counter" => Ok(MetricKind::Counter),
        b"gauge" => Ok(MetricKind::Gauge),
        b"histogram" => Ok(MetricKind::Histogram),
        b"summary" => Ok(MetricKind::Summary),
        b"untyped" => Ok(MetricKind::Untyped),
        _ => Err(at_word.expected("counter, gauge, histogram, summary or untyped")),
    }
}

fn check_utf8(scanner: &Scanner<'_>, start: usize, what: &str) -> Result<(), ParseError> {
    std::str::from_utf8(scanner.since(start))
        .map(|_| ())
        .map_err(|error| {
            let position = start + error.valid_up_to();
            scanner.error_at(position, format!("the {what} is not valid UTF-8"))
        })
}

#[cfg(test)]
mod tests;
