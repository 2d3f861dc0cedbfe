//! Which program serves a page.

use moheng_metrics::{MetricFamily, MetricKind};

/// What was built, under the name that dashboards know.
pub(crate) fn node_build_info() -> MetricFamily {
    let mut family = MetricFamily::new(
        "node_exporter_build_info",
        MetricKind::Gauge,
        "Which program this is; always 1.",
    );
    let labels = [
        ("goarch", std::env::consts::ARCH),
        ("goos", std::env::consts::OS),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    family.push(labels, 1.0);
    family
}
