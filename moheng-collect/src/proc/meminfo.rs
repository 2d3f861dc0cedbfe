//! `/proc/meminfo`: every line, also those of kernels to come.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, split_once};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemoryField<'a> {
    /// As the kernel writes it: `Active(anon)`.
    pub(crate) name: &'a [u8],
    /// Bytes, or a count of pages where `is_bytes` is false.
    pub(crate) value: u64,
    pub(crate) is_bytes: bool,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<MemoryField<'_>>, MalformedFile> {
    let mut memory = Vec::with_capacity(64);
    for (line_number, line) in lines(content) {
        let Some((name, rest)) = split_once(line, b':') else {
            return Err(MalformedFile::new(line_number, "NAME: VALUE expected"));
        };
        let mut rest = fields(rest);
        let number = rest.next();
        let Some(value) = number.and_then(decimal) else {
            return Err(expected("an amount of memory", number, line_number));
        };
        let (value, is_bytes) = match rest.next() {
            None => (value, false),
            Some(b"kB") => (value.saturating_mul(1024), true),
            unit => return Err(expected("the unit kB", unit, line_number)),
        };
        memory.push(MemoryField {
            name,
            value,
            is_bytes,
        });
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_and_pages() {
        let parsed = parse(b"Active(anon):    2 kB\nHugePages_Total:   3\n").unwrap();
        let field = |name: &'static str, value, is_bytes| MemoryField {
            name: name.as_bytes(),
            value,
            is_bytes,
        };
        assert_eq!(
            parsed,
            [
                field("Active(anon)", 2048, true),
                field("HugePages_Total", 3, false)
            ]
        );
        for wrong in ["MemFree", "MemFree: x kB", "MemFree:", "MemFree: 1 MB"] {
            assert_eq!(parse(wrong.as_bytes()).unwrap_err().line, 1, "{wrong}");
        }
    }
}
