//! Collector `xfs`: filesystems of that type.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::rpc_stat;

pub(super) const NAME: &str = "xfs";

const FOLDER: &str = "fs/xfs";
const FILE: &str = "stats/stats";

/// A line, the start of its metrics' names, and their ends.
const ROWS: [(&str, &str, &[&str]); 8] = [
    (
        "extent_alloc",
        "extent_allocation",
        &[
            "extents_allocated",
            "blocks_allocated",
            "extents_freed",
            "blocks_freed",
        ],
    ),
    (
        "abt",
        "allocation_btree",
        &["lookups", "compares", "records_inserted", "records_deleted"],
    ),
    (
        "blk_map",
        "block_mapping",
        &[
            "reads",
            "writes",
            "unmaps",
            "extent_list_insertions",
            "extent_list_deletions",
            "extent_list_lookups",
            "extent_list_compares",
        ],
    ),
    (
        "bmbt",
        "block_map_btree",
        &["lookups", "compares", "records_inserted", "records_deleted"],
    ),
    (
        "dir",
        "directory_operation",
        &["lookup", "create", "remove", "getdents"],
    ),
    (
        "ig",
        "inode_operation",
        &[
            "attempts",
            "found",
            "recycled",
            "missed",
            "duplicates",
            "reclaims",
            "attribute_changes",
        ],
    ),
    // The kernel counts writes first; Node Exporter has always had it the other way round, and so have graphs made for it.
    ("rw", "", &["read_calls", "write_calls"]),
    (
        "vnodes",
        "vnode",
        &[
            "active", "allocate", "get", "hold", "release", "reclaim", "remove",
        ],
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = FamilySet::default();
    for device in roots.sys.list_optional(FOLDER)? {
        let folder = roots.sys.folder(&format!("{FOLDER}/{device}"));
        // Beside the devices are the sums of all of them and what the kernel can do.
        if device != "stats" && folder.contains(FILE) {
            collect_device(&device, &folder, &mut families)?;
        }
    }
    families.append_to(out);
    Ok(())
}

fn collect_device(device: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
    let content = folder.read(FILE)?;
    let stat = rpc_stat::parse(&content).map_err(|fault| folder.malformed(FILE, fault))?;
    let stat = stat
        .with_row(ROWS[0].0)
        .map_err(|fault| folder.malformed(FILE, fault))?;
    for (row, start, ends) in ROWS {
        // Kernels differ in what they count.
        for (end, count) in ends.iter().zip(stat.numbers(row)) {
            let joint = if start.is_empty() { "" } else { "_" };
            let name = format!("node_xfs_{start}{joint}{end}_total");
            let help = "What the filesystem counts of its work.";
            families.add(&name, help, &[("device", device)], *count as f64);
        }
    }
    Ok(())
}
