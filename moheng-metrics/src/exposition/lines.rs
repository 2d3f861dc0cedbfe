//! [`LineParser`]: the parser of either text format.

use super::openmetrics::OpenMetricsParser;
use super::text::TextParser;
use crate::{MetricKind, ParseError, TextEntry};

/// The parser of either text format, for who learns the format from the target's answer.
#[derive(Clone, Debug)]
pub enum LineParser<'a> {
    /// Prometheus's own format.
    Text(TextParser<'a>),
    /// OpenMetrics.
    OpenMetrics(OpenMetricsParser<'a>),
}

impl<'a> LineParser<'a> {
    /// See [`TextParser::next_entry`] and [`OpenMetricsParser::next_entry`].
    ///
    /// # Errors
    ///
    /// When the text does not follow the format. The parser is then at the end of the text.
    #[inline]
    pub fn next_entry(&mut self, expected_series: &[u8]) -> Result<Option<TextEntry<'a>>, ParseError> {
        match self {
            Self::Text(parser) => parser.next_entry(expected_series),
            Self::OpenMetrics(parser) => parser.next_entry(expected_series),
        }
    }

    /// See [`TextParser::rest`].
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        match self {
            Self::Text(parser) => parser.rest(),
            Self::OpenMetrics(parser) => parser.rest(),
        }
    }

    /// See [`TextParser::skip_lines`] and [`OpenMetricsParser::skip_lines`].
    #[inline]
    pub fn skip_lines(&mut self, lines: &[u8], kind: MetricKind) -> bool {
        match self {
            Self::Text(parser) => parser.skip_lines(lines, kind),
            Self::OpenMetrics(parser) => parser.skip_lines(lines, kind),
        }
    }
}

impl<'a> Iterator for LineParser<'a> {
    type Item = Result<TextEntry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry(&[]).transpose()
    }
}
