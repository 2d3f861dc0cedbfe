//! The collectors against the fixture tree and the expected output of Node Exporter's end-to-end test, which are not part
//! of this repository: without them the test is skipped.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use moheng_collect::{HostCollectors, HostOptions, NameFilter};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Labels, MetricKind, TextEntry, TextParser};
use tempfile::TempDir;

use crate::host_fixture::{copy_tree, unpack};

/// Each collector with the number of families and of series that do not vary in the whole of Node Exporter's output, and
/// the families it is responsible for by the start of their names. The expected output at hand has about half of them.
const FAMILIES: &[(&str, usize, usize, &[&str])] = &[
    ("arp", 1, 2, &["node_arp_"]),
    ("conntrack", 10, 10, &["node_nf_conntrack_"]),
    (
        "cpu",
        9,
        115,
        &[
            "node_cpu_seconds_",
            "node_cpu_guest_",
            "node_cpu_core_",
            "node_cpu_package_",
            "node_cpu_isolated",
            "node_cpu_online",
            "node_cpu_info",
            "node_cpu_flag_",
            "node_cpu_bug_",
            "node_cpu_frequency_",
        ],
    ),
    ("cpufreq", 4, 20, &["node_cpu_scaling_"]),
    ("diskstats", 23, 215, &["node_disk_"]),
    ("dmi", 1, 1, &["node_dmi_"]),
    ("entropy", 2, 2, &["node_entropy_"]),
    ("filefd", 2, 2, &["node_filefd_"]),
    ("hwmon", 51, 137, &["node_hwmon_"]),
    ("loadavg", 3, 3, &["node_load"]),
    ("meminfo", 42, 42, &["node_memory_"]),
    ("netdev and netclass", 36, 50, &["node_network_"]),
    ("netstat", 41, 41, &["node_netstat_"]),
    ("os", 2, 2, &["node_os_"]),
    ("pressure", 6, 6, &["node_pressure_"]),
    ("processes", 5, 6, &["node_processes_"]),
    ("schedstat", 3, 6, &["node_schedstat_"]),
    ("sockstat", 20, 20, &["node_sockstat_"]),
    ("softnet", 7, 28, &["node_softnet_"]),
    (
        "stat",
        7,
        16,
        &[
            "node_boot_",
            "node_context_",
            "node_forks_",
            "node_intr_",
            "node_procs_",
            "node_softirqs_total",
        ],
    ),
    (
        "thermal_zone",
        3,
        3,
        &["node_thermal_zone_", "node_cooling_device_"],
    ),
    ("time", 4, 4, &["node_time_"]),
    ("buddyinfo", 1, 33, &["node_buddyinfo_"]),
    ("cgroups", 2, 24, &["node_cgroups_"]),
    ("cpu_vulnerabilities", 1, 5, &["node_cpu_vulnerabilities_"]),
    ("interrupts", 1, 112, &["node_interrupts_"]),
    ("kernel_hung", 1, 1, &["node_kernel_hung_"]),
    ("ksmd", 10, 10, &["node_ksmd_"]),
    ("lnstat", 29, 120, &["node_lnstat_"]),
    ("slabinfo", 5, 20, &["node_slabinfo_"]),
    ("xfrm", 28, 28, &["node_xfrm_"]),
    ("zoneinfo", 37, 97, &["node_zoneinfo_"]),
    ("meminfo_numa", 35, 105, &["node_memory_numa_"]),
    ("softirqs", 1, 20, &["node_softirqs_functions_total"]),
    ("bonding", 2, 6, &["node_bonding_"]),
    ("edac", 6, 20, &["node_edac_"]),
    ("ipvs", 8, 35, &["node_ipvs_"]),
    ("mdadm", 7, 199, &["node_md_"]),
    ("nvme", 6, 6, &["node_nvme_"]),
    ("pcidevice", 12, 52, &["node_pcidevice_"]),
    ("powersupplyclass", 11, 12, &["node_power_supply_"]),
    ("rapl", 2, 2, &["node_rapl_"]),
    ("tapestats", 10, 10, &["node_tape_"]),
    ("watchdog", 8, 9, &["node_watchdog_"]),
    ("bcache", 28, 28, &["node_bcache_"]),
    ("bcachefs", 143, 305, &["node_bcachefs_"]),
    ("btrfs", 11, 42, &["node_btrfs_"]),
    ("dmmultipath", 7, 18, &["node_dmmultipath_"]),
    ("drbd", 15, 17, &["node_drbd_"]),
    ("fibrechannel", 15, 28, &["node_fibrechannel_"]),
    ("infiniband", 28, 51, &["node_infiniband_"]),
    ("mountstats", 54, 149, &["node_mountstats_"]),
    ("nfs", 6, 105, &["node_nfs_"]),
    ("nfsd", 14, 90, &["node_nfsd_"]),
    ("sysctl", 6, 15, &["node_sysctl_"]),
    ("textfile", 6, 5, &["node_textfile_", "testmetric"]),
    ("xfs", 39, 39, &["node_xfs_"]),
    ("zfs", 278, 359, &["node_zfs_"]),
    ("qdisc", 7, 14, &["node_qdisc_"]),
    ("wifi", 14, 27, &["node_wifi_"]),
    ("udp_queues", 1, 2, &["node_udp_queues"]),
    ("vmstat", 7, 7, &["node_vmstat_"]),
];

/// Collectors of the reference run that are off by default.
const OFF_BY_DEFAULT: &[&str] = &[
    "buddyinfo",
    "cgroups",
    "cpu_vulnerabilities",
    "drbd",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "mountstats",
    "pcidevice",
    "processes",
    "qdisc",
    "slabinfo",
    "softirqs",
    "sysctl",
    "wifi",
    "xfrm",
    "zoneinfo",
];

/// Families of other collectors whose names start the same.
const FOREIGN: &[&str] = &["node_memory_numa_"];

/// Families whose values are those of the machine the test runs on.
const VARYING: &[&str] = &[
    "node_textfile_mtime_seconds",
    "node_time_seconds",
    "node_time_zone_offset_seconds",
    "node_network_receive_bytes_total",
    "node_network_receive_packets_total",
    "node_network_transmit_bytes_total",
    "node_network_transmit_packets_total",
];

#[derive(Debug, Default, PartialEq)]
struct Family {
    kind: MetricKind,
    series: BTreeMap<Labels, f64>,
}

type Exposition = BTreeMap<String, Family>;

#[test]
fn host_conformance() {
    let (Some(folder), Some(directory)) = (conformance_folder(), fixture_tree()) else {
        println!("skipped: host_conformance needs conformance/node_exporter beside the repository");
        return;
    };
    let fixtures = directory.path();
    let expected = parse_expected(&fs::read(folder.join("expected.txt")).unwrap());
    let got = collect(fixtures);

    let mut faults = Vec::new();
    let mut compared = 0;
    for (collector, family_count, series_count, starts) in FAMILIES {
        let counts = count(&got, starts);
        if counts != (*family_count, *series_count) {
            faults.push(format!(
                "{collector}: {counts:?} families and series, expected ({family_count}, {series_count})"
            ));
        }
        for (name, family) in expected.iter().filter(|(name, _)| is_of(name, starts)) {
            compared += family.series.len();
            match got.get(name) {
                None => faults.push(format!("{collector}: {name} is missing")),
                Some(got) => compare(name, family, got, &mut faults),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(compared > 300, "only {compared} series were compared");
}

fn conformance_folder() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let folder = workspace.join("../shared/conformance/node_exporter");
    folder.join("expected.txt").is_file().then_some(folder)
}

/// A copy of the tree that the collectors of the reference run read.
pub(crate) fn fixture_tree() -> Option<TempDir> {
    let folder = conformance_folder()?;
    let directory = tempfile::tempdir().unwrap();
    copy_tree(&folder.join("fixtures"), directory.path());
    unpack(&folder.join("fixtures/sys.ttar"), directory.path());
    unpack(&folder.join("fixtures/udev.ttar"), directory.path());
    Some(directory)
}

fn is_of(name: &str, starts: &[&str]) -> bool {
    let starts_with_any = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    starts_with_any(starts)
        && (starts.iter().any(|start| FOREIGN.contains(start)) || !starts_with_any(FOREIGN))
}

fn count(exposition: &Exposition, starts: &[&str]) -> (usize, usize) {
    let families = exposition.iter().filter(|(name, _)| is_of(name, starts));
    families.fold((0, 0), |(families, series), (name, family)| {
        let varies = VARYING.contains(&name.as_str());
        (
            families + 1,
            series + if varies { 0 } else { family.series.len() },
        )
    })
}

fn compare(name: &str, expected: &Family, got: &Family, faults: &mut Vec<String>) {
    if expected.kind != got.kind {
        faults.push(format!(
            "{name}: kind {:?}, expected {:?}",
            got.kind, expected.kind
        ));
    }
    if VARYING.contains(&name) {
        return;
    }
    let labels: BTreeSet<_> = expected.series.keys().chain(got.series.keys()).collect();
    for labels in labels {
        let (expected, got) = (expected.series.get(labels), got.series.get(labels));
        if expected != got {
            faults.push(format!("{name}{labels}: {got:?}, expected {expected:?}"));
        }
    }
}

/// The options of the reference run.
pub(crate) fn reference_options(fixtures: &Path) -> HostOptions {
    let mut options = HostOptions::default();
    options.roots.proc = fixtures.join("proc");
    options.roots.sys = fixtures.join("sys");
    options.roots.root_fs = fixtures.to_path_buf();
    options.roots.udev_data = fixtures.join("udev/data");
    options.cpu.info = true;
    options.cpu.bugs_include = Some("^(cpu_meltdown|spectre_.*|mds)$".to_owned());
    options.cpu.flags_include = Some("^(aes|avx.?|constant_tsc)$".to_owned());
    options.arp.devices = NameFilter::Exclude("nope".to_owned());
    options.arp.netlink = false;
    options.hwmon.chips =
        NameFilter::Include("(applesmc|asus_nb_wmi|coretemp|hwmon4|ieee80211|nct6779)".to_owned());
    options.netclass.ignore_invalid_speed = true;
    options.netclass.devices = NameFilter::Exclude("(dmz|int)".to_owned());
    options.netdev.devices = NameFilter::Include("lo".to_owned());
    options.stat_softirqs = true;
    options.bcache_priority_stats = true;
    options.qdisc.devices = NameFilter::Include("(wlan0|eth0)".to_owned());
    options.qdisc.fixtures = Some(fixtures.join("qdisc"));
    options.wifi_fixtures = Some(fixtures.join("wifi"));
    options.sysctl.include = vec![
        "fs.file-nr".into(),
        "fs.file-nr:total,current,max".into(),
        "kernel.threads-max".into(),
    ];
    options.sysctl.include_info = vec!["kernel.seccomp.actions_avail".into()];
    let textfiles = fixtures.join("textfile/two_metric_files");
    options.textfile_directories = vec![textfiles.to_str().unwrap().to_owned()];
    for collector in OFF_BY_DEFAULT {
        options.switch(collector, true).unwrap();
    }
    options.switch("filesystem", false).unwrap();
    for collector in ["selinux", "timex", "uname"] {
        options.switch(collector, false).unwrap();
    }
    options
}

fn collect(fixtures: &Path) -> Exposition {
    let options = reference_options(fixtures);
    let host = HostCollectors::new(&options, Arc::new(ManualClock::new(0))).unwrap();
    let collection = host.collect_only(|_| true);
    for outcome in &collection.outcomes {
        assert!(outcome.error.is_none(), "{}: {:?}", outcome.name, outcome.error);
    }
    let families = collection.families.into_iter().map(|family| {
        let series = family
            .metrics
            .into_iter()
            .map(|metric| {
                let labels = as_in_reference(&metric.labels, fixtures);
                (labels, metric.value.as_number().unwrap())
            })
            .collect();
        (
            family.name,
            Family {
                kind: family.kind,
                series,
            },
        )
    });
    families.collect()
}

/// Paths begin with the folder the reference run had its fixtures in.
fn as_in_reference(labels: &Labels, fixtures: &Path) -> Labels {
    let fixtures = fixtures.to_str().unwrap();
    let pairs = labels
        .iter()
        .map(|(name, value)| (name, value.replace(fixtures, "collector/fixtures")));
    Labels::from_pairs(pairs)
}

fn parse_expected(text: &[u8]) -> Exposition {
    let mut exposition = Exposition::new();
    let mut parser = TextParser::new(text);
    while let Some(entry) = parser.next_entry(b"").unwrap() {
        match entry {
            TextEntry::Type { name, kind } => exposition.entry(name.into_owned()).or_default().kind = kind,
            TextEntry::Sample(sample) => {
                let labels = sample.labels().unwrap();
                let family = exposition.entry(labels.metric_name().to_owned()).or_default();
                family.series.insert(labels.without_metric_name(), sample.value);
            }
            TextEntry::Help { .. } | TextEntry::Unit { .. } => {}
        }
    }
    exposition
}
