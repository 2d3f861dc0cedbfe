//! [`Format`]: the formats in which metrics are exposed, and their content types.

use std::fmt;

use super::media_type::MediaType;
use crate::EscapingScheme;

/// A format in which metrics are exposed over HTTP.
///
/// ```
/// use moheng_metrics::exposition::Format;
///
/// let format = Format::from_content_type("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// assert_eq!(format, Some(Format::OpenMetrics1_0_0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus's text format, version 0.0.4.
    Text0_0_4,
    /// Version 1.0.0 of it, with names of any characters in quotes.
    Text1_0_0,
    /// OpenMetrics, version 0.0.1.
    OpenMetrics0_0_1,
    /// OpenMetrics, version 1.0.0; Prometheus also takes names in quotes in it.
    OpenMetrics1_0_0,
    /// Messages `io.prometheus.client.MetricFamily`, each after its length: the only format with native histograms.
    Protobuf,
}

impl Format {
    /// All formats, the best first.
    pub const ALL: [Self; 5] = [
        Self::Protobuf,
        Self::OpenMetrics1_0_0,
        Self::OpenMetrics0_0_1,
        Self::Text1_0_0,
        Self::Text0_0_4,
    ];

    /// The word of the settings `scrape_protocols` and `fallback_scrape_protocol`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text0_0_4 => "PrometheusText0.0.4",
            Self::Text1_0_0 => "PrometheusText1.0.0",
            Self::OpenMetrics0_0_1 => "OpenMetricsText0.0.1",
            Self::OpenMetrics1_0_0 => "OpenMetricsText1.0.0",
            Self::Protobuf => "PrometheusProto",
        }
    }

    /// The format that [`Format::as_str`] writes like this.
    pub fn from_protocol(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The format of a response with this `Content-Type`; `None` when it is none that Prometheus knows.
    ///
    /// As in Prometheus, any `text/plain` is the text format and any version of OpenMetrics is read.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media_type = MediaType::parse(content_type)?;
        match media_type.essence.as_str() {
            "text/plain" => Some(match media_type.parameter("version") {
                Some("1.0.0") => Self::Text1_0_0,
                _ => Self::Text0_0_4,
            }),
            "application/openmetrics-text" => Some(match media_type.parameter("version") {
                Some("0.0.1") => Self::OpenMetrics0_0_1,
                _ => Self::OpenMetrics1_0_0,
            }),
            "application/vnd.google.protobuf" => media_type.is_delimited_protobuf().then_some(Self::Protobuf),
            _ => None,
        }
    }

    /// The `Content-Type` of a response in this format. The formats whose readers know several schemes name the scheme.
    pub fn content_type(self, escaping: EscapingScheme) -> String {
        let escaping = self.escaping(escaping);
        match self {
            Self::Text0_0_4 => "text/plain; version=0.0.4; charset=utf-8".to_owned(),
            Self::OpenMetrics0_0_1 => "application/openmetrics-text; version=0.0.1; charset=utf-8".to_owned(),
            Self::Text1_0_0 => format!("text/plain; version=1.0.0; charset=utf-8; escaping={escaping}"),
            Self::OpenMetrics1_0_0 => {
                format!("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}")
            }
            Self::Protobuf => format!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping={escaping}"
            ),
        }
    }

    /// The scheme that names are written by when `wanted` is asked for: the older text formats have no quotes.
    pub const fn escaping(self, wanted: EscapingScheme) -> EscapingScheme {
        match (self, wanted) {
            (Self::Text0_0_4 | Self::OpenMetrics0_0_1, EscapingScheme::AllowUtf8) => {
                EscapingScheme::Underscores
            }
            _ => wanted,
        }
    }
}

/// The word of [`Format::as_str`].
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
