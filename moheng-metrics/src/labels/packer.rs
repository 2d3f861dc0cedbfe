//! [`LabelsPacker`]: builds sets of labels that have much in common.

use std::mem;
use std::ops::Range;

use super::{Labels, push_text};

/// Builds one set of labels after the other; what a set has in common with the one before is copied as it is.
///
/// ```
/// use moheng_metrics::{Labels, LabelsPacker};
///
/// let mut packer = LabelsPacker::new();
/// packer.push("cpu", "0").push("mode", "idle").push("node", "a");
/// assert_eq!(packer.finish().to_string(), r#"{cpu="0", mode="idle", node="a"}"#);
/// packer.keep(0..1).push("mode", "user").keep(2..3);
/// assert_eq!(packer.finish().to_string(), r#"{cpu="0", mode="user", node="a"}"#);
/// ```
#[derive(Debug, Default)]
pub struct LabelsPacker {
    now: Packed,
    before: Packed,
}

/// A set, and where each of its labels ends.
#[derive(Debug, Default)]
struct Packed {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl LabelsPacker {
    /// A packer before its first set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a label, whose name must sort behind those added before, and whose value must not be empty.
    pub fn push(&mut self, name: &str, value: &str) -> &mut Self {
        debug_assert!(!value.is_empty(), "label {name} has an empty value");
        push_text(&mut self.now.bytes, name);
        push_text(&mut self.now.bytes, value);
        self.now.ends.push(self.now.bytes.len());
        self
    }

    /// Adds labels of the set before by their places in there. Places that it does not have are left out.
    pub fn keep(&mut self, places: Range<usize>) -> &mut Self {
        let places = places.start..places.end.min(self.before.ends.len());
        let ends = self.before.ends.get(places.clone()).unwrap_or_default();
        let start = match places.start.checked_sub(1) {
            Some(place) => self.before.ends.get(place).copied().unwrap_or_default(),
            None => 0,
        };
        let kept = ends.last().and_then(|&end| self.before.bytes.get(start..end));
        let moved = self.now.bytes.len();
        self.now.bytes.extend_from_slice(kept.unwrap_or_default());
        self.now.ends.extend(ends.iter().map(|end| end - start + moved));
        self
    }

    /// The set with the labels added since the last one.
    pub fn finish(&mut self) -> Labels {
        mem::swap(&mut self.now, &mut self.before);
        self.now.bytes.clear();
        self.now.ends.clear();
        let labels = Labels::from_packed_bytes(&self.before.bytes);
        debug_assert!(
            labels.iter().is_sorted_by(|a, b| a.0 < b.0),
            "labels are not sorted"
        );
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_as_if_built_alone() {
        let long = "v".repeat(300);
        let sets: [&[(&str, &str)]; 6] = [
            &[("a", "1"), ("b", &long), ("c", "3")],
            &[("a", "2"), ("b", &long), ("c", "3")],
            &[("b", &long), ("c", "3"), ("d", "4")],
            &[],
            &[("c", "3")],
            &[("c", "3")],
        ];
        let mut packer = LabelsPacker::new();
        let mut before: &[(&str, &str)] = &[];
        for set in sets {
            for &(name, value) in set {
                match before.iter().position(|pair| *pair == (name, value)) {
                    Some(place) => packer.keep(place..place + 1),
                    None => packer.push(name, value),
                };
            }
            assert_eq!(packer.finish(), Labels::from_sorted_pairs(set.iter().copied()));
            before = set;
        }
        assert_eq!(packer.keep(0..9).finish().to_string(), r#"{c="3"}"#);
        assert_eq!(packer.keep(1..9).keep(5..7).finish(), Labels::default());
    }
}
