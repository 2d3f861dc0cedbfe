//! [`SymbolTable`]: names and values that recur, each kept once.

use std::fmt;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts numbered in the order they came, each kept once; number 0 is the empty text.
///
/// That is what remote write 2.0 calls the symbols of a request. All texts lie in one buffer, so a symbol costs its
/// bytes and about 14 more. There is room for 2^32 symbols.
///
/// ```
/// use moheng_metrics::SymbolTable;
///
/// let mut symbols = SymbolTable::new();
/// assert_eq!(symbols.intern("job"), 1);
/// assert_eq!(symbols.intern("node"), 2);
/// assert_eq!(symbols.intern("job"), 1);
/// assert_eq!(symbols.get(2), Some("node"));
/// assert_eq!(symbols.iter().collect::<Vec<_>>(), ["", "job", "node"]);
/// ```
#[derive(Clone)]
pub struct SymbolTable {
    text: String,
    /// Where each symbol ends in `text`; it begins where the previous one ends.
    ends: Vec<usize>,
    /// The numbers of all symbols but the empty one.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl SymbolTable {
    /// A table with the empty text only.
    pub fn new() -> Self {
        Self {
            text: String::new(),
            ends: vec![0],
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The number of `symbol`, which is added if it is new.
    pub fn intern(&mut self, symbol: &str) -> u32 {
        if symbol.is_empty() {
            return 0;
        }
        let hash = self.hasher.hash_one(symbol);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        let entry = self.index.entry(
            hash,
            |number| symbol_at(text, ends, *number) == Some(symbol),
            |number| hasher.hash_one(symbol_at(text, ends, *number).unwrap_or_default()),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                // More than that many different texts take over 70 GB.
                let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
                entry.insert(number);
                self.text.push_str(symbol);
                self.ends.push(self.text.len());
                number
            }
        }
    }

    /// The number of `symbol`, if it has one.
    pub fn find(&self, symbol: &str) -> Option<u32> {
        if symbol.is_empty() {
            return Some(0);
        }
        let is_equal = |number: &u32| self.get(*number) == Some(symbol);
        self.index.find(self.hasher.hash_one(symbol), is_equal).copied()
    }

    /// The text with this number.
    pub fn get(&self, number: u32) -> Option<&str> {
        symbol_at(&self.text, &self.ends, number)
    }

    /// All texts in the order of their numbers, the empty one first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let numbers = 0..self.ends.len();
        numbers.map(|number| self.get(number as u32).unwrap_or_default())
    }

    /// The number of texts, the empty one included.
    #[expect(clippy::len_without_is_empty, reason = "the empty text is always there")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of all texts together.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The memory the table takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>() + self.index.allocation_size()
    }

    /// Forgets all texts but the empty one, and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.truncate(1);
        self.index.clear();
    }

    /// A table with the same texts numbered in ascending order of their bytes, as a block's index has them, and the new
    /// number of each old one.
    pub fn sorted(&self) -> (Self, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_unstable_by_key(|number| self.get(*number));
        let mut sorted = Self {
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(self.ends.len()),
            index: HashTable::with_capacity(self.index.len()),
            hasher: self.hasher.clone(),
        };
        sorted.ends.push(0);
        let mut new_numbers = vec![0; order.len()];
        for number in order {
            let new_number = sorted.intern(self.get(number).unwrap_or_default());
            if let Some(slot) = new_numbers.get_mut(number as usize) {
                *slot = new_number;
            }
        }
        (sorted, new_numbers)
    }
}

impl Default for SymbolTable {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SymbolTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn symbol_at<'t>(text: &'t str, ends: &[usize], number: u32) -> Option<&'t str> {
    let number = number as usize;
    let end = *ends.get(number)?;
    let start = number.checked_sub(1).and_then(|before| ends.get(before).copied());
    text.get(start.unwrap_or_default()..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        let mut symbols = SymbolTable::new();
        let texts: Vec<String> = (0..1000).map(|number| format!("value-{number}")).collect();
        for _ in 0..2 {
            for (index, text) in texts.iter().enumerate() {
                assert_eq!(symbols.intern(text), index as u32 + 1);
            }
        }
        assert_eq!(symbols.len(), 1001);
        assert_eq!(symbols.text_bytes(), texts.iter().map(String::len).sum::<usize>());
        assert_eq!(symbols.find("value-999"), Some(1000));
        assert_eq!(symbols.find("value-1000"), None);
        assert_eq!(symbols.get(1001), None);
        assert_eq!(
            (symbols.intern(""), symbols.find(""), symbols.get(0)),
            (0, Some(0), Some(""))
        );
    }

    #[test]
    fn clearing_keeps_the_memory() {
        let mut symbols = SymbolTable::new();
        for number in 0..100 {
            symbols.intern(&format!("{number}"));
        }
        let memory_bytes = symbols.memory_bytes();
        symbols.clear();
        assert_eq!((symbols.len(), symbols.find("7")), (1, None));
        assert_eq!(symbols.memory_bytes(), memory_bytes);
        assert_eq!(symbols.intern("b"), 1);
        assert_eq!(symbols.iter().collect::<Vec<_>>(), ["", "b"]);
    }

    #[test]
    fn sorted_by_bytes() {
        let mut symbols = SymbolTable::new();
        for text in ["b", "a", "\u{e9}", "B", "aa"] {
            symbols.intern(text);
        }
        let (sorted, new_numbers) = symbols.sorted();
        assert_eq!(
            sorted.iter().collect::<Vec<_>>(),
            ["", "B", "a", "aa", "b", "\u{e9}"]
        );
        for (number, text) in symbols.iter().enumerate() {
            assert_eq!(sorted.get(new_numbers[number]), Some(text));
            assert_eq!(sorted.find(text), Some(new_numbers[number]));
        }
    }
}
