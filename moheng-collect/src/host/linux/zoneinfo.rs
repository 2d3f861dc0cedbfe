//! Collector `zoneinfo`: zones of memory and what their pages are used for.

use std::collections::BTreeMap;

use moheng_metrics::MetricFamily;

use super::families::{append, counter, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::{text, zoneinfo};

pub(super) const NAME: &str = "zoneinfo";

/// The kernel's name, the metric's, what it says.
const COUNTS: &[(&str, &str, &str)] = &[
    ("nr_free_pages", "nr_free_pages", "Free pages."),
    (
        "min",
        "min_pages",
        "Free pages that only the most urgent allocations may use.",
    ),
    ("low", "low_pages", "Free pages below which reclaiming begins."),
    ("high", "high_pages", "Free pages above which reclaiming ends."),
    (
        "scanned",
        "scanned_pages",
        "Pages looked at since some were reclaimed last.",
    ),
    ("spanned", "spanned_pages", "Pages of the zone, holes included."),
    ("present", "present_pages", "Pages of the zone without holes."),
    (
        "managed",
        "managed_pages",
        "Pages of the zone that can be allocated.",
    ),
    (
        "nr_active_anon",
        "nr_active_anon_pages",
        "Pages of processes, used lately.",
    ),
    (
        "nr_inactive_anon",
        "nr_inactive_anon_pages",
        "Pages of processes, not used lately.",
    ),
    (
        "nr_isolated_anon",
        "nr_isolated_anon_pages",
        "Pages of processes on their way between lists.",
    ),
    (
        "nr_anon_pages",
        "nr_anon_pages",
        "Pages of processes that are mapped.",
    ),
    (
        "nr_anon_transparent_hugepages",
        "nr_anon_transparent_hugepages",
        "Huge pages of processes.",
    ),
    (
        "nr_active_file",
        "nr_active_file_pages",
        "Pages of files, used lately.",
    ),
    (
        "nr_inactive_file",
        "nr_inactive_file_pages",
        "Pages of files, not used lately.",
    ),
    (
        "nr_isolated_file",
        "nr_isolated_file_pages",
        "Pages of files on their way between lists.",
    ),
    ("nr_file_pages", "nr_file_pages", "Pages of files."),
    (
        "nr_slab_reclaimable",
        "nr_slab_reclaimable_pages",
        "Pages of kernel caches that can be reclaimed.",
    ),
    (
        "nr_slab_unreclaimable",
        "nr_slab_unreclaimable_pages",
        "Pages of kernel caches that cannot be reclaimed.",
    ),
    (
        "nr_mlock_stack",
        "nr_mlock_stack_pages",
        "Stack pages that are locked in memory.",
    ),
    ("nr_kernel_stack", "nr_kernel_stacks", "Kernel stacks, in KiB."),
    ("nr_mapped", "nr_mapped_pages", "Pages of files that are mapped."),
    (
        "nr_dirty",
        "nr_dirty_pages",
        "Pages that differ from what is on disk.",
    ),
    (
        "nr_writeback",
        "nr_writeback_pages",
        "Pages being written to disk.",
    ),
    (
        "nr_unevictable",
        "nr_unevictable_pages",
        "Pages that cannot be reclaimed.",
    ),
    ("nr_shmem", "nr_shmem_pages", "Pages of shared memory."),
    (
        "nr_dirtied",
        "nr_dirtied_total",
        "Pages that began to differ from what is on disk.",
    ),
    ("nr_written", "nr_written_total", "Pages written to disk."),
    (
        "numa_hit",
        "numa_hit_total",
        "Allocations that got the node they wanted.",
    ),
    (
        "numa_miss",
        "numa_miss_total",
        "Allocations that wanted another node.",
    ),
    (
        "numa_foreign",
        "numa_foreign_total",
        "Allocations that wanted this node and got another.",
    ),
    (
        "numa_interleave",
        "numa_interleave_total",
        "Allocations that were spread over nodes as wanted.",
    ),
    (
        "numa_local",
        "numa_local_total",
        "Allocations from this node by a CPU of it.",
    ),
    (
        "numa_other",
        "numa_other_total",
        "Allocations from this node by a CPU of another.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("zoneinfo")?;
    let zones = zoneinfo::parse(&content).map_err(|error| roots.proc.malformed("zoneinfo", error))?;
    let mut families: Vec<MetricFamily> = COUNTS
        .iter()
        .map(|(_, metric, help)| {
            let make = if metric.ends_with("_total") {
                counter
            } else {
                gauge
            };
            make(&format!("node_zoneinfo_{metric}"), help)
        })
        .collect();
    let mut protections: BTreeMap<usize, MetricFamily> = BTreeMap::new();
    for zone in &zones {
        let (node, name) = (text(zone.node), text(zone.name));
        let labels = [("node", &*node), ("zone", &*name)];
        for (family, (key, ..)) in families.iter_mut().zip(COUNTS) {
            if let Some((_, count)) = zone.counts.iter().find(|(name, _)| *name == key.as_bytes()) {
                push(family, &labels, *count as f64);
            }
        }
        for (number, &pages) in zone.protection.iter().enumerate() {
            let family = protections.entry(number).or_insert_with(|| {
                let help = "Pages kept free from allocations that could have used a lower zone.";
                gauge(&format!("node_zoneinfo_protection_{number}"), help)
            });
            push(family, &labels, pages as f64);
        }
    }
    append(out, families);
    append(out, protections.into_values());
    Ok(())
}
