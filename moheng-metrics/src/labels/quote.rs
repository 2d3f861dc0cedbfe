//! Texts between quotes.

use std::fmt::{self, Write};

/// Writes a text as Go's `strconv.Quote` does, which is how Prometheus prints labels.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(position) =
            rest.find(|character: char| !matches!(character, ' '..='~') || matches!(character, '"' | '\\'))
        {
            let (plain, special) = rest.split_at(position);
            f.write_str(plain)?;
            let mut characters = special.chars();
            if let Some(character) = characters.next() {
                write_special(character, f)?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

fn write_special(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match character {
        '"' => f.write_str("\\\""),
        '\\' => f.write_str("\\\\"),
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{c}' => f.write_str("\\f"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{b}' => f.write_str("\\v"),
        '\0'..='\u{7f}' => write!(f, "\\x{:02x}", u32::from(character)),
        _ if is_printable(character) => f.write_char(character),
        '\0'..='\u{ffff}' => write!(f, "\\u{:04x}", u32::from(character)),
        _ => write!(f, "\\U{:08x}", u32::from(character)),
    }
}

/// Whether a character beyond ASCII is a letter, mark, number, punctuation or symbol. The standard library knows, but says so
/// only of characters that follow another.
fn is_printable(character: char) -> bool {
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = character.len_utf8();
    if let Some(tail) = buffer.get_mut(1..) {
        character.encode_utf8(tail);
    }
    let text = buffer
        .get(..=length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.is_some_and(|text| text.escape_debug().count() == 2)
}
