//! `/proc/net/rpc/nfs` and `nfsd`: counts of the NFS client and server.

use std::collections::HashMap;

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, text};

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
        assert_eq!(stat.numbers("proc2"), [2, 3, 4]);
        assert_eq!(parse(b"net 1\nrpc x\n").unwrap_err().line, 2);
    }
}
