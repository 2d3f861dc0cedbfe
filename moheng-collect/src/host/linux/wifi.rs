//! Collector `wifi`: wireless devices and their connections.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::system::{self, NetlinkProtocol};
use super::{HostOptions, io_error, recorded};
use crate::proc::MalformedFile;
use crate::proc::netlink::{REQUEST_DUMP, REQUEST_ONE, attribute, message};
use crate::proc::nl80211::{self, Interface, Network, NetworkStatus, Station};
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "wifi";

/// The directory of families of messages.
const DIRECTORY: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_NAME: u16 = 2;

const GET_INTERFACE: u8 = 5;
const GET_STATION: u8 = 17;
const GET_SCAN: u8 = 32;
const INTERFACE_INDEX: u16 = 3;

const HERTZ_PER_MHZ: f64 = 1e6;
const BITS_PER_RATE_UNIT: f64 = 1e5;
const MS_PER_SECOND: f64 = 1e3;

#[derive(Debug)]
struct Wifi {
    fixtures: Option<PathBuf>,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Wifi {
        fixtures: options.wifi_fixtures.clone(),
    })
}

impl Collector for Wifi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families = FamilySet::default();
        if let Some(folder) = &self.fixtures {
            for interface in recorded::interfaces(folder)? {
                let name = &interface.name;
                let (network, stations) = if name.is_empty() {
                    (None, Vec::new())
                } else {
                    (
                        recorded::network(folder, name)?,
                        recorded::stations(folder, name)?,
                    )
                };
                add(&interface, network.as_ref(), &stations, &mut families);
            }
        } else {
            let kernel = Kernel::open()?;
            for interface in kernel.interfaces()? {
                let (network, stations) = (kernel.network(&interface)?, kernel.stations(&interface)?);
                add(&interface, network.as_ref(), &stations, &mut families);
            }
        }
        families.append_to(out);
        Ok(())
    }
}

/// The kernel's wireless configuration.
struct Kernel {
    family: u16,
}

impl Kernel {
    /// There is no data where the kernel knows no wireless devices.
    fn open() -> Result<Self, CollectError> {
        let body = [vec![GET_FAMILY, 1, 0, 0], attribute(FAMILY_NAME, b"nl80211\0")].concat();
        let mut family = None;
        let request = message(DIRECTORY, REQUEST_ONE, &body);
        let answered = system::exchange(NetlinkProtocol::Generic, &request, &mut |_, body| {
            family = nl80211::family_id(body)?;
            Ok(())
        });
        let missing = || CollectError::NoData {
            path: "netlink family nl80211".into(),
        };
        match answered {
            Ok(()) => family.map(|family| Self { family }).ok_or_else(missing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
            Err(error) => Err(io_error("wireless socket", error)),
        }
    }

    fn interfaces(&self) -> Result<Vec<Interface>, CollectError> {
        let mut found = Vec::new();
        self.dump(GET_INTERFACE, None, &mut |body| {
            found.push(nl80211::interface(body)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn network(&self, interface: &Interface) -> Result<Option<Network>, CollectError> {
        let mut found = None;
        self.dump(GET_SCAN, Some(interface), &mut |body| {
            found = found.take().or(nl80211::network(body)?);
            Ok(())
        })?;
        Ok(found)
    }

    fn stations(&self, interface: &Interface) -> Result<Vec<Station>, CollectError> {
        let mut found = Vec::new();
        self.dump(GET_STATION, Some(interface), &mut |body| {
            found.push(nl80211::station(body)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Devices of some kinds refuse some questions, which means that there is no answer.
    fn dump(
        &self,
        command: u8,
        interface: Option<&Interface>,
        take: &mut dyn FnMut(&[u8]) -> Result<(), MalformedFile>,
    ) -> Result<(), CollectError> {
        let mut body = vec![command, 0, 0, 0];
        if let Some(interface) = interface {
            body.extend(attribute(INTERFACE_INDEX, &interface.index.to_ne_bytes()));
        }
        let request = message(self.family, REQUEST_DUMP, &body);
        match system::exchange(NetlinkProtocol::Generic, &request, &mut |_, body| take(body)) {
            Ok(()) => Ok(()),
            Err(error) if interface.is_some() && error.raw_os_error().is_some() => {
                tracing::debug!(collector = NAME, command, %error, "no answer about a device");
                Ok(())
            }
            Err(error) => Err(io_error("wireless socket", error)),
        }
    }
}

fn add(interface: &Interface, network: Option<&Network>, stations: &[Station], families: &mut FamilySet) {
    let device = interface.name.as_str();
    if device.is_empty() {
        return;
    }
    let frequency = f64::from(interface.frequency_mhz) * HERTZ_PER_MHZ;
    let help = "The frequency the device works at.";
    families.add(
        "node_wifi_interface_frequency_hertz",
        help,
        &[("device", device)],
        frequency,
    );
    if let Some(network) = network {
        let mode = match network.status {
            NetworkStatus::Client => "client",
            NetworkStatus::AdHoc => "ad-hoc",
            NetworkStatus::Unknown => "unknown",
        };
        let bssid = address(&network.id);
        let labels = [
            ("bssid", bssid.as_str()),
            ("device", device),
            ("mode", mode),
            ("ssid", &network.name),
        ];
        families.add(
            "node_wifi_station_info",
            "The network the device is in; always 1.",
            &labels,
            1.0,
        );
    }
    for station in stations {
        add_station(device, station, families);
    }
}

fn add_station(device: &str, station: &Station, families: &mut FamilySet) {
    let mac = address(&station.mac);
    let labels = [("device", device), ("mac_address", mac.as_str())];
    let mut add = |name: &str, help: &str, value: f64| {
        families.add(&format!("node_wifi_station_{name}"), help, &labels, value);
    };
    let counts = station.counts;
    add(
        "connected_seconds_total",
        "How long it has been connected.",
        station.connected_seconds.into(),
    );
    let inactive = f64::from(station.inactive_ms) / MS_PER_SECOND;
    add(
        "inactive_seconds",
        "How long ago anything was sent or received.",
        inactive,
    );
    let receive_rate = f64::from(station.receive_rate) * BITS_PER_RATE_UNIT;
    add("receive_bits_per_second", "How fast it receives.", receive_rate);
    let transmit_rate = f64::from(station.transmit_rate) * BITS_PER_RATE_UNIT;
    add("transmit_bits_per_second", "How fast it sends.", transmit_rate);
    add(
        "receive_bytes_total",
        "Bytes received.",
        counts.received_bytes as f64,
    );
    add("transmit_bytes_total", "Bytes sent.", counts.sent_bytes as f64);
    add(
        "received_packets_total",
        "Packets received.",
        counts.received_packets.into(),
    );
    add(
        "transmitted_packets_total",
        "Packets sent.",
        counts.sent_packets.into(),
    );
    add(
        "signal_dbm",
        "How strong the signal is.",
        station.signal_dbm.into(),
    );
    add(
        "transmit_retries_total",
        "Packets sent again.",
        counts.retries.into(),
    );
    add(
        "transmit_failed_total",
        "Packets that could not be sent.",
        counts.failures.into(),
    );
    add(
        "beacon_loss_total",
        "Times its beacon was missed.",
        counts.beacon_losses.into(),
    );
}

fn address(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let joint = if index == 0 { "" } else { ":" };
        // Writing to a text does not fail.
        let _ = write!(text, "{joint}{byte:02x}");
    }
    text
}
