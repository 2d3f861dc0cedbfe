//! Collector `pressure`: time that tasks lost to shortages.

use moheng_metrics::MetricFamily;

use super::families::counter_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::pressure;

pub(super) const NAME: &str = "pressure";

/// Divided by twice, so that values are those of Node Exporter to the last bit.
const MICROS_PER_MILLI: f64 = 1e3;
const MILLIS_PER_SECOND: f64 = 1e3;

type NameAndHelp = Option<(&'static str, &'static str)>;

/// File, what "some" tasks and what all tasks lost.
const RESOURCES: [(&str, NameAndHelp, NameAndHelp); 4] = [
    (
        "cpu",
        Some((
            "node_pressure_cpu_waiting_seconds_total",
            "Time in which some tasks waited for a CPU.",
        )),
        None,
    ),
    (
        "io",
        Some((
            "node_pressure_io_waiting_seconds_total",
            "Time in which some tasks waited for I/O.",
        )),
        Some((
            "node_pressure_io_stalled_seconds_total",
            "Time in which all tasks waited for I/O.",
        )),
    ),
    (
        "memory",
        Some((
            "node_pressure_memory_waiting_seconds_total",
            "Time in which some tasks waited for memory.",
        )),
        Some((
            "node_pressure_memory_stalled_seconds_total",
            "Time in which all tasks waited for memory.",
        )),
    ),
    (
        "irq",
        None,
        Some((
            "node_pressure_irq_stalled_seconds_total",
            "Time in which all tasks waited for interrupts.",
        )),
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    for (resource, waiting, stalled) in RESOURCES {
        let file = format!("pressure/{resource}");
        let content = match roots.proc.read(&file) {
            // Only kernels that account for interrupts have it.
            Err(error) if resource == "irq" && error.is_no_data() => continue,
            result => result?,
        };
        let pressure = pressure::parse(&content).map_err(|error| roots.proc.malformed(&file, error))?;
        for (name_and_help, micros) in [(waiting, pressure.some_micros), (stalled, pressure.full_micros)] {
            if let (Some((name, help)), Some(micros)) = (name_and_help, micros) {
                out.push(counter_of(
                    name,
                    help,
                    micros as f64 / MICROS_PER_MILLI / MILLIS_PER_SECOND,
                ));
            }
        }
    }
    Ok(())
}
