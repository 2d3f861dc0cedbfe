//! What the database counts, as metric families.

use moheng_metrics::{MetricFamily, MetricKind};
use moheng_tsdb::Stats;

/// The families of the database, with Prometheus's names where the meaning is the same.
pub(crate) fn database_families(stats: &Stats) -> Vec<MetricFamily> {
    vec![MetricFamily::single(
        "prometheus_tsdb_head_series",
        MetricKind::Gauge,
        "Series in memory.",
        stats.series as f64,
    )]
}
