//! Files with a name and a count in each line, such as `/proc/vmstat`.

use super::MalformedFile;
use super::scan::{expected, fields, lines, signed};

pub(crate) fn parse(content: &[u8]) -> Result<Vec<(&[u8], f64)>, MalformedFile> {
    lines(content)
        .map(|(number, line)| {
            let mut fields = fields(line);
            let name = fields.next().unwrap_or_default();
            let value = fields.next();
            match value.and_then(signed) {
                Some(count) => Ok((name, count)),
                None => Err(expected("a count", value, number)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        assert_eq!(parse(b"a 1\nb\t-2\n").unwrap(), [(&b"a"[..], 1.0), (b"b", -2.0)]);
        assert_eq!(parse(b"a 1\nb\n").unwrap_err().line, 2);
    }
}
