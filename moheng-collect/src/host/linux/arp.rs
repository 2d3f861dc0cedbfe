//! Collector `arp`: known IPv4 neighbours.

use moheng_metrics::MetricFamily;
use std::collections::BTreeMap;

use super::families::{append, gauge, push};
use super::filter::Filter;
use super::{HostOptions, system};
use crate::files::Folder;
use crate::proc::{arp, text};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "arp";

/// Neighbours that need no resolution, such as broadcast addresses (`NUD_NOARP`).
const STATE_NO_ARP: u16 = 0x40;

#[derive(Debug)]
struct Arp {
    proc: Folder,
    devices: Filter,
    uses_netlink: bool,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Arp {
        proc: Folder::kept_open(&options.roots.proc),
        devices: Filter::new(NAME, &options.arp.devices)?,
        uses_netlink: options.arp.netlink,
    }))
}

impl Collector for Arp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let entries = if self.uses_netlink {
            entries_of_kernel()?
        } else {
            self.entries_of_file()?
        };
        let mut family = gauge("node_arp_entries", "IPv4 neighbours known on the device.");
        for (device, count) in entries {
            if self.devices.keeps(&device) {
                push(&mut family, &[("device", &device)], f64::from(count));
            }
        }
        append(out, [family]);
        Ok(())
    }
}

impl Arp {
    fn entries_of_file(&self) -> Result<BTreeMap<String, u32>, CollectError> {
        let content = self.proc.read("net/arp")?;
        let devices = arp::parse(&content).map_err(|error| self.proc.malformed("net/arp", error))?;
        let mut entries = BTreeMap::new();
        for device in devices {
            *entries.entry(text(device).into_owned()).or_default() += 1;
        }
        Ok(entries)
    }
}

fn entries_of_kernel() -> Result<BTreeMap<String, u32>, CollectError> {
    let dump = |result: std::io::Result<_>| {
        result.map_err(|source| CollectError::Io {
            what: "routing socket".to_owned(),
            source,
        })
    };
    let neighbours = dump(system::dump_neighbours())?.neighbours;
    let mut entries = BTreeMap::new();
    if neighbours.is_empty() {
        return Ok(entries);
    }
    let links = dump(system::dump_links())?.links;
    for neighbour in neighbours
        .iter()
        .filter(|neighbour| neighbour.state & STATE_NO_ARP == 0)
    {
        if let Some(link) = links.iter().find(|link| link.index == neighbour.link_index) {
            *entries.entry(link.name.clone()).or_default() += 1;
        }
    }
    Ok(entries)
}
