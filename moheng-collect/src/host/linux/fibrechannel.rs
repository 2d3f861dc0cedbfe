//! Collector `fibrechannel`: ports of host adapters.

use moheng_metrics::MetricFamily;

use super::families::{FamilySet, append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;

pub(super) const NAME: &str = "fibrechannel";

const FOLDER: &str = "class/fc_host";

/// What the kernel writes for a count that an adapter does not keep.
const UNKNOWN: u64 = u64::MAX;

/// Labels, which are the names of files as well, ascending but for the host's.
const INFO: [&str; 10] = [
    "dev_loss_tmo",
    "fabric_name",
    "port_id",
    "port_name",
    "port_state",
    "port_type",
    "speed",
    "supported_classes",
    "supported_speeds",
    "symbolic_name",
];

/// The file, the metric, and what it is.
const COUNTS: [(&str, &str, &str); 14] = [
    (
        "dumped_frames",
        "dumped_frames_total",
        "Frames given up for want of room.",
    ),
    ("error_frames", "error_frames_total", "Frames with errors."),
    (
        "invalid_crc_count",
        "invalid_crc_total",
        "Frames with a wrong checksum.",
    ),
    ("rx_frames", "rx_frames_total", "Frames received."),
    ("rx_words", "rx_words_total", "Words received."),
    ("tx_frames", "tx_frames_total", "Frames sent."),
    ("tx_words", "tx_words_total", "Words sent."),
    (
        "seconds_since_last_reset",
        "seconds_since_last_reset_total",
        "Seconds since the counts were set to zero.",
    ),
    (
        "invalid_tx_word_count",
        "invalid_tx_words_total",
        "Words that were not valid.",
    ),
    (
        "link_failure_count",
        "link_failure_total",
        "Failures of the link.",
    ),
    (
        "loss_of_sync_count",
        "loss_of_sync_total",
        "Times the link was out of step.",
    ),
    (
        "loss_of_signal_count",
        "loss_of_signal_total",
        "Times the signal was lost.",
    ),
    (
        "nos_count",
        "nos_total",
        "Times the other side said that it does not work.",
    ),
    (
        "fcp_packet_aborts",
        "fcp_packet_aborts_total",
        "Packets given up.",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut info = gauge(
        "node_fibrechannel_info",
        "A port and what its adapter says of it; always 1.",
    );
    let mut families = FamilySet::default();
    for host in roots.sys.list(FOLDER)? {
        let folder = roots.sys.folder(&format!("{FOLDER}/{host}"));
        let values = INFO.map(|name| (name, text_of(&folder, name)));
        let mut labels: Vec<_> = values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        labels.push(("fc_host", &host));
        labels.sort_unstable();
        push(&mut info, &labels, 1.0);
        for (file, metric, help) in COUNTS {
            if let Some(count) = count_of(&folder, file)? {
                let labels = [("fc_host", host.as_str())];
                families.add(
                    &format!("node_fibrechannel_{metric}"),
                    help,
                    &labels,
                    count as f64,
                );
            }
        }
    }
    append(out, [info]);
    families.append_to(out);
    Ok(())
}

/// Empty where it is not known. Numbers are hexadecimal; their prefix is not shown.
fn text_of(folder: &Folder, name: &str) -> String {
    let value = folder.attribute_if_known(name).unwrap_or_default();
    value.strip_prefix("0x").map(str::to_owned).unwrap_or(value)
}

fn count_of(folder: &Folder, file: &str) -> Result<Option<u64>, CollectError> {
    let path = format!("statistics/{file}");
    let parse = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(digits, 16).ok()
    };
    match folder.value(&path, "a hexadecimal number", parse) {
        Ok(UNKNOWN) => Ok(None),
        Ok(count) => Ok(Some(count)),
        Err(error) if error.is_no_data() => Ok(None),
        Err(error) => Err(error),
    }
}
