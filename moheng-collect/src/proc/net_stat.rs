//! `/proc/net/stat/*`: a line of names, then a line of hexadecimal counts for each CPU.

use super::MalformedFile;
use super::scan::{expected, fields, hexadecimal, lines};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CountsByCpu<'a> {
    pub(crate) names: Vec<&'a [u8]>,
    /// By CPU, in the order of the names; the kernel may give fewer.
    pub(crate) rows: Vec<Vec<u64>>,
}

pub(crate) fn parse(content: &[u8]) -> Result<CountsByCpu<'_>, MalformedFile> {
    let mut lines = lines(content);
    let names: Vec<&[u8]> = match lines.next() {
        Some((_, header)) => fields(header).collect(),
        None => return Err(MalformedFile::whole("a line of names expected")),
    };
    let rows = lines.map(|(number, line)| {
        let counts = fields(line).take(names.len());
        counts
            .map(|field| {
                hexadecimal(field).ok_or_else(|| expected("a hexadecimal count", Some(field), number))
            })
            .collect()
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Err(MalformedFile::whole("a line of counts expected"));
    }
    Ok(CountsByCpu { names, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_cpus() {
        let counts = parse(b"entries hits\n0a 1\n0b 2 7\n").unwrap();
        assert_eq!(counts.names, [&b"entries"[..], b"hits"]);
        assert_eq!(counts.rows, [[10, 1], [11, 2]]);
        assert!(parse(b"").is_err());
        assert!(parse(b"entries hits\n").is_err());
        assert_eq!(parse(b"a\nx\n").unwrap_err().line, 2);
    }
}
