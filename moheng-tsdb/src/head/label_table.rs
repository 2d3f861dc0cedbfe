//! [`LabelTable`]: every label (name and value) once, in an arena, with a number and the series that have it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::SeriesId;

/// The number of a label: a name with a value.
pub(crate) type LabelId = u32;
/// The number of a label name.
pub(crate) type NameId = u32;

/// Values are packed into blocks of this size, so that growing never copies them all.
const BLOCK_BYTES: usize = 256 << 10;

/// Every label once.
#[derive(Debug, Default)]
pub(crate) struct LabelTable {
    names: Vec<NameEntry>,
    names_by_text: HashMap<Box<str>, NameId, FixedState>,
    labels: Vec<LabelEntry>,
    /// (hash, label) for the labels.
    labels_by_text: HashTable<(u32, LabelId)>,
    blocks: Vec<String>,
    hasher: FixedState,
}

#[derive(Debug)]
struct NameEntry {
    text: Box<str>,
    /// The labels with this name, in order of creation.
    labels: Vec<LabelId>,
}

#[derive(Debug)]
struct LabelEntry {
    name: NameId,
    block: u32,
    start: u32,
    length: u32,
    /// The series with this label, ascending.
    series: Vec<SeriesId>,
}

impl LabelTable {
    /// The number of a label, if any series ever had it.
    #[inline]
    pub(crate) fn find(&self, name: &str, value: &str) -> Option<LabelId> {
        let hash = self.hash(name, value);
        self.find_hashed(hash, name, value)
    }

    /// The number of a label, new if need be; `None` when the numbers are used up.
    pub(crate) fn intern(&mut self, name: &str, value: &str) -> Option<LabelId> {
        let hash = self.hash(name, value);
        if let Some(label) = self.find_hashed(hash, name, value) {
            return Some(label);
        }
        let label = LabelId::try_from(self.labels.len()).ok()?;
        let name = self.intern_name(name)?;
        let (block, start) = self.store(value)?;
        self.labels.push(LabelEntry {
            name,
            block,
            start,
            length: u32::try_from(value.len()).ok()?,
            series: Vec::new(),
        });
        if let Some(entry) = self.names.get_mut(name as usize) {
            entry.labels.push(label);
        }
        self.labels_by_text
            .insert_unique(spread(hash), (hash, label), |&(hash, _)| spread(hash));
        Some(label)
    }

    /// The name and value of a label.
    #[inline]
    pub(crate) fn text(&self, label: LabelId) -> (&str, &str) {
        let Some(entry) = self.labels.get(label as usize) else {
            return ("", "");
        };
        let name = self.names.get(entry.name as usize).map_or("", |name| &*name.text);
        (name, self.value_of(entry))
    }

    /// The value of a label.
    pub(crate) fn value(&self, label: LabelId) -> &str {
        self.labels
            .get(label as usize)
            .map_or("", |entry| self.value_of(entry))
    }

    /// The name of a label, by number.
    pub(crate) fn name_id(&self, label: LabelId) -> Option<NameId> {
        self.labels.get(label as usize).map(|entry| entry.name)
    }

    /// The number of a name.
    pub(crate) fn find_name(&self, name: &str) -> Option<NameId> {
        self.names_by_text.get(name).copied()
    }

    /// The text of a name.
    pub(crate) fn name(&self, name: NameId) -> &str {
        self.names.get(name as usize).map_or("", |entry| &*entry.text)
    }

    /// All names that a series with samples has.
    pub(crate) fn used_names(&self) -> impl Iterator<Item = &str> {
        self.names
            .iter()
            .filter(|entry| entry.labels.iter().any(|&label| !self.series(label).is_empty()))
            .map(|entry| &*entry.text)
    }

    /// The labels with a name, one for each value.
    pub(crate) fn labels_of(&self, name: &str) -> &[LabelId] {
        self.find_name(name)
            .and_then(|name| self.names.get(name as usize))
            .map_or(&[], |entry| &entry.labels)
    }

    /// The series with a label, ascending.
    pub(crate) fn series(&self, label: LabelId) -> &[SeriesId] {
        self.labels.get(label as usize).map_or(&[], |entry| &entry.series)
    }

    /// Adds a series to those with a label.
    pub(crate) fn add_series(&mut self, label: LabelId, series: SeriesId) {
        if let Some(entry) = self.labels.get_mut(label as usize) {
            super::postings::insert(&mut entry.series, series);
        }
    }

    /// Removes series, given ascending, from those with a label.
    pub(crate) fn remove_series(&mut self, label: LabelId, series: &[SeriesId]) {
        if let Some(entry) = self.labels.get_mut(label as usize) {
            super::postings::subtract(&mut entry.series, series);
            if entry.series.is_empty() {
                entry.series = Vec::new();
            }
        }
    }

    /// How many labels there are.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Memory of the texts, in bytes.
    pub(crate) fn text_bytes(&self) -> usize {
        self.blocks.iter().map(String::capacity).sum()
    }

    fn find_hashed(&self, hash: u32, name: &str, value: &str) -> Option<LabelId> {
        let is_equal = |&(other, label): &(u32, LabelId)| other == hash && self.text(label) == (name, value);
        self.labels_by_text
            .find(spread(hash), is_equal)
            .map(|&(_, label)| label)
    }

    fn intern_name(&mut self, name: &str) -> Option<NameId> {
        if let Some(&number) = self.names_by_text.get(name) {
            return Some(number);
        }
        let number = NameId::try_from(self.names.len()).ok()?;
        self.names.push(NameEntry {
            text: name.into(),
            labels: Vec::new(),
        });
        self.names_by_text.insert(name.into(), number);
        Some(number)
    }

    fn store(&mut self, value: &str) -> Option<(u32, u32)> {
        let has_room = |block: &String| block.capacity() - block.len() >= value.len();
        if !self.blocks.last().is_some_and(has_room) {
            // The first block starts small, for small databases.
            let size = if self.blocks.is_empty() {
                4 << 10
            } else {
                BLOCK_BYTES
            };
            self.blocks.push(String::with_capacity(size.max(value.len())));
        }
        let number = u32::try_from(self.blocks.len() - 1).ok()?;
        let block = self.blocks.last_mut()?;
        let start = u32::try_from(block.len()).ok()?;
        block.push_str(value);
        Some((number, start))
    }

    fn value_of(&self, entry: &LabelEntry) -> &str {
        let start = entry.start as usize;
        self.blocks
            .get(entry.block as usize)
            .and_then(|block| block.get(start..start + entry.length as usize))
            .unwrap_or_default()
    }

    fn hash(&self, name: &str, value: &str) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(value.as_bytes());
        hasher.write(name.as_bytes());
        hasher.finish() as u32
    }
}

/// A table wants 64 well mixed bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_stored_once() {
        let mut table = LabelTable::default();
        let up = table.intern("__name__", "up").unwrap();
        let node = table.intern("job", "node").unwrap();
        assert_eq!(table.intern("__name__", "up"), Some(up));
        assert_eq!(table.find("job", "node"), Some(node));
        assert_eq!(table.find("job", "up"), None);
        assert_eq!(table.find("jobn", "ode"), None);
        assert_eq!(table.text(node), ("job", "node"));
        assert_eq!(table.labels_of("job"), [node]);
        assert_eq!(table.labels_of("none"), [0; 0]);
        assert_eq!(table.used_names().count(), 0);
        table.add_series(node, 3);
        table.add_series(node, 1);
        assert_eq!(table.series(node), [1, 3]);
        assert_eq!(table.used_names().collect::<Vec<_>>(), ["job"]);
    }

    #[test]
    fn many_and_long_values_survive() {
        let mut table = LabelTable::default();
        let value = |number: usize| format!("{number}-{}", "x".repeat(number * 7 % 5000));
        for number in 0..2000 {
            assert_eq!(table.intern("a", &value(number)), Some(number as u32));
        }
        for number in 0..2000 {
            assert_eq!(table.find("a", &value(number)), Some(number as u32));
            assert_eq!(table.value(number as u32), value(number));
        }
        assert_eq!(table.len(), 2000);
    }
}
