//! The host collectors as a program uses them: on this machine, on broken trees, and with collectors that hang.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moheng_collect::{
    CollectError, Collector, HostCollection, HostCollectors, HostError, HostOptions, NameFilter,
};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Clock, MetricFamily, MetricKind, SystemClock};

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(1_700_000_000_500))
}

/// A tree with the given files below `proc` and `sys`, and only the collectors that are named.
fn collect_from(files: &[(&str, &str)], collectors: &[&str]) -> HostCollection {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    HostCollectors::new(&options_of(directory.path(), collectors), clock())
        .unwrap()
        .collect_only(|_| true)
}

fn options_of(root: &Path, collectors: &[&str]) -> HostOptions {
    let mut options = HostOptions::default();
    options.roots.proc = root.join("proc");
    options.roots.sys = root.join("sys");
    options.roots.udev_data = root.join("udev");
    options.switch_all_off();
    for collector in collectors {
        options.switch(collector, true).unwrap();
    }
    options
}

fn value(families: &[MetricFamily], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|family| family.name == name)?;
    let metric = family.metrics.iter().find(|metric| {
        labels
            .iter()
            .all(|(name, value)| metric.labels.get(name) == Some(value))
    })?;
    metric.value.as_number()
}

#[test]
fn this_machine_is_described() {
    let host = HostCollectors::new(&HostOptions::default(), Arc::new(SystemClock::new())).unwrap();
    let families = host.collect();
    assert!(families.is_sorted_by(|a, b| a.name < b.name));
    for name in [
        "node_boot_time_seconds",
        "node_cpu_seconds_total",
        "node_filesystem_readonly",
        "node_load1",
        "node_memory_MemTotal_bytes",
        "node_network_receive_bytes_total",
        "node_scrape_collector_duration_seconds",
        "node_time_seconds",
        "node_uname_info",
        "node_vmstat_pgmajfault",
    ] {
        let family = families.iter().find(|family| family.name == name);
        assert!(family.is_some_and(|family| !family.metrics.is_empty()), "{name}");
    }
    for collector in [
        "cpu",
        "meminfo",
        "loadavg",
        "filesystem",
        "netdev",
        "stat",
        "uname",
        "vmstat",
    ] {
        let success = value(
            &families,
            "node_scrape_collector_success",
            &[("collector", collector)],
        );
        assert_eq!(success, Some(1.0), "{collector}");
    }
    for family in &families {
        let mut labels: Vec<_> = family.metrics.iter().map(|metric| &metric.labels).collect();
        labels.sort();
        labels.dedup();
        assert_eq!(
            labels.len(),
            family.metrics.len(),
            "{} repeats a series",
            family.name
        );
        assert!(!family.help.is_empty(), "{}", family.name);
    }
}

#[test]
fn a_missing_file_is_no_data_and_a_broken_one_is_named() {
    let files = [
        ("proc/loadavg", "0.5 0.25 0.125 1/2 3\n"),
        ("proc/meminfo", "MemTotal: 1 kB\nMemFree: much\n"),
    ];
    let collection = collect_from(&files, &["loadavg", "meminfo", "stat"]);
    let error = |name: &str| {
        let outcome = collection
            .outcomes
            .iter()
            .find(|outcome| outcome.name == name)
            .unwrap();
        outcome.error.as_ref()
    };
    assert!(error("loadavg").is_none());
    assert!(error("stat").unwrap().is_no_data());
    let malformed = error("meminfo").unwrap();
    assert!(matches!(malformed, CollectError::Malformed { line: 2, .. }));
    assert!(
        malformed
            .to_string()
            .ends_with("proc/meminfo:2: an amount of memory expected, found \"much\"")
    );
    let success = |collector| {
        value(
            &collection.families,
            "node_scrape_collector_success",
            &[("collector", collector)],
        )
    };
    assert_eq!(
        (
            success("loadavg"),
            success("meminfo"),
            success("stat"),
            success("cpu")
        ),
        (Some(1.0), Some(0.0), Some(0.0), None)
    );
    assert_eq!(value(&collection.families, "node_load15", &[]), Some(0.125));
}

#[test]
fn newer_kernels_tell_more() {
    let found = collect_from(
        &[
            (
                "proc/meminfo",
                "MemTotal:        8000 kB\nMemAvailable:    5000 kB\nZswap:             12 kB\nZswapped:          40 kB\n\
                 KernelStack:      7 kB\nPercpu:           640 kB\nShmemPmdMapped:     3 kB\nHugePages_Surp:       2\n\
                 DirectMap1G:    1024 kB\n",
            ),
            // With version 2 of control groups, all controllers are in one hierarchy, which has no number.
            (
                "proc/cgroups",
                "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t172\t1\nmemory\t0\t172\t0\n",
            ),
        ],
        &["meminfo", "cgroups"],
    );
    for (name, labels, expected) in [
        ("node_memory_MemAvailable_bytes", &[][..], 5_120_000.0),
        ("node_memory_Zswap_bytes", &[], 12_288.0),
        ("node_memory_Zswapped_bytes", &[], 40_960.0),
        ("node_memory_Percpu_bytes", &[], 655_360.0),
        ("node_memory_ShmemPmdMapped_bytes", &[], 3_072.0),
        ("node_memory_HugePages_Surp", &[], 2.0),
        ("node_memory_DirectMap1G_bytes", &[], 1_048_576.0),
        ("node_cgroups_cgroups", &[("subsys_name", "cpu")], 172.0),
        ("node_cgroups_enabled", &[("subsys_name", "memory")], 0.0),
    ] {
        assert_eq!(value(&found.families, name, labels), Some(expected), "{name}");
    }
}

#[test]
fn cpu_counters_survive_a_kernel_that_goes_back() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("proc")).unwrap();
    let host = HostCollectors::new(&options_of(directory.path(), &["cpu"]), clock()).unwrap();
    let idle = |content: &str| {
        fs::write(directory.path().join("proc/stat"), content).unwrap();
        value(
            &host.collect(),
            "node_cpu_seconds_total",
            &[("cpu", "1"), ("mode", "idle")],
        )
    };
    assert_eq!(idle("cpu1 1 1 1 1000 1 1 1 1 0 0\n"), Some(10.0));
    assert_eq!(idle("cpu1 1 1 1 990 1 1 1 1 0 0\n"), Some(10.0));
    assert_eq!(idle("cpu0 1 1 1 1 1 1 1 1 0 0\n"), None);
    assert_eq!(idle("cpu1 1 1 1 5 1 1 1 1 0 0\n"), Some(0.05));
}

#[test]
fn cpus_that_are_off_line_are_known() {
    let files = [
        ("proc/stat", "cpu0 1 1 1 1\n"),
        ("sys/devices/system/cpu/online", "0\n"),
        ("sys/devices/system/cpu/cpu0/online", "1\n"),
        ("sys/devices/system/cpu/cpu1/online", "0\n"),
    ];
    let collection = collect_from(&files, &["cpu"]);
    let online = |cpu| value(&collection.families, "node_cpu_online", &[("cpu", cpu)]);
    assert_eq!((online("0"), online("1")), (Some(1.0), Some(0.0)));
    let without_first = collect_from(&[files[0], files[1], files[3]], &["cpu"]);
    assert_eq!(value(&without_first.families, "node_cpu_online", &[]), None);
}

#[test]
fn filesystems_are_filtered_renamed_and_counted_once() {
    let mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                  2 1 8:2 / /no/such\\040place ro - xfs /dev/sdb1 rw\n\
                  3 1 0:5 / /proc rw - proc proc rw\n\
                  4 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                  5 1 0:7 / /run/x rw - overlay overlay rw\n";
    let collection = collect_from(&[("proc/self/mountinfo", mounts)], &["filesystem"]);
    assert!(
        collection.outcomes[0].error.is_none(),
        "falls back to the process's own mounts"
    );
    let size = collection
        .families
        .iter()
        .find(|family| family.name == "node_filesystem_size_bytes")
        .unwrap();
    assert_eq!(size.metrics.len(), 1);
    assert_eq!(
        size.metrics[0].labels.to_string(),
        r#"{device="/dev/sda1", fstype="ext4", mountpoint="/"}"#
    );
    assert!(size.metrics[0].value.as_number().unwrap() > 0.0);
    let broken = [
        ("mountpoint", "/no/such place"),
        ("device_error", "no such file or directory"),
    ];
    let flag = |name| value(&collection.families, name, &broken);
    assert_eq!(flag("node_filesystem_device_error"), Some(1.0));
    assert_eq!(flag("node_filesystem_readonly"), Some(1.0));
    assert_eq!(flag("node_filesystem_size_bytes"), None);
    let info = [
        ("device", "/dev/sda1"),
        ("major", "8"),
        ("minor", "1"),
        ("mountpoint", "/"),
    ];
    assert_eq!(
        value(&collection.families, "node_filesystem_mount_info", &info),
        Some(1.0)
    );
}

#[test]
fn both_sources_of_traffic_count_the_same_devices() {
    let devices = |netlink| {
        let mut options = HostOptions::default();
        options.switch_all_off().switch("netdev", true).unwrap();
        options.netdev.netlink = netlink;
        options.netdev.devices = NameFilter::Include("^lo$".to_owned());
        let families = HostCollectors::new(&options, clock()).unwrap().collect();
        let names: Vec<_> = families
            .into_iter()
            .filter(|family| family.kind == MetricKind::Counter)
            .filter(|family| family.name != "node_network_receive_nohandler_total")
            .map(|family| {
                (
                    family.name,
                    family
                        .metrics
                        .into_iter()
                        .map(|metric| metric.labels)
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(names.len(), 16);
        names
    };
    assert_eq!(devices(true), devices(false));
}

#[test]
fn unknown_names_and_bad_patterns_are_refused() {
    let mut options = HostOptions::default();
    let error = options.switch("cpus", false).unwrap_err();
    assert!(matches!(&error, HostError::UnknownCollector { name, .. } if name == "cpus"));
    assert!(error.to_string().contains("cpufreq"), "{error}");
    options.disks = NameFilter::Include("(".to_owned());
    let error = HostCollectors::new(&options, clock()).unwrap_err();
    assert!(
        matches!(
            error,
            HostError::Pattern {
                collector: "diskstats",
                ..
            }
        ),
        "{error}"
    );
    assert!(HostCollectors::known().any(|known| known == ("processes", false)));
}

/// Blocks until it is told to go on.
#[derive(Debug)]
struct Hanging {
    go_on: Mutex<Receiver<()>>,
}

impl Hanging {
    fn new() -> (Self, Sender<()>) {
        let (sender, receiver) = channel();
        (
            Self {
                go_on: Mutex::new(receiver),
            },
            sender,
        )
    }
}

impl Collector for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn collect(&self, _out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        // Ends with an error when the test ends.
        let _ = self.go_on.lock().unwrap().recv();
        Ok(())
    }
}

#[derive(Debug)]
struct Quick(&'static str);

impl Collector for Quick {
    fn name(&self) -> &'static str {
        self.0
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        out.push(MetricFamily::single(self.0, MetricKind::Gauge, "", 1.0));
        assert!(self.0 != "panics", "a test's panic");
        Ok(())
    }
}

#[test]
fn a_collector_that_hangs_or_panics_harms_nobody_else() {
    let (hanging, go_on) = Hanging::new();
    let collectors: Vec<Box<dyn Collector>> = vec![
        Box::new(Quick("before")),
        Box::new(hanging),
        Box::new(Quick("panics")),
        Box::new(Quick("after")),
    ];
    let limit = Duration::from_secs(1);
    let host = HostCollectors::from_collectors(collectors, limit, clock());
    let check = |is_hanging: bool| {
        let collection = host.collect_only(|_| true);
        let errors: Vec<_> = collection
            .outcomes
            .iter()
            .map(|outcome| outcome.error.as_ref())
            .collect();
        assert!(errors[0].is_none() && errors[3].is_none(), "{errors:?}");
        assert!(matches!(errors[2], Some(CollectError::Panicked)));
        assert_eq!(
            matches!(errors[1], Some(CollectError::TimedOut { .. })),
            is_hanging
        );
        assert!(collection.families.iter().any(|family| family.name == "after"));
        let success = value(
            &collection.families,
            "node_scrape_collector_success",
            &[("collector", "hanging")],
        );
        assert_eq!(success, Some(f64::from(u8::from(!is_hanging))));
    };
    check(true);
    check(true);
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    // It comes back some time after it was told to.
    while !host
        .collect_only(|name| name == "hanging")
        .outcomes
        .iter()
        .all(|outcome| outcome.error.is_none())
    {
        std::thread::yield_now();
    }
    go_on.send(()).unwrap();
    check(false);
}

#[test]
fn a_choice_of_collectors_is_run() {
    let collectors: Vec<Box<dyn Collector>> = vec![Box::new(Quick("a")), Box::new(Quick("b"))];
    let host = HostCollectors::from_collectors(collectors, Duration::from_mins(1), clock());
    let collection = host.collect_only(|name| name == "b");
    let names: Vec<_> = collection
        .families
        .iter()
        .map(|family| family.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "b",
            "node_scrape_collector_duration_seconds",
            "node_scrape_collector_success"
        ]
    );
    assert_eq!(host.names().collect::<Vec<_>>(), ["a", "b"]);
}
