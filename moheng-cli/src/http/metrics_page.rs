//! A page of metrics in the format and encoding the client asks for.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use moheng_metrics::MetricFamily;
use moheng_metrics::exposition::{self, Format};

use super::body::accepts_gzip;

/// What pages are served in. As with Prometheus's own page, OpenMetrics is not offered: its `_created` lines would be stored as
/// series of their own by most scrapers.
const FORMATS: [Format; 3] = [Format::Protobuf, Format::Text1_0_0, Format::Text0_0_4];

/// `families` as an answer to a request with `headers`.
pub(crate) fn metrics_page(headers: &HeaderMap, families: &[MetricFamily]) -> Response<Body> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let answer = exposition::negotiate(accept.unwrap_or_default(), &FORMATS);
    let mut page = Vec::new();
    exposition::write(answer.format, answer.escaping, families, &mut page);
    let compressed = accepts_gzip(headers).then(|| compress(&page)).flatten();
    let is_compressed = compressed.is_some();
    let mut response = Response::new(Body::from(compressed.unwrap_or(page)));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&answer.content_type());
    headers.insert(
        CONTENT_TYPE,
        content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// A page as gzip; `None` when that fails, which writing to memory does not.
fn compress(page: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page).ok()?;
    encoder.finish().ok()
}
