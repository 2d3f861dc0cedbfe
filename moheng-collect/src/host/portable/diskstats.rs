//! Collector `diskstats`: what was read and written. It is known by mount point, not by device as Node Exporter has it.

use std::collections::BTreeSet;

use moheng_metrics::MetricFamily;
use sysinfo::{DiskRefreshKind, Disks};

use super::failed;
use super::families::{append, counter, push};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "diskstats";

#[derive(Debug)]
struct Diskstats;

pub(super) fn build() -> Box<dyn Collector> {
    Box::new(Diskstats)
}

impl Collector for Diskstats {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let help = "Bytes read from the disk that holds the filesystem.";
        let mut read = counter("moheng_filesystem_disk_read_bytes_total", help);
        let help = "Bytes written to the disk that holds the filesystem.";
        let mut written = counter("moheng_filesystem_disk_written_bytes_total", help);
        let what = DiskRefreshKind::nothing().with_io_usage();
        let disks = Disks::new_with_refreshed_list_specifics(what).map_err(|error| failed(NAME, error))?;
        let mut seen = BTreeSet::new();
        for disk in &disks {
            let mount_point = disk.mount_point().to_string_lossy();
            let usage = disk.usage();
            // Nothing at all is what is said of disks that are not counted.
            let is_counted = usage.total_read_bytes > 0 || usage.total_written_bytes > 0;
            if is_counted && seen.insert(mount_point.to_string()) {
                let labels = [("mountpoint", mount_point.as_ref())];
                push(&mut read, &labels, usage.total_read_bytes as f64);
                push(&mut written, &labels, usage.total_written_bytes as f64);
            }
        }
        append(out, [read, written]);
        Ok(())
    }
}
