//! Collector `swap`: areas that memory is swapped to.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{swaps, text};

pub(super) const NAME: &str = "swap";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("swaps")?;
    let areas = swaps::parse(&content).map_err(|error| roots.proc.malformed("swaps", error))?;
    let mut size = gauge("node_swap_size_bytes", "The size of the area.");
    let mut used = gauge("node_swap_used_bytes", "How much of the area is in use.");
    let mut priority = gauge("node_swap_priority", "Areas of higher priority are used first.");
    for area in areas {
        let (device, kind) = (text(area.device), text(area.kind));
        let labels = [("device", &*device), ("swap_type", &*kind)];
        push(&mut size, &labels, area.size_bytes as f64);
        push(&mut used, &labels, area.used_bytes as f64);
        push(&mut priority, &labels, area.priority);
    }
    append(out, [size, used, priority]);
    Ok(())
}
