//! Collector `bcachefs`: filesystems of that type.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::{MalformedFile, bcachefs, size};

pub(super) const NAME: &str = "bcachefs";

const FOLDER: &str = "fs/bcachefs";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = FamilySet::default();
    for uuid in roots.sys.list(FOLDER)? {
        let filesystem = Filesystem {
            folder: roots.sys.folder(&format!("{FOLDER}/{uuid}")),
            uuid: &uuid,
        };
        filesystem.collect(&mut families)?;
        filesystem.collect_counters(&mut families)?;
        for name in filesystem.folder.list("")? {
            if let Some(device) = name.strip_prefix("dev-") {
                filesystem.collect_device(device, &mut families)?;
            }
        }
    }
    families.append_to(out);
    Ok(())
}

struct Filesystem<'a> {
    folder: Folder,
    uuid: &'a str,
}

impl Filesystem<'_> {
    fn collect(&self, families: &mut FamilySet) -> Result<(), CollectError> {
        let uuid = ("uuid", self.uuid);
        families.add("node_bcachefs_info", "A filesystem; always 1.", &[uuid], 1.0);
        let cache = self.folder.value("btree_cache_size", "a size", size::decimal)?;
        let help = "Memory that holds nodes of the trees.";
        families.add(
            "node_bcachefs_btree_cache_size_bytes",
            help,
            &[uuid],
            cache as f64,
        );
        for row in self.parsed("compression_stats", bcachefs::compression)? {
            let labels = [("algorithm", row.algorithm.as_str()), uuid];
            let mut add = |part: &str, help: &str, bytes: u64| {
                families.add(
                    &format!("node_bcachefs_compression_{part}_bytes"),
                    help,
                    &labels,
                    bytes as f64,
                );
            };
            add(
                "compressed",
                "Size on disk of what the algorithm packed.",
                row.compressed_bytes,
            );
            add(
                "uncompressed",
                "Size before the algorithm packed it.",
                row.uncompressed_bytes,
            );
        }
        for (error, count) in self.parsed("errors", bcachefs::errors)? {
            let labels = [("error_type", error.as_str()), uuid];
            families.add(
                "node_bcachefs_errors_total",
                "Errors by kind.",
                &labels,
                count as f64,
            );
        }
        for row in self.parsed("btree_write_stats", bcachefs::writes)? {
            let labels = [("type", row.reason.as_str()), uuid];
            let help = "Writes of tree nodes by reason.";
            families.add(
                "node_bcachefs_btree_writes_total",
                help,
                &labels,
                row.count as f64,
            );
            let help = "The mean size of writes of tree nodes by reason.";
            let name = "node_bcachefs_btree_write_average_size_bytes";
            families.add(name, help, &labels, row.average_bytes as f64);
        }
        Ok(())
    }

    fn collect_counters(&self, families: &mut FamilySet) -> Result<(), CollectError> {
        for name in self.folder.list_optional("counters")? {
            let file = format!("counters/{name}");
            let content = self.folder.attribute(&file)?;
            let count = bcachefs::counter(content.as_bytes())
                .map_err(|malformed| self.folder.malformed(&file, malformed))?;
            let metric = format!("node_bcachefs_{}_total", metric_part(&name));
            let help = "A count of the filesystem's own since it was made.";
            families.add(&metric, help, &[("uuid", self.uuid)], count as f64);
        }
        Ok(())
    }

    fn collect_device(&self, device: &str, families: &mut FamilySet) -> Result<(), CollectError> {
        let folder = format!("dev-{device}");
        let file = |name: &str| format!("{folder}/{name}");
        let known = |name: &str| self.folder.attribute_if_known(&file(name)).unwrap_or_default();
        let (label, state) = (known("label"), known("state"));
        let ids = [("device", device), ("uuid", self.uuid)];
        let labels = [ids[0], ("label", &label), ("state", &state), ids[1]];
        families.add(
            "node_bcachefs_device_info",
            "A disk of the filesystem; always 1.",
            &labels,
            1.0,
        );
        let bucket = self.folder.value(&file("bucket_size"), "a size", size::decimal)?;
        let help = "The size of a bucket.";
        families.add(
            "node_bcachefs_device_bucket_size_bytes",
            help,
            &ids,
            bucket as f64,
        );
        let buckets = self.folder.number(&file("nbuckets"))?;
        families.add(
            "node_bcachefs_device_buckets",
            "Buckets of the disk.",
            &ids,
            buckets,
        );
        let durability = self.folder.number(&file("durability"))?;
        let help = "For how many copies one on this disk counts.";
        families.add("node_bcachefs_device_durability", help, &ids, durability);
        for row in self.parsed(&file("io_done"), bcachefs::transfers)? {
            let labels = [
                ("data_type", row.data_type.as_str()),
                ids[0],
                ("operation", row.operation),
                ids[1],
            ];
            let help = "Bytes read and written by kind of data.";
            families.add(
                "node_bcachefs_device_io_done_bytes_total",
                help,
                &labels,
                row.bytes as f64,
            );
        }
        for (kind, count) in self.parsed(&file("io_errors"), bcachefs::io_errors)? {
            let labels = [ids[0], ("type", kind.as_str()), ids[1]];
            let help = "Failures to read and write, and wrong checksums.";
            families.add(
                "node_bcachefs_device_io_errors_total",
                help,
                &labels,
                count as f64,
            );
        }
        Ok(())
    }

    /// Nothing where the kernel has no such file.
    fn parsed<T>(
        &self,
        file: &str,
        parse: fn(&[u8]) -> Result<Vec<T>, MalformedFile>,
    ) -> Result<Vec<T>, CollectError> {
        let content = self.folder.read_optional(file)?.unwrap_or_default();
        parse(&content).map_err(|malformed| self.folder.malformed(file, malformed))
    }
}

fn metric_part(counter: &str) -> String {
    counter.replace(|character: char| !character.is_ascii_alphanumeric(), "_")
}
