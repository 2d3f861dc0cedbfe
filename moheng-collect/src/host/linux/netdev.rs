//! Collector `netdev`: traffic of network devices.

use moheng_metrics::MetricFamily;
use std::collections::BTreeMap;

use super::families::{counter, push};
use super::filter::Filter;
use super::{HostOptions, NetdevOptions, system};
use crate::files::Folder;
use crate::proc::link::{LINK_COUNTS, Link};
use crate::proc::net_dev::{self, NET_DEV_COLUMNS};
use crate::proc::text;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "netdev";

/// The columns of `/proc/net/dev`.
const COLUMN_NAMES: [&str; NET_DEV_COLUMNS] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];

/// The counts of the routing socket: the name of each, and under which name it is summed without `detailed`.
const LINK_NAMES: [(&str, &str); LINK_COUNTS] = [
    ("receive_packets", "receive_packets"),
    ("transmit_packets", "transmit_packets"),
    ("receive_bytes", "receive_bytes"),
    ("transmit_bytes", "transmit_bytes"),
    ("receive_errors", "receive_errs"),
    ("transmit_errors", "transmit_errs"),
    ("receive_dropped", "receive_drop"),
    ("transmit_dropped", "transmit_drop"),
    ("multicast", "receive_multicast"),
    ("collisions", "transmit_colls"),
    ("receive_length_errors", "receive_frame"),
    ("receive_over_errors", "receive_frame"),
    ("receive_crc_errors", "receive_frame"),
    ("receive_frame_errors", "receive_frame"),
    ("receive_fifo_errors", "receive_fifo"),
    ("receive_missed_errors", "receive_drop"),
    ("transmit_aborted_errors", "transmit_carrier"),
    ("transmit_carrier_errors", "transmit_carrier"),
    ("transmit_fifo_errors", "transmit_fifo"),
    ("transmit_heartbeat_errors", "transmit_carrier"),
    ("transmit_window_errors", "transmit_carrier"),
    ("receive_compressed", "receive_compressed"),
    ("transmit_compressed", "transmit_compressed"),
    ("receive_nohandler", "receive_nohandler"),
];

#[derive(Debug)]
struct Netdev {
    proc: Folder,
    devices: Filter,
    options: NetdevOptions,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Netdev {
        proc: Folder::kept_open(&options.roots.proc),
        devices: Filter::new(NAME, &options.netdev.devices)?,
        options: options.netdev.clone(),
    }))
}

impl Collector for Netdev {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families = Families::default();
        if self.options.netlink {
            let dump = system::dump_links().map_err(|source| CollectError::Io {
                what: "routing socket".to_owned(),
                source,
            })?;
            for link in dump.links.iter().filter(|link| self.devices.keeps(&link.name)) {
                families.add_link(link, self.options.detailed);
            }
        } else {
            let content = self.proc.read("net/dev")?;
            let devices = net_dev::parse(&content).map_err(|error| self.proc.malformed("net/dev", error))?;
            for device in devices {
                let name = text(device.device);
                if self.devices.keeps(&name) {
                    for (column, count) in COLUMN_NAMES.iter().zip(device.columns) {
                        families.add(column, &name, count);
                    }
                }
            }
        }
        out.extend(families.by_column.into_values());
        Ok(())
    }
}

#[derive(Default)]
struct Families {
    by_column: BTreeMap<&'static str, MetricFamily>,
}

impl Families {
    fn add(&mut self, column: &'static str, device: &str, count: u64) {
        let family = self.by_column.entry(column).or_insert_with(|| {
            let help = "Traffic of the network device as the kernel counts it.";
            counter(&format!("node_network_{column}_total"), help)
        });
        push(family, &[("device", device)], count as f64);
    }

    fn add_link(&mut self, link: &Link, is_detailed: bool) {
        if is_detailed {
            for ((name, _), count) in LINK_NAMES.iter().zip(link.counts) {
                self.add(name, &link.name, count);
            }
            return;
        }
        let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
        for ((_, name), count) in LINK_NAMES.iter().zip(link.counts) {
            let sum = sums.entry(name).or_default();
            *sum = sum.wrapping_add(count);
        }
        for (name, sum) in sums {
            self.add(name, &link.name, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_proc_file() {
        let mut link = Link {
            index: 1,
            name: "eth0".to_owned(),
            counts: [0; LINK_COUNTS],
        };
        for (index, count) in link.counts.iter_mut().enumerate() {
            *count = 1 << index;
        }
        let mut families = Families::default();
        families.add_link(&link, false);
        let value = |name: &str| families.by_column[name].metrics[0].value.as_number().unwrap() as u64;
        assert_eq!(value("receive_drop"), 1 << 6 | 1 << 15);
        assert_eq!(value("receive_frame"), 0b1111 << 10);
        assert_eq!(value("transmit_carrier"), 0b11 << 16 | 0b11 << 19);
        assert_eq!(families.by_column.len(), COLUMN_NAMES.len() + 1, "and nohandler");
        assert!(
            COLUMN_NAMES
                .iter()
                .all(|name| families.by_column.contains_key(name))
        );

        let mut detailed = Families::default();
        detailed.add_link(&link, true);
        assert_eq!(detailed.by_column.len(), LINK_COUNTS);
    }
}
