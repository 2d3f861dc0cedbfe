//! Messages of the kernel's routing socket (rtnetlink) about routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::MalformedFile;
use super::netlink::{attributes, u16_at, u32_at};

const HEADER_BYTES: usize = 12;
const NEXT_HOP_BYTES: usize = 8;

const UNICAST: u8 = 1;

const DESTINATION: u16 = 1;
const OUTPUT_LINK: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const PREFERRED_SOURCE: u16 = 7;
const MULTIPATH: u16 = 9;

/// Who made a route, by the kernel's numbers.
const PROTOCOLS: [(u8, &str); 22] = [
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (17, "mrouted"),
    (42, "babel"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
    (18, "keepalived"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Nothing for the default route.
    pub(crate) destination: Option<(IpAddr, u8)>,
    pub(crate) preferred_source: Option<IpAddr>,
    pub(crate) priority: u32,
    /// Who made it.
    pub(crate) protocol: &'static str,
    pub(crate) hops: Vec<Hop>,
}

/// Where packets go next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) link_index: i32,
    pub(crate) gateway: Option<IpAddr>,
    /// Only where there are several hops.
    pub(crate) weight: Option<u32>,
}

/// Nothing for routes that are not to one host or network.
pub(crate) fn parse(body: &[u8]) -> Result<Option<Route>, MalformedFile> {
    let byte = |at: usize| body.get(at).copied().unwrap_or_default();
    if byte(7) != UNICAST {
        return Ok(None);
    }
    let protocol = PROTOCOLS.iter().find(|(number, _)| *number == byte(5));
    let mut route = Route {
        destination: None,
        preferred_source: None,
        priority: 0,
        protocol: protocol.map_or("unknown", |(_, name)| name),
        hops: Vec::new(),
    };
    let mut only_hop = Hop::default();
    for attribute in attributes(body.get(HEADER_BYTES..).unwrap_or_default()) {
        match attribute? {
            (DESTINATION, value) => route.destination = address(value).map(|address| (address, byte(1))),
            (OUTPUT_LINK, value) => only_hop.link_index = u32_at(value, 0).cast_signed(),
            (GATEWAY, value) => only_hop.gateway = address(value),
            (PRIORITY, value) => route.priority = u32_at(value, 0),
            (PREFERRED_SOURCE, value) => route.preferred_source = address(value),
            (MULTIPATH, value) => route.hops = hops(value)?,
            _ => {}
        }
    }
    if route.hops.is_empty() {
        route.hops.push(only_hop);
    }
    Ok(Some(route))
}

/// Each is a header with its length and attributes of its own.
fn hops(bytes: &[u8]) -> Result<Vec<Hop>, MalformedFile> {
    let mut hops = Vec::new();
    let mut rest = bytes;
    while rest.len() >= NEXT_HOP_BYTES {
        let length = usize::from(u16_at(rest, 0));
        let Some(own) = rest.get(NEXT_HOP_BYTES..length) else {
            return Err(MalformedFile::whole("a hop of a route ends early"));
        };
        let mut hop = Hop {
            link_index: u32_at(rest, 4).cast_signed(),
            gateway: None,
            weight: Some(u32::from(rest[3]) + 1),
        };
        for attribute in attributes(own) {
            if let (GATEWAY, value) = attribute? {
                hop.gateway = address(value);
            }
        }
        hops.push(hop);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(hops)
}

fn address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    <[u8; 16]>::try_from(value)
        .ok()
        .map(|bytes| Ipv6Addr::from(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::super::netlink::attribute;
    use super::*;

    fn header(protocol: u8, kind: u8) -> Vec<u8> {
        vec![2, 24, 0, 0, 254, protocol, 0, kind, 0, 0, 0, 0]
    }

    #[test]
    fn routes() {
        let mut body = header(16, UNICAST);
        body.extend(attribute(DESTINATION, &[10, 1, 2, 0]));
        body.extend(attribute(OUTPUT_LINK, &3_u32.to_ne_bytes()));
        body.extend(attribute(GATEWAY, &[10, 0, 0, 1]));
        body.extend(attribute(PRIORITY, &100_u32.to_ne_bytes()));
        body.extend(attribute(PREFERRED_SOURCE, &[10, 0, 0, 2]));
        let route = parse(&body).unwrap().unwrap();
        assert_eq!(route.destination, Some(("10.1.2.0".parse().unwrap(), 24)));
        assert_eq!((route.priority, route.protocol), (100, "dhcp"));
        assert_eq!(route.preferred_source, Some("10.0.0.2".parse().unwrap()));
        let gateway = Some("10.0.0.1".parse().unwrap());
        assert_eq!(
            route.hops,
            [Hop {
                link_index: 3,
                gateway,
                weight: None
            }]
        );
        assert_eq!(parse(&header(2, 2)).unwrap(), None, "a local route");
        assert!(parse(&body[..body.len() - 1]).is_err());
    }

    #[test]
    fn several_hops() {
        let hop = |weight: u8, link: u32| {
            let gateway = attribute(GATEWAY, &[0; 16]);
            let mut bytes = ((NEXT_HOP_BYTES + gateway.len()) as u16).to_ne_bytes().to_vec();
            bytes.extend([0, weight]);
            bytes.extend(link.to_ne_bytes());
            bytes.extend(gateway);
            bytes
        };
        let mut body = header(99, UNICAST);
        body.extend(attribute(MULTIPATH, &[hop(0, 1), hop(9, 2)].concat()));
        let route = parse(&body).unwrap().unwrap();
        assert_eq!((route.destination, route.protocol), (None, "unknown"));
        let weights: Vec<_> = route
            .hops
            .iter()
            .map(|hop| (hop.link_index, hop.weight))
            .collect();
        assert_eq!(weights, [(1, Some(1)), (2, Some(10))]);
        let mut body = header(2, UNICAST);
        body.extend(attribute(MULTIPATH, &[0; 8]));
        assert!(parse(&body).is_err());
    }
}
