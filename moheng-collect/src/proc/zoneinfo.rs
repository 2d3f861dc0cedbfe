//! `/proc/zoneinfo`: zones of memory and what their pages are used for.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, split_once};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Zone<'a> {
    pub(crate) node: &'a [u8],
    pub(crate) name: &'a [u8],
    /// Names and counts; the first zone of a node also has the node's.
    pub(crate) counts: Vec<(&'a [u8], u64)>,
    /// Pages kept free from allocations that could have used zone 0, 1, ...
    pub(crate) protection: Vec<u64>,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Zone<'_>>, MalformedFile> {
    let mut zones: Vec<Zone<'_>> = Vec::new();
    let mut is_in_page_sets = false;
    for (number, line) in lines(content) {
        if let Some(node) = line.strip_prefix(b"Node ") {
            zones.push(parse_header(node, number)?);
            is_in_page_sets = false;
            continue;
        }
        let Some(zone) = zones.last_mut() else {
            return Err(expected("\"Node\"", Some(line), number));
        };
        let line = line.trim_ascii();
        if let Some(list) = line.strip_prefix(b"protection: (") {
            zone.protection = parse_list(list, number)?;
        } else if line == b"pagesets" {
            is_in_page_sets = true;
        } else if !is_in_page_sets {
            let line = line.strip_prefix(b"pages ").unwrap_or(line);
            let mut words = fields(line);
            if let (Some(name), Some(count), None) = (words.next(), words.next(), words.next())
                && let Some(count) = decimal(count)
            {
                zone.counts.push((name, count));
            }
        }
    }
    Ok(zones)
}

/// `0, zone   DMA`.
fn parse_header(rest: &[u8], number: usize) -> Result<Zone<'_>, MalformedFile> {
    let (node, zone) = split_once(rest, b',').ok_or_else(|| expected("a comma", Some(rest), number))?;
    let zone = zone.trim_ascii();
    let name = zone
        .strip_prefix(b"zone")
        .ok_or_else(|| expected("\"zone\"", Some(zone), number))?;
    Ok(Zone {
        node: node.trim_ascii(),
        name: name.trim_ascii(),
        ..Zone::default()
    })
}

/// `0, 2039, 31932)`.
fn parse_list(list: &[u8], number: usize) -> Result<Vec<u64>, MalformedFile> {
    let list = list
        .strip_suffix(b")")
        .ok_or_else(|| expected("a closing parenthesis", Some(list), number))?;
    list.split(|&byte| byte == b',')
        .map(|field| {
            let field = field.trim_ascii();
            decimal(field).ok_or_else(|| expected("a number of pages", Some(field), number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_with_and_without_counts_of_their_node() {
        let content = b"Node 0, zone      DMA\n  per-node stats\n      nr_dirty     103\n  pages free     2949\n\
            \x20       high     14\n        protection: (0, 2039)\n  pagesets\n    cpu: 0\n              high:  7\n\
            Node 1, zone   Normal\n  pages free     5\n";
        let zones = parse(content).unwrap();
        assert_eq!(zones.len(), 2);
        let counts: [(&[u8], u64); 3] = [(b"nr_dirty", 103), (b"free", 2949), (b"high", 14)];
        assert_eq!(zones[0].counts, counts);
        assert_eq!(zones[0].protection, [0, 2039]);
        assert_eq!((zones[1].node, zones[1].name), (&b"1"[..], &b"Normal"[..]));
        for malformed in [
            "  pages free 1",
            "Node 0",
            "Node 0, DMA",
            "Node 0, zone a\nprotection: (1,x)",
        ] {
            assert!(parse(malformed.as_bytes()).is_err(), "{malformed}");
        }
    }
}
