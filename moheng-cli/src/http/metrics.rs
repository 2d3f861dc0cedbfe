//! `/metrics`: what moheng says about itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use moheng_metrics::{MetricFamily, MetricKind, TEXT_CONTENT_TYPE, write_text};

use super::api::COMPATIBLE_VERSION;
use super::body::{accepts_gzip, respond};
use super::server::Server;
use crate::app::{database_families, process_families, scrape_families};

/// `/metrics`
pub(super) async fn own_metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<Body> {
    let mut text = String::new();
    write_text(&own_families(&server), &mut text);
    let mut text = Some(text);
    let pages = Box::new(move |out: &mut String| match text.take() {
        Some(text) => {
            *out = text;
            true
        }
        None => false,
    });
    let content_type = HeaderValue::from_static(TEXT_CONTENT_TYPE);
    respond(StatusCode::OK, content_type, accepts_gzip(&headers), pages)
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
    families.extend(server.http_statistics.families());
    families.extend(
        server
            .query_statistics
            .families(server.settings.query_concurrency),
    );
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
