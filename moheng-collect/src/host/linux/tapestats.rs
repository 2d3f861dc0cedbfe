//! Collector `tapestats`: SCSI tape drives.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::families::{append, push};
use super::filter::Filter;
use crate::files::Folder;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "tapestats";

const FOLDER: &str = "class/scsi_tape";
const NANOS_PER_SECOND: f64 = 1e9;

/// File, metric, by what the number in the file is divided, what it says.
const NUMBERS: [(&str, &str, f64, &str); 10] = [
    ("in_flight", "io_now", 1.0, "Requests under way."),
    (
        "io_ns",
        "io_time_seconds_total",
        NANOS_PER_SECOND,
        "Time spent on all requests.",
    ),
    (
        "other_cnt",
        "io_others_total",
        1.0,
        "Requests that neither read nor wrote.",
    ),
    ("read_byte_cnt", "read_bytes_total", 1.0, "Bytes read."),
    ("read_cnt", "reads_completed_total", 1.0, "Reads done."),
    (
        "read_ns",
        "read_time_seconds_total",
        NANOS_PER_SECOND,
        "Time spent on reads.",
    ),
    (
        "resid_cnt",
        "residual_total",
        1.0,
        "Requests that moved less than they asked for.",
    ),
    ("write_byte_cnt", "written_bytes_total", 1.0, "Bytes written."),
    ("write_cnt", "writes_completed_total", 1.0, "Writes done."),
    (
        "write_ns",
        "write_time_seconds_total",
        NANOS_PER_SECOND,
        "Time spent on writes.",
    ),
];

#[derive(Debug)]
struct Tapes {
    sys: Folder,
    names: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Tapes {
        sys: Folder::new(&options.roots.sys),
        names: Filter::new(NAME, &options.tapes)?,
    }))
}

impl Collector for Tapes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families = NUMBERS.map(|(_, metric, _, help)| {
            let kind = if metric.ends_with("_total") {
                MetricKind::Counter
            } else {
                MetricKind::Gauge
            };
            MetricFamily::new(format!("node_tape_{metric}"), kind, help)
        });
        // The same drive has other names for other ways to use it: `nst0`, `st0a`.
        for number in self.sys.list_numbered(FOLDER, "st")? {
            let device = format!("st{number}");
            if !self.names.keeps(&device) {
                continue;
            }
            let folder = self.sys.folder(&format!("{FOLDER}/{device}/stats"));
            for (family, (file, _, divisor, _)) in families.iter_mut().zip(NUMBERS) {
                if let Some(value) = folder.number_if_known(file) {
                    push(family, &[("device", &device)], value / divisor);
                }
            }
        }
        append(out, families);
        Ok(())
    }
}
