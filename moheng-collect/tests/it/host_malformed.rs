//! Files of the kernel that are empty, cut short, garbage, huge, or hold numbers that are none: a failed collector or missing
//! series, never a panic, a wrong number, or harm to the other collectors.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use moheng_collect::{HostCollectors, HostOptions};
use moheng_metrics::testing::ManualClock;

use crate::host_damage::{damaged, faults, values};

/// Path and content of each file, and the collectors that read it.
const FILES: &[(&str, &str, &[&str])] = &[
    (
        "proc/buddyinfo",
        "Node 0, zone      DMA      1      0      3\nNode 0, zone   Normal      4      5      6\n",
        &["buddyinfo"],
    ),
    (
        "proc/cgroups",
        "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t5\t47\t1\ncpu\t3\t172\t0\n",
        &["cgroups"],
    ),
    (
        "proc/diskstats",
        "   8       0 sda 25354637 34367663 1003346126 18492372 28444756 11134226 505697032 63877960 0 9653880 82621804 1 2 3 4 5 6\n",
        &["diskstats"],
    ),
    (
        "proc/interrupts",
        "           CPU0       CPU1\n  0:         18          0   IO-APIC   2-edge      timer\nNMI:         47       5031   Non-maskable interrupts\n",
        &["interrupts"],
    ),
    ("proc/loadavg", "0.21 0.37 0.39 1/719 19737\n", &["loadavg"]),
    (
        "proc/meminfo",
        "MemTotal:       16042172 kB\nMemFree:          225472 kB\nHugePages_Total:       7\nHugepagesize:       2048 kB\n",
        &["meminfo"],
    ),
    (
        "proc/net/netstat",
        "TcpExt: SyncookiesSent TCPTimeouts\nTcpExt: 15 4\nIpExt: InOctets OutOctets\nIpExt: 6286396970 2786264347\n",
        &["netstat"],
    ),
    (
        "proc/net/snmp",
        "Udp: InDatagrams NoPorts InErrors\nUdp: 17 18 19\n",
        &["netstat"],
    ),
    (
        "proc/net/sockstat",
        "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 1\nUDP: inuse 6 mem 3\n",
        &["sockstat"],
    ),
    (
        "proc/net/softnet_stat",
        "00049279 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n",
        &["softnet"],
    ),
    (
        "proc/net/udp",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n    0: 00000000:0016 00000000:0000 0A 00000015:00000000 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 0\n",
        &["udp_queues"],
    ),
    (
        "proc/net/rpc/nfs",
        "net 18628 0 18628 6\nrpc 4329785 0 4338291\nproc3 3 1 4084749 29200\n",
        &["nfs"],
    ),
    (
        "proc/net/xfrm_stat",
        "XfrmInError                     1\nXfrmInBufferError               2\n",
        &["xfrm"],
    ),
    (
        "proc/net/stat/nf_conntrack",
        "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n00000021  00000000 00000000 00000000 00000003 00000588 00000000 00000000 00000000 00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000\n",
        &["conntrack", "lnstat"],
    ),
    (
        "proc/sys/net/netfilter/nf_conntrack_count",
        "123\n",
        &["conntrack"],
    ),
    (
        "proc/sys/net/netfilter/nf_conntrack_max",
        "65536\n",
        &["conntrack"],
    ),
    (
        "proc/pressure/cpu",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=14036781\n",
        &["pressure"],
    ),
    (
        "proc/pressure/io",
        "some avg10=0.18 avg60=0.34 avg300=0.10 total=159886802\nfull avg10=0.18 avg60=0.34 avg300=0.10 total=159229614\n",
        &["pressure"],
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        &["pressure"],
    ),
    (
        "proc/schedstat",
        "version 15\ntimestamp 15819019232\ncpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163 343796328169361 4767485306\n",
        &["schedstat"],
    ),
    (
        "proc/slabinfo",
        "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>\ntcp_conn           1       32     128   32    1 : tunables    0    0    0 : slabdata      1      2      0\n",
        &["slabinfo"],
    ),
    (
        "proc/softirqs",
        "                    CPU0       CPU1\n          HI:          7          8\n       TIMER:        104        105\n",
        &["softirqs"],
    ),
    (
        "proc/stat",
        "cpu  301854 612 111922 8979004 3552 2 3944 0 0 0\ncpu0 44490 19 21045 1087069 220 1 3410 0 0 0\nintr 8885917 17 0\nctxt 38014093\nbtime 1418183276\nprocesses 26442\nprocs_running 2\nprocs_blocked 1\nsoftirq 5057579 250191 1481983\n",
        &["cpu", "stat"],
    ),
    (
        "proc/swaps",
        "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0    partition\t8388604\t76\t100\n",
        &["swap"],
    ),
    ("proc/sys/fs/file-nr", "1024\t0\t1631329\n", &["filefd"]),
    ("proc/sys/kernel/random/entropy_avail", "1337\n", &["entropy"]),
    ("proc/sys/kernel/random/poolsize", "4096\n", &["entropy"]),
    ("proc/sys/kernel/hung_task_detect_count", "3\n", &["kernel_hung"]),
    (
        "proc/vmstat",
        "nr_free_pages 977769\npgpgin 7344136\npgfault 346176\noom_kill 0\n",
        &["vmstat"],
    ),
    (
        "proc/mdstat",
        "Personalities : [raid1]\nmd127 : active raid1 sdi2[0] sdj2[1]\n      312319552 blocks [2/2] [UU]\n\nunused devices: <none>\n",
        &["mdadm"],
    ),
    (
        "sys/class/thermal/thermal_zone0/temp",
        "49925\n",
        &["thermal_zone"],
    ),
    (
        "sys/class/thermal/thermal_zone0/type",
        "cpu-thermal\n",
        &["thermal_zone"],
    ),
    ("sys/class/net/eth7/mtu", "1500\n", &["netclass"]),
    ("sys/class/net/eth7/speed", "1000\n", &["netclass"]),
    ("sys/class/hwmon/hwmon0/name", "chip\n", &["hwmon"]),
    ("sys/class/hwmon/hwmon0/temp1_input", "55000\n", &["hwmon"]),
    ("sys/class/powercap/intel-rapl:0/name", "package-0\n", &["rapl"]),
    (
        "sys/class/powercap/intel-rapl:0/energy_uj",
        "240422366267\n",
        &["rapl"],
    ),
    (
        "sys/devices/system/node/node0/numastat",
        "numa_hit 193460335812\nnuma_miss 12624528\n",
        &["meminfo_numa"],
    ),
    (
        "sys/devices/system/node/node0/meminfo",
        "Node 0 MemTotal:       134182340 kB\nNode 0 MemFree:        53030372 kB\n",
        &["meminfo_numa"],
    ),
];

fn collectors(root: &Path, is_wanted: impl Fn(&str) -> bool) -> HostCollectors {
    let mut options = HostOptions::default();
    options.roots.proc = root.join("proc");
    options.roots.sys = root.join("sys");
    options.roots.udev_data = root.join("udev");
    options.roots.root_fs = root.to_path_buf();
    options.netdev.netlink = false;
    options.arp.netlink = false;
    options.switch_all_off();
    let known: Vec<_> = HostCollectors::known().map(|(name, _)| name).collect();
    for name in known.into_iter().filter(|name| is_wanted(name)) {
        options.switch(name, true).unwrap();
    }
    HostCollectors::new(&options, Arc::new(ManualClock::new(1_700_000_000_000))).unwrap()
}

/// Those of files; the others ask the kernel or the bus of this machine.
fn reads_files(name: &str) -> bool {
    ![
        "ethtool",
        "logind",
        "network_route",
        "qdisc",
        "systemd",
        "tcpstat",
        "timex",
        "uname",
        "units",
        "wifi",
    ]
    .contains(&name)
}

#[test]
fn damaged_files_fail_their_collectors_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (path, content, _) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut all_faults = Vec::new();
    for (path, content, readers) in FILES {
        let of_file = collectors(root, |name| readers.contains(&name));
        let others = collectors(root, |name| reads_files(name) && !readers.contains(&name));
        let before = of_file.collect_only(|_| true);
        for outcome in &before.outcomes {
            assert!(outcome.error.is_none(), "{path}: {:?}", outcome.error);
        }
        let (before, others_before) = (values(&before), values(&others.collect_only(|_| true)));
        for (what, changed, allowed) in damaged(Path::new(path), content) {
            fs::write(root.join(path), changed).unwrap();
            // Anew, since some remember what they read.
            let of_file = collectors(root, |name| readers.contains(&name));
            let found = faults(&of_file.collect_only(|_| true), &before, allowed);
            all_faults.extend(found.into_iter().map(|fault| format!("{path}, {what}: {fault}")));
        }
        assert_eq!(values(&others.collect_only(|_| true)), others_before, "{path}");
        fs::write(root.join(path), content).unwrap();
    }
    assert!(all_faults.is_empty(), "{all_faults:#?}");
}
