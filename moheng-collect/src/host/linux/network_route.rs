//! Collector `network_route`: where packets are sent.

use std::collections::BTreeMap;
use std::net::IpAddr;

use moheng_metrics::MetricFamily;

use super::families::FamilySet;
use super::function::Roots;
use super::io_error;
use super::system::{self, NetlinkProtocol};
use crate::CollectError;
use crate::proc::netlink::{REQUEST_DUMP, message};
use crate::proc::route::{self, Hop, Route};

pub(super) const NAME: &str = "network_route";

const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const HEADER_BYTES: usize = 12;

pub(super) fn collect(_roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut routes = Vec::new();
    let request = message(GET_ROUTE, REQUEST_DUMP, &[0; HEADER_BYTES]);
    system::exchange(NetlinkProtocol::Route, &request, &mut |kind, body| {
        if kind == NEW_ROUTE {
            routes.extend(route::parse(body)?);
        }
        Ok(())
    })
    .map_err(|source| io_error("routing socket", source))?;
    let links = system::dump_links().map_err(|source| io_error("routing socket", source))?;
    let mut families = FamilySet::default();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for route in &routes {
        for hop in &route.hops {
            let device = links.name_of(hop.link_index).unwrap_or_default();
            add(route, hop, device, &mut families);
            *counts.entry(device).or_default() += 1;
        }
    }
    for (device, count) in counts {
        let help = "Routes over the device.";
        families.add("node_network_routes", help, &[("device", device)], count.into());
    }
    families.append_to(out);
    Ok(())
}

fn add(route: &Route, hop: &Hop, device: &str, families: &mut FamilySet) {
    let text = |address: Option<IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
    let destination = match route.destination {
        Some((address, length)) => format!("{address}/{length}"),
        None => "default".to_owned(),
    };
    let weight = hop.weight.map(|weight| weight.to_string()).unwrap_or_default();
    let (gateway, priority) = (text(hop.gateway), route.priority.to_string());
    let source = text(route.preferred_source);
    let labels = [
        ("dest", destination.as_str()),
        ("device", device),
        ("gw", &gateway),
        ("priority", &priority),
        ("proto", route.protocol),
        ("src", &source),
        ("weight", &weight),
    ];
    families.add("node_network_route_info", "A route; always 1.", &labels, 1.0);
}
