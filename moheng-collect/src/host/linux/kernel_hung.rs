//! Collector `kernel_hung`: tasks that hung for minutes.

use moheng_metrics::MetricFamily;

use super::families::counter_of;
use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "kernel_hung";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let file = "sys/kernel/hung_task_detect_count";
    out.push(counter_of(
        "node_kernel_hung_tasks_total",
        "Tasks that the kernel found hanging since it started.",
        roots.proc.number(file)?,
    ));
    Ok(())
}
