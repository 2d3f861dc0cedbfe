//! Answers of the kernel recorded in files, for the collectors that ask it over a socket: a folder of JSON, as Node
//! Exporter's test fixtures have it.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::CollectError;
use crate::proc::MalformedFile;
use crate::proc::nl80211::{Interface, Network, NetworkStatus, Station, StationCounts};
use crate::proc::qdisc::QueueingDiscipline;

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
const BITS_PER_RATE_UNIT: u64 = 100_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct RecordedDiscipline {
    iface_name: String,
    parent: u32,
    kind: String,
    bytes: u64,
    packets: u64,
    drops: u32,
    requeues: u32,
    overlimits: u32,
    qlen: u32,
    backlog: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RecordedInterface {
    name: String,
    frequency: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RecordedNetwork {
    ssid: String,
    bssid: String,
    status: u32,
}

/// Durations are in nanoseconds, rates in bits per second.
#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase", default)]
struct RecordedStation {
    #[serde(rename = "hardwareaddr")]
    mac: String,
    connected: u64,
    inactive: u64,
    receivebitrate: u64,
    transmitbitrate: u64,
    signal: i8,
    #[serde(flatten)]
    counts: RecordedCounts,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RecordedCounts {
    receivedbytes: u64,
    transmittedbytes: u64,
    receivedpackets: u32,
    transmittedpackets: u32,
    transmitretries: u32,
    transmitfailed: u32,
    beaconloss: u32,
}

/// The queueing disciplines of `results.json`, with the names of their devices.
pub(super) fn disciplines(folder: &Path) -> Result<Vec<(String, QueueingDiscipline)>, CollectError> {
    let recorded: Vec<RecordedDiscipline> = read(&folder.join("results.json"))?;
    let discipline = |recorded: RecordedDiscipline| {
        let discipline = QueueingDiscipline {
            link_index: 0,
            is_root: recorded.parent == 0,
            kind: recorded.kind,
            bytes: recorded.bytes,
            packets: recorded.packets,
            drops: recorded.drops,
            requeues: recorded.requeues,
            over_limits: recorded.overlimits,
            queue_length: recorded.qlen,
            backlog: recorded.backlog,
        };
        (recorded.iface_name, discipline)
    };
    Ok(recorded.into_iter().map(discipline).collect())
}

/// The wireless devices of `interfaces.json`.
pub(super) fn interfaces(folder: &Path) -> Result<Vec<Interface>, CollectError> {
    let recorded: Vec<RecordedInterface> = read(&folder.join("interfaces.json"))?;
    let interface = |(recorded, index): (RecordedInterface, u32)| Interface {
        index,
        name: recorded.name,
        frequency_mhz: recorded.frequency,
    };
    Ok(recorded.into_iter().zip(0..).map(interface).collect())
}

/// The network of `DEVICE/bss.json`, where there is one.
pub(super) fn network(folder: &Path, device: &str) -> Result<Option<Network>, CollectError> {
    let path = folder.join(device).join("bss.json");
    let Some(recorded) = optional::<RecordedNetwork>(&path)? else {
        return Ok(None);
    };
    Ok(Some(Network {
        id: mac(&path, &recorded.bssid)?,
        name: recorded.ssid,
        status: NetworkStatus::from_number(recorded.status),
    }))
}

/// The connections of `DEVICE/stationinfo.json`.
pub(super) fn stations(folder: &Path, device: &str) -> Result<Vec<Station>, CollectError> {
    let path = folder.join(device).join("stationinfo.json");
    let recorded = optional::<Vec<RecordedStation>>(&path)?.unwrap_or_default();
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let station = |recorded: RecordedStation| {
        Ok(Station {
            mac: mac(&path, &recorded.mac)?,
            connected_seconds: small(recorded.connected / NS_PER_SECOND),
            inactive_ms: small(recorded.inactive / NS_PER_MS),
            signal_dbm: recorded.signal,
            counts: StationCounts {
                received_bytes: recorded.counts.receivedbytes,
                sent_bytes: recorded.counts.transmittedbytes,
                received_packets: recorded.counts.receivedpackets,
                sent_packets: recorded.counts.transmittedpackets,
                retries: recorded.counts.transmitretries,
                failures: recorded.counts.transmitfailed,
                beacon_losses: recorded.counts.beaconloss,
            },
            receive_rate: small(recorded.receivebitrate / BITS_PER_RATE_UNIT),
            transmit_rate: small(recorded.transmitbitrate / BITS_PER_RATE_UNIT),
        })
    };
    recorded.into_iter().map(station).collect()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, CollectError> {
    let content = fs::read(path).map_err(|error| CollectError::from_io(path, error))?;
    serde_json::from_slice(&content)
        .map_err(|error| MalformedFile::whole(error.to_string()).at(path.to_path_buf()))
}

fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CollectError> {
    match read(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_no_data() => Ok(None),
        Err(error) => Err(error),
    }
}

fn mac(path: &Path, text: &str) -> Result<Vec<u8>, CollectError> {
    BASE64_STANDARD.decode(text).map_err(|_| {
        let message = format!("an address in base 64 expected, found {text:?}");
        MalformedFile::whole(message).at(path.to_path_buf())
    })
}
