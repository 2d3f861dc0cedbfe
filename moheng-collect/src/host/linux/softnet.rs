//! Collector `softnet`: packets that each CPU took from the network.

use moheng_metrics::MetricFamily;

use super::families::{append, counter, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::softnet;

pub(super) const NAME: &str = "softnet";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let file = "net/softnet_stat";
    let content = roots.proc.read(file)?;
    let cpus = softnet::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    let mut families = [
        counter("node_softnet_processed_total", "Packets processed."),
        counter(
            "node_softnet_dropped_total",
            "Packets dropped because the queue of the CPU was full.",
        ),
        counter(
            "node_softnet_times_squeezed_total",
            "Rounds that ended with packets left.",
        ),
        counter(
            "node_softnet_cpu_collision_total",
            "Packets that found the device locked by another CPU.",
        ),
        counter(
            "node_softnet_received_rps_total",
            "Wake-ups by another CPU that handed packets over.",
        ),
        counter(
            "node_softnet_flow_limit_count_total",
            "Packets dropped because their flow had too many.",
        ),
        gauge("node_softnet_backlog_len", "Packets in the queue of the CPU."),
    ];
    for cpu in cpus {
        let counts = [
            cpu.processed,
            cpu.dropped,
            cpu.times_squeezed,
            cpu.cpu_collision,
            cpu.received_rps,
            cpu.flow_limit,
            cpu.backlog_length,
        ];
        for (family, count) in families.iter_mut().zip(counts) {
            push(family, &[("cpu", &cpu.cpu.to_string())], count as f64);
        }
    }
    append(out, families);
    Ok(())
}
