//! Collector `schedstat`: time that tasks ran and waited on each CPU.

use moheng_metrics::MetricFamily;

use super::families::{append, counter, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::schedstat;

pub(super) const NAME: &str = "schedstat";

const NANOS_PER_SECOND: f64 = 1e9;

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("schedstat")?;
    let cpus = schedstat::parse(&content).map_err(|error| roots.proc.malformed("schedstat", error))?;
    let mut running = counter("node_schedstat_running_seconds_total", "Time the CPU ran tasks.");
    let mut waiting = counter(
        "node_schedstat_waiting_seconds_total",
        "Time tasks waited for the CPU.",
    );
    let mut timeslices = counter("node_schedstat_timeslices_total", "Time slices the CPU ran.");
    for cpu in cpus {
        let labels = [("cpu", cpu.cpu.as_str())];
        push(&mut running, &labels, cpu.running_nanos as f64 / NANOS_PER_SECOND);
        push(&mut waiting, &labels, cpu.waiting_nanos as f64 / NANOS_PER_SECOND);
        push(&mut timeslices, &labels, cpu.timeslices as f64);
    }
    append(out, [running, waiting, timeslices]);
    Ok(())
}
