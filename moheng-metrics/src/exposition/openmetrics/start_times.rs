//! [`StartTimes`]: finds the `_created` line of a metric before its samples are handed out.

use memchr::memmem;

use super::exemplar::timestamp;
use crate::exposition::grammar::{Part, Scanner, scan_series};
use crate::{MetricKind, ParseError};

const CREATED: &[u8] = b"_created";

/// What is known about the metric that the parser stands in.
///
/// Its lines stand together, so the first of them is compared with those that follow it, up to one that belongs to another metric.
/// That reads each line once more than parsing does, and the first line of each metric twice more.
#[derive(Clone, Debug, Default)]
pub(super) struct StartTimes<'a> {
    /// Where the metric ends.
    end: usize,
    start_timestamp_ms: Option<i64>,
    /// Where the `_created` line is.
    created_start: usize,
    created_end: usize,
    /// Where the next `_created` is, and the end of the next line before a comment, where families end.
    next_created: usize,
    next_comment: usize,
    /// The series of the metric's first line, and that of the line it is compared with; kept for their memory.
    first: Series<'a>,
    other: Series<'a>,
}

impl<'a> StartTimes<'a> {
    /// Learns about the metric at the scanner, if it is the first line of one, and moves the scanner past a `_created` line.
    pub(super) fn look_ahead(
        &mut self,
        scanner: &mut Scanner<'a>,
        kind: MetricKind,
    ) -> Result<(), ParseError> {
        let Some(suffixes) = suffixes(kind) else {
            return Ok(());
        };
        loop {
            if scanner.position() >= self.end {
                self.read_metric(scanner, suffixes)?;
            }
            if scanner.position() != self.created_start || self.created_end <= self.created_start {
                return Ok(());
            }
            scanner.advance(self.created_end - self.created_start);
        }
    }

    /// The start of the metric whose sample begins at this position.
    pub(super) fn at(&self, position: usize) -> Option<i64> {
        self.start_timestamp_ms.filter(|_| position < self.end)
    }

    fn read_metric(&mut self, scanner: &Scanner<'a>, suffixes: &[&[u8]]) -> Result<(), ParseError> {
        (self.created_start, self.created_end, self.start_timestamp_ms) = (0, 0, None);
        let mut ahead = scanner.clone();
        self.end = ahead.position();
        let next = |found: &mut usize, needle: &[u8]| {
            if *found <= ahead.position() {
                let rest = ahead.rest();
                *found = ahead.position() + memmem::find(rest, needle).unwrap_or(rest.len());
            }
            *found
        };
        // Most families have no such line.
        let comment = next(&mut self.next_comment, b"\n#");
        if comment <= next(&mut self.next_created, CREATED) {
            self.end = ahead.text().len().min(comment + 1);
            return Ok(());
        }
        if !self.first.read(&mut ahead, suffixes) {
            return Ok(());
        }
        ahead = scanner.clone();
        loop {
            let line_start = ahead.position();
            if !self.other.read(&mut ahead, suffixes) || self.other != self.first {
                return Ok(());
            }
            if self.other.is_created && self.created_end > 0 {
                // The same metric at another time.
                return Ok(());
            }
            if self.other.is_created {
                if !ahead.eat(b' ') {
                    return Err(ahead.expected("a blank and a time in seconds"));
                }
                self.start_timestamp_ms = Some(timestamp(&mut ahead)?);
                self.created_start = line_start;
                let has_timestamp = ahead.eat(b' ');
                if has_timestamp {
                    timestamp(&mut ahead)?;
                }
                if !ahead.eat(b'\n') {
                    return Err(ahead.expected("the end of the line after the time"));
                }
                self.created_end = ahead.position();
                if has_timestamp {
                    // Behind it may be the same metric at another time, with another start.
                    self.end = self.created_end;
                    return Ok(());
                }
            } else {
                ahead.rest_of_line();
            }
            self.end = ahead.position();
        }
    }
}

/// A series without its suffix and without the bound of a bucket or quantile: what the samples of a metric have in common.
#[derive(Clone, Debug, Default)]
struct Series<'a> {
    name: &'a [u8],
    labels: Vec<Part<'a>>,
    is_created: bool,
}

impl PartialEq for Series<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.labels == other.labels
    }
}

impl<'a> Series<'a> {
    /// Reads the series at the scanner; false when there is none, or a wrong one, which the parser will find.
    fn read(&mut self, scanner: &mut Scanner<'a>, suffixes: &[&[u8]]) -> bool {
        if matches!(scanner.peek(), None | Some(b'#')) {
            return false;
        }
        self.labels.clear();
        self.name = &[];
        let mut is_quantile = false;
        let (name, labels) = (&mut self.name, &mut self.labels);
        let outcome = scan_series::<true>(scanner, |part| match part {
            Part::MetricName(metric_name) => *name = metric_name.raw,
            Part::Label(label, _) if label.raw == b"le" => {}
            Part::Label(label, _) if label.raw == b"quantile" => is_quantile = true,
            Part::Label(..) => labels.push(part),
        });
        if outcome.is_err() || self.name.is_empty() {
            return false;
        }
        self.labels.sort_unstable();
        self.is_created = false;
        if is_quantile {
            return true;
        }
        for suffix in suffixes {
            if let Some(stem) = self.name.strip_suffix(*suffix) {
                self.name = stem;
                self.is_created = *suffix == CREATED;
                return true;
            }
        }
        true
    }
}

/// The suffixes of the samples of a metric that has a start.
fn suffixes(kind: MetricKind) -> Option<&'static [&'static [u8]]> {
    match kind {
        MetricKind::Counter => Some(&[b"_total", CREATED]),
        MetricKind::Histogram => Some(&[b"_bucket", b"_count", b"_sum", CREATED]),
        MetricKind::Summary => Some(&[b"_count", b"_sum", CREATED]),
        _ => None,
    }
}
