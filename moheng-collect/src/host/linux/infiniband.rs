//! Collector `infiniband`: adapters and their ports.

use moheng_metrics::MetricFamily;

use super::families::{FamilySet, append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::fraction;

pub(super) const NAME: &str = "infiniband";

const FOLDER: &str = "class/infiniband";

/// Data is counted in words.
const WORD_BYTES: f64 = 4.0;

/// The file, the metric, what it is, and how many of the metric's unit one is.
type Row = (&'static str, &'static str, &'static str, f64);

const COUNTS: [Row; 22] = [
    (
        "excessive_buffer_overrun_errors",
        "excessive_buffer_overrun_errors_total",
        "Times buffers overran again and again.",
        1.0,
    ),
    (
        "link_downed",
        "link_downed_total",
        "Times the link went down for good.",
        1.0,
    ),
    (
        "link_error_recovery",
        "link_error_recovery_total",
        "Times the link got over an error.",
        1.0,
    ),
    (
        "local_link_integrity_errors",
        "local_link_integrity_errors_total",
        "Times too many errors came from the link.",
        1.0,
    ),
    (
        "multicast_rcv_packets",
        "multicast_packets_received_total",
        "Multicast packets received.",
        1.0,
    ),
    (
        "multicast_xmit_packets",
        "multicast_packets_transmitted_total",
        "Multicast packets sent.",
        1.0,
    ),
    (
        "port_rcv_constraint_errors",
        "port_constraint_errors_received_total",
        "Received packets that were not allowed.",
        1.0,
    ),
    (
        "port_xmit_constraint_errors",
        "port_constraint_errors_transmitted_total",
        "Packets that were not allowed to be sent.",
        1.0,
    ),
    (
        "port_rcv_data",
        "port_data_received_bytes_total",
        "Bytes received.",
        WORD_BYTES,
    ),
    (
        "port_xmit_data",
        "port_data_transmitted_bytes_total",
        "Bytes sent.",
        WORD_BYTES,
    ),
    (
        "port_rcv_discards",
        "port_discards_received_total",
        "Received packets thrown away.",
        1.0,
    ),
    (
        "port_xmit_discards",
        "port_discards_transmitted_total",
        "Packets thrown away instead of sent.",
        1.0,
    ),
    (
        "port_rcv_errors",
        "port_errors_received_total",
        "Received packets with an error.",
        1.0,
    ),
    (
        "port_rcv_packets",
        "port_packets_received_total",
        "Packets received.",
        1.0,
    ),
    (
        "port_xmit_packets",
        "port_packets_transmitted_total",
        "Packets sent.",
        1.0,
    ),
    (
        "port_rcv_remote_physical_errors",
        "port_receive_remote_physical_errors_total",
        "Received packets that were marked bad on their way.",
        1.0,
    ),
    (
        "port_rcv_switch_relay_errors",
        "port_receive_switch_relay_errors_total",
        "Received packets a switch could not pass on.",
        1.0,
    ),
    (
        "port_xmit_wait",
        "port_transmit_wait_total",
        "Ticks in which there was data to send and nothing was sent.",
        1.0,
    ),
    (
        "symbol_error",
        "symbol_error_total",
        "Small errors of the link.",
        1.0,
    ),
    (
        "unicast_rcv_packets",
        "unicast_packets_received_total",
        "Unicast packets received.",
        1.0,
    ),
    (
        "unicast_xmit_packets",
        "unicast_packets_transmitted_total",
        "Unicast packets sent.",
        1.0,
    ),
    (
        "VL15_dropped",
        "vl15_dropped_total",
        "Packets of the management lane thrown away.",
        1.0,
    ),
];

const LEGACY_COUNTS: [Row; 8] = [
    (
        "port_multicast_rcv_packets",
        "legacy_multicast_packets_received_total",
        "Multicast packets received.",
        1.0,
    ),
    (
        "port_multicast_xmit_packets",
        "legacy_multicast_packets_transmitted_total",
        "Multicast packets sent.",
        1.0,
    ),
    (
        "port_rcv_data_64",
        "legacy_data_received_bytes_total",
        "Bytes received.",
        WORD_BYTES,
    ),
    (
        "port_rcv_packets_64",
        "legacy_packets_received_total",
        "Packets received.",
        1.0,
    ),
    (
        "port_unicast_rcv_packets",
        "legacy_unicast_packets_received_total",
        "Unicast packets received.",
        1.0,
    ),
    (
        "port_unicast_xmit_packets",
        "legacy_unicast_packets_transmitted_total",
        "Unicast packets sent.",
        1.0,
    ),
    (
        "port_xmit_data_64",
        "legacy_data_transmitted_bytes_total",
        "Bytes sent.",
        WORD_BYTES,
    ),
    (
        "port_xmit_packets_64",
        "legacy_packets_transmitted_total",
        "Packets sent.",
        1.0,
    ),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut info = gauge("node_infiniband_info", "An adapter; always 1.");
    let mut families = FamilySet::default();
    for device in roots.sys.list(FOLDER)? {
        let folder = roots.sys.folder(&format!("{FOLDER}/{device}"));
        let known = |file: &str| folder.attribute_if_known(file).unwrap_or_default();
        let (board, firmware, hca) = (known("board_id"), folder.attribute("fw_ver")?, known("hca_type"));
        let labels = [
            ("board_id", board.as_str()),
            ("device", &device),
            ("firmware_version", &firmware),
            ("hca_type", &hca),
        ];
        push(&mut info, &labels, 1.0);
        for port in folder.list_numbered("ports", "")? {
            let port = port.to_string();
            let folder = folder.folder(&format!("ports/{port}"));
            collect_port(&folder, &[("device", &device), ("port", &port)], &mut families)?;
        }
    }
    append(out, [info]);
    families.append_to(out);
    Ok(())
}

fn collect_port(
    folder: &Folder,
    labels: &[(&str, &str)],
    families: &mut FamilySet,
) -> Result<(), CollectError> {
    let state = |file: &str| folder.value(file, "NUMBER: STATE", state_number);
    let help = "State of the port: 1 down, 2 starting, 3 armed, 4 active, 5 deferred.";
    families.add("node_infiniband_state_id", help, labels, state("state")?);
    let help = "State of the port's link: 1 asleep, 2 polling, 3 disabled, 4 training, 5 up, 6 recovering, 7 tested.";
    families.add(
        "node_infiniband_physical_state_id",
        help,
        labels,
        state("phys_state")?,
    );
    let rate = folder.value("rate", "a rate in Gb/sec", rate_bytes)?;
    let help = "How fast the port can be at most.";
    families.add("node_infiniband_rate_bytes_per_second", help, labels, rate);
    for (directory, rows) in [("counters", &COUNTS[..]), ("counters_ext", &LEGACY_COUNTS[..])] {
        for (file, metric, help, unit) in rows {
            // Adapters have some of these, and say of others that they are not available.
            if let Some(count) = folder.number_if_known(&format!("{directory}/{file}")) {
                families.add(&format!("node_infiniband_{metric}"), help, labels, count * unit);
            }
        }
    }
    Ok(())
}

/// The number of `4: ACTIVE`.
fn state_number(text: &str) -> Option<f64> {
    let number: u32 = text.split_once(':')?.0.trim().parse().ok()?;
    Some(f64::from(number))
}

/// Bytes per second of `40 Gb/sec (4X QDR)`.
fn rate_bytes(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let gigabits = fraction(number.as_bytes())?;
    unit.starts_with("Gb/sec").then_some(gigabits * 1e9 / 8.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ports() {
        assert_eq!(state_number("4: ACTIVE"), Some(4.0));
        assert_eq!(state_number("ACTIVE"), None);
        assert_eq!(rate_bytes("2.5 Gb/sec (1X SDR)"), Some(312_500_000.0));
        assert_eq!(rate_bytes("2.5 Mb/sec"), None);
        assert_eq!(rate_bytes("inf Gb/sec"), None);
        assert_eq!(rate_bytes("1e3 Gb/sec"), None);
    }
}
