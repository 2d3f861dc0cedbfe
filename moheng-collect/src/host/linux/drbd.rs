//! Collector `drbd`: disks mirrored to another machine.

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use crate::CollectError;
use crate::proc::drbd;

pub(super) const NAME: &str = "drbd";

const KIB: f64 = 1024.0;

/// The kernel's letters, the metric, what it is, and the bytes of one. `nr` counts KiB as well, but Node Exporter passes it
/// on as it is, and graphs are made for that.
const COUNTS: [(&str, &str, &str, f64); 12] = [
    (
        "ns",
        "network_sent_bytes_total",
        "Bytes sent to the other machine.",
        KIB,
    ),
    (
        "nr",
        "network_received_bytes_total",
        "What was received from the other machine.",
        1.0,
    ),
    (
        "dw",
        "disk_written_bytes_total",
        "Bytes written to the disk here.",
        KIB,
    ),
    (
        "dr",
        "disk_read_bytes_total",
        "Bytes read from the disk here.",
        KIB,
    ),
    (
        "al",
        "activitylog_writes_total",
        "Writes of the activity log.",
        1.0,
    ),
    ("bm", "bitmap_writes_total", "Writes of the bitmap.", 1.0),
    (
        "lo",
        "local_pending",
        "Requests the disk here has not answered.",
        1.0,
    ),
    (
        "pe",
        "remote_pending",
        "Requests the other machine has not answered.",
        1.0,
    ),
    (
        "ua",
        "remote_unacknowledged",
        "Requests of the other machine that were not answered yet.",
        1.0,
    ),
    (
        "ap",
        "application_pending",
        "Requests of programs that were not answered yet.",
        1.0,
    ),
    ("ep", "epochs", "Epochs under way.", 1.0),
    (
        "oos",
        "out_of_sync_bytes",
        "What differs between the machines.",
        KIB,
    ),
];

/// The kernel's letters, the metric, what it is, and the state that is good.
const PAIRS: [(&str, &str, &str, &str); 2] = [
    (
        "ro",
        "node_role_is_primary",
        "Whether the node is the primary one.",
        "Primary",
    ),
    (
        "ds",
        "disk_state_is_up_to_date",
        "Whether the node's disk is up to date.",
        "UpToDate",
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read(NAME)?;
    let devices = drbd::parse(&content).map_err(|malformed| roots.proc.malformed(NAME, malformed))?;
    let mut families = FamilySet::default();
    for device in devices {
        let name = format!("drbd{}", device.number);
        for (letters, count) in &device.counts {
            if let Some((_, metric, help, unit)) = COUNTS.iter().find(|(key, ..)| key == letters) {
                let labels = [("device", name.as_str())];
                families.add(
                    &format!("node_drbd_{metric}"),
                    help,
                    &labels,
                    *count as f64 * unit,
                );
            }
        }
        for (letters, state) in &device.states {
            add_state(&name, letters, state, &mut families);
        }
    }
    families.append_to(out);
    Ok(())
}

fn add_state(device: &str, letters: &str, state: &str, families: &mut FamilySet) {
    let truth = |is_so: bool| f64::from(u8::from(is_so));
    if letters == "cs" {
        let help = "Whether the other machine is connected.";
        let value = truth(state == "Connected");
        families.add("node_drbd_connected", help, &[("device", device)], value);
    }
    let Some((_, metric, help, good)) = PAIRS.iter().find(|(key, ..)| *key == letters) else {
        return;
    };
    for (node, state) in ["local", "remote"].into_iter().zip(state.split('/')) {
        let labels = [("device", device), ("node", node)];
        families.add(
            &format!("node_drbd_{metric}"),
            help,
            &labels,
            truth(state == *good),
        );
    }
}
