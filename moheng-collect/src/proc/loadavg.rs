//! `/proc/loadavg`.

use super::MalformedFile;
use super::scan::{expected, fields, fraction};

/// The load averages of 1, 5 and 15 minutes.
pub(crate) fn parse(content: &[u8]) -> Result<[f64; 3], MalformedFile> {
    let mut fields = fields(content);
    let mut loads = [0.0; 3];
    for load in &mut loads {
        let field = fields.next();
        *load = field
            .and_then(fraction)
            .ok_or_else(|| expected("a load average", field, 1))?;
    }
    Ok(loads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers() {
        assert_eq!(
            parse(b"0.21 0.37 0.39 1/719 19737\n").unwrap(),
            [0.21, 0.37, 0.39]
        );
        assert!(parse(b"0.21 0.37\n").is_err());
        for content in [
            "0.21 inf 1",
            "0.21 -1 1",
            "0.21 1e3 1",
            "0.21 99999999999999999999.0 1",
            "0. 1 1",
            ".5 1 1",
        ] {
            assert!(parse(content.as_bytes()).is_err(), "{content}");
        }
    }
}
