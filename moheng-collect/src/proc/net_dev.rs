//! `/proc/net/dev`: traffic of each network device.

use super::MalformedFile;
use super::scan::{expect_decimal, expected, fields, lines};

/// Eight counts received, then eight transmitted.
pub(crate) const NET_DEV_COLUMNS: usize = 16;
const HEADER_LINES: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetDev<'a> {
    pub(crate) device: &'a [u8],
    /// Received bytes, packets, errs, drop, fifo, frame, compressed, multicast; transmitted bytes, packets, errs, drop, fifo,
    /// colls, carrier, compressed.
    pub(crate) columns: [u64; NET_DEV_COLUMNS],
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<NetDev<'_>>, MalformedFile> {
    lines(content)
        .filter(|(number, _)| *number > HEADER_LINES)
        .map(|(number, line)| {
            // The names of alias devices contain colons; the counts do not.
            let at = memchr::memrchr(b':', line)
                .ok_or_else(|| expected("DEVICE: COUNTS", Some(line.trim_ascii()), number))?;
            let mut fields = fields(&line[at + 1..]);
            let mut columns = [0; NET_DEV_COLUMNS];
            for column in &mut columns {
                *column = expect_decimal(fields.next(), number, "a count of the device")?;
            }
            Ok(NetDev {
                device: line[..at].trim_ascii(),
                columns,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_missing_blanks() {
        let content = b"Inter-| Receive\n face |bytes\n    lo:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\neth0:0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 7\n";
        let devices = parse(content).unwrap();
        assert_eq!((devices[0].device, devices[0].columns[0]), (&b"lo"[..], 1));
        assert_eq!((devices[1].device, devices[1].columns[15]), (&b"eth0:0"[..], 7));
        assert_eq!(parse(b"a\nb\nlo: 1 2\n").unwrap_err().line, 3);
        assert!(parse(b"a\nb\nlo 1 2\n").is_err());
    }
}
