//! A made-up host: a small file of each kind that collectors read, in `tests/host_tree.txt`.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};

use moheng_collect::{HostCollectors, HostOptions};

/// Lines `PATH = CONTENT`, or `PATH =` and lines of content behind a `|`.
const TREE: &str = include_str!("../host_tree.txt");

/// What asks the kernel or the bus of this machine instead of reading files.
const NOT_FILES: &[&str] = &[
    "ethtool",
    "logind",
    "network_route",
    "selinux",
    "systemd",
    "tcpstat",
    "timex",
    "uname",
    "units",
];

/// Writes the files below `root`; the paths of those that are opened, but for text files, which may say anything.
pub(crate) fn write(root: &Path) -> Vec<PathBuf> {
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in TREE.lines() {
        if let Some(line) = line.strip_prefix('|') {
            let (_, content) = files.last_mut().unwrap();
            content.push_str(line);
            content.push('\n');
        } else {
            let (path, value) = line.split_once(" =").unwrap();
            let content = value.strip_prefix(' ').map(|value| format!("{value}\n"));
            files.push((path, content.unwrap_or_default()));
        }
    }
    for (path, content) in &files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let paths = files.iter().map(|(path, _)| *path);
    paths
        .filter(|path| !path.starts_with("textfile/") && !path.contains("/slaves/"))
        .map(|path| root.join(path))
        .collect()
}

/// All collectors that read files, and all they can read.
pub(crate) fn options(root: &Path) -> HostOptions {
    let mut options = HostOptions::default();
    options.roots.proc = root.join("proc");
    options.roots.sys = root.join("sys");
    options.roots.udev_data = root.join("udev");
    options.roots.root_fs = root.to_path_buf();
    (options.netdev.netlink, options.arp.netlink) = (false, false);
    options.cpu.info = true;
    options.cpu.bugs_include = Some(".*".to_owned());
    options.cpu.flags_include = Some("aes".to_owned());
    options.bcache_priority_stats = true;
    options.stat_softirqs = true;
    options.qdisc.fixtures = Some(root.join("qdisc"));
    options.wifi_fixtures = Some(root.join("wifi"));
    options.sysctl.include = vec!["fs.file-nr:total,current,max".into(), "kernel.threads-max".into()];
    options.sysctl.include_info = vec!["kernel.seccomp.actions_avail".into()];
    options.textfile_directories = vec![root.join("textfile").to_str().unwrap().to_owned()];
    for (name, _) in HostCollectors::known() {
        options.switch(name, !NOT_FILES.contains(&name)).unwrap();
    }
    options
}
