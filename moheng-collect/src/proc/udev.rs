//! The udev database, `/run/udev/data/bMAJOR:MINOR`: properties of a device in lines `E:KEY=VALUE`.

use super::scan::{lines, split_once, text};

/// The properties in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties(Vec<(String, String)>);

impl Properties {
    /// The value of a property, the last one if it is set twice; empty when it is not set.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0
            .iter()
            .rev()
            .find(|(candidate, _)| candidate == key)
            .map_or("", |(_, value)| value)
    }

    /// The first of `keys` that is set and not empty.
    pub(crate) fn first_of(&self, keys: &[&str]) -> &str {
        keys.iter()
            .map(|key| self.get(key))
            .find(|value| !value.is_empty())
            .unwrap_or("")
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

pub(crate) fn parse(content: &[u8]) -> Properties {
    lines(content)
        .filter_map(|(_, line)| {
            let (key, value) = split_once(line.strip_prefix(b"E:")?, b'=')?;
            Some((text(key).into_owned(), text(value).into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_properties_count() {
        let properties =
            parse(b"S:disk/by-id/x=y\nE:ID_MODEL=A=B\nE:ID_SERIAL=\nE:ID_SERIAL_SHORT=s\nE:broken\n");
        assert_eq!(properties.get("ID_MODEL"), "A=B");
        assert_eq!(properties.get("broken"), "");
        assert_eq!(properties.first_of(&["ID_SERIAL", "ID_SERIAL_SHORT"]), "s");
    }
}
