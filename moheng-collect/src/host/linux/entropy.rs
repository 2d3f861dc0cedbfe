//! Collector `entropy`: the kernel's pool of randomness.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "entropy";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let values = [
        (
            "entropy_avail",
            "node_entropy_available_bits",
            "Bits of randomness in the pool.",
        ),
        (
            "poolsize",
            "node_entropy_pool_size_bits",
            "Bits of randomness the pool can hold.",
        ),
    ];
    for (file, name, help) in values {
        let file = format!("sys/kernel/random/{file}");
        out.push(gauge_of(name, help, roots.proc.number(&file)?));
    }
    Ok(())
}
