//! `/metrics`: what moheng says about itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use moheng_metrics::{MetricFamily, MetricKind};

use super::api::COMPATIBLE_VERSION;
use super::metrics_page::metrics_page;
use super::server::Server;
use crate::app::{database_families, process_families, scrape_families};

/// `/metrics`
pub(super) async fn own_metrics(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<Body> {
    metrics_page(&headers, &own_families(&server))
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
