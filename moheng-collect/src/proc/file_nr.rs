//! `/proc/sys/fs/file-nr`.

use super::MalformedFile;
use super::scan::{expect_decimal, fields};

/// Allocated file handles, and the most there can be.
pub(crate) fn parse(content: &[u8]) -> Result<(u64, u64), MalformedFile> {
    let mut fields = fields(content);
    let allocated = expect_decimal(fields.next(), 1, "a count of file handles")?;
    // The second number, of unused handles, has been 0 since Linux 2.6.
    let maximum = expect_decimal(fields.nth(1), 1, "the maximum of file handles")?;
    Ok((allocated, maximum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        assert_eq!(parse(b"1024\t0\t1631329\n").unwrap(), (1024, 1_631_329));
        assert!(parse(b"1024 0\n").is_err());
    }
}
