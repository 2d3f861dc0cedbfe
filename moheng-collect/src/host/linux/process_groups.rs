//! Collector `process_groups`: what processes use, by the name of their program. Node Exporter has no such thing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::{HostOptions, system};
use crate::files::Folder;
use crate::proc::pid_usage::{self, DiskUsage};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "process_groups";

const TICKS_PER_SECOND: f64 = 100.0;
/// The group of all programs beyond the limit.
const OTHERS: &str = "other";

#[derive(Debug)]
struct ProcessGroups {
    proc: Folder,
    groups_max: usize,
    state: Mutex<State>,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<String, Group>,
    processes: HashMap<u32, Seen>,
}

/// What processes of one name have used since they were first seen, those that have ended included.
#[derive(Clone, Debug, Default)]
struct Group {
    used: Used,
    now: Now,
}

/// What only grows.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    user_ticks: u64,
    system_ticks: u64,
    /// Nothing while it is not known.
    disk: Option<DiskUsage>,
}

/// Of the processes there are.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    processes: u64,
    threads: u64,
    resident_pages: u64,
}

/// A process when it was last seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    start_ticks: u64,
    used: Used,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(ProcessGroups {
        // The files of processes come and go.
        proc: Folder::new(&options.roots.proc),
        groups_max: options.process_groups_max,
        state: Mutex::default(),
    })
}

impl Collector for ProcessGroups {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for group in state.groups.values_mut() {
            group.now = Now::default();
        }
        let mut processes = HashMap::new();
        for number in self.proc.list_numbered("", "")? {
            let folder = self.proc.folder(&number.to_string());
            // A process may end meanwhile, or hide.
            let Ok(content) = folder.read("stat") else {
                continue;
            };
            let usage = pid_usage::parse(&content).map_err(|fault| folder.malformed("stat", fault))?;
            let before = state
                .processes
                .get(&number)
                .filter(|before| before.start_ticks == usage.start_ticks);
            let before = before.map(|before| before.used).unwrap_or_default();
            let used = Used {
                user_ticks: usage.user_ticks,
                system_ticks: usage.system_ticks,
                disk: disk_usage(&folder)?.or(before.disk),
            };
            let seen = Seen {
                start_ticks: usage.start_ticks,
                used,
            };
            let grown = used.since(before);
            let group = state.group(&usage.command, self.groups_max);
            group.used.add(grown);
            group.now.processes += 1;
            group.now.threads += usage.threads;
            group.now.resident_pages += usage.resident_pages;
            processes.insert(number, seen);
        }
        state.processes = processes;
        let mut families = FamilySet::default();
        for (name, group) in &state.groups {
            add(name, group, &mut families);
        }
        families.append_to(out);
        Ok(())
    }
}

impl State {
    /// The group of a program. Where there are too many, one without processes makes room for it.
    fn group(&mut self, name: &str, groups_max: usize) -> &mut Group {
        let mut name = name;
        if !self.groups.contains_key(name) && self.groups.len() >= groups_max {
            let is_free = |(name, group): &(&String, &Group)| group.now.processes == 0 && *name != OTHERS;
            let free = self.groups.iter().find(is_free).map(|(name, _)| name.clone());
            match free {
                Some(free) => drop(self.groups.remove(&free)),
                None => name = OTHERS,
            }
        }
        self.groups.entry(name.to_owned()).or_default()
    }
}

impl Used {
    fn since(self, before: Self) -> Self {
        Self {
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
            disk: self.disk.map(|disk| {
                let before = before.disk.unwrap_or_default();
                DiskUsage {
                    read_bytes: disk.read_bytes.saturating_sub(before.read_bytes),
                    written_bytes: disk.written_bytes.saturating_sub(before.written_bytes),
                }
            }),
        }
    }

    fn add(&mut self, other: Self) {
        self.user_ticks += other.user_ticks;
        self.system_ticks += other.system_ticks;
        if let Some(grown) = other.disk {
            let disk = self.disk.get_or_insert_default();
            disk.read_bytes += grown.read_bytes;
            disk.written_bytes += grown.written_bytes;
        }
    }
}

/// What others write and read is shown to root only.
fn disk_usage(process: &Folder) -> Result<Option<DiskUsage>, CollectError> {
    let Ok(content) = process.read("io") else {
        return Ok(None);
    };
    let usage = pid_usage::parse_io(&content).map_err(|fault| process.malformed("io", fault))?;
    Ok(Some(usage))
}

fn add(name: &str, group: &Group, families: &mut FamilySet) {
    for (mode, ticks) in [
        ("system", group.used.system_ticks),
        ("user", group.used.user_ticks),
    ] {
        let labels = [("group", name), ("mode", mode)];
        let help = "CPU time of processes by the name of their program.";
        let metric = "moheng_process_group_cpu_seconds_total";
        families.add(metric, help, &labels, ticks as f64 / TICKS_PER_SECOND);
    }
    let resident_bytes = group.now.resident_pages as f64 * system::page_bytes() as f64;
    let disk = group.used.disk;
    for (metric, help, value) in [
        (
            "processes",
            "Processes by the name of their program.",
            Some(group.now.processes as f64),
        ),
        (
            "threads",
            "Threads by the name of their program.",
            Some(group.now.threads as f64),
        ),
        (
            "resident_memory_bytes",
            "Memory in use by the name of the program.",
            Some(resident_bytes),
        ),
        (
            "read_bytes_total",
            "Bytes read from disks by the name of the program.",
            disk.map(|disk| disk.read_bytes as f64),
        ),
        (
            "written_bytes_total",
            "Bytes written to disks by the name of the program.",
            disk.map(|disk| disk.written_bytes as f64),
        ),
    ] {
        if let Some(value) = value {
            let metric = format!("moheng_process_group_{metric}");
            families.add(&metric, help, &[("group", name)], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn put(proc: &Path, number: u32, command: &str, ticks: u64, start: u64) {
        let folder = proc.join(number.to_string());
        fs::create_dir_all(&folder).unwrap();
        let stat =
            format!("{number} ({command}) S 1 7 7 0 -1 4 1 0 0 0 {ticks} 0 0 0 20 0 2 0 {start} 1000 3\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(
            folder.join("io"),
            format!("read_bytes: {ticks}\nwrite_bytes: 0\n"),
        )
        .unwrap();
    }

    /// Value of a metric by group.
    fn values(collector: &dyn Collector, metric: &str) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        collector.collect(&mut out).unwrap();
        let family = out.iter().find(|family| family.name == metric).unwrap();
        let wanted = family
            .metrics
            .iter()
            .filter(|metric| metric.labels.get("mode") != Some("system"));
        wanted
            .map(|metric| {
                (
                    metric.labels.get("group").unwrap().to_owned(),
                    metric.value.as_number().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn counters_outlive_processes_and_groups_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let proc = directory.path();
        let mut options = HostOptions::default();
        options.roots.proc = proc.to_path_buf();
        options.process_groups_max = 2;
        let collector = build(&options);
        let cpu = |expected: &[(&str, f64)]| {
            let found = values(&*collector, "moheng_process_group_cpu_seconds_total");
            let found: Vec<_> = found
                .iter()
                .map(|(name, value)| (name.as_str(), *value))
                .collect();
            assert_eq!(found, expected);
        };
        put(proc, 1, "a", 100, 7);
        put(proc, 2, "b", 200, 7);
        cpu(&[("a", 1.0), ("b", 2.0)]);
        // One went on, another has its number taken by a new process.
        put(proc, 1, "a", 150, 7);
        put(proc, 2, "b", 50, 9);
        cpu(&[("a", 1.5), ("b", 2.5)]);
        // No room for a third while both have processes.
        put(proc, 3, "c", 300, 9);
        cpu(&[("a", 1.5), ("b", 2.5), ("other", 3.0)]);
        // What ended still counts, until its room is needed.
        fs::remove_dir_all(proc.join("1")).unwrap();
        fs::remove_dir_all(proc.join("3")).unwrap();
        cpu(&[("a", 1.5), ("b", 2.5), ("other", 3.0)]);
        put(proc, 4, "d", 400, 11);
        cpu(&[("b", 2.5), ("d", 4.0), ("other", 3.0)]);
        let memory = values(&*collector, "moheng_process_group_resident_memory_bytes");
        assert_eq!(memory[0], ("b".to_owned(), 3.0 * system::page_bytes() as f64));
        assert_eq!(
            values(&*collector, "moheng_process_group_read_bytes_total")[1].1,
            400.0
        );
        fs::write(proc.join("4/stat"), "what?").unwrap();
        assert!(collector.collect(&mut Vec::new()).is_err());
    }
}
