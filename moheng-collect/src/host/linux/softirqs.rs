//! Collector `softirqs`: soft interrupts by kind and CPU.

use moheng_metrics::MetricFamily;

use super::families::{append, counter, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{interrupts, text};

pub(super) const NAME: &str = "softirqs";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("softirqs")?;
    let found = interrupts::parse(&content).map_err(|error| roots.proc.malformed("softirqs", error))?;
    let mut family = counter(
        "node_softirqs_functions_total",
        "Soft interrupts that the CPU handled.",
    );
    for kind in &found.kinds {
        for (cpu, &count) in found.cpus.iter().zip(&kind.counts) {
            let labels = [("cpu", &*text(cpu)), ("type", &text(kind.name))];
            push(&mut family, &labels, count as f64);
        }
    }
    append(out, [family]);
    Ok(())
}
