//! Collector `qdisc`: how packets wait to be sent.

use std::path::PathBuf;

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::filter::Filter;
use super::recorded;
use super::system::{self, NetlinkProtocol};
use super::{HostOptions, io_error};
use crate::proc::netlink::{REQUEST_DUMP, message};
use crate::proc::qdisc::{self, QueueingDiscipline};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "qdisc";

const NEW_DISCIPLINE: u16 = 36;
const GET_DISCIPLINE: u16 = 38;
const HEADER_BYTES: usize = 20;

#[derive(Debug)]
struct Qdisc {
    devices: Filter,
    fixtures: Option<PathBuf>,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Qdisc {
        devices: Filter::new(NAME, &options.qdisc.devices)?,
        fixtures: options.qdisc.fixtures.clone(),
    }))
}

impl Collector for Qdisc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let disciplines = match &self.fixtures {
            Some(fixtures) => recorded::disciplines(fixtures)?,
            None => of_kernel()?,
        };
        let mut families = FamilySet::default();
        for (device, discipline) in &disciplines {
            if discipline.is_root && self.devices.keeps(device) {
                add(device, discipline, &mut families);
            }
        }
        families.append_to(out);
        Ok(())
    }
}

/// With the names of their devices.
fn of_kernel() -> Result<Vec<(String, QueueingDiscipline)>, CollectError> {
    let mut disciplines = Vec::new();
    let request = message(GET_DISCIPLINE, REQUEST_DUMP, &[0; HEADER_BYTES]);
    system::exchange(NetlinkProtocol::Route, &request, &mut |kind, body| {
        if kind == NEW_DISCIPLINE {
            disciplines.push(qdisc::parse(body)?);
        }
        Ok(())
    })
    .map_err(|source| io_error("routing socket", source))?;
    let links = system::dump_links().map_err(|source| io_error("routing socket", source))?;
    let with_name = |discipline: QueueingDiscipline| {
        let name = links.name_of(discipline.link_index)?.to_owned();
        Some((name, discipline))
    };
    Ok(disciplines.into_iter().filter_map(with_name).collect())
}

fn add(device: &str, discipline: &QueueingDiscipline, families: &mut FamilySet) {
    let labels = [("device", device), ("kind", discipline.kind.as_str())];
    let mut add = |name: &str, help: &str, value: f64| {
        families.add(&format!("node_qdisc_{name}"), help, &labels, value);
    };
    add("bytes_total", "Bytes sent.", discipline.bytes as f64);
    add("packets_total", "Packets sent.", discipline.packets as f64);
    add("drops_total", "Packets dropped.", discipline.drops.into());
    add(
        "requeues_total",
        "Packets that were taken out and put back.",
        discipline.requeues.into(),
    );
    add(
        "overlimits_total",
        "Packets over a limit.",
        discipline.over_limits.into(),
    );
    add(
        "current_queue_length",
        "Packets that wait.",
        discipline.queue_length.into(),
    );
    add("backlog", "Bytes that wait.", discipline.backlog.into());
}
