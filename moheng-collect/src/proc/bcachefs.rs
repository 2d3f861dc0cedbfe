//! Files of a bcachefs filesystem in `/sys/fs/bcachefs/UUID`.

use super::scan::{expect_decimal, expected, fields, lines, split_once, text};
use super::{MalformedFile, size};

/// How much an algorithm packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    pub(crate) algorithm: String,
    pub(crate) compressed_bytes: u64,
    pub(crate) uncompressed_bytes: u64,
}

/// Writes of tree nodes for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Writes {
    pub(crate) reason: String,
    pub(crate) count: u64,
    pub(crate) average_bytes: u64,
}

/// What was read or written of one kind of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) operation: &'static str,
    pub(crate) data_type: String,
    pub(crate) bytes: u64,
}

/// `compression_stats`: a line of titles, then `ALGORITHM COMPRESSED UNCOMPRESSED AVERAGE`.
pub(crate) fn compression(content: &[u8]) -> Result<Vec<Compression>, MalformedFile> {
    rows(content)
        .map(|(number, words)| {
            Ok(Compression {
                algorithm: name(words[0]),
                compressed_bytes: bytes(words[1], number)?,
                uncompressed_bytes: bytes(words[2], number)?,
            })
        })
        .collect()
}

/// `btree_write_stats`: a line of titles, then `REASON: COUNT AVERAGE`.
pub(crate) fn writes(content: &[u8]) -> Result<Vec<Writes>, MalformedFile> {
    rows(content)
        .map(|(number, words)| {
            Ok(Writes {
                reason: name(words[0]),
                count: expect_decimal(Some(words[1]), number, "a count")?,
                average_bytes: bytes(words[2], number)?,
            })
        })
        .collect()
}

/// `errors`: `ERROR COUNT TIME`. The kernel leaves no blank after a long count: then count and time are one number, which
/// is passed on as it is.
pub(crate) fn errors(content: &[u8]) -> Result<Vec<(String, u64)>, MalformedFile> {
    let mut errors = Vec::new();
    for (number, line) in lines(content) {
        let mut words = fields(line);
        if let (Some(error), Some(count)) = (words.next(), words.next()) {
            errors.push((name(error), expect_decimal(Some(count), number, "a count")?));
        }
    }
    Ok(errors)
}

/// A file of `counters`: the count since the filesystem was made.
pub(crate) fn counter(content: &[u8]) -> Result<u64, MalformedFile> {
    let key = b"since filesystem creation:";
    let found = lines(content).find_map(|(number, line)| Some((number, line.strip_prefix(key)?)));
    let (number, value) =
        found.ok_or_else(|| MalformedFile::whole("a line \"since filesystem creation: COUNT\" expected"))?;
    bytes(value, number)
}

/// `io_done` of a device: `read:` and `write:`, each followed by `KIND : BYTES`.
pub(crate) fn transfers(content: &[u8]) -> Result<Vec<Transfer>, MalformedFile> {
    let mut transfers = Vec::new();
    let mut operation = None;
    for (number, line) in lines(content) {
        match (line.trim_ascii(), operation) {
            (b"read:", _) => operation = Some("read"),
            (b"write:", _) => operation = Some("write"),
            (line, Some(operation)) => {
                if let Some((data_type, count)) = split_once(line, b':') {
                    transfers.push(Transfer {
                        operation,
                        data_type: text(data_type.trim_ascii()).into_owned(),
                        bytes: expect_decimal(Some(count.trim_ascii()), number, "a number of bytes")?,
                    });
                }
            }
            _ => {}
        }
    }
    Ok(transfers)
}

/// `io_errors` of a device: the part since the filesystem was made, `KIND: COUNT`.
pub(crate) fn io_errors(content: &[u8]) -> Result<Vec<(String, u64)>, MalformedFile> {
    let mut errors = Vec::new();
    let mut is_wanted = false;
    for (number, line) in lines(content) {
        if line.starts_with(b"IO errors since ") {
            is_wanted = line.starts_with(b"IO errors since filesystem creation");
        } else if is_wanted && let Some((kind, count)) = split_once(line.trim_ascii(), b':') {
            let count = expect_decimal(Some(count.trim_ascii()), number, "a count")?;
            errors.push((text(kind.trim_ascii()).into_owned(), count));
        }
    }
    Ok(errors)
}

/// The lines after the titles that have three words or more, with the first three.
fn rows(content: &[u8]) -> impl Iterator<Item = (usize, [&[u8]; 3])> {
    lines(content)
        .filter(|(number, _)| *number > 1)
        .filter_map(|(number, line)| {
            let mut words = fields(line);
            Some((number, [words.next()?, words.next()?, words.next()?]))
        })
}

fn name(word: &[u8]) -> String {
    text(word.strip_suffix(b":").unwrap_or(word)).into_owned()
}

fn bytes(word: &[u8], line: usize) -> Result<u64, MalformedFile> {
    size::decimal(&text(word)).ok_or_else(|| expected("a size", Some(word), line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let found = compression(b"type compressed\nlz4  48.0k  1.5M  62k\nshort 1\n").unwrap();
        assert_eq!(found[0].compressed_bytes, 49_152);
        assert_eq!(found[0].uncompressed_bytes, 1_572_864);
        assert_eq!(found.len(), 1);
        let found = writes(b"  nr size\ninitial: 3 100k\n").unwrap();
        assert_eq!(
            (found[0].reason.as_str(), found[0].count, found[0].average_bytes),
            ("initial", 3, 102_400)
        );
        assert_eq!(
            errors(b"a 2 1753593586\nb 11\n").unwrap(),
            [("a".to_owned(), 2), ("b".to_owned(), 11)]
        );
        assert_eq!(
            counter(b"since mount: 1\nsince filesystem creation:  2.0k\n").unwrap(),
            2048
        );
        let found = transfers(b"lost: 1\nread:\nsb : 7\nwrite:\nuser : 8\n").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[1].operation, found[1].data_type.as_str(), found[1].bytes),
            ("write", "user", 8)
        );
        let found =
            io_errors(b"IO errors since filesystem creation\n read: 1\nIO errors since 8 y ago\n read: 9\n");
        assert_eq!(found.unwrap(), [("read".to_owned(), 1)]);
    }

    #[test]
    fn faults() {
        assert_eq!(compression(b"\nlz4 x 1\n").unwrap_err().line, 2);
        assert_eq!(writes(b"\na: x 1\n").unwrap_err().line, 2);
        assert_eq!(errors(b"a b c\n").unwrap_err().line, 1);
        assert_eq!(counter(b"since mount: 1\n").unwrap_err().line, 0);
        assert_eq!(transfers(b"read:\nsb : x\n").unwrap_err().line, 2);
        assert_eq!(
            io_errors(b"IO errors since filesystem creation\n read:\n")
                .unwrap_err()
                .line,
            2
        );
    }
}
