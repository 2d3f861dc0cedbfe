//! `/proc/swaps`: areas that memory is swapped to.

use super::MalformedFile;
use super::scan::{expect_decimal, expected, fields, lines, signed};

#[derive(Debug, PartialEq)]
pub(crate) struct Swap<'a> {
    pub(crate) device: &'a [u8],
    pub(crate) kind: &'a [u8],
    pub(crate) size_bytes: u64,
    pub(crate) used_bytes: u64,
    pub(crate) priority: f64,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Swap<'_>>, MalformedFile> {
    // The first line names the columns.
    lines(content)
        .skip(1)
        .map(|(number, line)| {
            let mut fields = fields(line);
            let device = fields.next().unwrap_or_default();
            let kind = fields.next().ok_or_else(|| expected("a type", None, number))?;
            let size_kib = expect_decimal(fields.next(), number, "a size")?;
            let used_kib = expect_decimal(fields.next(), number, "a size")?;
            let priority = fields.next();
            Ok(Swap {
                device,
                kind,
                size_bytes: size_kib.saturating_mul(1024),
                used_bytes: used_kib.saturating_mul(1024),
                priority: priority
                    .and_then(signed)
                    .ok_or_else(|| expected("a priority", priority, number))?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas() {
        let content = b"Filename\tType\tSize\tUsed\tPriority\n/dev/dm-2 partition 131068 176 -2\n";
        let swaps = parse(content).unwrap();
        assert_eq!(
            (swaps[0].device, swaps[0].kind),
            (&b"/dev/dm-2"[..], &b"partition"[..])
        );
        assert_eq!((swaps[0].used_bytes, swaps[0].priority), (176 * 1024, -2.0));
        assert_eq!(parse(b"x\n/dev/a partition 1 2\n").unwrap_err().line, 2);
    }
}
