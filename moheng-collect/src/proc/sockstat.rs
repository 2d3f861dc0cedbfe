//! `/proc/net/sockstat` and `sockstat6`: sockets by protocol.

use super::MalformedFile;
use super::scan::{expected, fields, lines, signed, split_once};

/// One number of a protocol; the pseudo protocol `sockets` has the sum.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SocketCount<'a> {
    pub(crate) protocol: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) value: f64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<SocketCount<'_>>, MalformedFile> {
    let mut counts = Vec::with_capacity(32);
    for (number, line) in lines(content) {
        let Some((protocol, rest)) = split_once(line, b':') else {
            return Err(expected("PROTOCOL: NAME COUNT ...", Some(line), number));
        };
        let mut rest = fields(rest);
        while let Some(name) = rest.next() {
            let field = rest.next();
            let value = field
                .and_then(signed)
                .ok_or_else(|| expected("a count", field, number))?;
            counts.push(SocketCount {
                protocol,
                name,
                value,
            });
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let counts = parse(b"sockets: used 13\nTCP: inuse 1 mem 31\n").unwrap();
        assert_eq!(counts.len(), 3);
        assert_eq!(
            (counts[2].protocol, counts[2].name, counts[2].value),
            (&b"TCP"[..], &b"mem"[..], 31.0)
        );
        assert_eq!(parse(b"TCP: inuse\n").unwrap_err().line, 1);
        assert!(parse(b"TCP inuse 1\n").is_err());
    }
}
