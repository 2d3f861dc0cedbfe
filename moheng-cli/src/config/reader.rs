//! Typed access to the YAML tree: each reader reports what it expected and goes on, so that one run shows all errors.

use super::diagnostics::{Diagnostics, Position};
use super::suggest::nearest;
use super::yaml::{Entry, Node, Value};

/// What moheng does with a key that Prometheus knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    /// Read by the code next to the table.
    Read,
    /// Accepted and named in a warning: it changes nothing that this version does.
    Ignored,
    /// Refused: leaving it out would change what is scraped or stored.
    Refused,
}

/// The keys of one mapping.
pub(crate) type Keys = &'static [(&'static str, Support)];

/// The end of every message about something known and not done yet.
pub(crate) const NOT_SUPPORTED: &str = "is not supported yet by this version of moheng";

/// The entries of a mapping whose keys were checked.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub(crate) position: Position,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Reads `node` as a mapping with `keys`; `what` names it in messages.
    pub(crate) fn read(node: &'a Node, what: &str, keys: Keys, report: &mut Diagnostics) -> Self {
        let entries = mapping(node, what, report);
        for entry in entries {
            let known = keys.iter().find(|(name, _)| *name == entry.key);
            match known.map(|(_, support)| support) {
                Some(Support::Read) => {}
                Some(Support::Ignored) => report.warn(
                    entry.key_position,
                    format!("`{}` {NOT_SUPPORTED}; it is ignored", entry.key),
                ),
                Some(Support::Refused) => {
                    report.error(entry.key_position, format!("`{}` {NOT_SUPPORTED}", entry.key));
                }
                None => report.error(entry.key_position, unknown_key(&entry.key, what, keys)),
            }
        }
        Self {
            position: node.position,
            entries,
        }
    }

    /// The value of a key, unless it is missing or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.value.value, Value::Null)).then_some(&entry.value)
    }
}

fn unknown_key(key: &str, what: &str, keys: Keys) -> String {
    match nearest(key, keys.iter().map(|(name, _)| *name)) {
        Some(name) => format!("unknown key `{key}` in {what}; did you mean `{name}`?"),
        None => format!("unknown key `{key}` in {what}"),
    }
}

/// The entries of a mapping; null counts as an empty one.
pub(crate) fn mapping<'a>(node: &'a Node, what: &str, report: &mut Diagnostics) -> &'a [Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        Value::Null => &[],
        _ => {
            report.error(
                node.position,
                format!("expected a mapping for {what}, found {}", found(node)),
            );
            &[]
        }
    }
}

/// The items of a list; null counts as an empty one.
pub(crate) fn list<'a>(node: &'a Node, what: &str, report: &mut Diagnostics) -> &'a [Node] {
    match &node.value {
        Value::Sequence(items) => items,
        Value::Null => &[],
        _ => {
            report.error(
                node.position,
                format!("expected a list for {what}, found {}", found(node)),
            );
            &[]
        }
    }
}

/// Any text; null is the empty text, numbers and booleans are taken as they are written.
pub(crate) fn text(node: &Node, what: &str, report: &mut Diagnostics) -> Option<String> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        Value::Null => Some(String::new()),
        _ => {
            report.error(
                node.position,
                format!("expected text for {what}, found {}", node.kind()),
            );
            None
        }
    }
}

/// A list of texts.
pub(crate) fn texts(node: &Node, what: &str, report: &mut Diagnostics) -> Vec<String> {
    list(node, what, report)
        .iter()
        .filter_map(|item| text(item, what, report))
        .collect()
}

/// `true` or `false` in any of the spellings of YAML 1.1.
pub(crate) fn boolean(node: &Node, what: &str, report: &mut Diagnostics) -> Option<bool> {
    if let Value::Scalar { text, plain: true } = &node.value {
        match text.as_str() {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
                return Some(true);
            }
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
                return Some(false);
            }
            _ => {}
        }
    }
    report.error(
        node.position,
        format!("expected true or false for {what}, found {}", found(node)),
    );
    None
}

/// A whole number, at least 0, in any of the notations of YAML 1.1.
pub(crate) fn count(node: &Node, what: &str, report: &mut Diagnostics) -> Option<u64> {
    if let Value::Scalar { text, plain: true } = &node.value
        && let Some(number) = parse_count(text)
    {
        return Some(number);
    }
    report.error(
        node.position,
        format!("expected a whole number for {what}, found {}", found(node)),
    );
    None
}

fn parse_count(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text).replace('_', "");
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x', ..] => (digits.get(2..)?, 16),
        [b'0', b'b', ..] => (digits.get(2..)?, 2),
        [b'0', b'o', ..] => (digits.get(2..)?, 8),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        _ => (digits.as_str(), 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A finite number.
pub(crate) fn number(node: &Node, what: &str, report: &mut Diagnostics) -> Option<f64> {
    if let Value::Scalar { text, plain: true } = &node.value
        && let Ok(number) = text.replace('_', "").parse::<f64>()
        && number.is_finite()
    {
        return Some(number);
    }
    report.error(
        node.position,
        format!("expected a number for {what}, found {}", found(node)),
    );
    None
}

/// A duration such as `15s` or `1h30m`, in milliseconds.
pub(crate) fn duration_ms(node: &Node, what: &str, report: &mut Diagnostics) -> Option<i64> {
    if let Value::Scalar { text, .. } = &node.value
        && let Ok(duration_ms) = moheng_metrics::parse_duration_ms(text)
    {
        return Some(duration_ms);
    }
    report.error(
        node.position,
        format!(
            "expected a duration such as 15s or 1h30m for {what}, found {}",
            found(node)
        ),
    );
    None
}

/// A size such as `10MB`, in bytes; units are powers of 1024.
pub(crate) fn size_bytes(node: &Node, what: &str, report: &mut Diagnostics) -> Option<u64> {
    if let Value::Scalar { text, .. } = &node.value
        && let Some(bytes) = parse_size(text)
    {
        return Some(bytes);
    }
    report.error(
        node.position,
        format!("expected a size such as 10MB for {what}, found {}", found(node)),
    );
    None
}

fn parse_size(text: &str) -> Option<u64> {
    let unit_start = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (amount, unit) = text.split_at_checked(unit_start)?;
    let shift = match unit {
        "" if amount == "0" => 0,
        "B" => 0,
        "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        "PB" | "PiB" => 50,
        "EB" | "EiB" => 60,
        _ => return None,
    };
    let bytes = amount.parse::<f64>().ok()? * (1_u64 << shift) as f64;
    (bytes <= i64::MAX as f64).then_some(bytes as u64)
}

/// The node as a message quotes it.
pub(crate) fn found(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain } => {
            let shown: String = text.chars().take(60).collect();
            if *plain {
                format!("`{shown}`")
            } else {
                format!("the text {shown:?}")
            }
        }
        _ => node.kind().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10_000", Some(10_000)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("+5", Some(5)),
            ("-1", None),
            ("++1", None),
            ("1.5", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_count(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("10MB", Some(10 << 20)),
            ("1.5KiB", Some(1536)),
            ("7B", Some(7)),
            ("10", None),
            ("10mb", None),
            ("MB", None),
            ("99EB", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }
}
