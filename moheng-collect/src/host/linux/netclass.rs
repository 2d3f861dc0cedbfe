//! Collector `netclass`: state and settings of network devices.

use moheng_metrics::{MetricFamily, MetricKind};

use super::HostOptions;
use super::families::{append, counter, gauge, push};
use super::filter::Filter;
use crate::files::{self, Folder};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "netclass";

const NET_FOLDER: &str = "class/net";
/// Speeds are in megabits.
const BYTES_PER_MEGABIT: f64 = 1e6 / 8.0;
/// `IFF_UP`
const FLAG_UP: u64 = 1;

/// File, metric, help.
const NUMBERS: [(&str, &str, MetricKind, &str); 16] = [
    (
        "addr_assign_type",
        "node_network_address_assign_type",
        MetricKind::Gauge,
        "How the device got its address.",
    ),
    (
        "carrier",
        "node_network_carrier",
        MetricKind::Gauge,
        "Whether there is a link (1) or not (0).",
    ),
    (
        "carrier_changes",
        "node_network_carrier_changes_total",
        MetricKind::Counter,
        "How often the link was found or lost.",
    ),
    (
        "carrier_up_count",
        "node_network_carrier_up_changes_total",
        MetricKind::Counter,
        "How often the link was found.",
    ),
    (
        "carrier_down_count",
        "node_network_carrier_down_changes_total",
        MetricKind::Counter,
        "How often the link was lost.",
    ),
    (
        "dev_id",
        "node_network_device_id",
        MetricKind::Gauge,
        "Tells devices with the same address apart.",
    ),
    (
        "dormant",
        "node_network_dormant",
        MetricKind::Gauge,
        "Whether the link waits for something (1) or not (0).",
    ),
    (
        "flags",
        "node_network_flags",
        MetricKind::Gauge,
        "The flags of the device as a number.",
    ),
    (
        "ifindex",
        "node_network_iface_id",
        MetricKind::Gauge,
        "The number of the device.",
    ),
    (
        "iflink",
        "node_network_iface_link",
        MetricKind::Gauge,
        "The number of the device it is linked to.",
    ),
    (
        "link_mode",
        "node_network_iface_link_mode",
        MetricKind::Gauge,
        "How the link comes up.",
    ),
    (
        "mtu",
        "node_network_mtu_bytes",
        MetricKind::Gauge,
        "Size of the largest packet.",
    ),
    (
        "name_assign_type",
        "node_network_name_assign_type",
        MetricKind::Gauge,
        "How the device got its name.",
    ),
    (
        "netdev_group",
        "node_network_net_dev_group",
        MetricKind::Gauge,
        "The group the device is in.",
    ),
    (
        "tx_queue_len",
        "node_network_transmit_queue_length",
        MetricKind::Gauge,
        "How many packets may wait to be sent.",
    ),
    (
        "type",
        "node_network_protocol_type",
        MetricKind::Gauge,
        "The kind of hardware (ARPHRD_*).",
    ),
];

/// What `operstate` may be.
const STATES: [&str; 7] = [
    "dormant",
    "down",
    "lowerlayerdown",
    "notpresent",
    "testing",
    "unknown",
    "up",
];

#[derive(Debug)]
struct Netclass {
    sys: Folder,
    devices: Filter,
    ignores_invalid_speed: bool,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Netclass {
        sys: Folder::kept_open(&options.roots.sys),
        devices: Filter::new(NAME, &options.netclass.devices)?,
        ignores_invalid_speed: options.netclass.ignore_invalid_speed,
    }))
}

impl Collector for Netclass {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut up = gauge("node_network_up", "Whether the device works (1) or not (0).");
        let mut info = gauge("node_network_info", "1; the labels describe the device.");
        let mut speed = gauge(
            "node_network_speed_bytes",
            "Bytes per second the device can carry.",
        );
        let mut numbers = NUMBERS.map(|(_, name, kind, help)| match kind {
            MetricKind::Counter => counter(name, help),
            _ => gauge(name, help),
        });
        for device in self.sys.list(NET_FOLDER)? {
            let folder = self.sys.folder(&format!("{NET_FOLDER}/{device}"));
            // The directory also holds files that are no devices.
            if !self.devices.keeps(&device) || !folder.path().is_dir() {
                continue;
            }
            let state = folder.attribute_if_known("operstate").unwrap_or_default();
            if STATES.contains(&state.as_str()) {
                let is_up = f64::from(u8::from(state == "up"));
                push(&mut up, &[("device", &device)], is_up);
            }
            push_info(&mut info, &device, &state, &folder);
            for (family, (file, ..)) in numbers.iter_mut().zip(NUMBERS) {
                // The kernel refuses some while the device is down.
                if let Some(number) = integer(&folder, file) {
                    push(family, &[("device", &device)], number);
                }
            }
            let megabits = folder.number_if_known("speed");
            if let Some(megabits) = megabits.filter(|speed| *speed >= 0.0 || !self.ignores_invalid_speed) {
                push(&mut speed, &[("device", &device)], megabits * BYTES_PER_MEGABIT);
            }
        }
        append(out, [up, info, speed]);
        append(out, numbers);
        Ok(())
    }
}

fn push_info(info: &mut MetricFamily, device: &str, operating_state: &str, folder: &Folder) {
    let attribute = |file| folder.attribute_if_known(file).unwrap_or_default();
    let admin_state = match flags(folder) {
        Some(flags) if flags & FLAG_UP != 0 => "up",
        Some(_) => "down",
        None => "unknown",
    };
    let labels = [
        ("address", attribute("address")),
        ("adminstate", admin_state.to_owned()),
        ("broadcast", attribute("broadcast")),
        ("device", device.to_owned()),
        ("duplex", attribute("duplex")),
        ("ifalias", attribute("ifalias")),
        ("operstate", operating_state.to_owned()),
    ];
    push(
        info,
        &labels.each_ref().map(|(name, value)| (*name, value.as_str())),
        1.0,
    );
}

fn flags(folder: &Folder) -> Option<u64> {
    let text = folder.attribute_if_known("flags")?;
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// A decimal number, or a hexadecimal one with `0x`.
fn integer(folder: &Folder, file: &str) -> Option<f64> {
    let text = folder.attribute_if_known(file)?;
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as f64),
        None => files::integer(&text),
    }
}
