//! `/proc/net/ip_vs` and `/proc/net/ip_vs_stats`: the load balancer of the kernel.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::MalformedFile;
use super::scan::{expect_decimal, expected, fields, hexadecimal, lines, split_once, text};

/// A server behind a virtual service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) service: Service,
    pub(crate) remote: Endpoint,
    pub(crate) weight: u64,
    pub(crate) active: u64,
    pub(crate) inactive: u64,
}

/// What clients connect to: an address, or packets with a mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) protocol: String,
    pub(crate) local: Endpoint,
    pub(crate) mark: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Empty when there is none.
    pub(crate) address: String,
    pub(crate) port: u16,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Backend>, MalformedFile> {
    let mut backends = Vec::new();
    let mut service = None;
    for (number, line) in lines(content) {
        let mut words = fields(line);
        let first = words.next().unwrap_or_default();
        let second = words.next();
        match first {
            b"TCP" | b"UDP" | b"SCTP" => {
                service = Some(Service {
                    protocol: text(first).into_owned(),
                    local: endpoint(second, number)?,
                    mark: String::new(),
                });
            }
            b"FWM" => {
                let mark = second.ok_or_else(|| expected("a mark", None, number))?;
                service = Some(Service {
                    protocol: text(first).into_owned(),
                    local: Endpoint::default(),
                    mark: text(mark).into_owned(),
                });
            }
            b"->" if second != Some(b"RemoteAddress:Port") => {
                let Some(service) = &service else {
                    return Err(MalformedFile::new(
                        number,
                        "a service expected before its servers",
                    ));
                };
                words.next();
                let mut count = || expect_decimal(words.next(), number, "a count");
                backends.push(Backend {
                    service: service.clone(),
                    remote: endpoint(second, number)?,
                    weight: count()?,
                    active: count()?,
                    inactive: count()?,
                });
            }
            // Headers.
            _ => {}
        }
    }
    Ok(backends)
}

/// Connections, incoming and outgoing packets, incoming and outgoing bytes, since the kernel started.
pub(crate) fn parse_totals(content: &[u8]) -> Result<[u64; 5], MalformedFile> {
    // Two lines of words come first.
    let (number, line) = lines(content)
        .nth(2)
        .ok_or_else(|| MalformedFile::whole("three lines expected"))?;
    let mut totals = [0; 5];
    let mut words = fields(line);
    for total in &mut totals {
        let word = words.next();
        *total = word
            .and_then(hexadecimal)
            .ok_or_else(|| expected("a hexadecimal count", word, number))?;
    }
    Ok(totals)
}

/// `C0A80016:0CEA` or `[2620:0000:...:0001]:0050`.
fn endpoint(word: Option<&[u8]>, number: usize) -> Result<Endpoint, MalformedFile> {
    let fault = || expected("an address and a port in hexadecimal", word, number);
    let word = word.ok_or_else(fault)?;
    let (address, port) = if let Some(rest) = word.strip_prefix(b"[") {
        let (address, port) = split_once(rest, b']').ok_or_else(fault)?;
        let address: Ipv6Addr = text(address).parse().map_err(|_| fault())?;
        (address.to_string(), port.strip_prefix(b":").ok_or_else(fault)?)
    } else {
        let (address, port) = split_once(word, b':').ok_or_else(fault)?;
        let address = hexadecimal(address).and_then(|bits| u32::try_from(bits).ok());
        (Ipv4Addr::from_bits(address.ok_or_else(fault)?).to_string(), port)
    };
    let port = hexadecimal(port).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(fault)?;
    Ok(Endpoint { address, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_servers() {
        let content =
            b"IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n\
            \x20 -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  C0A80016:0CEA wlc\n\
            \x20 -> C0A85216:0CEA      Tunnel  100    248        2\nFWM  10001000 wlc\n\
            \x20 -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050 Route 1 0 3\n";
        let backends = parse(content).unwrap();
        assert_eq!(backends[0].service.local.address, "192.168.0.22");
        assert_eq!(
            (backends[0].remote.port, backends[0].weight, backends[0].active),
            (3306, 100, 248)
        );
        assert_eq!(backends[1].service.mark, "10001000");
        assert_eq!(
            (&*backends[1].remote.address, backends[1].inactive),
            ("2620::2", 3)
        );
        for malformed in [
            "TCP C0A80016 wlc",
            "-> C0A85216:0CEA Tunnel 1 2 3",
            "TCP C0A800160:0CEA",
            "FWM",
        ] {
            assert!(parse(malformed.as_bytes()).is_err(), "{malformed}");
        }
        let totals = parse_totals(b" Total Incoming\n Conns Packets\n 16A E3 0 51D 0\n").unwrap();
        assert_eq!(totals, [362, 227, 0, 1309, 0]);
        assert!(parse_totals(b"a\nb\n1 2 3\n").is_err());
        assert!(parse_totals(b"").is_err());
    }
}
