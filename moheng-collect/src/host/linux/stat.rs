//! Collector `stat`: interrupts, context switches, forks, boot time, running and blocked processes.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::families::{append, counter, push};
use crate::files::Folder;
use crate::proc::stat;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "stat";

const VECTORS: [&str; stat::SOFTIRQ_VECTORS] = [
    "hi",
    "timer",
    "net_tx",
    "net_rx",
    "block",
    "block_iopoll",
    "tasklet",
    "sched",
    "hrtimer",
    "rcu",
];

#[derive(Debug)]
struct Stat {
    proc: Folder,
    has_softirqs: bool,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Stat {
        proc: Folder::kept_open(&options.roots.proc),
        has_softirqs: options.stat_softirqs,
    })
}

impl Collector for Stat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        use MetricKind::{Counter, Gauge};
        let content = self.proc.read("stat")?;
        let stat = stat::parse(&content).map_err(|error| self.proc.malformed("stat", error))?;
        let values = [
            (
                "node_boot_time_seconds",
                Gauge,
                "When the machine was started, as Unix time.",
                stat.boot_time_seconds,
            ),
            (
                "node_context_switches_total",
                Counter,
                "Context switches.",
                stat.context_switches,
            ),
            (
                "node_forks_total",
                Counter,
                "Processes and threads started.",
                stat.forks,
            ),
            ("node_intr_total", Counter, "Interrupts served.", stat.interrupts),
            (
                "node_procs_blocked",
                Gauge,
                "Tasks waiting for I/O.",
                stat.processes_blocked,
            ),
            (
                "node_procs_running",
                Gauge,
                "Tasks that run or could run.",
                stat.processes_running,
            ),
        ];
        for (name, kind, help, value) in values {
            if let Some(value) = value {
                out.push(MetricFamily::single(name, kind, help, value as f64));
            }
        }
        if let (true, Some(counts)) = (self.has_softirqs, stat.softirqs) {
            let mut family = counter("node_softirqs_total", "Soft interrupts by vector.");
            for (vector, count) in VECTORS.iter().zip(counts) {
                push(&mut family, &[("vector", vector)], count as f64);
            }
            append(out, [family]);
        }
        Ok(())
    }
}
