//! What the benches share: the workload they run on, and a sink that costs nothing.
//!
//! The series are shaped like Node Exporter's: two thirds never change or count slowly, the rest are counters and gauges that move.

use moheng_metrics::testing::NodeWorkload;

/// Scrapes a minute, at the 15 s a small fleet uses.
pub const INTERVAL_MS: i64 = 15_000;

/// A fleet of `instances` nodes, scraped every [`INTERVAL_MS`] from a fixed time on.
pub fn fleet(instances: usize) -> NodeWorkload {
    NodeWorkload::new(instances).with_times(1_790_000_000_000, INTERVAL_MS)
}
