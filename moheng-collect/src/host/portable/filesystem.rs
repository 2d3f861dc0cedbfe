//! Collector `filesystem`: space of mounted filesystems.

use std::collections::BTreeSet;

use moheng_metrics::MetricFamily;
use sysinfo::{DiskRefreshKind, Disks};

use super::families::{append, gauge, push};
use super::filter::Filter;
use super::{HostOptions, failed};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "filesystem";

/// On macOS, available is also what the system would delete if need be, which Node Exporter does not count.
const AVAILABLE: &str = if cfg!(target_os = "macos") {
    "moheng_filesystem_available_bytes"
} else {
    "node_filesystem_avail_bytes"
};

#[derive(Debug)]
struct Filesystem {
    mount_points: Filter,
    fs_types: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Filesystem {
        mount_points: Filter::new(NAME, &options.filesystem.mount_points)?,
        fs_types: Filter::new(NAME, &options.filesystem.fs_types)?,
    }))
}

impl Collector for Filesystem {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut size = gauge("node_filesystem_size_bytes", "Space of the filesystem.");
        let mut available = gauge(AVAILABLE, "Space that users can have.");
        let mut read_only = gauge(
            "node_filesystem_readonly",
            "Whether the filesystem cannot be written to (1) or can (0).",
        );
        let what = DiskRefreshKind::nothing().with_storage();
        let disks = Disks::new_with_refreshed_list_specifics(what).map_err(|error| failed(NAME, error))?;
        let mut seen = BTreeSet::new();
        for disk in &disks {
            let mount_point = disk.mount_point().to_string_lossy();
            let fs_type = disk.file_system().to_string_lossy();
            let is_kept = self.mount_points.keeps(&mount_point) && self.fs_types.keeps(&fs_type);
            // One without space did not answer.
            if !is_kept || disk.total_space() == 0 || !seen.insert(mount_point.to_string()) {
                continue;
            }
            let device = disk.name().to_string_lossy();
            let labels = [
                ("device", device.as_ref()),
                ("fstype", fs_type.as_ref()),
                ("mountpoint", mount_point.as_ref()),
            ];
            push(&mut size, &labels, disk.total_space() as f64);
            push(&mut available, &labels, disk.available_space() as f64);
            push(&mut read_only, &labels, f64::from(u8::from(disk.is_read_only())));
        }
        append(out, [size, available, read_only]);
        Ok(())
    }
}
