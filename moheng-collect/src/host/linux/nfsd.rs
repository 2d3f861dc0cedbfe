//! Collector `nfsd`: requests to the NFS server of this machine.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use super::nfs::{METHODS_2, METHODS_3, add_requests};
use crate::CollectError;
use crate::proc::rpc_stat::{self, RpcStat};

pub(super) const NAME: &str = "nfsd";

const FILE: &str = "net/rpc/nfsd";
const REQUESTS: &str = "node_nfsd_requests_total";

/// The line, the number in it, the metric, and what it is.
const COUNTS: [(&str, usize, &str, &str); 11] = [
    (
        "rc",
        0,
        "reply_cache_hits_total",
        "Requests that came twice and were answered as before.",
    ),
    (
        "rc",
        1,
        "reply_cache_misses_total",
        "Requests whose answer had to be kept.",
    ),
    (
        "rc",
        2,
        "reply_cache_nocache_total",
        "Requests whose answer need not be kept.",
    ),
    (
        "fh",
        0,
        "file_handles_stale_total",
        "Requests for files that are gone.",
    ),
    ("io", 0, "disk_bytes_read_total", "Bytes clients read."),
    ("io", 1, "disk_bytes_written_total", "Bytes clients wrote."),
    ("th", 0, "server_threads", "Threads that serve clients."),
    (
        "ra",
        0,
        "read_ahead_cache_size_blocks",
        "The size of the read-ahead cache.",
    ),
    (
        "ra",
        11,
        "read_ahead_cache_not_found_total",
        "Reads the read-ahead cache knew nothing of.",
    ),
    ("net", 3, "connections_total", "Connections of clients."),
    ("rpc", 0, "server_rpcs_total", "Requests of clients."),
];

const PACKETS: [(usize, &str); 2] = [(1, "udp"), (2, "tcp")];
const RPC_ERRORS: [(usize, &str); 3] = [(2, "fmt"), (3, "auth"), (4, "cInt")];

/// Operations of version 4 by their number, of which 0 to 2 are none; no name for those that are not reported.
const OPERATIONS_4: [&str; 40] = [
    "",
    "",
    "",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "",
    "",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read(FILE)?;
    let stat = rpc_stat::parse(&content).and_then(|stat| stat.with_row("rpc"));
    let stat = stat.map_err(|fault| roots.proc.malformed(FILE, fault))?;
    let mut families = FamilySet::default();
    for (row, index, name, help) in COUNTS {
        families.add(
            &format!("node_nfsd_{name}"),
            help,
            &[],
            stat.number(row, index) as f64,
        );
    }
    for (index, protocol) in PACKETS {
        let count = stat.number("net", index) as f64;
        let help = "Packets sent and received by protocol.";
        families.add("node_nfsd_packets_total", help, &[("proto", protocol)], count);
    }
    for (index, error) in RPC_ERRORS {
        let count = stat.number("rpc", index) as f64;
        families.add(
            "node_nfsd_rpc_errors_total",
            "Requests refused by reason.",
            &[("error", error)],
            count,
        );
    }
    // The server does not report the method that does nothing.
    for (protocol, row, methods) in [("2", "proc2", &METHODS_2[1..]), ("3", "proc3", &METHODS_3[1..])] {
        if let Some(counts) = stat.requests(row) {
            add_requests(
                REQUESTS,
                protocol,
                counts.get(1..).unwrap_or_default(),
                methods,
                &mut families,
            );
        }
    }
    add_operations(&stat, &mut families);
    families.append_to(out);
    Ok(())
}

fn add_operations(stat: &RpcStat<'_>, families: &mut FamilySet) {
    if let Some(counts) = stat.requests("proc4ops") {
        let counts = counts.iter().copied().chain(std::iter::repeat(0));
        for (operation, count) in OPERATIONS_4.iter().zip(counts) {
            if !operation.is_empty() {
                add_operation(operation, count, families);
            }
        }
    }
    if let Some(count) = stat.numbers("wdeleg_getattr").first() {
        add_operation("WdelegGetattr", *count, families);
    }
}

fn add_operation(operation: &str, count: u64, families: &mut FamilySet) {
    let labels = [("method", operation), ("proto", "4")];
    families.add(
        REQUESTS,
        "Requests by version of the protocol.",
        &labels,
        count as f64,
    );
}
