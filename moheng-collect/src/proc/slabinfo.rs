//! `/proc/slabinfo`: the kernel's caches of objects.

use super::MalformedFile;
use super::scan::{expect_decimal, fields, lines};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slab<'a> {
    pub(crate) name: &'a [u8],
    /// Active objects, objects, bytes of an object, objects of a slab, pages of a slab.
    pub(crate) counts: [u64; 5],
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Slab<'_>>, MalformedFile> {
    lines(content)
        .filter(|(_, line)| !line.starts_with(b"#") && !line.starts_with(b"slabinfo -"))
        .map(|(number, line)| {
            let mut fields = fields(line);
            let name = fields.next().unwrap_or_default();
            let mut counts = [0; 5];
            for count in &mut counts {
                *count = expect_decimal(fields.next(), number, "a count")?;
            }
            Ok(Slab { name, counts })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs() {
        let content = b"slabinfo - version: 2.1\n# name <active>\nkmalloc-8 1 2 3 4 5 : tunables 0 0 0\n";
        let slabs = parse(content).unwrap();
        assert_eq!(
            (slabs[0].name, slabs[0].counts),
            (&b"kmalloc-8"[..], [1, 2, 3, 4, 5])
        );
        assert_eq!(parse(b"kmalloc-8 1 2 3 4\n").unwrap_err().line, 1);
    }
}
