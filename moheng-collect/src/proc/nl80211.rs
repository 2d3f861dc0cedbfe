//! Messages of the kernel's wireless configuration (nl80211) and of the directory of such families.

use super::MalformedFile;
use super::netlink::{attributes, text, u16_at, u32_at, u64_at};

/// Every body begins with a header of this size: command, version, two bytes of nothing.
const HEADER_BYTES: usize = 4;

const FAMILY_ID: u16 = 1;

const INTERFACE_INDEX: u16 = 3;
const INTERFACE_NAME: u16 = 4;
const MAC: u16 = 6;
const STATION: u16 = 21;
const FREQUENCY: u16 = 38;
const NETWORK: u16 = 47;

const NETWORK_ID: u16 = 1;
const NETWORK_ELEMENTS: u16 = 6;
const NETWORK_STATUS: u16 = 9;
/// The element that holds the name of a network.
const ELEMENT_NAME: u8 = 0;

/// A wireless device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    /// Some devices of drivers have none.
    pub(crate) name: String,
    pub(crate) frequency_mhz: u32,
}

/// A network a device is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) id: Vec<u8>,
    pub(crate) name: String,
    pub(crate) status: NetworkStatus,
}

/// How a device is in a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NetworkStatus {
    Client,
    AdHoc,
    #[default]
    Unknown,
}

impl NetworkStatus {
    /// The kernel's number.
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            0 | 1 => Self::Client,
            2 => Self::AdHoc,
            _ => Self::Unknown,
        }
    }
}

/// The other side of a device's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Station {
    pub(crate) mac: Vec<u8>,
    pub(crate) connected_seconds: u32,
    pub(crate) inactive_ms: u32,
    pub(crate) signal_dbm: i8,
    pub(crate) counts: StationCounts,
    /// In units of 100 kbit/s.
    pub(crate) receive_rate: u32,
    /// In units of 100 kbit/s.
    pub(crate) transmit_rate: u32,
}

/// What a device counts of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StationCounts {
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_packets: u32,
    pub(crate) sent_packets: u32,
    pub(crate) retries: u32,
    pub(crate) failures: u32,
    pub(crate) beacon_losses: u32,
}

/// The number of a family, from the answer of the directory.
pub(crate) fn family_id(body: &[u8]) -> Result<Option<u16>, MalformedFile> {
    for attribute in own_attributes(body) {
        if let (FAMILY_ID, value) = attribute? {
            return Ok(Some(u16_at(value, 0)));
        }
    }
    Ok(None)
}

pub(crate) fn interface(body: &[u8]) -> Result<Interface, MalformedFile> {
    let mut found = Interface::default();
    for attribute in own_attributes(body) {
        match attribute? {
            (INTERFACE_INDEX, value) => found.index = u32_at(value, 0),
            (INTERFACE_NAME, value) => found.name = text(value).into_owned(),
            (FREQUENCY, value) => found.frequency_mhz = u32_at(value, 0),
            _ => {}
        }
    }
    Ok(found)
}

/// Nothing for a network the device only hears.
pub(crate) fn network(body: &[u8]) -> Result<Option<Network>, MalformedFile> {
    let mut found = None;
    for attribute in own_attributes(body) {
        if let (NETWORK, value) = attribute? {
            found = parse_network(value)?;
        }
    }
    Ok(found)
}

pub(crate) fn station(body: &[u8]) -> Result<Station, MalformedFile> {
    let mut found = Station::default();
    for attribute in own_attributes(body) {
        match attribute? {
            (MAC, value) => found.mac = value.to_vec(),
            (STATION, value) => parse_station(value, &mut found)?,
            _ => {}
        }
    }
    Ok(found)
}

fn own_attributes(body: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), MalformedFile>> {
    attributes(body.get(HEADER_BYTES..).unwrap_or_default())
}

fn parse_network(bytes: &[u8]) -> Result<Option<Network>, MalformedFile> {
    let mut found = Network::default();
    let mut is_own = false;
    for attribute in attributes(bytes) {
        match attribute? {
            (NETWORK_ID, value) => found.id = value.to_vec(),
            (NETWORK_ELEMENTS, value) => found.name = network_name(value),
            (NETWORK_STATUS, value) => {
                is_own = true;
                found.status = NetworkStatus::from_number(u32_at(value, 0));
            }
            _ => {}
        }
    }
    Ok(is_own.then_some(found))
}

/// Elements are a kind, a length, and that many bytes.
fn network_name(elements: &[u8]) -> String {
    let mut rest = elements;
    while let [kind, length, tail @ ..] = rest {
        let Some((value, tail)) = tail.split_at_checked(usize::from(*length)) else {
            break;
        };
        if *kind == ELEMENT_NAME {
            return super::text(value).into_owned();
        }
        rest = tail;
    }
    String::new()
}

fn parse_station(bytes: &[u8], found: &mut Station) -> Result<(), MalformedFile> {
    let counts = &mut found.counts;
    for attribute in attributes(bytes) {
        let (kind, value) = attribute?;
        match kind {
            1 => found.inactive_ms = u32_at(value, 0),
            // Newer kernels send the same with 64 bits.
            2 if counts.received_bytes == 0 => counts.received_bytes = u32_at(value, 0).into(),
            3 if counts.sent_bytes == 0 => counts.sent_bytes = u32_at(value, 0).into(),
            7 => found.signal_dbm = value.first().copied().unwrap_or_default().cast_signed(),
            8 => found.transmit_rate = rate(value)?,
            9 => counts.received_packets = u32_at(value, 0),
            10 => counts.sent_packets = u32_at(value, 0),
            11 => counts.retries = u32_at(value, 0),
            12 => counts.failures = u32_at(value, 0),
            14 => found.receive_rate = rate(value)?,
            16 => found.connected_seconds = u32_at(value, 0),
            18 => counts.beacon_losses = u32_at(value, 0),
            23 => counts.received_bytes = u64_at(value, 0),
            24 => counts.sent_bytes = u64_at(value, 0),
            _ => {}
        }
    }
    Ok(())
}

/// In units of 100 kbit/s; 16 bits of it from old kernels.
fn rate(bytes: &[u8]) -> Result<u32, MalformedFile> {
    let mut rate = 0;
    for attribute in attributes(bytes) {
        match attribute? {
            (1, value) if rate == 0 => rate = u16_at(value, 0).into(),
            (5, value) => rate = u32_at(value, 0),
            _ => {}
        }
    }
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    fn body(parts: &[Vec<u8>]) -> Vec<u8> {
        [vec![0; HEADER_BYTES], parts.concat()].concat()
    }

    fn number(kind: u16, value: u32) -> Vec<u8> {
        attribute(kind, &value.to_ne_bytes())
    }

    #[test]
    fn families_and_interfaces() {
        assert_eq!(
            family_id(&body(&[attribute(FAMILY_ID, &28_u16.to_ne_bytes())])),
            Ok(Some(28))
        );
        assert_eq!(family_id(&[]), Ok(None));
        let found = interface(&body(&[
            number(INTERFACE_INDEX, 3),
            attribute(INTERFACE_NAME, b"wlan0\0"),
            number(FREQUENCY, 2412),
        ]));
        let expected = Interface {
            index: 3,
            name: "wlan0".to_owned(),
            frequency_mhz: 2412,
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn networks() {
        let elements = [&[1, 2, 9, 9, 0, 4][..], b"home", &[3, 200]].concat();
        let known = [
            attribute(NETWORK_ID, &[1; 6]),
            attribute(NETWORK_ELEMENTS, &elements),
        ]
        .concat();
        assert_eq!(
            network(&body(&[attribute(NETWORK, &known)])),
            Ok(None),
            "only heard"
        );
        let own = [known, number(NETWORK_STATUS, 1)].concat();
        let found = network(&body(&[attribute(NETWORK, &own)])).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.status, found.id.len()),
            ("home", NetworkStatus::Client, 6)
        );
        assert_eq!(NetworkStatus::from_number(2), NetworkStatus::AdHoc);
        assert_eq!(network_name(&[0, 9, 1]), "", "an element that is cut short");
    }

    #[test]
    fn stations() {
        let own = [
            number(1, 400),
            number(2, 5),
            attribute(23, &6_u64.to_ne_bytes()),
            attribute(7, &[0xcc]),
            attribute(8, &[attribute(1, &7_u16.to_ne_bytes()), number(5, 8)].concat()),
            attribute(14, &attribute(1, &9_u16.to_ne_bytes())),
            number(16, 30),
        ];
        let found = station(&body(&[
            attribute(MAC, &[1, 2, 3, 4, 5, 6]),
            attribute(STATION, &own.concat()),
        ]))
        .unwrap();
        assert_eq!(
            (found.inactive_ms, found.connected_seconds, found.signal_dbm),
            (400, 30, -52)
        );
        assert_eq!(
            (
                found.transmit_rate,
                found.receive_rate,
                found.counts.received_bytes
            ),
            (8, 9, 6)
        );
        assert!(station(&body(&[attribute(STATION, &[9; 4])])).is_err());
    }
}
