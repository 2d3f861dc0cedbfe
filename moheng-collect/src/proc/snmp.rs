//! `/proc/net/snmp`, `/proc/net/netstat` (a line of names, then a line of counts) and `/proc/net/snmp6` (a name and a
//! count per line).

use super::MalformedFile;
use super::scan::{expected, fields, lines, signed, split_once};

/// One count of a protocol.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProtocolCount<'a> {
    pub(crate) protocol: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) value: f64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<ProtocolCount<'_>>, MalformedFile> {
    let mut counts = Vec::with_capacity(256);
    let mut lines = lines(content);
    while let Some((number, names)) = lines.next() {
        let Some((protocol, names)) = split_once(names, b':') else {
            return Err(expected("PROTOCOL: NAMES", Some(names), number));
        };
        let values = lines.next().and_then(|(_, line)| split_once(line, b':'));
        let Some((_, values)) = values.filter(|(name, _)| *name == protocol) else {
            return Err(MalformedFile::new(
                number + 1,
                "the counts of the names above expected",
            ));
        };
        let mut values = fields(values);
        for name in fields(names) {
            let field = values.next();
            let value = field
                .and_then(signed)
                .ok_or_else(|| expected("a count", field, number + 1))?;
            counts.push(ProtocolCount {
                protocol,
                name,
                value,
            });
        }
    }
    Ok(counts)
}

/// The protocol is what ends in the first `6` of a name: `Ip6` and `InReceives`. Names without one are left out.
pub(crate) fn parse_ipv6(content: &[u8]) -> Result<Vec<ProtocolCount<'_>>, MalformedFile> {
    let mut counts = Vec::with_capacity(128);
    for (number, line) in lines(content) {
        let mut fields = fields(line);
        let name = fields.next().unwrap_or_default();
        let field = fields.next();
        let value = field
            .and_then(signed)
            .ok_or_else(|| expected("a count", field, number))?;
        if let Some(at) = memchr::memchr(b'6', name) {
            counts.push(ProtocolCount {
                protocol: &name[..=at],
                name: &name[at + 1..],
                value,
            });
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triples<'a>(counts: &[ProtocolCount<'a>]) -> Vec<(&'a str, &'a str, f64)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        counts
            .iter()
            .map(|count| (text(count.protocol), text(count.name), count.value))
            .collect()
    }

    #[test]
    fn names_and_counts() {
        let counts = parse(b"Tcp: A MaxConn\nTcp: 1 -1\nUdp: B\nUdp: 2\n").unwrap();
        assert_eq!(
            triples(&counts),
            [("Tcp", "A", 1.0), ("Tcp", "MaxConn", -1.0), ("Udp", "B", 2.0)]
        );
        for (wrong, line) in [
            ("Tcp: A\n", 2),
            ("Tcp: A\nUdp: 1\n", 2),
            ("Tcp: A B\nTcp: 1\n", 2),
            ("Tcp\n", 1),
        ] {
            assert_eq!(parse(wrong.as_bytes()).unwrap_err().line, line, "{wrong}");
        }
    }

    #[test]
    fn ipv6_names_hold_their_protocol() {
        let counts = parse_ipv6(b"Ip6InReceives \t 7\nUdpLite6InErrors 0\nOther 1\n").unwrap();
        assert_eq!(
            triples(&counts),
            [("Ip6", "InReceives", 7.0), ("UdpLite6", "InErrors", 0.0)]
        );
    }
}
