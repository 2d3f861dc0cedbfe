//! `/proc/buddyinfo`: free blocks of memory by size.

use super::MalformedFile;
use super::scan::{expected, fields, lines, split_once};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FreeBlocks<'a> {
    pub(crate) node: &'a [u8],
    pub(crate) zone: &'a [u8],
    /// How many blocks of 2^index pages are free.
    pub(crate) counts: Vec<u64>,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<FreeBlocks<'_>>, MalformedFile> {
    lines(content)
        .map(|(number, line)| {
            let (node, rest) =
                split_once(line, b',').ok_or_else(|| expected("a comma", Some(line), number))?;
            let node = node
                .strip_prefix(b"Node ")
                .ok_or_else(|| expected("\"Node\"", Some(node), number))?;
            let mut rest = fields(rest);
            let word = rest.next();
            if word != Some(b"zone") {
                return Err(expected("\"zone\"", word, number));
            }
            let zone = rest.next().ok_or_else(|| expected("a zone", None, number))?;
            let counts = rest.map(|field| super::scan::expect_decimal(Some(field), number, "a count"));
            Ok(FreeBlocks {
                node: node.trim_ascii(),
                zone,
                counts: counts.collect::<Result<_, _>>()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_nodes() {
        let zones = parse(b"Node 1, zone      DMA      1      0      2 \n").unwrap();
        let expected = FreeBlocks {
            node: b"1",
            zone: b"DMA",
            counts: vec![1, 0, 2],
        };
        assert_eq!(zones, [expected]);
        for malformed in [
            &b"Node 1"[..],
            b"Mode 1, zone DMA 1",
            b"Node 1, zone",
            b"Node 1, zone DMA x",
        ] {
            assert_eq!(parse(malformed).unwrap_err().line, 1);
        }
    }
}
