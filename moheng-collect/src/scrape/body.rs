//! From a fetched body to exposition text: content type, decompression, size limit.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::{BodyEncoding, FetchError, FetchedBody, ScrapeLimits, ScrapeProtocol};

/// The largest body without a configured limit.
const DEFAULT_BODY_BYTES: u64 = 256 << 20;
/// The largest body that can be allowed: offsets into what is remembered of it have 32 bits.
pub(super) const MAX_BODY_BYTES: u64 = 1 << 30;

impl ScrapeLimits {
    /// The largest body to read, in bytes.
    pub(super) fn body_bytes(&self) -> u64 {
        self.body_size_bytes
            .unwrap_or(DEFAULT_BODY_BYTES)
            .min(MAX_BODY_BYTES)
    }
}

/// The text of a body.
pub(super) fn text(
    body: FetchedBody,
    fallback: Option<ScrapeProtocol>,
    limit_bytes: u64,
) -> Result<Vec<u8>, FetchError> {
    check_content_type(body.content_type.as_deref(), fallback)?;
    let text = match body.encoding {
        BodyEncoding::Identity => body.bytes,
        BodyEncoding::Gzip => gunzip(&body.bytes, limit_bytes)?,
    };
    if text.len() as u64 > limit_bytes {
        return Err(FetchError::BodyTooLarge { limit_bytes });
    }
    Ok(text)
}

fn gunzip(bytes: &[u8], limit_bytes: u64) -> Result<Vec<u8>, FetchError> {
    // Expositions shrink to about a tenth. The size a stream states about itself is not trusted.
    let capacity = bytes.len().saturating_mul(10).min(limit_bytes as usize);
    let mut text = Vec::with_capacity(capacity);
    MultiGzDecoder::new(bytes)
        .take(limit_bytes + 1)
        .read_to_end(&mut text)
        .map_err(|error| FetchError::Format(format!("cannot decompress the body: {error}")))?;
    Ok(text)
}

fn check_content_type(
    content_type: Option<&str>,
    fallback: Option<ScrapeProtocol>,
) -> Result<(), FetchError> {
    let stated = content_type.unwrap_or_default();
    let media_type = stated
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match media_type.as_str() {
        "text/plain" => Ok(()),
        "application/openmetrics-text" => Err(FetchError::Unsupported(
            "the target answers in the OpenMetrics format, which is not supported yet".to_owned(),
        )),
        "application/vnd.google.protobuf" => Err(FetchError::Unsupported(
            "the target answers in the protobuf format, which is not supported yet".to_owned(),
        )),
        _ if fallback.is_some() => Ok(()),
        "" => Err(FetchError::Format(
            "the target states no Content-Type and no fallback_scrape_protocol is set".to_owned(),
        )),
        _ => Err(FetchError::Format(format!(
            "the target states the Content-Type {stated:?}, which is not one of metrics, and no \
             fallback_scrape_protocol is set"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    fn fetched(content_type: &str, encoding: BodyEncoding, bytes: Vec<u8>) -> FetchedBody {
        FetchedBody {
            content_type: (!content_type.is_empty()).then(|| content_type.to_owned()),
            encoding,
            bytes,
        }
    }

    #[test]
    fn content_types() {
        let check = |content_type: &str, fallback: Option<ScrapeProtocol>, expected: &str| {
            let body = fetched(content_type, BodyEncoding::Identity, b"a 1\n".to_vec());
            let outcome = text(body, fallback, 100);
            let outcome = outcome.map_or_else(|error| error.to_string(), |_| "read".to_owned());
            assert!(outcome.contains(expected), "{content_type}: {outcome}");
        };
        let text_format = Some(ScrapeProtocol::PrometheusText0_0_4);
        check("text/plain", None, "read");
        check("Text/Plain; version=0.0.4; charset=utf-8", None, "read");
        check("text/plain;version=9", None, "read");
        check("", None, "no Content-Type");
        check("", text_format, "read");
        check("text/html", None, "\"text/html\"");
        check("text/html", text_format, "read");
        check(
            "application/openmetrics-text; version=1.0.0",
            text_format,
            "OpenMetrics format",
        );
        check(
            "application/vnd.google.protobuf; proto=x",
            None,
            "protobuf format",
        );
    }

    #[test]
    fn decompression_is_limited() {
        let plain = vec![b'a'; 10_000];
        let body = |limit| {
            text(
                fetched("text/plain", BodyEncoding::Gzip, gzip(&plain)),
                None,
                limit,
            )
        };
        assert_eq!(body(10_000).expect("fits"), plain);
        assert!(matches!(
            body(9_999),
            Err(FetchError::BodyTooLarge { limit_bytes: 9_999 })
        ));
        let two_members = [gzip(b"a 1\n"), gzip(b"b 2\n")].concat();
        assert_eq!(gunzip(&two_members, 100).expect("two members"), b"a 1\nb 2\n");
        let cut = &two_members[..two_members.len() - 3];
        assert!(matches!(gunzip(cut, 100), Err(FetchError::Format(_))));
        assert!(matches!(gunzip(b"not gzip", 100), Err(FetchError::Format(_))));
    }
}
