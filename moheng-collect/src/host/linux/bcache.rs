//! Collector `bcache`: disks that faster disks cache.

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::FamilySet;
use crate::files::Folder;
use crate::proc::{MalformedFile, size};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "bcache";

const FOLDER: &str = "fs/bcache";

/// Node Exporter takes these microseconds for nanoseconds, and graphs are made for what it says.
const SECONDS_PER_READ_DURATION: f64 = 1e-9;

/// A number in a file: the metric, what it is, and the file.
type Row = (&'static str, &'static str, &'static str);

const OF_SET: [Row; 9] = [
    (
        "average_key_size_sectors",
        "The mean size of what a key of the tree points to.",
        "average_key_size",
    ),
    (
        "btree_cache_size_bytes",
        "Memory that holds nodes of the tree.",
        "btree_cache_size",
    ),
    (
        "cache_available_percent",
        "How much of the cache holds nothing that must still be written.",
        "cache_available_percent",
    ),
    ("congested", "How congested the cache is.", "congested"),
    (
        "root_usage_percent",
        "How full the root of the tree is.",
        "root_usage_percent",
    ),
    ("tree_depth", "Levels of the tree.", "tree_depth"),
    (
        "active_journal_entries",
        "Entries of the journal that the index does not have yet.",
        "internal/active_journal_entries",
    ),
    ("btree_nodes", "Nodes of the tree.", "internal/btree_nodes"),
    (
        "cache_read_races_total",
        "Reads from the cache whose place was used anew meanwhile.",
        "internal/cache_read_races",
    ),
];

const OF_BACKING_DEVICE: [Row; 8] = [
    (
        "dirty_data_bytes",
        "What the cache holds that must still be written to this disk.",
        "dirty_data",
    ),
    (
        "bypassed_bytes_total",
        "Bytes read and written past the cache.",
        "stats_total/bypassed",
    ),
    (
        "cache_hits_total",
        "Requests that the cache answered.",
        "stats_total/cache_hits",
    ),
    (
        "cache_misses_total",
        "Requests that the cache did not answer.",
        "stats_total/cache_misses",
    ),
    (
        "cache_bypass_hits_total",
        "Requests meant to go past the cache, which could answer them.",
        "stats_total/cache_bypass_hits",
    ),
    (
        "cache_bypass_misses_total",
        "Requests meant to go past the cache, which could not answer them.",
        "stats_total/cache_bypass_misses",
    ),
    (
        "cache_miss_collisions_total",
        "Misses whose data was in the cache by the time it was to be put there.",
        "stats_total/cache_miss_collisions",
    ),
    (
        "cache_readaheads_total",
        "Reads ahead of what was asked for.",
        "stats_total/cache_readaheads",
    ),
];

const OF_CACHE: [Row; 3] = [
    (
        "io_errors",
        "Errors of the cache, old ones weighing less.",
        "io_errors",
    ),
    (
        "metadata_written_bytes_total",
        "Bytes written to the cache other than data.",
        "metadata_written",
    ),
    (
        "written_bytes_total",
        "Bytes of data written to the cache.",
        "written",
    ),
];

/// Rates of writing back: the metric, what it is, and the key in the file.
const WRITEBACK: [Row; 5] = [
    (
        "dirty_target_bytes",
        "How much may wait to be written to this disk.",
        "target",
    ),
    (
        "writeback_rate",
        "Bytes per second that are written to this disk.",
        "rate",
    ),
    (
        "writeback_rate_proportional_term",
        "What the rate owes to the amount that waits.",
        "proportional",
    ),
    (
        "writeback_rate_integral_term",
        "What the rate owes to how long it has waited.",
        "integral",
    ),
    ("writeback_change", "The last change of the rate.", "change"),
];

const PRIORITIES: [Row; 2] = [
    (
        "priority_stats_unused_percent",
        "How much of the cache holds nothing.",
        "Unused",
    ),
    (
        "priority_stats_metadata_percent",
        "How much of the cache holds other than data.",
        "Metadata",
    ),
];

#[derive(Debug)]
struct Bcache {
    sys: Folder,
    has_priority_stats: bool,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Bcache {
        sys: Folder::new(&options.roots.sys),
        has_priority_stats: options.bcache_priority_stats,
    })
}

impl Collector for Bcache {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families = FamilySet::default();
        for uuid in self.sys.list_optional(FOLDER)? {
            // Beside the sets are files that commands are written to.
            if uuid.contains('-') {
                let folder = self.sys.folder(&format!("{FOLDER}/{uuid}"));
                self.collect_set(&uuid, &folder, &mut families)?;
            }
        }
        families.append_to(out);
        Ok(())
    }
}

impl Bcache {
    fn collect_set(&self, uuid: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
        add_rows(&OF_SET, folder, &[("uuid", uuid)], families)?;
        let duration = folder.number("internal/btree_read_average_duration_us")?;
        families.add(
            "node_bcache_btree_read_average_duration_seconds",
            "The mean time to read a node of the tree.",
            &[("uuid", uuid)],
            duration * SECONDS_PER_READ_DURATION,
        );
        for number in folder.list_numbered("", "bdev")? {
            let device = format!("bdev{number}");
            let labels = [("backing_device", device.as_str()), ("uuid", uuid)];
            let folder = folder.folder(&device);
            add_rows(&OF_BACKING_DEVICE, &folder, &labels, families)?;
            add_keys(&WRITEBACK, "writeback_rate_debug", &folder, &labels, families)?;
        }
        for number in folder.list_numbered("", "cache")? {
            let device = format!("cache{number}");
            let labels = [("cache_device", device.as_str()), ("uuid", uuid)];
            let folder = folder.folder(&device);
            add_rows(&OF_CACHE, &folder, &labels, families)?;
            if self.has_priority_stats {
                add_keys(&PRIORITIES, "priority_stats", &folder, &labels, families)?;
            }
        }
        Ok(())
    }
}

fn add_rows(
    rows: &[Row],
    folder: &Folder,
    labels: &[(&str, &str)],
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    for (metric, help, file) in rows {
        let value = folder.value(file, "a size", size::of_bcache)?;
        families.add(&format!("node_bcache_{metric}"), help, labels, value as f64);
    }
    Ok(())
}

/// Rows of one file of lines `KEY: VALUE`.
fn add_keys(
    rows: &[Row],
    file: &str,
    folder: &Folder,
    labels: &[(&str, &str)],
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let content = folder.attribute(file)?;
    for (metric, help, key) in rows {
        let value = value_of(&content, key).ok_or_else(|| {
            folder.malformed(
                file,
                MalformedFile::whole(format!("a line {key}: with a size expected")),
            )
        })?;
        families.add(&format!("node_bcache_{metric}"), help, labels, value as f64);
    }
    Ok(())
}

fn value_of(content: &str, key: &str) -> Option<u64> {
    let (_, value) = content
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == key)?;
    size::of_bcache(value.trim().trim_end_matches("/sec").trim_end_matches('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_keys() {
        let content = "rate:\t\t1.1M/sec\ndirty:\t20.4G\nUnused:\t99%\nempty:\n";
        assert_eq!(value_of(content, "rate"), Some(1_150_976));
        assert_eq!(value_of(content, "Unused"), Some(99));
        assert_eq!(value_of(content, "empty"), None);
        assert_eq!(value_of(content, "integral"), None);
    }
}
