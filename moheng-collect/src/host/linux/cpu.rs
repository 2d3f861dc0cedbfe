//! Collector `cpu`: the time each CPU spent in each mode, throttling, isolation and on-line state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use moheng_metrics::{MetricFamily, Pattern};

use super::HostOptions;
use super::families::{append, counter, gauge, push};
use super::filter::unanchored;
use crate::files::Folder;
use crate::proc::cpuinfo::Cpuinfo;
use crate::proc::stat::{CPU_MODES, CpuTicks};
use crate::proc::{cpu_list, cpuinfo, stat};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "cpu";

/// The kernel reports CPU time to programs in hundredths of a second on all architectures.
const TICKS_PER_SECOND: f64 = 100.0;
const IDLE: usize = 3;
const GUEST: usize = 8;
const GUEST_NICE: usize = 9;
/// The columns of a `cpu` line that are modes; guest time is contained in `user` and `nice`.
const MODES: [&str; GUEST] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];
/// A CPU whose idle time falls by this much has been taken out and put back.
const RESET_IDLE_TICKS: u64 = 300;
const CPU_FOLDER: &str = "devices/system/cpu";

#[derive(Debug)]
struct Cpu {
    proc: Folder,
    sys: Folder,
    has_guest: bool,
    info: Option<InfoOptions>,
    /// The highest counts reported so far, by CPU.
    reported: Mutex<BTreeMap<u32, CpuTicks>>,
    /// What does not change about a CPU while it is there.
    topology: Mutex<BTreeMap<u32, Topology>>,
}

#[derive(Debug)]
struct InfoOptions {
    flags: Option<Pattern>,
    bugs: Option<Pattern>,
    has_frequency: bool,
}

#[derive(Clone, Debug)]
struct Topology {
    package: String,
    core: String,
    counts_throttling: bool,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    let pattern = |text: &Option<String>| text.as_deref().map(|text| unanchored(NAME, text)).transpose();
    let flags = pattern(&options.cpu.flags_include)?;
    let bugs = pattern(&options.cpu.bugs_include)?;
    let has_info = options.cpu.info || flags.is_some() || bugs.is_some();
    Ok(Box::new(Cpu {
        proc: Folder::kept_open(&options.roots.proc),
        sys: Folder::new(&options.roots.sys),
        has_guest: options.cpu.guest,
        info: has_info.then(|| InfoOptions {
            flags,
            bugs,
            has_frequency: options.is_on(super::cpufreq::NAME),
        }),
        reported: Mutex::default(),
        topology: Mutex::default(),
    }))
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        if let Some(info) = &self.info {
            self.collect_info(info, out)?;
        }
        self.collect_time(out)?;
        // Containers and some virtual machines have no CPU directory in sysfs.
        let Ok(cpus) = self.sys.list_numbered(CPU_FOLDER, "cpu") else {
            return Ok(());
        };
        self.collect_throttling(&cpus, out);
        self.collect_isolated(out)?;
        self.collect_online(&cpus, out)
    }
}

impl Cpu {
    fn collect_time(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("stat")?;
        let stat = stat::parse(&content).map_err(|error| self.proc.malformed("stat", error))?;
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seconds = counter("node_cpu_seconds_total", "Time the CPU spent in the mode.");
        let mut guest = counter(
            "node_cpu_guest_seconds_total",
            "Time the CPU spent running guests; also contained in the modes user and nice.",
        );
        let mut now = BTreeMap::new();
        for (cpu, ticks) in stat.cpus {
            let ticks = reported
                .get(&cpu)
                .map_or(ticks, |before| never_back(before, &ticks));
            let cpu_label = cpu.to_string();
            for (mode, count) in MODES.iter().zip(ticks) {
                push(
                    &mut seconds,
                    &[("cpu", &cpu_label), ("mode", mode)],
                    count as f64 / TICKS_PER_SECOND,
                );
            }
            for (mode, count) in [("user", ticks[GUEST]), ("nice", ticks[GUEST_NICE])] {
                if self.has_guest {
                    push(
                        &mut guest,
                        &[("cpu", &cpu_label), ("mode", mode)],
                        count as f64 / TICKS_PER_SECOND,
                    );
                }
            }
            now.insert(cpu, ticks);
        }
        // CPUs that went off line are forgotten.
        *reported = now;
        append(out, [seconds, guest]);
        Ok(())
    }

    fn collect_throttling(&self, cpus: &[u32], out: &mut Vec<MetricFamily>) {
        let mut cores = counter(
            "node_cpu_core_throttles_total",
            "How often the core was slowed down because of heat.",
        );
        let mut packages = counter(
            "node_cpu_package_throttles_total",
            "How often the package was slowed down because of heat.",
        );
        let mut seen = BTreeSet::new();
        let mut topology = self.topology.lock().unwrap_or_else(PoisonError::into_inner);
        topology.retain(|cpu, _| cpus.binary_search(cpu).is_ok());
        for &cpu in cpus {
            let folder = self.sys.folder(&format!("{CPU_FOLDER}/cpu{cpu}"));
            let known = topology.entry(cpu).or_insert_with(|| read_topology(&folder));
            if !known.counts_throttling {
                continue;
            }
            // Siblings share a core, and cores a package: the first speaks for it.
            let Topology { package, core, .. } = known;
            if seen.insert((package.clone(), Some(core.clone())))
                && let Some(count) = folder.number_if_known("thermal_throttle/core_throttle_count")
            {
                push(&mut cores, &[("core", core), ("package", package)], count);
            }
            if seen.insert((package.clone(), None))
                && let Some(count) = folder.number_if_known("thermal_throttle/package_throttle_count")
            {
                push(&mut packages, &[("package", package)], count);
            }
        }
        append(out, [cores, packages]);
    }

    fn collect_isolated(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let file = format!("{CPU_FOLDER}/isolated");
        let Some(content) = self.sys.read_optional(&file)? else {
            return Ok(());
        };
        let cpus = cpu_list::parse(&content).map_err(|error| self.sys.malformed(&file, error))?;
        let mut isolated = gauge(
            "node_cpu_isolated",
            "1 for each CPU that the scheduler leaves alone.",
        );
        for cpu in cpus {
            push(&mut isolated, &[("cpu", &cpu.to_string())], 1.0);
        }
        append(out, [isolated]);
        Ok(())
    }

    /// One file lists all CPUs that are on line; Node Exporter reads one per CPU and leaves all out where the first CPU
    /// does not have it.
    fn collect_online(&self, cpus: &[u32], out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let file = format!("{CPU_FOLDER}/online");
        if !self.sys.contains(&format!("{CPU_FOLDER}/cpu0/online")) {
            return Ok(());
        }
        let Some(content) = self.sys.read_optional(&file)? else {
            return Ok(());
        };
        let online = cpu_list::parse(&content).map_err(|error| self.sys.malformed(&file, error))?;
        let mut family = gauge("node_cpu_online", "Whether the CPU is on line (1) or not (0).");
        for cpu in cpus {
            let is_online = online.contains(cpu);
            push(
                &mut family,
                &[("cpu", &cpu.to_string())],
                if is_online { 1.0 } else { 0.0 },
            );
        }
        append(out, [family]);
        Ok(())
    }

    fn collect_info(&self, options: &InfoOptions, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("cpuinfo")?;
        let parsed = cpuinfo::parse(&content).map_err(|error| self.proc.malformed("cpuinfo", error))?;
        let words = [
            (
                "node_cpu_flag_info",
                "flag",
                "1 for each of the wanted features the CPU has.",
                &parsed.flags,
                &options.flags,
            ),
            (
                "node_cpu_bug_info",
                "bug",
                "1 for each of the wanted hardware bugs the CPU has.",
                &parsed.bugs,
                &options.bugs,
            ),
        ];
        for (name, label, help, found, wanted) in words {
            let Some(wanted) = wanted else { continue };
            let mut family = gauge(name, help);
            for word in found.iter().filter(|word| wanted.is_match(word)) {
                push(&mut family, &[(label, word)], 1.0);
            }
            append(out, [family]);
        }
        append(out, info_families(&parsed, options.has_frequency));
        Ok(())
    }
}

fn info_families(parsed: &Cpuinfo, has_frequency: bool) -> [MetricFamily; 2] {
    let mut info = gauge("node_cpu_info", "1; the labels describe the CPU.");
    let mut frequency = gauge("node_cpu_frequency_hertz", "The current frequency of the CPU.");
    for cpu in &parsed.cpus {
        let labels = [
            ("cachesize", cpu.cache_size.as_str()),
            ("core", &cpu.core),
            ("cpu", &cpu.processor),
            ("family", &cpu.family),
            ("microcode", &cpu.microcode),
            ("model", &cpu.model),
            ("model_name", &cpu.model_name),
            ("package", &cpu.package),
            ("stepping", &cpu.stepping),
            ("vendor", &cpu.vendor),
        ];
        push(&mut info, &labels, 1.0);
        if let (true, Some(megahertz)) = (has_frequency, cpu.megahertz) {
            let labels = [
                ("core", cpu.core.as_str()),
                ("cpu", &cpu.processor),
                ("package", &cpu.package),
            ];
            push(&mut frequency, &labels, megahertz * 1e6);
        }
    }
    [info, frequency]
}

fn read_topology(folder: &Folder) -> Topology {
    let package = folder.attribute_if_known("topology/physical_package_id");
    let core = folder.attribute_if_known("topology/core_id");
    Topology {
        counts_throttling: package.is_some() && core.is_some() && folder.contains("thermal_throttle"),
        package: package.unwrap_or_default(),
        core: core.unwrap_or_default(),
    }
}

/// The counts of the kernel sometimes go back a little, `idle` and `iowait` above all; a counter must not. A CPU that was
/// taken out and put back starts from what the kernel says.
fn never_back(before: &CpuTicks, now: &CpuTicks) -> CpuTicks {
    if before[IDLE].saturating_sub(now[IDLE]) >= RESET_IDLE_TICKS {
        return *now;
    }
    let mut highest = [0; CPU_MODES];
    for (highest, (before, now)) in highest.iter_mut().zip(before.iter().zip(now)) {
        *highest = *before.max(now);
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_never_go_back_unless_a_cpu_is_replaced() {
        let before = [10, 0, 5, 1000, 7, 0, 0, 0, 0, 0];
        let jittered = [11, 0, 5, 998, 6, 0, 0, 0, 0, 0];
        assert_eq!(never_back(&before, &jittered), [11, 0, 5, 1000, 7, 0, 0, 0, 0, 0]);
        let replaced = [1, 0, 0, 700, 0, 0, 0, 0, 0, 0];
        assert_eq!(never_back(&before, &replaced), replaced);
        let almost = [1, 0, 0, 701, 0, 0, 0, 0, 0, 0];
        assert_eq!(never_back(&before, &almost), before);
    }
}
