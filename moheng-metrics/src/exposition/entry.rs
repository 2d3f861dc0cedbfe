//! [`TextEntry`] and [`TextSample`]: what the parsers of the text formats hand out.

use std::borrow::Cow;

use super::grammar::{Scanner, decode_plain_series, decode_series, with_float_bounds};
use super::openmetrics::decode_exemplar;
use crate::{Exemplar, Labels, MetricKind, ParseError};

/// A meaningful line of a text format.
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
        /// The metric family; a counter's without `_total` in OpenMetrics.
        name: Cow<'a, str>,
        /// Its type.
        kind: MetricKind,
    },
    /// `# UNIT name unit`, in OpenMetrics only.
    Unit {
        /// The metric family.
        name: Cow<'a, str>,
        /// Its unit, such as `seconds`.
        unit: Cow<'a, str>,
    },
}

/// A sample of a text format.
#[derive(Clone, Copy, Debug)]
pub struct TextSample<'a> {
    /// The series as written, `name{label="value"}`, without the blanks around it.
    pub series: &'a [u8],
    /// The value. A `NaN` is always [`crate::NORMAL_NAN`].
    pub value: f64,
    /// Milliseconds since the Unix epoch, where the line states them.
    pub timestamp_ms: Option<i64>,
    /// When the counter, histogram or summary started to count, in milliseconds since the Unix epoch. Only
    /// [`crate::exposition::OpenMetricsParser::with_start_timestamps`] looks for it.
    pub start_timestamp_ms: Option<i64>,
    /// The text up to the end of the line, to tell where an error is.
    pub(super) before: &'a [u8],
    /// Where in `before` the series begins.
    pub(super) series_start: usize,
    /// How many bytes at the end of `before` are an exemplar, from its opening brace on.
    pub(super) exemplar_bytes: usize,
    /// What the last `TYPE` line said.
    pub(super) kind: MetricKind,
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
        if let Some(labels) = decode_plain_series(self.series, self.kind) {
            return Ok(labels);
        }
        let labels = decode_series(&mut Scanner::new(self.before, self.series_start))?;
        Ok(with_float_bounds(labels, self.kind))
    }

    /// The exemplar at the end of the line, of which only OpenMetrics has any.
    ///
    /// # Errors
    ///
    /// When a label appears twice, or names and values have more than
    /// [`crate::exposition::MAX_EXEMPLAR_CHARACTERS`] together.
    pub fn exemplar(&self) -> Result<Option<Exemplar>, ParseError> {
        if self.exemplar_bytes == 0 {
            return Ok(None);
        }
        let start = self.before.len().saturating_sub(self.exemplar_bytes);
        decode_exemplar(&mut Scanner::new(self.before, start)).map(Some)
    }

    /// Whether there is an exemplar at the end of the line.
    pub fn has_exemplar(&self) -> bool {
        self.exemplar_bytes > 0
    }

    /// Whether this is a sample of the series that is written `series`, byte for byte.
    pub fn series_is(&self, series: &[u8]) -> bool {
        self.series == series
    }

    /// The value as written.
    pub(super) fn value_text(&self) -> &[u8] {
        let after = self
            .before
            .get(self.series_start + self.series.len()..)
            .unwrap_or_default();
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let mut words = after.split(is_blank).filter(|word| !word.is_empty());
        words.next().unwrap_or_default()
    }

    /// An error at the start of the series.
    pub(super) fn error(&self, message: String) -> ParseError {
        ParseError::after(self.before.get(..self.series_start).unwrap_or_default(), message)
    }

    fn exemplar_text(&self) -> &[u8] {
        let start = self.before.len().saturating_sub(self.exemplar_bytes);
        self.before.get(start..).unwrap_or_default()
    }
}

/// Two samples are equal when they say the same: place in the text aside, and values bit for bit.
impl PartialEq for TextSample<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.series == other.series
            && self.value.to_bits() == other.value.to_bits()
            && self.timestamp_ms == other.timestamp_ms
            && self.start_timestamp_ms == other.start_timestamp_ms
            && self.exemplar_text() == other.exemplar_text()
    }
}
