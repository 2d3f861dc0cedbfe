//! CPU lists as sysfs writes them: `0-3,8`.

use super::MalformedFile;
use super::scan::{decimal, expected, split_once};

/// More CPUs than any kernel supports; a bound for what a broken file can make us allocate.
const CPUS_MAX: u64 = 1 << 16;

/// The CPU numbers in the order of the list.
pub(crate) fn parse(content: &[u8]) -> Result<Vec<u32>, MalformedFile> {
    let content = content.trim_ascii();
    let mut cpus = Vec::new();
    if content.is_empty() {
        return Ok(cpus);
    }
    for part in content.split(|&byte| byte == b',') {
        let (first, last) = split_once(part, b'-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (decimal(first), decimal(last)) else {
            return Err(expected("a CPU or a range of CPUs", Some(part), 1));
        };
        let is_range = first <= last && last < CPUS_MAX;
        if !is_range || cpus.len() as u64 + (last - first) >= CPUS_MAX {
            return Err(expected("an ascending range of CPUs", Some(part), 1));
        }
        cpus.extend(first as u32..=last as u32);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(parse(b"1,3-5,9\n").unwrap(), [1, 3, 4, 5, 9]);
        assert_eq!(parse(b"\n").unwrap(), [0; 0]);
        for wrong in ["5-3", "a", "1,", "1-", "0-4294967296", "99999"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
