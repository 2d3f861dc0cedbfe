//! [`Labels`]: the immutable, sorted label set that identifies a series.

mod builder;
mod escaping;
mod iter;
mod name;
mod packer;
mod quote;
mod symbols;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use xxhash_rust::xxh64::Xxh64;

use iter::{LONG_LENGTH_MARK, RawLabels};
pub(crate) use quote::Quoted;

pub use builder::LabelsBuilder;
pub use escaping::{EscapingScheme, NameKind, UnknownScheme, escape_name, unescape_name};
pub use iter::LabelsIter;
pub use name::{ValidationScheme, is_valid_label_name, is_valid_metric_name};
pub use packer::LabelsPacker;
pub use symbols::SymbolTable;

/// The label that holds the metric name.
pub const METRIC_NAME: &str = "__name__";

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
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        // Stable, so that of the same names the last one stays last.
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut packed = Vec::with_capacity(
            pairs
                .iter()
                .map(|(name, value)| name.as_ref().len() + value.as_ref().len() + 2)
                .sum(),
        );
        for same_name in pairs.chunk_by(|a, b| a.0.as_ref() == b.0.as_ref()) {
            if let Some((name, value)) = same_name.last()
                && !value.as_ref().is_empty()
            {
                push_text(&mut packed, name.as_ref());
                push_text(&mut packed, value.as_ref());
            }
        }
        Self::from_packed(packed)
    }

    /// Builds a label set from pairs that are already sorted by name, unique and without empty values, skipping the
    /// sort that [`Labels::from_pairs`] does. Checked in debug builds only.
    pub fn from_sorted_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut packed = Vec::with_capacity(128);
        Self::pack_sorted_pairs(pairs, &mut packed);
        let labels = Self::from_packed(packed);
        debug_assert!(
            labels.iter().zip(labels.iter().skip(1)).all(|(a, b)| a.0 < b.0),
            "labels are not sorted"
        );
        labels
    }

    /// Appends the packed form of the set that [`Labels::from_sorted_pairs`] builds to `packed`, to look for a set without building it.
    pub fn pack_sorted_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>, packed: &mut Vec<u8>) {
        for (name, value) in pairs {
            debug_assert!(!value.is_empty(), "label {name} has an empty value");
            push_text(packed, name);
            push_text(packed, value);
        }
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
        LabelsIter::new(self.packed())
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

    /// [`Labels::stable_hash`] of the set that has only those labels for whose names `keep` holds, without building it: for
    /// sharding by some labels, or by all but some.
    pub fn stable_hash_where(&self, mut keep: impl FnMut(&str) -> bool) -> u64 {
        let mut hasher = Xxh64::new(0);
        let mut rest = self.packed();
        for (name, value) in self {
            let length = packed_len(name) + packed_len(value);
            let (label, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            rest = after;
            if keep(name) {
                hasher.update(label);
            }
        }
        hasher.digest()
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
                write!(f, "{separator}{name}={}", Quoted(value))?;
            } else {
                write!(f, "{separator}{}={}", Quoted(name), Quoted(value))?;
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

/// How many bytes [`push_text`] makes of a text that it does not cut.
fn packed_len(text: &str) -> usize {
    let head = if text.len() < usize::from(LONG_LENGTH_MARK) {
        1
    } else {
        4
    };
    head + text.len()
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

    /// The hashes come from another implementation of xxHash64.
    #[test]
    fn stable_hash_never_changes() {
        let long = "x".repeat(254);
        let longer = "x".repeat(255);
        for (pairs, hash) in [
            (&[][..], 0xef46_db37_51d8_e999),
            (&[("__name__", "up"), ("job", "node")], 0x169f_7118_f893_6ba5),
            (&[("a", "\u{e9}")], 0x51a0_7d9b_a44b_9fe7),
            (&[("a", long.as_str())], 0xd595_c508_2328_667a),
            (&[("a", longer.as_str()), ("b", "y")], 0x2ff6_77c7_739c_8905),
        ] {
            let labels = Labels::from_pairs(pairs.iter().copied());
            assert_eq!(labels.stable_hash(), hash, "{labels}");
            assert_eq!(labels.stable_hash_where(|_| true), hash, "{labels}");
        }
        let up = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
        assert_eq!(up.packed(), b"\x08__name__\x02up\x03job\x04node");
        assert_eq!(up.stable_hash_where(|name| name == "job"), 0x0937_72d2_ee48_e5d1);
        assert_eq!(up.stable_hash_where(|_| false), Labels::empty().stable_hash());
    }

    #[test]
    fn values_are_quoted_as_go_does() {
        for (value, expected) in [
            ("a'b\"c\\d", r#""a'b\"c\\d""#),
            ("\n\r\t\u{7}\u{8}\u{b}\u{c}", r#""\n\r\t\a\b\v\f""#),
            ("\u{1}\u{7f}", r#""\x01\x7f""#),
            ("\u{e9}e\u{301}\u{1f60a}", "\"\u{e9}e\u{301}\u{1f60a}\""),
            ("\u{80}\u{a0}\u{ad}\u{200b}", r#""\u0080\u00a0\u00ad\u200b""#),
            ("\u{e0001}", r#""\U000e0001""#),
        ] {
            let labels = Labels::from_pairs([("b.c", value)]);
            assert_eq!(labels.to_string(), format!("{{\"b.c\"={expected}}}"));
        }
    }
}
