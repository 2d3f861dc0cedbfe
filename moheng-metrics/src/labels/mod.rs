//! [`Labels`]: the immutable, sorted label set that identifies a series.

mod builder;
mod escaping;
mod name;
mod symbols;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

pub use builder::LabelsBuilder;
pub use escaping::{EscapingScheme, NameKind, UnknownScheme, escape_name, unescape_name};
pub use name::{ValidationScheme, is_valid_label_name, is_valid_metric_name};
pub use symbols::SymbolTable;

/// The label that holds the metric name.
pub const METRIC_NAME: &str = "__name__";

/// Lengths below this take one byte in the packed form; longer ones take this byte and three more.
const LONG_LENGTH_MARK: u8 = 0xff;

/// The longest name or value the packed form can hold.
pub(crate) const MAX_TEXT_BYTES: usize = (1 << 24) - 1;

/// An immutable set of label names and values, sorted by name, names unique, no value empty.
///
/// One allocation holds all of it and clones share that allocation. The packed form is the one Prometheus
/// uses in memory (`labels_stringlabels`): for every label the length and bytes of the name, then of the value, a
/// length being one byte, or `0xff` and three little-endian bytes when it is 255 or more. That makes
/// [`Labels::stable_hash`] equal to Prometheus's `Labels.Hash`. It cannot hold names and values of 16 MiB or more; they
/// are cut, so whoever takes labels from outside limits their length first.
///
/// Ordering compares label by label, name before value, and a set that is a prefix of another comes first, as in
/// Prometheus.
///
/// ```
/// use moheng_metrics::Labels;
///
/// let labels = Labels::from_pairs([("job", "node"), ("__name__", "up"), ("empty", "")]);
/// assert_eq!(labels.get("job"), Some("node"));
/// assert_eq!(labels.get("empty"), None);
/// assert_eq!(labels.to_string(), r#"{__name__="up", job="node"}"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    packed: Option<Arc<[u8]>>,
}

impl Labels {
    /// The label set without labels.
    pub const fn empty() -> Self {
        Self { packed: None }
    }

    /// Builds a label set from pairs in any order.
    ///
    /// A pair with an empty value is left out, since Prometheus treats an empty label as absent. Of pairs with the same
    /// name the last one wins.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.finish()
    }

    /// Builds a label set from pairs that are already sorted by name, unique and without empty values, skipping the
    /// sort that [`Labels::from_pairs`] does. Checked in debug builds only.
    pub fn from_sorted_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut packed = Vec::with_capacity(128);
        for (name, value) in pairs {
            debug_assert!(!value.is_empty(), "label {name} has an empty value");
            push_text(&mut packed, name);
            push_text(&mut packed, value);
        }
        let labels = Self::from_packed(packed);
        debug_assert!(
            labels.iter().zip(labels.iter().skip(1)).all(|(a, b)| a.0 < b.0),
            "labels are not sorted"
        );
        labels
    }

    fn from_packed(packed: Vec<u8>) -> Self {
        Self {
            packed: (!packed.is_empty()).then(|| packed.into()),
        }
    }

    /// Labels of a packed form that was made as [`push_text`] does.
    pub(crate) fn from_packed_bytes(packed: &[u8]) -> Self {
        Self {
            packed: (!packed.is_empty()).then(|| packed.into()),
        }
    }

    /// The value of the label `name`, or `None` when the set does not have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = RawLabels(self.packed()).find(|(candidate, _)| *candidate == name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// The value of the label [`METRIC_NAME`], or the empty string.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// The labels as (name, value), ascending by name.
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: self.packed() }
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        RawLabels(self.packed()).count()
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.packed.is_none()
    }

    /// The packed form described at [`Labels`]. Equal label sets have equal bytes.
    pub fn packed(&self) -> &[u8] {
        self.packed.as_deref().unwrap_or_default()
    }

    /// The xxHash64 (seed 0) of the packed form. It never changes between versions or platforms.
    pub fn stable_hash(&self) -> u64 {
        xxhash_rust::xxh64::xxh64(self.packed(), 0)
    }

    /// A builder that starts with these labels.
    pub fn to_builder(&self) -> LabelsBuilder {
        LabelsBuilder::from_labels(self)
    }

    /// The set without the label [`METRIC_NAME`].
    #[must_use]
    pub fn without_metric_name(&self) -> Self {
        if self.get(METRIC_NAME).is_none() {
            return self.clone();
        }
        Self::from_sorted_pairs(self.iter().filter(|(name, _)| *name != METRIC_NAME))
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        // The order of UTF-8 texts is that of their bytes.
        RawLabels(self.packed()).cmp(RawLabels(other.packed()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            if is_valid_label_name(name) {
                write!(f, "{separator}{name}={value:?}")?;
            } else {
                write!(f, "{separator}{name:?}={value:?}")?;
            }
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

/// Iterator over the labels of a [`Labels`] as (name, value), ascending by name.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = take_text(self.rest)?;
        let (value, rest) = take_text(rest)?;
        self.rest = rest;
        Some((name, value))
    }
}

/// Texts longer than [`MAX_TEXT_BYTES`] are cut, so that what follows stays readable.
fn push_text(packed: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    let length = text.len();
    if length < usize::from(LONG_LENGTH_MARK) {
        packed.push(length as u8);
    } else {
        packed.push(LONG_LENGTH_MARK);
        packed.extend_from_slice(&(length as u32).to_le_bytes()[..3]);
    }
    packed.extend_from_slice(text.as_bytes());
}

/// The labels of a packed form as bytes: names and values are not checked to be UTF-8 once more.
struct RawLabels<'a>(&'a [u8]);

impl<'a> Iterator for RawLabels<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = take_bytes(self.0)?;
        let (value, rest) = take_bytes(rest)?;
        self.0 = rest;
        Some((name, value))
    }
}

/// Splits the first text off a packed form, which holds only what [`push_text`] wrote.
#[inline]
fn take_bytes(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = packed.split_first()?;
    if first != LONG_LENGTH_MARK {
        return rest.split_at_checked(usize::from(first));
    }
    let (bytes, rest) = rest.split_first_chunk::<3>()?;
    rest.split_at_checked(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize)
}

fn take_text(packed: &[u8]) -> Option<(&str, &[u8])> {
    let (text, rest) = take_bytes(packed)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_sorted_deduplicated_and_empty_ones_dropped() {
        let labels = Labels::from_pairs([("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
    }

    #[test]
    fn long_values_survive_packing() {
        for length in [254, 255, 256, 70_000, MAX_TEXT_BYTES] {
            let value = "x".repeat(length);
            let labels = Labels::from_pairs([("a", value.as_str()), ("b", "end")]);
            assert_eq!(labels.get("a"), Some(value.as_str()));
            assert_eq!(labels.get("b"), Some("end"));
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_at_a_character() {
        let value = "\u{e9}".repeat(1 << 23);
        let labels = Labels::from_pairs([("a", value.as_str()), ("b", "end")]);
        assert_eq!(labels.get("a"), Some(&value[..MAX_TEXT_BYTES - 1]));
        assert_eq!(labels.get("b"), Some("end"));
    }

    #[test]
    fn order_is_by_label_then_by_length() {
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let ordered = [
            set(&[]),
            set(&[("a", "1")]),
            set(&[("a", "1"), ("b", "1")]),
            set(&[("a", "10")]),
            set(&[("a", "2")]),
            set(&[("b", "1")]),
        ];
        assert!(ordered.is_sorted());
    }

    #[test]
    fn stable_hash_never_changes() {
        assert_eq!(Labels::empty().stable_hash(), 0xef46_db37_51d8_e999);
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
        assert_eq!(labels.packed(), b"\x08__name__\x02up\x03job\x04node");
        assert_eq!(
            labels.stable_hash(),
            xxhash_rust::xxh64::xxh64(b"\x08__name__\x02up\x03job\x04node", 0)
        );
    }
}
