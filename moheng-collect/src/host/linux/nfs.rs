//! Collector `nfs`: requests of the NFS client.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::proc::rpc_stat;

pub(super) const NAME: &str = "nfs";

const FILE: &str = "net/rpc/nfs";

/// Requests of version 2, in the kernel's order.
pub(super) const METHODS_2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create",
    "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// Requests of version 3, in the kernel's order.
pub(super) const METHODS_3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// Requests of version 4, in the kernel's order; other than for the server.
const METHODS_4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read(FILE)?;
    let stat = rpc_stat::parse(&content).and_then(|stat| stat.with_row("rpc"));
    let stat = stat.map_err(|fault| roots.proc.malformed(FILE, fault))?;
    let mut families = FamilySet::default();
    for (index, protocol) in [(1, "udp"), (2, "tcp")] {
        let help = "Packets sent and received by protocol.";
        let count = stat.number("net", index) as f64;
        families.add("node_nfs_packets_total", help, &[("protocol", protocol)], count);
    }
    for (row, index, name, help) in [
        ("net", 3, "connections_total", "Connections made."),
        ("rpc", 0, "rpcs_total", "Requests made."),
        ("rpc", 1, "rpc_retransmissions_total", "Requests sent again."),
        (
            "rpc",
            2,
            "rpc_authentication_refreshes_total",
            "Times credentials were asked for anew.",
        ),
    ] {
        families.add(
            &format!("node_nfs_{name}"),
            help,
            &[],
            stat.number(row, index) as f64,
        );
    }
    for (protocol, row, methods) in [
        ("2", "proc2", &METHODS_2[..]),
        ("3", "proc3", &METHODS_3[..]),
        ("4", "proc4", &METHODS_4[..]),
    ] {
        if let Some(counts) = stat.requests(row) {
            let metric = "node_nfs_requests_total";
            add_requests(metric, protocol, counts, methods, &mut families);
        }
    }
    families.append_to(out);
    Ok(())
}

/// Methods an older kernel does not know were called 0 times.
pub(super) fn add_requests(
    metric: &str,
    protocol: &str,
    counts: &[u64],
    methods: &[&str],
    families: &mut FamilySet,
) {
    let counts = counts.iter().copied().chain(std::iter::repeat(0));
    for (method, count) in methods.iter().zip(counts) {
        let labels = [("method", *method), ("proto", protocol)];
        families.add(
            metric,
            "Requests by version of the protocol.",
            &labels,
            count as f64,
        );
    }
}
