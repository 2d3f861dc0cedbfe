//! Collector `udp_queues`: bytes that wait in UDP sockets.

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::udp;

pub(super) const NAME: &str = "udp_queues";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut family = gauge(
        "node_udp_queues",
        "Bytes in the queues of all UDP sockets together.",
    );
    for (file, version) in [("net/udp", "v4"), ("net/udp6", "v6")] {
        // Machines without IPv6 lack the second file.
        let Some(content) = roots.proc.read_optional(file)? else {
            continue;
        };
        let queues = udp::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
        push(
            &mut family,
            &[("ip", version), ("queue", "tx")],
            queues.transmit_bytes as f64,
        );
        push(
            &mut family,
            &[("ip", version), ("queue", "rx")],
            queues.receive_bytes as f64,
        );
    }
    append(out, [family]);
    Ok(())
}
