//! `os-release`: assignments as a shell reads them.

use super::scan::{lines, split_once, text};
use super::udev::Properties;

/// The variables; what is not an assignment is left out, as the format's description asks.
pub(crate) fn parse(content: &[u8]) -> Properties {
    lines(content)
        .filter_map(|(_, line)| {
            let line = line.trim_ascii();
            if line.starts_with(b"#") {
                return None;
            }
            let (key, value) = split_once(line, b'=')?;
            Some((text(key).into_owned(), unquote(&text(value.trim_ascii()))))
        })
        .collect()
}

/// Takes the quotes off: within single quotes nothing is special, elsewhere a backslash keeps the next character.
fn unquote(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return inner.to_owned();
    }
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        let release =
            parse(b"# a comment\nNAME=\"A \\\"B\\\" $\"\nID=debian\nVERSION='x \\y'\nHOME_URL=\n\njunk\n");
        assert_eq!(release.get("NAME"), "A \"B\" $");
        assert_eq!(release.get("ID"), "debian");
        assert_eq!(release.get("VERSION"), "x \\y");
        assert_eq!(release.get("junk"), "");
    }
}
