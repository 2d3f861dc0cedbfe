//! `/proc/net/stat/nf_conntrack`: connection tracking, a row of hexadecimal counts per CPU.

use super::MalformedFile;
use super::scan::{expected, fields, hexadecimal, lines};

/// The columns by the name in the header, summed over all CPUs.
pub(crate) fn parse(content: &[u8]) -> Result<Vec<(&[u8], u64)>, MalformedFile> {
    let mut lines = lines(content);
    let Some((_, header)) = lines.next() else {
        return Err(MalformedFile::whole("a header expected, found an empty file"));
    };
    let mut sums: Vec<(&[u8], u64)> = fields(header).map(|name| (name, 0)).collect();
    for (number, line) in lines {
        for ((_, sum), field) in sums.iter_mut().zip(fields(line)) {
            let count =
                hexadecimal(field).ok_or_else(|| expected("a hexadecimal count", Some(field), number))?;
            *sum = sum.wrapping_add(count);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        let content = b"entries found\n00000010 0000000a\n00000010 00000001\n";
        assert_eq!(parse(content).unwrap(), [(&b"entries"[..], 32), (b"found", 11)]);
        assert_eq!(parse(b"entries\nx\n").unwrap_err().line, 2);
        assert!(parse(b"\n").is_err());
    }
}
