//! [`LabelIndex`]: the labels of every series, and the way from labels to series.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use moheng_metrics::Labels;

use super::SeriesId;
use super::label_table::{LabelId, LabelTable};
use super::postings;

/// So many removed series are not worth making the index anew.
const REMOVED_KEPT: usize = 1000;

/// The labels of every series.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex {
    pub(crate) labels: LabelTable,
    /// The labels of all series one after the other, each series' ascending by name.
    series_labels: Vec<LabelId>,
    /// Where the labels of a series end in `series_labels`.
    series_ends: Vec<u32>,
    /// (hash, series).
    by_labels: HashTable<(u32, SeriesId)>,
    /// All series with samples, ascending.
    used: Vec<SeriesId>,
    /// Series removed whose labels still take memory.
    removed: usize,
    hasher: FixedState,
}

impl LabelIndex {
    /// A hash for [`LabelIndex::find`].
    pub(crate) fn hash(&self, labels: &Labels) -> u32 {
        self.hash_packed(labels.packed())
    }

    /// A hash for [`LabelIndex::find_packed`].
    #[inline]
    pub(crate) fn hash_packed(&self, packed: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(packed);
        hasher.finish() as u32
    }

    /// The series with exactly these labels.
    pub(crate) fn find(&self, hash: u32, labels: &Labels) -> Option<SeriesId> {
        self.find_packed(hash, labels.packed())
    }

    /// The series with exactly the labels that are packed so.
    #[inline]
    pub(crate) fn find_packed(&self, hash: u32, packed: &[u8]) -> Option<SeriesId> {
        self.by_labels
            .find(spread(hash), |&(other, id)| {
                other == hash && self.has_labels(id, packed)
            })
            .map(|&(_, id)| id)
    }

    /// Makes room for so many more series.
    pub(crate) fn reserve(&mut self, count: usize) {
        self.by_labels.reserve(count, |&(hash, _)| spread(hash));
        self.series_ends.reserve(count);
        self.used.reserve(count);
    }

    /// How many series there are, with and without samples: the next id.
    pub(crate) fn len(&self) -> usize {
        self.series_ends.len()
    }

    /// Stores the labels of a new series, ascending by name, which is not found by anything yet; `None` when numbers are used up.
    pub(crate) fn add<'a>(
        &mut self,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<SeriesId> {
        let id = SeriesId::try_from(self.series_ends.len()).ok()?;
        let before = self.series_labels.len();
        // Series that are created one after the other have most labels in common.
        let mut neighbour = id.checked_sub(1).map_or(0..0, |id| self.range(id));
        for label in labels {
            let same = neighbour
                .next()
                .and_then(|position| self.series_labels.get(position));
            let same = same.copied().filter(|&same| self.labels.text(same) == label);
            let Some(label) = same.or_else(|| self.labels.intern(label.0, label.1)) else {
                self.series_labels.truncate(before);
                return None;
            };
            self.series_labels.push(label);
        }
        let Ok(end) = u32::try_from(self.series_labels.len()) else {
            self.series_labels.truncate(before);
            return None;
        };
        self.series_ends.push(end);
        Some(id)
    }

    /// Lets [`LabelIndex::find`] find a series.
    pub(crate) fn publish_labels(&mut self, hash: u32, id: SeriesId) {
        self.by_labels
            .insert_unique(spread(hash), (hash, id), |&(hash, _)| spread(hash));
    }

    /// Lets matchers find a series, which has samples now.
    pub(crate) fn publish_samples(&mut self, id: SeriesId) {
        postings::insert(&mut self.used, id);
        let range = self.range(id);
        for position in range {
            if let Some(&label) = self.series_labels.get(position) {
                self.labels.add_series(label, id);
            }
        }
    }

    /// Forgets series, given ascending. Their numbers stay used up.
    pub(crate) fn remove(&mut self, ids: &[SeriesId]) {
        let mut labels = HashSet::with_hasher(FixedState::default());
        for &id in ids {
            let hash = self.hash(&self.build(id));
            if let Ok(entry) = self.by_labels.find_entry(spread(hash), |&(_, other)| other == id) {
                entry.remove();
            }
            labels.extend(self.labels_of(id));
        }
        postings::subtract(&mut self.used, ids);
        for label in labels {
            self.labels.remove_series(label, ids);
        }
        self.removed += ids.len();
        if self.removed > self.live() / 2 + REMOVED_KEPT {
            *self = self.without_removed();
        }
    }

    /// How many series there are that were not removed, with and without samples.
    pub(crate) fn live(&self) -> usize {
        self.by_labels.len()
    }

    /// The same without what only removed series needed.
    fn without_removed(&self) -> Self {
        let mut kept: Vec<(SeriesId, u32)> = self.by_labels.iter().map(|&(hash, id)| (id, hash)).collect();
        kept.sort_unstable();
        let mut new = Self::default();
        for (id, hash) in kept {
            new.series_ends
                .resize(id as usize, new.series_labels.len() as u32);
            // It was in the old one, so there is room in the new one.
            if new.add(&self.build(id)).is_some() {
                new.publish_labels(hash, id);
            }
        }
        new.series_ends.resize(self.len(), new.series_labels.len() as u32);
        for &id in &self.used {
            new.publish_samples(id);
        }
        new
    }

    /// All series with samples, ascending.
    pub(crate) fn used(&self) -> &[SeriesId] {
        &self.used
    }

    /// The labels of a series, ascending by name.
    pub(crate) fn labels_of(&self, id: SeriesId) -> &[LabelId] {
        self.series_labels.get(self.range(id)).unwrap_or_default()
    }

    /// The labels of a series as texts.
    pub(crate) fn texts_of(&self, id: SeriesId) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.labels_of(id).iter().map(|&label| self.labels.text(label))
    }

    /// The labels of a series, packed.
    pub(crate) fn build(&self, id: SeriesId) -> Labels {
        Labels::from_sorted_pairs(self.texts_of(id))
    }

    /// The order of the labels of two series.
    pub(crate) fn compare(&self, a: SeriesId, b: SeriesId) -> Ordering {
        let (a, b) = (self.labels_of(a), self.labels_of(b));
        let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        match (a.get(same), b.get(same)) {
            (Some(&a), Some(&b)) => self.labels.text(a).cmp(&self.labels.text(b)),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }

    fn range(&self, id: SeriesId) -> std::ops::Range<usize> {
        let end = |id: SeriesId| self.series_ends.get(id as usize).map_or(0, |&end| end as usize);
        let start = id.checked_sub(1).map_or(0, end);
        start..end(id).max(start)
    }

    fn has_labels(&self, id: SeriesId, packed: &[u8]) -> bool {
        let mut rest = packed;
        for (name, value) in self.texts_of(id) {
            let after = strip_text(rest, name).and_then(|rest| strip_text(rest, value));
            let Some(after) = after else {
                return false;
            };
            rest = after;
        }
        rest.is_empty()
    }
}

/// What follows a text at the front of packed labels, when it is that text. Comparing this way, rather than unpacking, checks no
/// UTF-8 again.
#[inline]
fn strip_text<'a>(packed: &'a [u8], text: &str) -> Option<&'a [u8]> {
    const LONG_TEXT_MARK: u8 = 0xff;
    let (&mark, rest) = packed.split_first()?;
    let (length, rest) = if mark == LONG_TEXT_MARK {
        let (&[low, middle, high], rest) = rest.split_first_chunk::<3>()?;
        (u32::from_le_bytes([low, middle, high, 0]) as usize, rest)
    } else {
        (usize::from(mark), rest)
    };
    if length == text.len() {
        rest.strip_prefix(text.as_bytes())
    } else {
        None
    }
}

/// A table wants 64 well mixed bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn texts_of_every_length_are_compared() {
        let mut index = LabelIndex::default();
        let lengths = [1, 2, 253, 254, 255, 256, 300, 70_000];
        let sets: Vec<Labels> = lengths
            .iter()
            .flat_map(|&a| lengths.map(|b| labels(&[(&"n".repeat(a), &"v".repeat(b)), ("x", "y")])))
            .collect();
        for set in &sets {
            let id = index.add(set).unwrap();
            index.publish_labels(index.hash(set), id);
        }
        for (id, set) in (0..).zip(&sets) {
            assert_eq!(index.find(index.hash(set), set), Some(id));
            for (other, set) in (0..).zip(&sets) {
                assert_eq!(index.has_labels(id, set.packed()), other == id, "{id} {other}");
            }
            let longer = labels(&[("a", "b")]);
            assert!(!index.has_labels(id, longer.packed()) && !index.has_labels(id, &[]));
        }
        let prefix = labels(&[("n", "v")]);
        assert!(!index.has_labels(0, prefix.packed()));
    }

    #[test]
    fn series_are_found_by_labels() {
        let mut index = LabelIndex::default();
        let sets = [
            labels(&[("__name__", "up"), ("job", "a")]),
            labels(&[("__name__", "up")]),
            labels(&[("__name__", "up"), ("job", "b")]),
        ];
        for set in &sets {
            let hash = index.hash(set);
            assert_eq!(index.find(hash, set), None);
            let id = index.add(set).unwrap();
            assert_eq!(index.find(hash, set), None, "not published");
            index.publish_labels(hash, id);
            assert_eq!(index.find(hash, set), Some(id));
            assert_eq!(index.build(id), *set);
        }
        assert_eq!(index.compare(1, 0), Ordering::Less);
        assert_eq!(index.compare(0, 2), Ordering::Less);
        assert_eq!(index.compare(2, 2), Ordering::Equal);
        assert_eq!(index.used(), [0; 0]);
        index.publish_samples(2);
        index.publish_samples(0);
        assert_eq!(index.used(), [0, 2]);
        let up = index.labels.find("__name__", "up").unwrap();
        assert_eq!(index.labels.series(up), [0, 2]);
    }
}
