//! Collector `ksmd`: memory saved by sharing equal pages.

use moheng_metrics::{MetricFamily, MetricKind};

use super::function::Roots;
use crate::CollectError;

pub(super) const NAME: &str = "ksmd";

const FOLDER: &str = "kernel/mm/ksm";

/// File, metric, by what the number in the file is divided.
const FILES: [(&str, &str, f64, &str); 10] = [
    (
        "full_scans",
        "full_scans_total",
        1.0,
        "Scans of all pages that are to be shared.",
    ),
    (
        "general_profit",
        "general_profit_bytes",
        1.0,
        "Memory saved, less what sharing costs.",
    ),
    (
        "merge_across_nodes",
        "merge_across_nodes",
        1.0,
        "Whether pages of different NUMA nodes are shared.",
    ),
    ("pages_shared", "pages_shared", 1.0, "Shared pages in use."),
    (
        "pages_sharing",
        "pages_sharing",
        1.0,
        "Further places that use them: pages saved.",
    ),
    (
        "pages_to_scan",
        "pages_to_scan",
        1.0,
        "Pages looked at before each rest.",
    ),
    (
        "pages_unshared",
        "pages_unshared",
        1.0,
        "Pages that have no equal but are looked at again.",
    ),
    (
        "pages_volatile",
        "pages_volatile",
        1.0,
        "Pages that change too fast to be shared.",
    ),
    (
        "run",
        "run",
        1.0,
        "0: stopped, 1: running, 2: stopped and all pages separate.",
    ),
    (
        "sleep_millisecs",
        "sleep_seconds",
        1000.0,
        "How long each rest is.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let folder = roots.sys.folder(FOLDER);
    let known = folder.list("")?;
    for (file, metric, divisor, help) in FILES {
        // Kernels have added files.
        if !known.iter().any(|name| name == file) {
            continue;
        }
        let Some(value) = folder.number_if_known(file) else {
            continue;
        };
        let kind = if metric.ends_with("_total") {
            MetricKind::Counter
        } else {
            MetricKind::Gauge
        };
        out.push(MetricFamily::single(
            format!("node_ksmd_{metric}"),
            kind,
            help,
            value / divisor,
        ));
    }
    Ok(())
}
