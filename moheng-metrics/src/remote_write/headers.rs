//! The headers of remote write: which message a body is ([`WriteMessage`]) and what a receiver answers ([`WrittenCounts`]).
//!
//! Source: the specifications of remote write 1.0 and 2.0.

use thiserror::Error;

/// The header with which a sender states the version of the protocol, [`WriteMessage::version`].
pub const VERSION_HEADER: &str = "X-Prometheus-Remote-Write-Version";

/// The only compression of both versions, as `Content-Encoding` states it: Snappy's block format.
pub const CONTENT_ENCODING: &str = "snappy";

const MEDIA_TYPE: &str = "application/x-protobuf";
const V1_NAME: &str = "prometheus.WriteRequest";
const V2_NAME: &str = "io.prometheus.write.v2.Request";

const SAMPLES_HEADER: &str = "X-Prometheus-Remote-Write-Samples-Written";
const HISTOGRAMS_HEADER: &str = "X-Prometheus-Remote-Write-Histograms-Written";
const EXEMPLARS_HEADER: &str = "X-Prometheus-Remote-Write-Exemplars-Written";

/// The message that a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteMessage {
    /// Of version 1.0: labels are written out with every series.
    V1,
    /// Of version 2.0: labels are numbers of symbols, and series carry metadata and start timestamps.
    V2,
}

impl WriteMessage {
    /// The name by which settings and the header `Content-Type` call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => V1_NAME,
            Self::V2 => V2_NAME,
        }
    }

    /// The message with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V1, Self::V2]
            .into_iter()
            .find(|message| message.name() == name)
    }

    /// The header `Content-Type` of a request. That of version 1.0 does not name the message, which old receivers would
    /// not understand.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V1 => MEDIA_TYPE,
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The header [`VERSION_HEADER`] of a request.
    pub const fn version(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }

    /// The headers of a request beside those that authorise it: names and values.
    pub const fn request_headers(self) -> [(&'static str, &'static str); 3] {
        [
            ("Content-Encoding", CONTENT_ENCODING),
            ("Content-Type", self.content_type()),
            (VERSION_HEADER, self.version()),
        ]
    }

    /// The message that a header `Content-Type` means. Without one, or without a name in it, that is version 1.0.
    ///
    /// # Errors
    ///
    /// [`HeaderError::ContentType`], which a receiver answers with status 415.
    ///
    /// ```
    /// use moheng_metrics::remote_write::WriteMessage;
    ///
    /// let message = |header| WriteMessage::from_content_type(Some(header));
    /// assert_eq!(message("application/x-protobuf"), Ok(WriteMessage::V1));
    /// assert_eq!(message("application/x-protobuf; proto=io.prometheus.write.v2.Request"), Ok(WriteMessage::V2));
    /// assert!(message("application/json").is_err());
    /// ```
    pub fn from_content_type(header: Option<&str>) -> Result<Self, HeaderError> {
        let Some(header) = header.map(str::trim).filter(|header| !header.is_empty()) else {
            return Ok(Self::V1);
        };
        let unsupported = || HeaderError::ContentType(header.to_owned());
        let mut parts = header.split(';').map(str::trim);
        if !parts
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case(MEDIA_TYPE))
        {
            return Err(unsupported());
        }
        let mut message = Self::V1;
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(unsupported)?;
            if name.trim().eq_ignore_ascii_case("proto") {
                let value = value.trim().trim_matches('"');
                message = Self::from_name(value).ok_or_else(unsupported)?;
            }
        }
        Ok(message)
    }
}

/// A header that a receiver does not understand, to be answered with status 415.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The body is no message of remote write.
    #[error("unsupported content type {0:?}, expected {MEDIA_TYPE} with proto={V1_NAME} or proto={V2_NAME}")]
    ContentType(
        /// The header.
        String,
    ),
    /// The body is compressed in another way.
    #[error("unsupported content encoding {0:?}, expected {CONTENT_ENCODING}")]
    ContentEncoding(
        /// The header.
        String,
    ),
}

/// Checks the header `Content-Encoding` of a request; without one, Snappy is meant all the same.
///
/// # Errors
///
/// [`HeaderError::ContentEncoding`], which a receiver answers with status 415.
pub fn check_content_encoding(header: Option<&str>) -> Result<(), HeaderError> {
    match header.map(str::trim) {
        None | Some("") => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case(CONTENT_ENCODING) => Ok(()),
        Some(encoding) => Err(HeaderError::ContentEncoding(encoding.to_owned())),
    }
}

/// How much of a request of version 2.0 was stored, as the answer's headers state it, whatever its status.
///
/// ```
/// use moheng_metrics::remote_write::WrittenCounts;
///
/// let counts = WrittenCounts { samples: 3, histograms: 0, exemplars: 1 };
/// let headers = counts.headers();
/// let read = WrittenCounts::from_headers(|name| {
///     headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
/// });
/// assert_eq!(read, Some(counts));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenCounts {
    /// Float samples.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

impl WrittenCounts {
    /// The headers: names and values.
    pub fn headers(self) -> [(&'static str, String); 3] {
        [
            (SAMPLES_HEADER, self.samples.to_string()),
            (HISTOGRAMS_HEADER, self.histograms.to_string()),
            (EXEMPLARS_HEADER, self.exemplars.to_string()),
        ]
    }

    /// Reads them from an answer, of which `get` gives the value of a header by its name. `None` when there is none of
    /// the three: then the receiver understands version 1.0 only, and may have stored nothing. One that is
    /// missing or not a number counts 0.
    pub fn from_headers<'h>(get: impl Fn(&str) -> Option<&'h str>) -> Option<Self> {
        let values = [SAMPLES_HEADER, HISTOGRAMS_HEADER, EXEMPLARS_HEADER].map(get);
        if values.iter().all(Option::is_none) {
            return None;
        }
        let [samples, histograms, exemplars] = values.map(|value| {
            value
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or_default()
        });
        Some(Self {
            samples,
            histograms,
            exemplars,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        #[track_caller]
        fn check(header: &str, expected: Option<WriteMessage>) {
            let message = WriteMessage::from_content_type(Some(header));
            assert_eq!(message.ok(), expected, "{header}");
        }
        let (v1, v2) = (Some(WriteMessage::V1), Some(WriteMessage::V2));
        check("", v1);
        check("application/x-protobuf;proto=prometheus.WriteRequest", v1);
        check("Application/X-Protobuf; charset=utf-8", v1);
        check(
            "application/x-protobuf ; Proto = \"io.prometheus.write.v2.Request\" ;",
            v2,
        );
        check(
            "application/x-protobuf;proto=io.prometheus.write.v3.Request",
            None,
        );
        check("application/x-protobuf;proto", None);
        check("application/x-protobuffer", None);
        check("text/plain", None);
        assert_eq!(WriteMessage::from_content_type(None).ok(), v1);
        for message in [WriteMessage::V1, WriteMessage::V2] {
            check(message.content_type(), Some(message));
            assert_eq!(WriteMessage::from_name(message.name()), Some(message));
        }
    }

    #[test]
    fn content_encodings() {
        for accepted in [None, Some(""), Some("snappy"), Some(" Snappy ")] {
            assert_eq!(check_content_encoding(accepted), Ok(()));
        }
        let error = check_content_encoding(Some("gzip")).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"unsupported content encoding "gzip", expected snappy"#
        );
    }

    #[test]
    fn counts_of_old_and_odd_receivers() {
        assert_eq!(WrittenCounts::from_headers(|_| None), None);
        let samples_only = |name: &str| (name == SAMPLES_HEADER).then_some("7");
        let expected = WrittenCounts {
            samples: 7,
            ..WrittenCounts::default()
        };
        assert_eq!(WrittenCounts::from_headers(samples_only), Some(expected));
        assert_eq!(
            WrittenCounts::from_headers(|_| Some("many")),
            Some(WrittenCounts::default())
        );
    }
}
