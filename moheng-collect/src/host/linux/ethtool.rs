//! Collector `ethtool`: what the drivers of network devices say of themselves, of the link, and count.

use std::collections::BTreeMap;
use std::io;

use moheng_metrics::{MetricFamily, Pattern};

use super::families::FamilySet;
use super::filter::{Filter, unanchored};
use super::ioctl::DriverSocket;
use super::{HostOptions, io_error};
use crate::files::Folder;
use crate::proc::MalformedFile;
use crate::proc::ethtool::{self, ASYMMETRIC_PAUSE, Link, Modes, NEGOTIATION, PAUSE};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "ethtool";

const MEGABIT_BYTES: f64 = 1e6 / 8.0;

/// Statistics that nearly all drivers have: how they call them and what Node Exporter adds to the name it makes of that.
const TOTALS: [&str; 7] = [
    "rx_bytes",
    "rx_dropped",
    "rx_errors",
    "rx_packets",
    "tx_bytes",
    "tx_errors",
    "tx_packets",
];

/// What a link can do and what it tells the other side: the ability, its metric and what it is.
const ABILITIES: [(usize, &str, &str); 3] = [
    (NEGOTIATION, "autonegotiate", "negotiation of speed and duplex"),
    (PAUSE, "pause", "pause frames"),
    (ASYMMETRIC_PAUSE, "asymmetricpause", "asymmetric pause frames"),
];

#[derive(Debug)]
struct Ethtool {
    devices: Filter,
    statistics: Pattern,
    sys: Folder,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Ethtool {
        devices: Filter::new(NAME, &options.ethtool_devices)?,
        statistics: unanchored(NAME, &options.fields.ethtool)?,
        sys: Folder::new(&options.roots.sys),
    }))
}

impl Collector for Ethtool {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut devices = self.sys.list("class/net")?;
        devices.retain(|device| self.devices.keeps(device));
        let socket = DriverSocket::open().map_err(|error| io_error("socket", error))?;
        let mut families = FamilySet::default();
        let mut outcome = Ok(());
        for device in &devices {
            // One that fails does not keep the others from being told.
            for result in [
                add_driver(&socket, device, &mut families),
                add_link(&socket, device, &mut families),
                self.add_statistics(&socket, device, &mut families),
            ] {
                outcome = outcome.and(unless_unsupported(result));
            }
        }
        families.append_to(out);
        outcome
    }
}

impl Ethtool {
    fn add_statistics(
        &self,
        socket: &DriverSocket,
        device: &str,
        families: &mut FamilySet,
    ) -> Result<(), CollectError> {
        let what = |error| io_error(&format!("statistics of {device}"), error);
        let count = ethtool::statistics_count(&socket.statistics_info(device).map_err(what)?);
        if count == 0 {
            return Ok(());
        }
        let (names, values) = socket.statistics(device, count).map_err(what)?;
        let statistics = ethtool::statistics(&names, &values);
        for (metric, (help, value)) in
            self.metrics(statistics.map_err(|malformed| of_driver(device, &malformed))?)
        {
            families.add_untyped(&metric, &help, &[("device", device)], value as f64);
        }
        Ok(())
    }

    /// By the metric's name, without those whose names become the same, since nobody could tell them apart.
    fn metrics<'a>(
        &self,
        statistics: impl Iterator<Item = (std::borrow::Cow<'a, str>, u64)>,
    ) -> BTreeMap<String, (String, u64)> {
        // Of two with one name, the last counts.
        let by_name: BTreeMap<_, _> = statistics
            .filter(|(name, _)| self.statistics.is_match(name))
            .collect();
        let mut metrics = BTreeMap::new();
        for (name, value) in by_name {
            if let Some(metric) = metric_name(&name) {
                let of_same_name: &mut Vec<_> = metrics.entry(metric).or_default();
                of_same_name.push((format!("What the driver counts as {name}."), value));
            }
        }
        let alone = |(metric, mut of_same_name): (String, Vec<_>)| match of_same_name.len() {
            1 => Some((metric, of_same_name.pop()?)),
            _ => None,
        };
        metrics.into_iter().filter_map(alone).collect()
    }
}

fn metric_name(statistic: &str) -> Option<String> {
    let total = if TOTALS.contains(&statistic) { "_total" } else { "" };
    Some(format!(
        "node_ethtool_{}{total}",
        ethtool::metric_name(statistic)?
    ))
}

fn add_driver(socket: &DriverSocket, device: &str, families: &mut FamilySet) -> Result<(), CollectError> {
    let answer = socket.driver(device);
    let answer = answer.map_err(|error| io_error(&format!("driver of {device}"), error))?;
    let driver = ethtool::driver(&answer).map_err(|malformed| of_driver(device, &malformed))?;
    let labels = [
        ("bus_info", &*driver.bus),
        ("device", device),
        ("driver", &*driver.name),
        ("expansion_rom_version", &*driver.expansion_rom_version),
        ("firmware_version", &*driver.firmware_version),
        ("version", &*driver.version),
    ];
    let help = "The driver of a network device; always 1.";
    families.add("node_ethtool_info", help, &labels, 1.0);
    Ok(())
}

fn add_link(socket: &DriverSocket, device: &str, families: &mut FamilySet) -> Result<(), CollectError> {
    let what = |error| io_error(&format!("link of {device}"), error);
    let mask_words = ethtool::mask_words(&socket.link(device, 0).map_err(what)?);
    let answer = socket.link(device, mask_words).map_err(what)?;
    let link = ethtool::link(&answer).map_err(|malformed| of_driver(device, &malformed))?;
    add_settings(device, &link, families);
    Ok(())
}

fn add_settings(device: &str, link: &Link<'_>, families: &mut FamilySet) {
    let labels = [("device", device)];
    let mut add = |name: &str, help: &str, is_so: bool| {
        families.add(name, help, &labels, f64::from(u8::from(is_so)));
    };
    let help = "Whether speed and duplex are negotiated (1) or not (0).";
    add("node_network_autonegotiate", help, link.is_negotiating);
    for (ability, name, what) in ABILITIES {
        let help = format!("Whether the device is able to do {what} (1) or not (0).");
        add(
            &format!("node_network_{name}_supported"),
            &help,
            link.supported.has(ability),
        );
        let help = format!("Whether the device offers {what} to the other side (1) or not (0).");
        add(
            &format!("node_network_{name}_advertised"),
            &help,
            link.advertised.has(ability),
        );
    }
    for port in link.supported.ports() {
        let help = "A kind of connector the device may have; always 1.";
        let labels = [("device", device), ("type", port)];
        families.add("node_network_supported_port_info", help, &labels, 1.0);
    }
    let help = "Bytes per second of a mode the device is able to use.";
    add_speeds(
        "node_network_supported_speed_bytes",
        help,
        device,
        link.supported,
        families,
    );
    let help = "Bytes per second of a mode the device offers to the other side.";
    add_speeds(
        "node_network_advertised_speed_bytes",
        help,
        device,
        link.advertised,
        families,
    );
}

fn add_speeds(name: &str, help: &str, device: &str, modes: Modes<'_>, families: &mut FamilySet) {
    for speed in modes.speeds() {
        let labels = [("device", device), ("duplex", speed.duplex), ("mode", speed.mode)];
        let bytes = f64::from(speed.megabits_per_second) * MEGABIT_BYTES;
        families.add(name, help, &labels, bytes);
    }
}

fn of_driver(device: &str, malformed: &MalformedFile) -> CollectError {
    io_error(&format!("driver of {device}"), super::bus::invalid(malformed))
}

/// A driver need not know everything, and a device may go, or be none: `bonding_masters` is in the same folder.
fn unless_unsupported(result: Result<(), CollectError>) -> Result<(), CollectError> {
    match result {
        Err(CollectError::Io { source, .. }) if is_unsupported(&source) => Ok(()),
        result => result,
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    const NO_SUCH_DEVICE: i32 = 19;
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    ) || error.raw_os_error() == Some(NO_SUCH_DEVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_become_metrics() {
        let mut options = HostOptions::default();
        let metrics = |options: &HostOptions| {
            let collector = Ethtool {
                devices: Filter::All,
                statistics: unanchored(NAME, &options.fields.ethtool).unwrap(),
                sys: Folder::new("/sys"),
            };
            let statistics = [
                ("rx_bytes", 1),
                ("RX bytes", 2),
                ("tx-drops", 3),
                ("tx_drops", 4),
                ("x", 5),
                ("x", 6),
                ("", 7),
            ];
            let statistics = statistics.map(|(name, value)| (name.into(), value));
            let metrics = collector.metrics(statistics.into_iter());
            let describe = |(name, (_, value))| format!("{name} {value}");
            metrics.into_iter().map(describe).collect::<Vec<_>>()
        };
        assert_eq!(
            metrics(&options),
            [
                "node_ethtool_received_bytes 2",
                "node_ethtool_received_bytes_total 1",
                "node_ethtool_x 6"
            ]
        );
        options.fields.ethtool = "^(x|tx_d)".to_owned();
        assert_eq!(
            metrics(&options),
            ["node_ethtool_transmitted_drops 4", "node_ethtool_x 6"]
        );
    }
}
