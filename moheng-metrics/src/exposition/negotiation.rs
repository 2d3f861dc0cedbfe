//! Content negotiation: what an exporter answers, what a scraper asks for, and how it reads the answer.

use std::cmp::Reverse;
use std::fmt::Write;

use thiserror::Error;

use super::Format;
use super::media_type::MediaType;
use crate::EscapingScheme;

/// What an exporter answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Negotiated {
    /// The format.
    pub format: Format,
    /// How names are written that are not legacy names.
    pub escaping: EscapingScheme,
}

impl Negotiated {
    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> String {
        self.format.content_type(self.escaping)
    }
}

/// What an exporter that can write the formats `offered` answers to a request with this `Accept` header (empty when there is
/// none): of what is accepted with the highest weight, what stands first.
///
/// `*/*` stands for the text format 0.0.4, and so does a header that accepts nothing of what is offered, because an exporter that
/// refuses helps nobody. A version that is not stated is the oldest one.
///
/// ```
/// use moheng_metrics::EscapingScheme;
/// use moheng_metrics::exposition::{Format, negotiate};
///
/// let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4";
/// let answer = negotiate(accept, &Format::ALL);
/// assert_eq!(answer.format, Format::OpenMetrics1_0_0);
/// assert_eq!(answer.escaping, EscapingScheme::AllowUtf8);
/// assert_eq!(negotiate("text/html, */*;q=0.1", &Format::ALL).format, Format::Text0_0_4);
/// ```
pub fn negotiate(accept: &str, offered: &[Format]) -> Negotiated {
    let mut accepted = MediaType::parse_list(accept);
    // The sort is stable.
    accepted.sort_by_key(|media_type| Reverse(media_type.weight()));
    let chosen = accepted
        .iter()
        .filter(|media_type| media_type.weight() > 0)
        .find_map(|media_type| {
            let format = accepted_format(media_type)?;
            offered.contains(&format).then_some((format, media_type))
        });
    let Some((format, media_type)) = chosen else {
        return Negotiated {
            format: Format::Text0_0_4,
            escaping: EscapingScheme::Underscores,
        };
    };
    let escaping = media_type
        .parameter("escaping")
        .and_then(|word| word.parse().ok());
    Negotiated {
        format,
        escaping: format.escaping(escaping.unwrap_or_default()),
    }
}

fn accepted_format(media_type: &MediaType) -> Option<Format> {
    let version = media_type.parameter("version");
    match (media_type.essence.as_str(), version) {
        ("text/plain", Some("1.0.0")) => Some(Format::Text1_0_0),
        ("text/plain" | "text/*" | "*/*", None | Some("0.0.4")) => Some(Format::Text0_0_4),
        ("application/openmetrics-text", Some("1.0.0")) => Some(Format::OpenMetrics1_0_0),
        ("application/openmetrics-text", None | Some("0.0.1")) => Some(Format::OpenMetrics0_0_1),
        ("application/vnd.google.protobuf", _) => {
            // Without an encoding other messages may be meant.
            let is_stated =
                media_type.parameter("proto").is_some() && media_type.parameter("encoding").is_some();
            (is_stated && media_type.is_delimited_protobuf()).then_some(Format::Protobuf)
        }
        _ => None,
    }
}

/// The `Accept` header of a scraper that prefers formats in this order: falling weights, then anything at all.
///
/// The formats in which names can be quoted ask for the escaping scheme.
///
/// ```
/// use moheng_metrics::EscapingScheme;
/// use moheng_metrics::exposition::{Format, accept_header};
///
/// assert_eq!(
///     accept_header(&[Format::Text1_0_0, Format::Text0_0_4], EscapingScheme::AllowUtf8),
///     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
/// );
/// ```
pub fn accept_header(formats: &[Format], escaping: EscapingScheme) -> String {
    let mut header = String::new();
    for (index, format) in formats.iter().enumerate() {
        let media_type = match format {
            Format::Text0_0_4 => "text/plain;version=0.0.4",
            Format::Text1_0_0 => "text/plain;version=1.0.0",
            Format::OpenMetrics0_0_1 => "application/openmetrics-text;version=0.0.1",
            Format::OpenMetrics1_0_0 => "application/openmetrics-text;version=1.0.0",
            Format::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
        };
        header.push_str(media_type);
        if matches!(format, Format::Text1_0_0 | Format::OpenMetrics1_0_0) {
            header.push_str(";escaping=");
            header.push_str(escaping.as_str());
        }
        // There are no more than nine tenths; a list that repeats formats stays at the lowest.
        let weight = (formats.len() + 1 - index).clamp(2, 9);
        // Writing to a string cannot fail.
        let _ = write!(header, ";q=0.{weight},");
    }
    header + "*/*;q=0.1"
}

/// How a scraper reads an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeFormat {
    /// The format.
    pub format: Format,
    /// Why this is the fallback, if it is.
    pub fallback_reason: Option<ContentTypeError>,
}

/// How a scraper reads an answer with this `Content-Type`. When that is missing or names no known format, the answer is taken
/// to be in the `fallback` format, if the target has one; Prometheus 3 refuses it otherwise.
///
/// # Errors
///
/// When there is no known content type and no fallback.
///
/// ```
/// use moheng_metrics::exposition::{Format, scrape_format};
///
/// assert_eq!(scrape_format(Some("text/plain"), None)?.format, Format::Text0_0_4);
/// assert_eq!(scrape_format(None, Some(Format::Text0_0_4))?.format, Format::Text0_0_4);
/// let error = scrape_format(Some("text/html"), None).unwrap_err();
/// assert_eq!(error.to_string(), "the content type \"text/html\" is no exposition format");
/// # Ok::<(), moheng_metrics::exposition::ContentTypeError>(())
/// ```
pub fn scrape_format(
    content_type: Option<&str>,
    fallback: Option<Format>,
) -> Result<ScrapeFormat, ContentTypeError> {
    let content_type = content_type.map(str::trim).filter(|text| !text.is_empty());
    let reason = match content_type {
        None => ContentTypeError::Missing,
        Some(text) => match Format::from_content_type(text) {
            Some(format) => {
                return Ok(ScrapeFormat {
                    format,
                    fallback_reason: None,
                });
            }
            None => ContentTypeError::Unknown(text.to_owned()),
        },
    };
    match fallback {
        Some(format) => Ok(ScrapeFormat {
            format,
            fallback_reason: Some(reason),
        }),
        None => Err(reason),
    }
}

/// Why a content type does not say how to read an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ContentTypeError {
    /// There is none.
    #[error("the answer has no content type")]
    Missing,
    /// It is none of the exposition formats.
    #[error("the content type {0:?} is no exposition format")]
    Unknown(String),
}

#[cfg(test)]
mod tests;
