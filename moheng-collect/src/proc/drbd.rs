//! `/proc/drbd`: disks mirrored to another machine.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, split_once, text};

/// One disk and what the kernel says of it, as pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device<'a> {
    pub(crate) number: u64,
    /// Counts by their two or three letters, as `ns` and `oos`.
    pub(crate) counts: Vec<(&'a str, u64)>,
    /// States by their two letters: of the connection (`cs`), roles (`ro`) and disks (`ds`).
    pub(crate) states: Vec<(&'a str, String)>,
}

const COUNTS: [&str; 12] = [
    "ns", "nr", "dw", "dr", "al", "bm", "lo", "pe", "ua", "ap", "ep", "oos",
];
const STATES: [&str; 3] = ["cs", "ro", "ds"];

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Device<'static>>, MalformedFile> {
    let mut devices: Vec<Device<'static>> = Vec::new();
    for (number, line) in lines(content) {
        for field in fields(line) {
            let Some((key, value)) = split_once(field, b':') else {
                continue;
            };
            if value.is_empty()
                && let Some(number) = decimal(key)
            {
                devices.push(Device {
                    number,
                    counts: Vec::new(),
                    states: Vec::new(),
                });
                continue;
            }
            // What comes before the first disk is about the module.
            let Some(device) = devices.last_mut() else {
                continue;
            };
            let find = |names: &[&'static str]| names.iter().copied().find(|name| name.as_bytes() == key);
            if let Some(name) = find(&COUNTS) {
                let count = decimal(value).ok_or_else(|| expected("a number", Some(value), number))?;
                device.counts.push((name, count));
            } else if let Some(name) = find(&STATES) {
                device.states.push((name, text(value).into_owned()));
            }
        }
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks() {
        let content = b"version: 8.4.3 (api:1/proto:86-101)\n\n 1: cs:Connected ro:Primary/Secondary\n  ns:7 oos:9\n 12: ns:8\n";
        let devices = parse(content).unwrap();
        assert_eq!(devices.len(), 2);
        assert_eq!((devices[0].number, devices[1].number), (1, 12));
        assert_eq!(devices[0].counts, [("ns", 7), ("oos", 9)]);
        assert_eq!(devices[0].states[1], ("ro", "Primary/Secondary".to_owned()));
        assert_eq!(parse(b"1:\nns:x").unwrap_err().line, 2);
        assert!(parse(b"ns:x").unwrap().is_empty());
    }
}
