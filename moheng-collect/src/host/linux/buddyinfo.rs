//! Collector `buddyinfo`: free blocks of memory by size, which tell how fragmented it is.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{buddyinfo, text};

pub(super) const NAME: &str = "buddyinfo";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("buddyinfo")?;
    let zones = buddyinfo::parse(&content).map_err(|error| roots.proc.malformed("buddyinfo", error))?;
    let mut blocks = gauge(
        "node_buddyinfo_blocks",
        "Free blocks of 2^size pages that lie side by side.",
    );
    for zone in zones {
        let (node, name) = (text(zone.node), text(zone.zone));
        for (size, &count) in zone.counts.iter().enumerate() {
            let labels = [("node", &*node), ("size", &size.to_string()), ("zone", &name)];
            push(&mut blocks, &labels, count as f64);
        }
    }
    append(out, [blocks]);
    Ok(())
}
