//! [`SeriesCache`]: recognises series by the bytes they were exposed with last time.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use moheng_metrics::{Labels, MetricKind, SeriesRef};

/// The entry of a series that relabelling drops.
const DROPPED: u32 = u32::MAX;
const NOWHERE: u32 = u32::MAX;

/// What a target exposed, as raw series text, and which series each text is.
///
/// A target writes its series in the same order every time, so the cache predicts the text that comes next and a
/// comparison replaces parsing and hashing. Labels are not kept: they are decoded again from the text where needed.
#[derive(Debug, Default)]
pub(super) struct SeriesCache {
    /// The texts of all entries.
    texts: Vec<u8>,
    entries: Vec<Entry>,
    series: Vec<Series>,
    /// Entries by their text.
    by_text: HashTable<u32>,
    /// Series by their labels.
    by_labels: HashTable<u32>,
    /// Entries in the order of the last pass.
    order: Vec<u32>,
    /// The place in `order` that is expected next.
    cursor: usize,
    /// The order of this pass, from when it is no longer the beginning of `order`.
    new_order: Option<Vec<u32>>,
    /// The size of the last body that was read with success.
    body_bytes: usize,
    hasher: DefaultHashBuilder,
}

/// A text. Several may be the same series, when a target orders labels differently.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    length: u32,
    /// Index of the series, or [`DROPPED`].
    series: u32,
    /// Where in the order it was last.
    position: u32,
    /// What the exposition said about its metric, which decides how numbers in labels are spelled.
    kind: MetricKind,
}

/// What is known of a series. Passes are numbered from 1; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Series {
    /// The sink's name for it, once it has accepted a sample.
    pub(super) reference: Option<SeriesRef>,
    labels_hash: u64,
    /// An entry with a text of it.
    entry: u32,
    /// The pass that saw it last, successful or not.
    pub(super) seen: u32,
    /// The pass that saw it last with a sample that ends in a stale marker, successful or not.
    pub(super) trackable: u32,
    /// The last successful pass that had it.
    pub(super) stored: u32,
    /// The last successful pass that had it trackable.
    pub(super) tracked: u32,
}

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A series, by its index.
    Series(u32),
    /// Nothing: relabelling drops it.
    Dropped,
}

impl SeriesCache {
    /// Starts a pass: the first series of the last pass is expected first.
    pub(super) fn begin(&mut self) {
        self.cursor = 0;
        self.new_order = None;
    }

    /// The text that probably comes next.
    #[inline]
    pub(super) fn expected(&self) -> &[u8] {
        match self.order.get(self.cursor) {
            Some(&entry) => self.text(entry),
            None => &[],
        }
    }

    /// What a text is, if it was seen before. Moves on to what is expected after it.
    #[inline]
    pub(super) fn find(&mut self, text: &[u8]) -> Option<Known> {
        if let Some(&entry) = self.order.get(self.cursor)
            && self.text(entry) == text
        {
            self.cursor += 1;
            if let Some(new_order) = &mut self.new_order {
                new_order.push(entry);
            }
            return self.entries.get(entry as usize).map(Entry::known);
        }
        self.find_elsewhere(text)
    }

    fn find_elsewhere(&mut self, text: &[u8]) -> Option<Known> {
        let hash = self.hasher.hash_one(text);
        let entry = *self.by_text.find(hash, |&entry| self.text(entry) == text)?;
        self.diverge().push(entry);
        let found = self.entries.get(entry as usize)?;
        if self.order.get(found.position as usize) == Some(&entry) {
            self.cursor = found.position as usize + 1;
        }
        Some(found.known())
    }

    /// Adds a text that [`SeriesCache::find`] does not know. `labels` are those of its series, `None` when it is
    /// dropped; `decode` decodes another text, to find out whether both are the same series.
    pub(super) fn insert(
        &mut self,
        text: &[u8],
        kind: MetricKind,
        labels: Option<&Labels>,
        decode: impl Fn(&[u8], MetricKind) -> Option<Labels>,
    ) -> Known {
        debug_assert!(
            u32::try_from(self.texts.len() + text.len()).is_ok(),
            "bodies are limited to MAX_BODY_BYTES"
        );
        let index = self.entries.len() as u32;
        let series = labels.map_or(DROPPED, |labels| {
            self.series_of(labels, index, |cache, candidate| {
                let (text, kind) = cache.text_of(candidate);
                decode(text, kind).as_ref() == Some(labels)
            })
        });
        let start = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        let entry = Entry {
            start,
            length: text.len() as u32,
            series,
            position: NOWHERE,
            kind,
        };
        self.entries.push(entry);
        let hash = self.hasher.hash_one(text);
        let (texts, entries, hasher) = (&self.texts, &self.entries, &self.hasher);
        self.by_text.insert_unique(hash, index, |&entry| {
            hasher.hash_one(text_in(texts, entries, entry))
        });
        self.diverge().push(index);
        entry.known()
    }

    /// Ends a successful pass: its order is expected next time, and what it did not have is forgotten once that
    /// is worth while. `body_bytes` is the size of what was read.
    pub(super) fn commit(&mut self, body_bytes: usize) {
        if let Some(new_order) = self.new_order.take() {
            self.order = new_order;
            for (position, &entry) in self.order.iter().enumerate() {
                if let Some(entry) = self.entries.get_mut(entry as usize) {
                    entry.position = position as u32;
                }
            }
        } else {
            self.order.truncate(self.cursor);
        }
        self.body_bytes = body_bytes;
        let has_many_dead = self.entries.len() > self.order.len() + self.order.len() / 4 + 64;
        if has_many_dead || self.texts.len() > 2 * body_bytes + (64 << 10) {
            self.compact();
        }
    }

    /// Whether failed passes have brought too many texts.
    pub(super) fn is_too_large(&self) -> bool {
        self.entries.len() > self.order.len() * 2 + 1000 || self.texts.len() > self.body_bytes * 2 + (1 << 20)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        let hasher = self.hasher.clone();
        *self = Self {
            hasher,
            ..Self::default()
        };
    }

    /// All series.
    pub(super) fn series(&self) -> &[Series] {
        &self.series
    }

    /// One series.
    #[inline]
    pub(super) fn get_mut(&mut self, series: u32) -> Option<&mut Series> {
        self.series.get_mut(series as usize)
    }

    /// A text of a series, and how to decode it.
    pub(super) fn text_of(&self, series: u32) -> (&[u8], MetricKind) {
        let entry = self
            .series
            .get(series as usize)
            .map_or(NOWHERE, |series| series.entry);
        let kind = self
            .entries
            .get(entry as usize)
            .map_or(MetricKind::Untyped, |entry| entry.kind);
        (self.text(entry), kind)
    }

    /// How many texts are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn text(&self, entry: u32) -> &[u8] {
        text_in(&self.texts, &self.entries, entry)
    }

    /// The order of this pass, which is not that of the last one.
    fn diverge(&mut self) -> &mut Vec<u32> {
        let (order, cursor) = (&self.order, self.cursor);
        self.new_order.get_or_insert_with(|| {
            let mut new_order = Vec::with_capacity(order.len() + 16);
            new_order.extend_from_slice(order.get(..cursor).unwrap_or_default());
            new_order
        })
    }

    fn series_of(&mut self, labels: &Labels, entry: u32, is_same: impl Fn(&Self, u32) -> bool) -> u32 {
        let labels_hash = labels.stable_hash();
        let found = self.by_labels.find(labels_hash, |&candidate| {
            let hash = self
                .series
                .get(candidate as usize)
                .map(|series| series.labels_hash);
            hash == Some(labels_hash) && is_same(self, candidate)
        });
        if let Some(&series) = found {
            return series;
        }
        let index = self.series.len() as u32;
        self.series.push(Series {
            labels_hash,
            entry,
            ..Series::default()
        });
        let series = &self.series;
        self.by_labels
            .insert_unique(labels_hash, index, |&series_index| hash_in(series, series_index));
        index
    }

    /// Keeps only what the last pass had.
    fn compact(&mut self) {
        let mut kept = Self {
            body_bytes: self.body_bytes,
            hasher: self.hasher.clone(),
            ..Self::default()
        };
        let mut new_entry = vec![NOWHERE; self.entries.len()];
        let mut new_series = vec![NOWHERE; self.series.len()];
        for &old in &self.order {
            let Some(entry) = self.entries.get(old as usize) else {
                continue;
            };
            if new_entry[old as usize] == NOWHERE {
                new_entry[old as usize] = kept.entries.len() as u32;
                let series = match entry.known() {
                    Known::Dropped => DROPPED,
                    Known::Series(series) => {
                        let slot = &mut new_series[series as usize];
                        if *slot == NOWHERE {
                            *slot = kept.series.len() as u32;
                            kept.series.push(Series {
                                entry: kept.entries.len() as u32,
                                ..self.series[series as usize]
                            });
                        }
                        *slot
                    }
                };
                let start = kept.texts.len() as u32;
                kept.texts.extend_from_slice(self.text(old));
                kept.entries.push(Entry {
                    start,
                    series,
                    ..*entry
                });
            }
            kept.order.push(new_entry[old as usize]);
        }
        kept.index();
        *self = kept;
    }

    /// Fills tables and positions.
    fn index(&mut self) {
        let (texts, entries, series, hasher) = (&self.texts, &self.entries, &self.series, &self.hasher);
        let text_hash = |entry: &u32| hasher.hash_one(text_in(texts, entries, *entry));
        for entry in 0..entries.len() as u32 {
            self.by_text.insert_unique(text_hash(&entry), entry, text_hash);
        }
        let labels_hash = |index: &u32| hash_in(series, *index);
        for index in 0..series.len() as u32 {
            self.by_labels
                .insert_unique(labels_hash(&index), index, labels_hash);
        }
        for (position, &entry) in self.order.iter().enumerate() {
            if let Some(entry) = self.entries.get_mut(entry as usize) {
                entry.position = position as u32;
            }
        }
    }
}

impl Entry {
    const fn known(&self) -> Known {
        if self.series == DROPPED {
            Known::Dropped
        } else {
            Known::Series(self.series)
        }
    }
}

#[inline]
fn text_in<'a>(texts: &'a [u8], entries: &[Entry], entry: u32) -> &'a [u8] {
    entries
        .get(entry as usize)
        .and_then(|entry| texts.get(entry.start as usize..entry.start as usize + entry.length as usize))
        .unwrap_or_default()
}

fn hash_in(series: &[Series], index: u32) -> u64 {
    series.get(index as usize).map_or(0, |series| series.labels_hash)
}

#[cfg(test)]
mod tests;
