//! [`OpenMetricsParser`]: the lines of OpenMetrics, one at a time and without copying them.

use super::exemplar::{skip_exemplar, timestamp, value};
use super::start_times::StartTimes;
use crate::exposition::grammar::{Scanner, escaped_text, expected_sample, family_name, skip_series};
use crate::{MetricKind, ParseError, TextEntry, TextSample};

/// Reads an OpenMetrics exposition line by line, as [`crate::TextParser`] reads Prometheus's own format.
///
/// The grammar is held strictly, as Prometheus does: one blank between the parts of a line, none between labels, no empty lines, no
/// comments for people, and `# EOF` at the end. Which samples a type allows is not looked at, as Prometheus does not.
///
/// ```
/// use moheng_metrics::TextEntry;
/// use moheng_metrics::exposition::OpenMetricsParser;
///
/// let text = b"# TYPE hits counter\nhits_total 5 # {trace_id=\"a\"} 1 1.5\nhits_created 1\n# EOF\n";
/// let mut parser = OpenMetricsParser::new(text).with_start_timestamps();
/// assert!(matches!(parser.next_entry(b"")?, Some(TextEntry::Type { .. })));
/// let Some(TextEntry::Sample(sample)) = parser.next_entry(b"hits_total")? else { panic!() };
/// assert_eq!(sample.value, 5.0);
/// assert_eq!(sample.start_timestamp_ms, Some(1000));
/// assert_eq!(sample.exemplar()?.and_then(|exemplar| exemplar.timestamp_ms), Some(1500));
/// assert!(parser.next_entry(b"")?.is_none());
/// # Ok::<(), moheng_metrics::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenMetricsParser<'a> {
    scanner: Scanner<'a>,
    /// What the last `TYPE` line said.
    kind: MetricKind,
    /// Whether there was an error, or `# EOF`.
    is_finished: bool,
    start_times: Option<StartTimes<'a>>,
}

impl<'a> OpenMetricsParser<'a> {
    /// A parser at the start of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            scanner: Scanner::new(text, 0),
            kind: MetricKind::Untyped,
            is_finished: false,
            start_times: None,
        }
    }

    /// Hands out no `_created` samples of counters, histograms and summaries, but says at each of the other samples of the metric
    /// when it started, [`TextSample::start_timestamp_ms`].
    ///
    /// Only the lines of one metric (one set of labels) that stand together are looked at for that, as the format demands.
    #[must_use]
    pub fn with_start_timestamps(mut self) -> Self {
        self.start_times = Some(StartTimes::default());
        self
    }

    /// Reads up to the next meaningful line; `None` at the end of the text.
    ///
    /// `expected_series` is the [`TextSample::series`] that probably comes next, or empty, as in [`crate::TextParser::next_entry`].
    ///
    /// # Errors
    ///
    /// When the text does not follow the format. The parser is then at the end of the text.
    #[inline]
    pub fn next_entry(&mut self, expected_series: &[u8]) -> Result<Option<TextEntry<'a>>, ParseError> {
        let result = self.entry(expected_series);
        if result.is_err() {
            self.finish();
        }
        result
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.scanner.rest()
    }

    /// Moves past `lines` if they come next, without reading them. They are whole lines that a parser has read before, `# EOF` not
    /// among them, and whose last `TYPE` was `kind`; their entries are not handed out.
    #[inline]
    pub fn skip_lines(&mut self, lines: &[u8], kind: MetricKind) -> bool {
        let is_next = lines.ends_with(b"\n") && self.rest().starts_with(lines);
        if is_next {
            self.scanner.advance(lines.len());
            self.kind = kind;
        }
        is_next
    }

    #[inline]
    fn entry(&mut self, expected_series: &[u8]) -> Result<Option<TextEntry<'a>>, ParseError> {
        if self.start_times.is_some() {
            return self.entry_with_start(expected_series);
        }
        let kind = self.kind;
        let unusual = |scanner: &mut Scanner<'a>, start| sample_after_series(scanner, start, kind);
        match expected_sample(&mut self.scanner, expected_series, kind, unusual) {
            Some(sample) => Ok(Some(TextEntry::Sample(sample))),
            None => self.any_entry(),
        }
    }

    fn entry_with_start(&mut self, expected_series: &[u8]) -> Result<Option<TextEntry<'a>>, ParseError> {
        let kind = self.kind;
        if let Some(start_times) = &mut self.start_times {
            start_times.look_ahead(&mut self.scanner, kind)?;
        }
        let unusual = |scanner: &mut Scanner<'a>, start| sample_after_series(scanner, start, kind);
        let mut entry = match expected_sample(&mut self.scanner, expected_series, kind, unusual) {
            Some(sample) => Some(TextEntry::Sample(sample)),
            None => self.any_entry()?,
        };
        if let (Some(TextEntry::Sample(sample)), Some(start_times)) = (&mut entry, &self.start_times) {
            sample.start_timestamp_ms = start_times.at(sample.series_start);
        }
        Ok(entry)
    }

    fn any_entry(&mut self) -> Result<Option<TextEntry<'a>>, ParseError> {
        let scanner = &mut self.scanner;
        match scanner.peek() {
            None if self.is_finished => Ok(None),
            None => Err(scanner.expected("# EOF at the end")),
            Some(b'#') => {
                let entry = comment(scanner)?;
                match &entry {
                    None => self.finish(),
                    Some(TextEntry::Type { kind, .. }) => self.kind = *kind,
                    Some(_) => {}
                }
                Ok(entry)
            }
            Some(_) => {
                let start = scanner.position();
                skip_series::<true>(scanner)?;
                let sample = sample_after_series(scanner, start, self.kind)?;
                Ok(Some(TextEntry::Sample(sample)))
            }
        }
    }

    fn finish(&mut self) {
        self.is_finished = true;
        self.scanner.finish();
    }
}

impl<'a> Iterator for OpenMetricsParser<'a> {
    type Item = Result<TextEntry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry(&[]).transpose()
    }
}

/// Reads what follows the series that began at `start` and ends where the scanner stands.
#[inline]
fn sample_after_series<'a>(
    scanner: &mut Scanner<'a>,
    start: usize,
    kind: MetricKind,
) -> Result<TextSample<'a>, ParseError> {
    let series = scanner.since(start);
    let value = value(scanner, "a blank and the value")?;
    let mut timestamp_ms = None;
    if scanner.peek() == Some(b' ') && !scanner.rest().starts_with(b" #") {
        scanner.advance(1);
        timestamp_ms = Some(timestamp(scanner)?);
    }
    let mut exemplar_start = None;
    if scanner.rest().starts_with(b" # {") {
        scanner.advance(3);
        exemplar_start = Some(scanner.position());
        skip_exemplar(scanner)?;
    }
    let line_end = scanner.position();
    if !scanner.eat(b'\n') {
        return Err(scanner.expected(match (timestamp_ms, exemplar_start) {
            (None, None) => "a timestamp, an exemplar or the end of the line",
            (Some(_), None) => "an exemplar or the end of the line",
            _ => "the end of the line after the exemplar",
        }));
    }
    Ok(TextSample {
        series,
        value,
        timestamp_ms,
        start_timestamp_ms: None,
        before: scanner.text().get(..line_end).unwrap_or_default(),
        series_start: start,
        exemplar_bytes: exemplar_start.map_or(0, |exemplar_start| line_end - exemplar_start),
        kind,
    })
}

/// Reads a line that begins with `#`; `None` for the one that ends the text.
fn comment<'a>(scanner: &mut Scanner<'a>) -> Result<Option<TextEntry<'a>>, ParseError> {
    let rest = scanner.rest();
    if let Some(after) = rest.strip_prefix(b"# EOF") {
        scanner.advance(rest.len() - after.len());
        scanner.eat(b'\n');
        return match after {
            [] | [b'\n'] => Ok(None),
            _ => Err(scanner.expected("nothing after # EOF")),
        };
    }
    let keyword = rest
        .strip_prefix(b"# ")
        .and_then(|after| after.get(..4))
        .unwrap_or_default();
    if !matches!(keyword, b"HELP" | b"TYPE" | b"UNIT") {
        return Err(scanner.expected("# HELP, # TYPE, # UNIT or # EOF"));
    }
    scanner.advance(6);
    if !scanner.eat(b' ') {
        return Err(scanner.expected("a blank and a metric name"));
    }
    let name_start = scanner.position();
    let name = family_name(scanner)?;
    if let Some(index) = memchr::memchr(b'\n', scanner.since(name_start)) {
        let message = "a line feed within a name (it is written \\n)".to_owned();
        return Err(scanner.error_at(name_start + index, message));
    }
    if !scanner.eat(b' ') {
        return Err(scanner.expected("a blank and a text after the metric name"));
    }
    let at_text = scanner.clone();
    Ok(Some(match keyword {
        b"HELP" => {
            let help = escaped_text(scanner, "help text", true)?;
            TextEntry::Help { name, help }
        }
        b"TYPE" => {
            let kind = kind(scanner.rest_of_line()).ok_or_else(|| {
                at_text
                    .expected("counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown")
            })?;
            TextEntry::Type { name, kind }
        }
        _ => {
            let unit = escaped_text(scanner, "unit", true)?;
            let is_suffix = name
                .strip_suffix(unit.as_ref())
                .is_some_and(|before| before.ends_with('_'));
            if !unit.is_empty() && !is_suffix {
                return Err(
                    at_text.error_here(format!("the name {name:?} does not end in the unit {unit:?}"))
                );
            }
            TextEntry::Unit { name, unit }
        }
    }))
}

fn kind(word: &[u8]) -> Option<MetricKind> {
    Some(match word {
        b"counter" => MetricKind::Counter,
        b"gauge" => MetricKind::Gauge,
        b"histogram" => MetricKind::Histogram,
        b"gaugehistogram" => MetricKind::GaugeHistogram,
        b"summary" => MetricKind::Summary,
        b"info" => MetricKind::Info,
        b"stateset" => MetricKind::StateSet,
        b"unknown" => MetricKind::Untyped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
