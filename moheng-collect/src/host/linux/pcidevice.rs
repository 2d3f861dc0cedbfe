//! Collector `pcidevice`: devices on the PCI bus.

use std::fs;

use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::fraction;

pub(super) const NAME: &str = "pcidevice";

const FOLDER: &str = "bus/pci/devices";
const TRANSFERS_PER_GIGATRANSFER: f64 = 1e9;

/// File, metric, what it says.
const NUMBERS: [(&str, &str, &str); 9] = [
    (
        "current_link_speed",
        "current_link_transfers_per_second",
        "How fast the link is.",
    ),
    ("current_link_width", "current_link_width", "Lanes of the link."),
    (
        "d3cold_allowed",
        "d3cold_allowed",
        "Whether the device may be switched off (1).",
    ),
    (
        "max_link_speed",
        "max_link_transfers_per_second",
        "How fast the link could be.",
    ),
    ("max_link_width", "max_link_width", "Lanes the link could have."),
    ("numa_node", "numa_node", "The NUMA node the device is at."),
    (
        "sriov_drivers_autoprobe",
        "sriov_drivers_autoprobe",
        "Whether drivers take virtual functions by themselves (1).",
    ),
    ("sriov_numvfs", "sriov_numvfs", "Virtual functions in use."),
    (
        "sriov_totalvfs",
        "sriov_totalvfs",
        "Virtual functions the device can have.",
    ),
];

/// Label and file, ascending.
const IDENTITY: [(&str, &str); 6] = [
    ("class_id", "class"),
    ("device_id", "device"),
    ("revision", "revision"),
    ("subsystem_device_id", "subsystem_device"),
    ("subsystem_vendor_id", "subsystem_vendor"),
    ("vendor_id", "vendor"),
];

const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3cold", "D3hot", "error", "unknown"];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut numbers = NUMBERS.map(|(_, metric, help)| gauge(&format!("node_pcidevice_{metric}"), help));
    let mut vectors = gauge(
        "node_pcidevice_sriov_vf_total_msix",
        "Interrupt vectors for virtual functions.",
    );
    let mut info = gauge(
        "node_pcidevice_info",
        "A device and what it is connected to; always 1.",
    );
    let mut power = gauge(
        "node_pcidevice_power_state",
        "Whether the device is in this state (1) or not (0).",
    );
    for name in roots.sys.list(FOLDER)? {
        let Some(address) = Address::parse(&name) else {
            continue;
        };
        let folder = roots.sys.folder(&format!("{FOLDER}/{name}"));
        let labels = address.labels();
        for (family, (file, ..)) in numbers.iter_mut().zip(NUMBERS) {
            if let Some(value) = number(&folder, file) {
                push(family, &labels, value);
            }
        }
        if let Some(value) = number(&folder, "sriov_vf_total_msix") {
            push(&mut vectors, &labels, value);
        }
        if let Some(state) = folder.word_if_known("power_state", &POWER_STATES) {
            for known in POWER_STATES {
                let [bus, device, function, segment] = labels;
                let is_in = f64::from(u8::from(known == state));
                push(
                    &mut power,
                    &[bus, device, function, segment, ("state", known)],
                    is_in,
                );
            }
        }
        add_info(&mut info, &address, &folder);
    }
    append(out, numbers);
    append(out, [vectors, info, power]);
    Ok(())
}

fn add_info(info: &mut MetricFamily, address: &Address<'_>, folder: &Folder) {
    let identity = IDENTITY.map(|(label, file)| (label, folder.attribute_if_known(file).unwrap_or_default()));
    let mut labels: Vec<(&str, &str)> = identity
        .iter()
        .map(|(label, value)| (*label, value.as_str()))
        .collect();
    labels.extend(address.labels());
    // The link leads into the directory of the device's parent.
    let place = fs::canonicalize(folder.path()).ok();
    let parent = place
        .as_deref()
        .and_then(|place| place.parent()?.file_name()?.to_str());
    let unknown = Address {
        segment: "*",
        bus: "*",
        device: "*",
        function: "*",
    };
    let parent = parent.and_then(Address::parse).unwrap_or(unknown);
    labels.extend([
        ("parent_bus", parent.bus),
        ("parent_device", parent.device),
        ("parent_function", parent.function),
        ("parent_segment", parent.segment),
    ]);
    labels.sort_unstable();
    push(info, &labels, 1.0);
}

/// `8.0 GT/s PCIe` counts transfers; a negative number means that there is none.
fn number(folder: &Folder, file: &str) -> Option<f64> {
    let text = folder.attribute_if_known(file)?;
    if file.ends_with("_speed") {
        let gigatransfers = fraction(text.split_once(" GT/s")?.0.as_bytes())?;
        return Some(gigatransfers * TRANSFERS_PER_GIGATRANSFER);
    }
    text.parse::<u64>().ok().map(|value| value as f64)
}

/// `0000:01:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address<'a> {
    segment: &'a str,
    bus: &'a str,
    device: &'a str,
    function: &'a str,
}

impl<'a> Address<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (segment, rest) = name.split_once(':')?;
        let (bus, rest) = rest.split_once(':')?;
        let (device, function) = rest.split_once('.')?;
        let address = Self {
            segment,
            bus,
            device,
            function,
        };
        let is_hexadecimal =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        [segment, bus, device, function]
            .into_iter()
            .all(is_hexadecimal)
            .then_some(address)
    }

    fn labels(&self) -> [(&'static str, &'a str); 4] {
        [
            ("bus", self.bus),
            ("device", self.device),
            ("function", self.function),
            ("segment", self.segment),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address = Address::parse("0000:01:1f.7").unwrap();
        assert_eq!(
            (address.segment, address.bus, address.device, address.function),
            ("0000", "01", "1f", "7")
        );
        for name in ["pci0000:00", "0000:01:00", "0000:01:.0", "x:01:00.0", ""] {
            assert_eq!(Address::parse(name), None, "{name}");
        }
    }
}
