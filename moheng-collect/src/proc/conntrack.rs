//! `/proc/net/stat/nf_conntrack`: connection tracking, a row of hexadecimal counts per CPU.

use super::{MalformedFile, net_stat};

/// The columns by the name in the header, summed over all CPUs.
pub(crate) fn parse(content: &[u8]) -> Result<Vec<(&[u8], u64)>, MalformedFile> {
    let counts = net_stat::parse(content)?;
    let mut sums: Vec<(&[u8], u64)> = counts.names.into_iter().map(|name| (name, 0)).collect();
    for row in counts.rows {
        for ((_, sum), count) in sums.iter_mut().zip(row) {
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
