//! `/proc/net/arp`: IPv4 neighbours.

use super::MalformedFile;
use super::scan::{expected, fields, lines};

/// The device of each entry.
pub(crate) fn parse(content: &[u8]) -> Result<Vec<&[u8]>, MalformedFile> {
    lines(content)
        .skip(1)
        .map(|(number, line)| {
            fields(line)
                .nth(5)
                .ok_or_else(|| expected("a device in the sixth column", None, number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        let content = b"IP address HW type Flags HW address Mask Device\n1.2.3.4 0x1 0x2 cc:aa * eth0\n";
        assert_eq!(parse(content).unwrap(), [b"eth0"]);
        assert_eq!(parse(b"IP\n1.2.3.4 0x1\n").unwrap_err().line, 2);
    }
}
