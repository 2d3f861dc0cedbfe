//! Collector `mountstats`: what NFS clients count, by server and protocol.

use std::collections::BTreeSet;

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::proc::mountstats::{self, Nfs, Operation, Transport};
use crate::proc::{mountinfo, text};

pub(super) const NAME: &str = "mountstats";

const MOUNTSTATS: &str = "mountstats";
const MOUNTINFO: &str = "mountinfo";

const MS_PER_SECOND: f64 = 1000.0;
/// The kernel's times may have gone below zero, which makes them huge; Node Exporter takes them modulo this.
const TIME_MODULUS: u64 = 1 << 53;

/// The metric and what it is.
type Row = (&'static str, &'static str);

/// In the kernel's order.
const BYTES: [Row; mountstats::BYTES] = [
    ("read_bytes_total", "Bytes that programs read."),
    ("write_bytes_total", "Bytes that programs wrote."),
    (
        "direct_read_bytes_total",
        "Bytes that programs read past the cache.",
    ),
    (
        "direct_write_bytes_total",
        "Bytes that programs wrote past the cache.",
    ),
    ("total_read_bytes_total", "Bytes read from the server."),
    ("total_write_bytes_total", "Bytes written to the server."),
    ("read_pages_total", "Pages read for mapped files."),
    ("write_pages_total", "Pages written for mapped files."),
];

/// In the kernel's order; nothing for the one that means nothing.
const EVENTS: [Option<Row>; mountstats::EVENTS] = [
    Some(("inode_revalidate", "Attributes of files checked with the server.")),
    Some(("dnode_revalidate", "Names of files checked with the server.")),
    Some(("data_invalidate", "Files whose cached data was dropped.")),
    Some((
        "attribute_invalidate",
        "Files whose cached attributes were dropped.",
    )),
    Some(("vfs_open", "Files and directories opened.")),
    Some(("vfs_lookup", "Names looked up.")),
    Some(("vfs_access", "Permissions checked.")),
    Some(("vfs_update_page", "Pages changed.")),
    Some(("vfs_read_page", "Pages read one by one.")),
    Some(("vfs_read_pages", "Groups of pages read.")),
    Some(("vfs_write_page", "Pages written one by one.")),
    Some(("vfs_write_pages", "Groups of pages written.")),
    Some(("vfs_getdents", "Reads of directories.")),
    Some(("vfs_setattr", "Attributes set.")),
    Some((
        "vfs_flush",
        "Times that programs waited for their writes on closing a file.",
    )),
    Some((
        "vfs_fsync",
        "Times that programs asked for their writes to be safe.",
    )),
    Some(("vfs_lock", "Locks tried.")),
    Some(("vfs_file_release", "Files closed.")),
    None,
    Some(("truncation", "Files cut short.")),
    Some(("write_extension", "Files grown by a write beyond their end.")),
    Some(("silly_rename", "Files removed while they were open.")),
    Some((
        "short_read",
        "Reads the server answered with less than asked for.",
    )),
    Some(("short_write", "Writes of which the server took less than sent.")),
    Some(("jukebox_delay", "Times the server asked for patience.")),
    Some(("pnfs_read", "Reads from data servers.")),
    Some(("pnfs_write", "Writes to data servers.")),
];

const OPERATION_COUNTS: [Row; 5] = [
    ("requests_total", "Requests by operation."),
    ("transmissions_total", "Times requests were sent, by operation."),
    (
        "major_timeouts_total",
        "Requests that timed out for good, by operation.",
    ),
    ("sent_bytes_total", "Bytes sent, by operation."),
    ("received_bytes_total", "Bytes received, by operation."),
];

const OPERATION_TIMES: [Row; 3] = [
    (
        "queue_time_seconds_total",
        "How long requests waited to be sent, by operation.",
    ),
    (
        "response_time_seconds_total",
        "How long the server took to answer, by operation.",
    ),
    (
        "request_time_seconds_total",
        "How long requests took from begin to end, by operation.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let process = roots.proc.folder(&roots.proc.link_target("self")?);
    let content = process.read(MOUNTSTATS)?;
    let mounts = mountstats::parse(&content).map_err(|fault| process.malformed(MOUNTSTATS, fault))?;
    let content = process.read(MOUNTINFO)?;
    let infos = mountinfo::parse(&content).map_err(|fault| process.malformed(MOUNTINFO, fault))?;
    let mut families = FamilySet::default();
    let mut seen = BTreeSet::new();
    for (index, mount) in mounts.iter().enumerate() {
        let Some(nfs) = &mount.nfs else { continue };
        // Both files list the same mounts in the same order.
        let address = infos
            .get(index)
            .map(|info| text(info.address))
            .unwrap_or_default();
        for transport in &nfs.transports {
            let client = Client {
                export: &mount.device,
                address: &address,
                protocol: &transport.protocol,
            };
            let ids = [&*mount.device, &*address, &*transport.protocol].map(str::to_owned);
            if seen.insert((ids.clone(), Some(mount.point.clone()))) {
                client.add_info(&mount.point, &mut families);
            }
            // One server mounted several times counts once.
            if !seen.insert((ids, None)) {
                break;
            }
            client.add(nfs, &mut families);
        }
    }
    families.append_to(out);
    Ok(())
}

/// Whose counts they are.
struct Client<'a> {
    export: &'a str,
    address: &'a str,
    protocol: &'a str,
}

impl Client<'_> {
    fn add_info(&self, point: &str, families: &mut FamilySet) {
        let labels = [
            ("export", self.export),
            ("mountaddr", self.address),
            ("mountpoint", point),
            ("protocol", self.protocol),
        ];
        let help = "Where a server's files are mounted; always 1.";
        families.add("node_mountstats_nfs_mountpoint_info", help, &labels, 1.0);
    }

    fn add(&self, nfs: &Nfs<'_>, families: &mut FamilySet) {
        let labels = [
            ("export", self.export),
            ("mountaddr", self.address),
            ("protocol", self.protocol),
        ];
        let mut add = |name: &str, help: &str, value: u64| {
            families.add(
                &format!("node_mountstats_nfs_{name}"),
                help,
                &labels,
                value as f64,
            );
        };
        add(
            "age_seconds_total",
            "How long ago it was mounted.",
            nfs.age_seconds,
        );
        for ((name, help), count) in BYTES.iter().zip(nfs.bytes) {
            add(name, help, count);
        }
        for (event, count) in EVENTS.iter().zip(nfs.events) {
            if let Some((name, help)) = event {
                add(&format!("event_{name}_total"), help, count);
            }
        }
        for (index, transport) in nfs.transports.iter().enumerate() {
            self.add_transport(&index.to_string(), transport, families);
        }
        for operation in &nfs.operations {
            self.add_operation(operation, families);
        }
    }

    fn add_transport(&self, index: &str, transport: &Transport<'_>, families: &mut FamilySet) {
        let labels = [
            ("export", self.export),
            ("mountaddr", self.address),
            ("protocol", self.protocol),
            ("transport", index),
        ];
        for (name, help, value) in [
            (
                "bind_total",
                "Times a connection was made from scratch.",
                transport.binds,
            ),
            ("connect_total", "Connections made.", transport.connects),
            (
                "idle_time_seconds",
                "How long ago anything was sent or received.",
                transport.idle_seconds % TIME_MODULUS,
            ),
            ("sends_total", "Requests sent.", transport.sends),
            ("receives_total", "Answers received.", transport.receives),
            (
                "bad_transaction_ids_total",
                "Answers to requests that were not made.",
                transport.bad_transactions,
            ),
            (
                "backlog_queue_total",
                "Requests that had to wait for a slot, summed up at every request.",
                transport.backlog,
            ),
            (
                "maximum_rpc_slots",
                "The most requests that were under way at once.",
                transport.slots_max,
            ),
            (
                "sending_queue_total",
                "Requests that waited to be sent, summed up at every request.",
                transport.sending,
            ),
            (
                "pending_queue_total",
                "Requests that waited for an answer, summed up at every request.",
                transport.pending,
            ),
        ] {
            families.add(
                &format!("node_mountstats_nfs_transport_{name}"),
                help,
                &labels,
                value as f64,
            );
        }
    }

    fn add_operation(&self, operation: &Operation<'_>, families: &mut FamilySet) {
        let labels = [
            ("export", self.export),
            ("mountaddr", self.address),
            ("operation", &operation.name),
            ("protocol", self.protocol),
        ];
        let mut add = |name: &str, help: &str, value: f64| {
            families.add(
                &format!("node_mountstats_nfs_operations_{name}"),
                help,
                &labels,
                value,
            );
        };
        for ((name, help), count) in OPERATION_COUNTS.iter().zip(operation.counts) {
            add(name, help, count as f64);
        }
        for ((name, help), time_ms) in OPERATION_TIMES.iter().zip(operation.times_ms) {
            add(name, help, (time_ms % TIME_MODULUS) as f64 / MS_PER_SECOND);
        }
    }
}
