//! `/sys/devices/system/node/node*/meminfo`: memory of a NUMA node, each line of which begins with the node.

use super::MalformedFile;
use super::meminfo::MemoryField;
use super::scan::{expect_decimal, expected, fields, lines};

pub(crate) fn parse(content: &[u8]) -> Result<Vec<MemoryField<'_>>, MalformedFile> {
    lines(content)
        .map(|(number, line)| {
            let mut fields = fields(line);
            let word = fields.next();
            if word != Some(b"Node") {
                return Err(expected("\"Node\"", word, number));
            }
            expect_decimal(fields.next(), number, "the number of a node")?;
            let name = fields.next();
            let name = name
                .and_then(|name| name.strip_suffix(b":"))
                .ok_or_else(|| expected("a name and a colon", name, number))?;
            let value = expect_decimal(fields.next(), number, "a value")?;
            let is_bytes = fields.next() == Some(b"kB");
            Ok(MemoryField {
                name,
                value: if is_bytes {
                    value.saturating_mul(1024)
                } else {
                    value
                },
                is_bytes,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_node() {
        let memory = parse(b"Node 0 Active(file):  2 kB\nNode 0 HugePages_Free:   3\n").unwrap();
        assert_eq!((memory[0].name, memory[0].value), (&b"Active(file)"[..], 2048));
        assert_eq!((memory[1].value, memory[1].is_bytes), (3, false));
        for malformed in [
            "MemFree: 1 kB",
            "Node x MemFree: 1 kB",
            "Node 0 MemFree 1",
            "Node 0 MemFree: x",
        ] {
            assert_eq!(parse(malformed.as_bytes()).unwrap_err().line, 1);
        }
    }
}
