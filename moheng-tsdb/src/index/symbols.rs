//! [`Symbols`]: the texts of an index by number, every 32nd with its place in memory, and those read lately; [`SymbolCache`] is what one
//! reader holds of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::FixedState;

use super::section::visit_section;
use crate::Error;
use crate::format::ByteReader;
use crate::format::index_file::IndexVersion;
use crate::storage::Blob;

/// The place of one in so many texts is kept.
const GROUP_TEXTS: u32 = 32;

/// A reader holds at most so many groups.
const CACHED_GROUPS_MAX: usize = 8192;

/// So many groups stay in memory for the next reader: about a megabyte.
const KEPT_GROUPS_MAX: usize = 1024;

/// Where the texts are.
#[derive(Debug)]
pub(super) struct Symbols {
    /// The offsets of the first texts of the groups; empty in version 1, where references are offsets.
    groups: Vec<u64>,
    count: u32,
    /// Where the texts begin and end.
    start: u64,
    end: u64,
    is_by_offset: bool,
    /// Groups read lately, by number.
    kept: Mutex<HashMap<u32, Arc<Group>, FixedState>>,
}

impl Symbols {
    /// Reads and checks the whole section.
    pub(super) fn load(blob: &Blob, offset: u64, version: IndexVersion) -> Result<Self, Error> {
        let mut symbols = Self {
            groups: Vec::new(),
            count: 0,
            start: offset + 8,
            end: 0,
            is_by_offset: version == IndexVersion::V1,
            kept: Mutex::default(),
        };
        symbols.end = visit_section(blob, offset, |position, reader| {
            reader.text()?;
            if symbols.count.is_multiple_of(GROUP_TEXTS) && !symbols.is_by_offset {
                symbols.groups.push(position);
            }
            symbols.count += 1;
            Ok(())
        })?;
        Ok(symbols)
    }

    /// Memory held, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let kept: usize = self.kept().values().map(|group| group.heap_bytes()).sum();
        self.groups.capacity() * size_of::<u64>() + kept
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u32, Arc<Group>, FixedState>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn group(&self, blob: &Blob, number: u32) -> Result<Arc<Group>, Error> {
        if let Some(group) = self.kept().get(&number) {
            return Ok(Arc::clone(group));
        }
        let group = Arc::new(self.read_group(blob, number)?);
        let mut kept = self.kept();
        if kept.len() >= KEPT_GROUPS_MAX {
            kept.clear();
        }
        kept.insert(number, Arc::clone(&group));
        Ok(group)
    }

    /// The group a reference belongs to, and the place of its text in there.
    fn place(&self, reference: u32) -> (u32, usize) {
        if self.is_by_offset {
            (reference, 0)
        } else {
            (reference / GROUP_TEXTS, (reference % GROUP_TEXTS) as usize)
        }
    }

    fn read_group(&self, blob: &Blob, group: u32) -> Result<Group, Error> {
        let mut bytes = Vec::new();
        let (start, end) = if self.is_by_offset {
            (u64::from(group), self.end)
        } else {
            let start = self.groups.get(group as usize).copied();
            let end = self.groups.get(group as usize + 1).copied();
            (start.unwrap_or(u64::MAX), end.unwrap_or(self.end))
        };
        if start < self.start || start >= self.end {
            return Err(Error::Corrupt {
                path: blob.path().to_owned(),
                message: format!("there is no symbol {group} of {}", self.count),
            });
        }
        let mut length = (end - start) as usize;
        if self.is_by_offset {
            blob.read(start, 10, &mut bytes)?;
            let mut reader = ByteReader::new(&bytes);
            let before = reader.rest().len();
            let text = reader.varint().map_err(|error| blob.corrupt(start, error))?;
            length = length.min(before - reader.rest().len() + text as usize);
        }
        blob.read(start, length, &mut bytes)?;
        Group::parse(&bytes).map_err(|error| blob.corrupt(start, error))
    }
}

/// Texts next to each other.
#[derive(Debug, Default)]
struct Group {
    text: String,
    ends: Vec<usize>,
}

impl Group {
    fn parse(bytes: &[u8]) -> Result<Self, crate::format::DecodeError> {
        let mut reader = ByteReader::new(bytes);
        let mut group = Self::default();
        while !reader.is_empty() {
            group.text.push_str(reader.text()?);
            group.ends.push(group.text.len());
        }
        Ok(group)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.text.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    fn get(&self, place: usize) -> Option<&str> {
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..*self.ends.get(place)?)
    }
}

/// Texts read lately.
#[derive(Debug, Default)]
pub(super) struct SymbolCache {
    groups: HashMap<u32, Arc<Group>, FixedState>,
}

impl SymbolCache {
    /// Makes room when there is little. What was loaded before may be gone.
    pub(super) fn make_room(&mut self) {
        if self.groups.len() >= CACHED_GROUPS_MAX {
            self.groups.clear();
        }
    }

    /// Sees to it that [`SymbolCache::get`] finds the text.
    #[inline]
    pub(super) fn load(&mut self, blob: &Blob, symbols: &Symbols, reference: u32) -> Result<(), Error> {
        let (group, place) = symbols.place(reference);
        let texts = match self.groups.entry(group) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(symbols.group(blob, group)?),
        };
        match texts.get(place) {
            Some(_) => Ok(()),
            None => Err(Error::Corrupt {
                path: blob.path().to_owned(),
                message: format!("there is no symbol {reference} of {}", symbols.count),
            }),
        }
    }

    /// A text that was loaded.
    #[inline]
    pub(super) fn get(&self, symbols: &Symbols, reference: u32) -> &str {
        let (group, place) = symbols.place(reference);
        self.groups
            .get(&group)
            .and_then(|group| group.get(place))
            .unwrap_or_default()
    }
}
