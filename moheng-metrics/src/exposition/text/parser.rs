//! [`TextParser`]: the lines of the text format, one at a time and without copying them.

use crate::exposition::grammar::{
    Scanner, escaped_text, expected_sample, family_name, scan_value, skip_series,
};
use crate::{MetricKind, ParseError, TextEntry, TextSample};

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
        let kind = self.kind;
        let unusual = |scanner: &mut Scanner<'a>, start| sample_after_series(scanner, start, kind);
        if let Some(sample) = expected_sample(&mut self.scanner, expected_series, kind, unusual) {
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

fn sample<'a>(scanner: &mut Scanner<'a>, kind: MetricKind) -> Result<TextSample<'a>, ParseError> {
    let start = scanner.position();
    skip_series::<false>(scanner)?;
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
    scanner.skip_blanks();
    let (value, length) = scan_value(scanner.rest()).ok_or_else(|| scanner.expected("a number"))?;
    scanner.advance(length);
    scanner.skip_blanks();
    let timestamp_ms = if scanner.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        let timestamp_ms = timestamp(scanner)?;
        scanner.skip_blanks();
        Some(timestamp_ms)
    } else {
        None
    };
    let before = scanner.since(0);
    scanner.end_line(match timestamp_ms {
        None => "a timestamp in whole milliseconds or the end of the line",
        Some(_) => "the end of the line after the timestamp",
    })?;
    Ok(TextSample {
        series,
        value,
        timestamp_ms,
        start_timestamp_ms: None,
        before,
        series_start: start,
        exemplar_bytes: 0,
        kind,
    })
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
        // All but the one blank in front of it.
        if scanner.peek() != Some(b'\n') {
            scanner.advance(1);
        }
        let help = escaped_text(scanner, "help text", false)?;
        TextEntry::Help { name, help }
    } else {
        let kind = kind(scanner)?;
        TextEntry::Type { name, kind }
    };
    Ok(Some(entry))
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

#[cfg(test)]
mod tests;
