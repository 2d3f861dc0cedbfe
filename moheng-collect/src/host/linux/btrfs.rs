//! Collector `btrfs`: filesystems of that type.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use moheng_metrics::MetricFamily;

use super::btrfs_devices::{Device, ERROR_KINDS, MountedFilesystem};
use super::families::FamilySet;
use super::function::Roots;
use super::mounts;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::{MalformedFile, mountinfo, text};

pub(super) const NAME: &str = "btrfs";

const FOLDER: &str = "fs/btrfs";
const SECTOR_BYTES: f64 = 512.0;
const MS_PER_SECOND: f64 = 1000.0;

/// Name and description.
const DEVICE_SIZE: (&str, &str) = (
    "node_btrfs_device_size_bytes",
    "The size of a disk of the filesystem.",
);

/// What is kept in block groups of its own.
const BLOCK_GROUP_TYPES: [&str; 3] = ["data", "metadata", "system"];

/// Counts of commits: the key in the file, the metric, what it is, and how many make one of the metric's unit. The file is
/// there since Linux 6.1.
const COMMITS: [(&str, &str, &str, f64); 4] = [
    ("commits", "commits_total", "Commits.", 1.0),
    (
        "last_commit_ms",
        "last_commit_seconds",
        "How long the last commit took.",
        MS_PER_SECOND,
    ),
    (
        "max_commit_ms",
        "max_commit_seconds",
        "How long the slowest commit took.",
        MS_PER_SECOND,
    ),
    (
        "total_commit_ms",
        "commit_seconds_total",
        "How long all commits took.",
        MS_PER_SECOND,
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut families = FamilySet::default();
    let mut devices = None;
    for uuid in roots.sys.list_optional(FOLDER)? {
        // Beside the filesystems is what the kernel can do.
        if uuid.contains('-') {
            let folder = roots.sys.folder(&format!("{FOLDER}/{uuid}"));
            collect_filesystem(&uuid, &folder, &mut families)?;
            let names = folder.list("devices")?;
            collect_allocations(&uuid, &folder, names.len(), &mut families)?;
            // Mounts are asked only where there is such a filesystem.
            let asked = match devices.take() {
                Some(asked) => asked,
                None => mounted_devices(roots)?,
            };
            match devices.insert(asked).get(&uuid) {
                Some(devices) => add_devices(&uuid, devices, &mut families),
                None => collect_sizes(&uuid, &folder, &names, &mut families)?,
            }
        }
    }
    families.append_to(out);
    Ok(())
}

fn collect_filesystem(uuid: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
    let label = folder.attribute("label")?;
    let labels = [("label", label.as_str()), ("uuid", uuid)];
    families.add("node_btrfs_info", "A filesystem; always 1.", &labels, 1.0);
    let reserve = folder.number("allocation/global_rsv_size")?;
    let help = "Space kept for when there is no other.";
    families.add(
        "node_btrfs_global_rsv_size_bytes",
        help,
        &[("uuid", uuid)],
        reserve,
    );
    collect_commits(uuid, folder, families)
}

/// Of filesystems that are mounted where this process can ask them.
fn mounted_devices(roots: &Roots) -> Result<BTreeMap<String, Vec<Device>>, CollectError> {
    let mut known = BTreeMap::new();
    let (file, content) = match mounts::read(&roots.proc) {
        Err(error) if error.is_no_data() => return Ok(known),
        mounts => mounts?,
    };
    let mounts = mountinfo::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    let root = roots.root_fs.path().as_os_str().as_bytes();
    let root = root.strip_suffix(b"/").unwrap_or(root);
    for mount in mounts.iter().filter(|mount| mount.fs_type == b"btrfs") {
        let path = [root, mounts::strip_root(&mount.point, root)].concat();
        let Ok(filesystem) = MountedFilesystem::open(Path::new(OsStr::from_bytes(&path))) else {
            continue;
        };
        if !known.contains_key(&filesystem.uuid)
            && let Ok(devices) = filesystem.devices()
        {
            known.insert(filesystem.uuid, devices);
        }
    }
    Ok(known)
}

fn add_devices(uuid: &str, devices: &[Device], families: &mut FamilySet) {
    for device in devices {
        let labels = [
            ("btrfs_dev_uuid", device.uuid.as_str()),
            ("device", &device.name),
            ("uuid", uuid),
        ];
        families.add(DEVICE_SIZE.0, DEVICE_SIZE.1, &labels, device.size_bytes as f64);
        let unused = device.size_bytes.saturating_sub(device.used_bytes);
        let help = "Space of a disk that no block group has.";
        families.add("node_btrfs_device_unused_bytes", help, &labels, unused as f64);
        for (kind, count) in ERROR_KINDS.into_iter().zip(device.errors) {
            let labels = [labels[0], labels[1], ("type", kind), labels[2]];
            let help = "Errors of a disk of the filesystem.";
            families.add("node_btrfs_device_errors_total", help, &labels, count as f64);
        }
    }
}

/// What is known of the devices of other filesystems.
fn collect_sizes(
    uuid: &str,
    folder: &Folder,
    devices: &[String],
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    for device in devices {
        let sectors = folder.number(&format!("devices/{device}/size"))?;
        let labels = [("device", device.as_str()), ("uuid", uuid)];
        families.add(DEVICE_SIZE.0, DEVICE_SIZE.1, &labels, sectors * SECTOR_BYTES);
    }
    Ok(())
}

fn collect_allocations(
    uuid: &str,
    folder: &Folder,
    devices: usize,
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    for group in BLOCK_GROUP_TYPES {
        let allocation = folder.folder(&format!("allocation/{group}"));
        let ids = [("block_group_type", group), ("uuid", uuid)];
        collect_allocation(ids, &allocation, devices, families)?;
    }
    Ok(())
}

fn collect_commits(uuid: &str, folder: &Folder, families: &mut FamilySet) -> Result<(), CollectError> {
    let file = "commit_stats";
    let content = folder.read_optional(file)?;
    let content = content.as_deref().map(text);
    for (key, metric, help, unit) in COMMITS {
        let value = match &content {
            Some(content) => count(content, key).ok_or_else(|| {
                let message = format!("a number after {key} expected");
                folder.malformed(file, MalformedFile::whole(message))
            })?,
            // As on older kernels, of which Node Exporter says the same.
            None => 0,
        };
        families.add(
            &format!("node_btrfs_{metric}"),
            help,
            &[("uuid", uuid)],
            value as f64 / unit,
        );
    }
    Ok(())
}

/// The number of the line `KEY NUMBER`.
fn count(content: &str, key: &str) -> Option<u64> {
    let mut lines = content.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(name, _)| *name == key)?;
    value.trim().parse().ok()
}

fn collect_allocation(
    ids: [(&str, &str); 2],
    folder: &Folder,
    devices: usize,
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let reserved = folder.number("bytes_reserved")?;
    let help = "Space promised to what is being written.";
    families.add("node_btrfs_reserved_bytes", help, &ids, reserved);
    for mode in folder.list("")? {
        let layout = folder.folder(&mode);
        if !layout.contains("total_bytes") {
            continue;
        }
        let labels = [ids[0], ("mode", mode.as_str()), ids[1]];
        let used = layout.number("used_bytes")?;
        families.add("node_btrfs_used_bytes", "Space in use by layout.", &labels, used);
        let total = layout.number("total_bytes")?;
        families.add(
            "node_btrfs_size_bytes",
            "Space set aside by layout.",
            &labels,
            total,
        );
        let help = "Bytes on disk for a byte of the layout.";
        families.add(
            "node_btrfs_allocation_ratio",
            help,
            &labels,
            ratio(&mode, devices),
        );
    }
    Ok(())
}

/// Of bytes on disk to bytes of data; 0 for a layout that is not known.
fn ratio(mode: &str, devices: usize) -> f64 {
    let devices = devices as f64;
    match mode {
        "single" | "raid0" => 1.0,
        "dup" | "raid1" | "raid10" => 2.0,
        "raid1c3" => 3.0,
        "raid1c4" => 4.0,
        "raid5" => devices / (devices - 1.0),
        "raid6" => devices / (devices - 2.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_were_asked() {
        let device = Device {
            name: "sda".to_owned(),
            uuid: "u1".to_owned(),
            size_bytes: 100,
            used_bytes: 30,
            errors: [1, 2, 3, 4, 5],
        };
        let mut families = FamilySet::default();
        add_devices("f1", &[device], &mut families);
        let mut out = Vec::new();
        families.append_to(&mut out);
        let mut text = String::new();
        moheng_metrics::write_text(&out, &mut text);
        for line in [
            r#"node_btrfs_device_size_bytes{btrfs_dev_uuid="u1",device="sda",uuid="f1"} 100"#,
            r#"node_btrfs_device_unused_bytes{btrfs_dev_uuid="u1",device="sda",uuid="f1"} 70"#,
            r#"node_btrfs_device_errors_total{btrfs_dev_uuid="u1",device="sda",type="flush",uuid="f1"} 3"#,
            r#"node_btrfs_device_errors_total{btrfs_dev_uuid="u1",device="sda",type="generation",uuid="f1"} 5"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line}: {text}");
        }
    }

    #[test]
    fn ratios() {
        for (mode, devices, expected) in [
            ("single", 1, 1.0),
            ("raid1", 2, 2.0),
            ("raid1c4", 4, 4.0),
            ("raid5", 4, 4.0 / 3.0),
            ("raid6", 4, 2.0),
            ("x", 1, 0.0),
        ] {
            assert_eq!(ratio(mode, devices), expected, "{mode}");
        }
    }
}
