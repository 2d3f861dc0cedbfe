//! No tree of /proc and /sys makes a collector panic or report a number that is none.
#![no_main]
#![expect(clippy::expect_used, reason = "a folder for the tree has to be there")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use moheng_collect::{CollectError, HostCollectors, HostOptions};
use moheng_metrics::SystemClock;

/// More than that only makes a run slow.
const FILES_MAX: usize = 8;

/// The first byte of a part of the input chooses one.
const PATHS: &[&str] = &[
    "proc/stat",
    "proc/meminfo",
    "proc/loadavg",
    "proc/diskstats",
    "proc/vmstat",
    "proc/interrupts",
    "proc/softirqs",
    "proc/schedstat",
    "proc/slabinfo",
    "proc/buddyinfo",
    "proc/zoneinfo",
    "proc/mdstat",
    "proc/cgroups",
    "proc/swaps",
    "proc/drbd",
    "proc/cpuinfo",
    "proc/self/mountstats",
    "proc/net/dev",
    "proc/net/arp",
    "proc/net/netstat",
    "proc/net/snmp",
    "proc/net/snmp6",
    "proc/net/sockstat",
    "proc/net/softnet_stat",
    "proc/net/udp",
    "proc/net/ip_vs",
    "proc/net/ip_vs_stats",
    "proc/net/xfrm_stat",
    "proc/net/rpc/nfs",
    "proc/net/rpc/nfsd",
    "proc/net/stat/nf_conntrack",
    "proc/spl/kstat/zfs/arcstats",
    "proc/spl/kstat/zfs/pool1/io",
    "proc/sys/fs/file-nr",
    "proc/sys/kernel/random/entropy_avail",
    "proc/pressure/cpu",
    "proc/pressure/io",
    "proc/1/stat",
    "proc/1/io",
    "sys/class/net/eth0/speed",
    "sys/class/net/eth0/flags",
    "sys/class/hwmon/hwmon0/temp1_input",
    "sys/class/thermal/thermal_zone0/temp",
    "sys/class/thermal/thermal_zone0/type",
    "sys/class/power_supply/BAT0/uevent",
    "sys/class/power_supply/BAT0/energy_now",
    "sys/class/powercap/intel-rapl:0/energy_uj",
    "sys/devices/system/edac/mc/mc0/ce_count",
    "sys/devices/system/node/node0/meminfo",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
    "sys/devices/system/cpu/isolated",
    "sys/fs/btrfs/1-2/commit_stats",
    "sys/fs/xfs/sda/stats/stats",
    "sys/fs/bcachefs/u/counters/io_read",
    "textfile/a.prom",
    "etc/os-release",
    "udev/b8:0",
];

/// What does not ask the kernel or the bus of this machine instead of reading files.
fn reads_files(name: &str) -> bool {
    let others = [
        "ethtool",
        "filesystem",
        "logind",
        "network_route",
        "qdisc",
        "systemd",
        "tcpstat",
        "timex",
        "units",
        "wifi",
    ];
    !others.contains(&name)
}

fn host() -> &'static (PathBuf, HostCollectors) {
    static HOST: OnceLock<(PathBuf, HostCollectors)> = OnceLock::new();
    HOST.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("moheng-host-tree-{}", std::process::id()));
        for path in PATHS {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        }
        let mut options = HostOptions::default();
        options.roots.proc = root.join("proc");
        options.roots.sys = root.join("sys");
        options.roots.udev_data = root.join("udev");
        options.roots.root_fs.clone_from(&root);
        options.textfile_directories = vec![root.join("textfile").to_string_lossy().into_owned()];
        (options.netdev.netlink, options.arp.netlink) = (false, false);
        for (name, _) in HostCollectors::known() {
            options.switch(name, reads_files(name)).expect("a known name");
        }
        let collectors = HostCollectors::new(&options, Arc::new(SystemClock::new()));
        (root, collectors.expect("valid options"))
    })
}

fuzz_target!(|content: &[u8]| {
    let (root, host) = host();
    let mut written = Vec::new();
    for part in content.split(|&byte| byte == 0xff).take(FILES_MAX) {
        if let Some((&chosen, content)) = part.split_first() {
            let path = root.join(PATHS[usize::from(chosen) % PATHS.len()]);
            fs::write(&path, content).expect("a file");
            written.push(path);
        }
    }
    for outcome in host.collect_only(|_| true).outcomes {
        let is_panic = matches!(outcome.error, Some(CollectError::Panicked));
        assert!(!is_panic, "{}", outcome.name);
    }
    for path in written {
        let _ = fs::remove_file(path);
    }
});
