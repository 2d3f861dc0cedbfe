//! Collector `diskstats`: I/O of block devices, and what udev knows about them.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::families::{append, gauge, push};
use super::filter::Filter;
use crate::files::Folder;
use crate::proc::diskstats::{DISK_COLUMNS, Disk};
use crate::proc::udev::Properties;
use crate::proc::{diskstats, fraction, text, udev};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "diskstats";

/// The kernel counts sectors of this size whatever the device has.
const SECTOR_BYTES: f64 = 512.0;
const SECONDS_PER_MILLISECOND: f64 = 0.001;

/// How a column is reported.
struct Column {
    name: &'static str,
    kind: MetricKind,
    factor: f64,
    help: &'static str,
}

const fn counter(name: &'static str, factor: f64, help: &'static str) -> Column {
    Column {
        name,
        kind: MetricKind::Counter,
        factor,
        help,
    }
}

const COLUMNS: [Column; DISK_COLUMNS] = [
    counter("node_disk_reads_completed_total", 1.0, "Reads completed."),
    counter(
        "node_disk_reads_merged_total",
        1.0,
        "Reads that were merged with others before they were issued.",
    ),
    counter("node_disk_read_bytes_total", SECTOR_BYTES, "Bytes read."),
    counter(
        "node_disk_read_time_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time spent by all reads together.",
    ),
    counter("node_disk_writes_completed_total", 1.0, "Writes completed."),
    counter(
        "node_disk_writes_merged_total",
        1.0,
        "Writes that were merged with others before they were issued.",
    ),
    counter("node_disk_written_bytes_total", SECTOR_BYTES, "Bytes written."),
    counter(
        "node_disk_write_time_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time spent by all writes together.",
    ),
    Column {
        name: "node_disk_io_now",
        kind: MetricKind::Gauge,
        factor: 1.0,
        help: "Requests in progress.",
    },
    counter(
        "node_disk_io_time_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time in which requests were in progress.",
    ),
    counter(
        "node_disk_io_time_weighted_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time in which requests were in progress, times their number.",
    ),
    counter("node_disk_discards_completed_total", 1.0, "Discards completed."),
    counter(
        "node_disk_discards_merged_total",
        1.0,
        "Discards that were merged with others before they were issued.",
    ),
    counter("node_disk_discarded_sectors_total", 1.0, "Sectors discarded."),
    counter(
        "node_disk_discard_time_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time spent by all discards together.",
    ),
    counter("node_disk_flush_requests_total", 1.0, "Flushes completed."),
    counter(
        "node_disk_flush_requests_time_seconds_total",
        SECONDS_PER_MILLISECOND,
        "Time spent by all flushes together.",
    ),
];

/// Numbers that udev knows of ATA disks, by property.
const ATA_PROPERTIES: [(&str, &str, &str); 3] = [
    (
        "ID_ATA_WRITE_CACHE",
        "node_disk_ata_write_cache",
        "Whether the disk has a write cache (1) or not (0).",
    ),
    (
        "ID_ATA_WRITE_CACHE_ENABLED",
        "node_disk_ata_write_cache_enabled",
        "Whether the write cache of the disk is in use (1) or not (0).",
    ),
    (
        "ID_ATA_ROTATION_RATE_RPM",
        "node_disk_ata_rotation_rate_rpm",
        "Rotations per minute; 0 for a disk without moving parts.",
    ),
];

#[derive(Debug)]
struct Diskstats {
    proc: Folder,
    sys: Folder,
    udev: Folder,
    devices: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Diskstats {
        proc: Folder::kept_open(&options.roots.proc),
        sys: Folder::new(&options.roots.sys),
        udev: Folder::new(&options.roots.udev_data),
        devices: Filter::new(NAME, &options.disks)?,
    }))
}

impl Collector for Diskstats {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("diskstats")?;
        let disks = diskstats::parse(&content).map_err(|error| self.proc.malformed("diskstats", error))?;
        let mut counts = COLUMNS.map(|column| MetricFamily::new(column.name, column.kind, column.help));
        let mut descriptions = Descriptions::new();
        for disk in disks {
            let device = text(disk.device);
            if !self.devices.keeps(&device) {
                continue;
            }
            for ((family, column), &count) in counts.iter_mut().zip(&COLUMNS).zip(disk.columns()) {
                push(family, &[("device", &device)], count as f64 * column.factor);
            }
            let properties = self.properties(&disk);
            let rotational = self
                .sys
                .number_if_known(&format!("block/{device}/queue/rotational"))
                .is_some_and(|rotational| rotational != 0.0);
            descriptions.add(&disk, &device, &properties, rotational);
        }
        append(out, counts);
        append(out, descriptions.into_families());
        Ok(())
    }
}

impl Diskstats {
    /// Containers and machines without udev have none.
    fn properties(&self, disk: &Disk<'_>) -> Properties {
        self.udev
            .read(&format!("b{}:{}", disk.major, disk.minor))
            .map(|content| udev::parse(&content))
            .unwrap_or_default()
    }
}

/// The families that describe disks.
struct Descriptions {
    info: MetricFamily,
    filesystem: MetricFamily,
    device_mapper: MetricFamily,
    ata: [MetricFamily; ATA_PROPERTIES.len()],
}

impl Descriptions {
    fn new() -> Self {
        Self {
            info: gauge("node_disk_info", "1; the labels describe the disk."),
            filesystem: gauge(
                "node_disk_filesystem_info",
                "1; the labels describe the filesystem on the disk.",
            ),
            device_mapper: gauge(
                "node_disk_device_mapper_info",
                "1; the labels describe the device mapper's device.",
            ),
            ata: ATA_PROPERTIES.map(|(_, name, help)| gauge(name, help)),
        }
    }

    fn add(&mut self, disk: &Disk<'_>, device: &str, properties: &Properties, rotational: bool) {
        let (major, minor) = (disk.major.to_string(), disk.minor.to_string());
        let labels = [
            ("device", device),
            ("major", &major),
            ("minor", &minor),
            ("model", properties.get("ID_MODEL")),
            ("path", properties.get("ID_PATH")),
            ("revision", properties.get("ID_REVISION")),
            ("rotational", if rotational { "1" } else { "0" }),
            // Best first: what is printed on the disk.
            (
                "serial",
                properties.first_of(&["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"]),
            ),
            ("wwn", properties.get("ID_WWN")),
        ];
        push(&mut self.info, &labels, 1.0);
        if !properties.get("ID_FS_TYPE").is_empty() {
            let labels = [
                ("device", device),
                ("type", properties.get("ID_FS_TYPE")),
                ("usage", properties.get("ID_FS_USAGE")),
                ("uuid", properties.get("ID_FS_UUID")),
                ("version", properties.get("ID_FS_VERSION")),
            ];
            push(&mut self.filesystem, &labels, 1.0);
        }
        if !properties.get("DM_NAME").is_empty() {
            let labels = [
                ("device", device),
                ("lv_layer", properties.get("DM_LV_LAYER")),
                ("lv_name", properties.get("DM_LV_NAME")),
                ("name", properties.get("DM_NAME")),
                ("uuid", properties.get("DM_UUID")),
                ("vg_name", properties.get("DM_VG_NAME")),
            ];
            push(&mut self.device_mapper, &labels, 1.0);
        }
        if !properties.get("ID_ATA").is_empty() {
            for (family, (property, ..)) in self.ata.iter_mut().zip(ATA_PROPERTIES) {
                if let Some(value) = fraction(properties.get(property).as_bytes()) {
                    push(family, &[("device", device)], value);
                }
            }
        }
    }

    fn into_families(self) -> impl Iterator<Item = MetricFamily> {
        [self.info, self.filesystem, self.device_mapper]
            .into_iter()
            .chain(self.ata)
    }
}
