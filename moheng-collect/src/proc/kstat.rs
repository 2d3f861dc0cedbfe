//! Files of `/proc/spl/kstat/zfs`: statistics of ZFS.

use std::borrow::Cow;

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, text};

/// Types of values, by the number in the file.
const INTEGER: &[u8] = b"3";
const UNSIGNED: &[u8] = b"4";
const STRING: &[u8] = b"7";

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

/// Rows `NAME TYPE VALUE` after a line of titles; those of other types are left out.
pub(crate) fn parse(content: &[u8]) -> Result<Vec<(Cow<'_, str>, Value<'_>)>, MalformedFile> {
    let rows = lines(content).skip_while(|(_, line)| !is_title(line)).skip(1);
    let mut values = Vec::new();
    for (number, line) in rows {
        let mut words = fields(line);
        let (Some(name), Some(kind)) = (words.next(), words.next()) else {
            return Err(expected("NAME TYPE VALUE", Some(line), number));
        };
        let value = match kind {
            UNSIGNED | INTEGER => {
                let word = words.next();
                let found = word.and_then(number_of);
                Value::Number(found.ok_or_else(|| expected("a number", word, number))?)
            }
            // Names of datasets may have any blanks inside.
            STRING => Value::Text(text(after_words(line, 2))),
            _ => continue,
        };
        values.push((text(name), value));
    }
    Ok(values)
}

/// Rows of numbers under a line of titles.
pub(crate) fn parse_table(content: &[u8]) -> Result<Vec<(Cow<'_, str>, f64)>, MalformedFile> {
    let mut rows = lines(content).skip_while(|(_, line)| !fields(line).any(|word| word == b"nread"));
    let (Some((_, titles)), Some((number, row))) = (rows.next(), rows.next()) else {
        return Err(MalformedFile::whole(
            "a line of titles and a line of numbers expected",
        ));
    };
    let mut words = fields(row);
    fields(titles)
        .map(|title| {
            let word = words.next();
            let count = word
                .and_then(decimal)
                .ok_or_else(|| expected("a count", word, number))?;
            Ok((text(title), count as f64))
        })
        .collect()
}

fn is_title(line: &[u8]) -> bool {
    fields(line).eq([&b"name"[..], b"type", b"data"])
}

fn number_of(word: &[u8]) -> Option<f64> {
    match word.strip_prefix(b"-") {
        Some(magnitude) => decimal(magnitude).map(|number| -(number as f64)),
        None => decimal(word).map(|number| number as f64),
    }
}

/// What follows the first `count` words and the blanks after them.
fn after_words(line: &[u8], count: usize) -> &[u8] {
    let mut rest = line.trim_ascii();
    for _ in 0..count {
        let end = rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .unwrap_or(rest.len());
        rest = rest[end..].trim_ascii_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_tables() {
        let content = b"9 1 0x01 3\nname type data\na-b 4 7\nc 3 -5\nd 7 pool/a  b\ne 1 x\n";
        let rows = parse(content).unwrap();
        let expected = [
            ("a-b", Value::Number(7.0)),
            ("c", Value::Number(-5.0)),
            ("d", Value::Text("pool/a  b".into())),
        ];
        assert_eq!(rows, expected.map(|(name, value)| (Cow::Borrowed(name), value)));
        assert!(parse(b"name type\na 4 x\n").unwrap().is_empty());
        assert_eq!(parse(b"\nname type data\na 4 x\n").unwrap_err().line, 3);
        assert_eq!(parse(b"name type data\na\n").unwrap_err().line, 2);
        let table = parse_table(b"12 3 0x00\nnread writes\n7   8\n").unwrap();
        assert_eq!(table, [("nread".into(), 7.0), ("writes".into(), 8.0)]);
        assert_eq!(parse_table(b"nread writes\n7\n").unwrap_err().line, 2);
        assert!(parse_table(b"nread\n").is_err());
    }
}
