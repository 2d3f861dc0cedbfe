//! No tree of /proc and /sys, with files of a made-up host changed, makes a collector panic or report a number that is none.
#![no_main]
#![expect(clippy::expect_used, reason = "a folder for the tree has to be there")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use moheng_collect::{CollectError, HostCollectors, HostOptions};
use moheng_metrics::SystemClock;

/// More than that only makes a run slow.
const FILES_MAX: usize = 8;

/// The host that integration tests damage: lines `PATH = CONTENT`, or `PATH =` and lines of content behind a `|`.
const TREE: &str = include_str!("../../moheng-collect/tests/host_tree.txt");

/// What does not ask the kernel or the bus of this machine instead of reading files.
fn reads_files(name: &str) -> bool {
    let others = [
        "ethtool",
        "filesystem",
        "logind",
        "network_route",
        "systemd",
        "tcpstat",
        "timex",
        "units",
    ];
    !others.contains(&name)
}

struct Host {
    root: PathBuf,
    /// The first byte of the input chooses a collector, the first two of each part a file.
    files: Vec<(PathBuf, String)>,
    collectors: HostCollectors,
}

/// Paths and contents, but for text files, which may say anything.
fn files(root: &Path) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for line in TREE.lines() {
        if let (Some(line), Some((_, content))) = (line.strip_prefix('|'), files.last_mut()) {
            content.push_str(line);
            content.push('\n');
        } else {
            let (path, value) = line.split_once(" =").expect("PATH = CONTENT");
            let content = value.strip_prefix(' ').map(|value| format!("{value}\n"));
            files.push((root.join(path), content.unwrap_or_default()));
        }
    }
    files.retain(|(path, _)| path.extension().is_none_or(|extension| extension != "prom"));
    files
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("moheng-host-tree-{}", std::process::id()));
        let files = files(&root);
        for (path, content) in &files {
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
        let mut options = HostOptions::default();
        options.roots.proc = root.join("proc");
        options.roots.sys = root.join("sys");
        options.roots.udev_data = root.join("udev");
        options.roots.root_fs.clone_from(&root);
        (
            options.cpu.info,
            options.bcache_priority_stats,
            options.stat_softirqs,
        ) = (true, true, true);
        options.qdisc.fixtures = Some(root.join("qdisc"));
        options.wifi_fixtures = Some(root.join("wifi"));
        (options.netdev.netlink, options.arp.netlink) = (false, false);
        for (name, _) in HostCollectors::known() {
            options.switch(name, reads_files(name)).expect("a known name");
        }
        let collectors = HostCollectors::new(&options, Arc::new(SystemClock::new()));
        Host {
            root,
            files,
            collectors: collectors.expect("valid options"),
        }
    })
}

fuzz_target!(|content: &[u8]| {
    let host = host();
    let Some((&chosen, content)) = content.split_first() else {
        return;
    };
    // All of them would take a fifth of a second.
    let names: Vec<&str> = host.collectors.names().collect();
    let chosen = names[usize::from(chosen) % names.len()];
    let mut changed = Vec::new();
    for part in content.split(|&byte| byte == 0xff).take(FILES_MAX) {
        if let [high, low, content @ ..] = part {
            let number = usize::from(*high) << 8 | usize::from(*low);
            let (path, before) = &host.files[number % host.files.len()];
            fs::write(path, content).expect("a file");
            changed.push((path, before));
        }
    }
    let collection = host.collectors.collect_only(|name| name == chosen);
    for outcome in collection.outcomes {
        let is_panic = matches!(outcome.error, Some(CollectError::Panicked));
        assert!(!is_panic, "{} below {}", outcome.name, host.root.display());
    }
    for family in collection.families {
        for metric in &family.metrics {
            let value = metric.value.as_number().unwrap_or_default();
            assert!(value.is_finite(), "{}{} {value}", family.name, metric.labels);
        }
    }
    for (path, before) in changed {
        fs::write(path, before).expect("a file");
    }
});
