//! `/metrics`: what moheng says about itself.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use moheng_metrics::exposition::{self, Format};
use moheng_metrics::{MetricFamily, MetricKind};

use super::api::COMPATIBLE_VERSION;
use super::body::accepts_gzip;
use super::server::Server;
use crate::app::{database_families, process_families, scrape_families};

/// What `/metrics` is served in. As with Prometheus's own page, OpenMetrics is not offered: its `_created` lines would be stored as
/// series of their own by most scrapers.
const FORMATS: [Format; 3] = [Format::Protobuf, Format::Text1_0_0, Format::Text0_0_4];

/// `/metrics`
pub(super) async fn own_metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<Body> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let answer = exposition::negotiate(accept.unwrap_or_default(), &FORMATS);
    let mut page = Vec::new();
    exposition::write(answer.format, answer.escaping, &own_families(&server), &mut page);
    let compressed = accepts_gzip(&headers).then(|| compress(&page)).flatten();
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

/// All families, as `/metrics` and the in-process job show them.
pub(crate) fn own_families(server: &Server) -> Vec<MetricFamily> {
    let mut families = build_families();
    families.push(MetricFamily::single(
        "prometheus_ready",
        MetricKind::Gauge,
        "Whether the database is open.",
        f64::from(u8::from(server.is_ready())),
    ));
    families.extend(process_families());
    families.extend(server.statistics.registry.gather().families);
    if let Ok(db) = server.db() {
        families.extend(database_families(&db.stats()));
    }
    if let Ok(scrapes) = server.scrapes() {
        families.extend(scrape_families(scrapes));
    }
    families
}

fn build_families() -> Vec<MetricFamily> {
    let version = env!("CARGO_PKG_VERSION");
    let mut own = MetricFamily::new("moheng_build_info", MetricKind::Gauge, "The version of moheng.");
    own.push([("version", version)], 1.0);
    let mut compatible = MetricFamily::new(
        "prometheus_build_info",
        MetricKind::Gauge,
        "The version of Prometheus whose API is served.",
    );
    let revision = format!("moheng-{version}");
    let labels = [("version", COMPATIBLE_VERSION), ("revision", revision.as_str())];
    compatible.push(labels, 1.0);
    vec![own, compatible]
}
