//! `/proc/net/rpc/nfs` and `nfsd`: counts of the NFS client and server.

use std::collections::HashMap;

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, text};

/// What lines of versions of the protocol begin with, in ascending order.
const REQUESTS: &str = "proc";

/// The numbers of each line, by the word it begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RpcStat<'a> {
    rows: HashMap<std::borrow::Cow<'a, str>, Vec<u64>>,
}

impl RpcStat<'_> {
    /// Refuses a file without a line that is always there, since everything in it would be 0.
    pub(crate) fn with_row(self, row: &str) -> Result<Self, MalformedFile> {
        if self.rows.contains_key(row) {
            Ok(self)
        } else {
            Err(MalformedFile::whole(format!("a line {row} expected")))
        }
    }

    /// A number of a line, counted from 0; 0 where the kernel has none.
    pub(crate) fn number(&self, row: &str, index: usize) -> u64 {
        self.numbers(row).get(index).copied().unwrap_or_default()
    }

    /// The numbers of a version of the protocol, without how many there are; none of a version this kernel does not have. `None`
    /// where no later line tells that there is none of this.
    pub(crate) fn requests(&self, row: &str) -> Option<&[u64]> {
        if let [_, numbers @ ..] = self.numbers(row) {
            return Some(numbers);
        }
        let is_later = |other: &str| other.starts_with(REQUESTS) && other > row;
        self.rows.keys().any(|other| is_later(other)).then_some(&[])
    }

    /// The numbers of a line.
    pub(crate) fn numbers(&self, row: &str) -> &[u64] {
        self.rows.get(row).map(Vec::as_slice).unwrap_or_default()
    }
}

pub(crate) fn parse(content: &[u8]) -> Result<RpcStat<'_>, MalformedFile> {
    let mut stat = RpcStat::default();
    for (number, line) in lines(content) {
        let mut words = fields(line);
        let Some(name) = words.next() else { continue };
        let mut numbers = Vec::new();
        for word in words {
            // The threads' times at work, which newer kernels no longer keep, have a fraction.
            match decimal(word) {
                Some(count) => numbers.push(count),
                None if name == b"th" => {}
                None => return Err(expected("a count", Some(word), number)),
            }
        }
        if name.starts_with(REQUESTS.as_bytes()) {
            // The first number is that of those behind it.
            let length = numbers.first().map(|count| count.saturating_add(1));
            if length != Some(numbers.len() as u64) {
                return Err(expected("as many counts as the first says", None, number));
            }
        }
        stat.rows.insert(text(name), numbers);
    }
    Ok(stat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let stat = parse(b"net 70 71 69 45\nth 8 0 0.000 0.000\n\nproc2 2 3 4\n").unwrap();
        assert_eq!(
            (stat.number("net", 3), stat.number("net", 4), stat.number("rc", 0)),
            (45, 0, 0)
        );
        assert_eq!(stat.numbers("th"), [8, 0]);
        assert!(stat.clone().with_row("rpc").is_err() && stat.clone().with_row("th").is_ok());
        assert_eq!(stat.requests("proc2"), Some(&[3, 4][..]));
        assert_eq!(stat.requests("proc1"), Some(&[][..]));
        assert_eq!(stat.requests("proc3"), None);
        for content in [
            "proc2",
            "proc2 2 3",
            "proc2 1 3 4",
            "proc2 18446744073709551615 1",
        ] {
            assert!(parse(content.as_bytes()).is_err(), "{content}");
        }
        assert_eq!(parse(b"net 1\nrpc x\n").unwrap_err().line, 2);
    }
}
