//! [`Numbering`]: numbers for texts and labels in the order they come, while a block is written.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::Error;

/// Texts and labels, each with a number.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    texts: Vec<Box<str>>,
    texts_by_content: HashTable<u32>,
    pairs: Vec<Pair>,
    pairs_by_content: HashTable<u32>,
    hasher: FixedState,
}

/// A label: the numbers of its texts, and how many series have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) name: u32,
    pub(super) value: u32,
    pub(super) series_count: u32,
}

impl Numbering {
    /// The texts, by number.
    pub(super) fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// The labels, by number.
    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    /// Whether the label with this number is this one.
    pub(super) fn is_pair(&self, number: u32, name: &str, value: &str) -> bool {
        self.pairs
            .get(number as usize)
            .is_some_and(|pair| self.text(pair.name) == name && self.text(pair.value) == value)
    }

    /// Counts one more series with the label.
    pub(super) fn count_series(&mut self, number: u32) {
        if let Some(pair) = self.pairs.get_mut(number as usize) {
            pair.series_count += 1;
        }
    }

    /// The number of a label, new if need be.
    pub(super) fn pair(&mut self, name: &str, value: &str) -> Result<u32, Error> {
        let hash = hash(&self.hasher, name, value);
        let is_equal = |&number: &u32| self.is_pair(number, name, value);
        if let Some(&number) = self.pairs_by_content.find(hash, is_equal) {
            return Ok(number);
        }
        let number = u32::try_from(self.pairs.len()).map_err(|_| too_many("labels"))?;
        let pair = Pair {
            name: self.number(name)?,
            value: self.number(value)?,
            series_count: 0,
        };
        self.pairs.push(pair);
        let (hasher, pairs, texts) = (&self.hasher, &self.pairs, &self.texts);
        self.pairs_by_content.insert_unique(hash, number, |&number| {
            let text = |number: u32| texts.get(number as usize).map_or("", |text| text);
            let pair = pairs.get(number as usize);
            pair.map_or(0, |pair| self::hash(hasher, text(pair.name), text(pair.value)))
        });
        Ok(number)
    }

    fn number(&mut self, text: &str) -> Result<u32, Error> {
        let hash = hash(&self.hasher, text, "");
        let is_equal = |&number: &u32| self.text(number) == text;
        if let Some(&number) = self.texts_by_content.find(hash, is_equal) {
            return Ok(number);
        }
        let number = u32::try_from(self.texts.len()).map_err(|_| too_many("texts"))?;
        self.texts.push(text.into());
        let (hasher, texts) = (&self.hasher, &self.texts);
        self.texts_by_content.insert_unique(hash, number, |&number| {
            let text = texts.get(number as usize).map_or("", |text| text);
            self::hash(hasher, text, "")
        });
        Ok(number)
    }
}

/// An error about a limit of the format.
pub(super) fn too_many(what: &str) -> Error {
    Error::Invalid(format!(
        "a block cannot hold so many {what}; cover a shorter time"
    ))
}

fn hash(hasher: &FixedState, first: &str, second: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(first.as_bytes());
    hasher.write_usize(first.len());
    hasher.write(second.as_bytes());
    hasher.finish()
}
