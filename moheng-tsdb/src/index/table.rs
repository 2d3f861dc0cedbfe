//! [`PostingsTable`]: which labels there are and where their postings are; of each label name every 32nd value in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::section::visit_section;
use crate::Error;
use crate::format::index_file::IndexVersion;
use crate::format::index_postings::PostingsEntry;
use crate::format::{ByteReader, DecodeError};
use crate::storage::{Blob, Window};

/// One in so many values of a name is kept.
const SAMPLE_INTERVAL: u32 = 32;

/// How much is read at once when many values are looked at.
const READ_BYTES: usize = 64 << 10;

/// The labels of an index.
#[derive(Debug, Default)]
pub(super) struct PostingsTable {
    names: BTreeMap<Box<str>, Values>,
}

/// The values of a name.
#[derive(Debug)]
struct Values {
    count: u32,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    /// Some values, each with the offset of its entry, and where the entries end.
    Sampled { samples: Vec<(Box<str>, u64)>, end: u64 },
    /// All values, each with the offset of its postings: version 1 does not sort the table.
    Whole(Vec<(Box<str>, u64)>),
}

/// Most entries are shorter than this.
const ENTRY_BYTES: usize = 256;

/// Whether to go on with the next value.
pub(super) type Step = Result<ControlFlow<()>, Error>;

impl PostingsTable {
    /// Reads and checks the whole section.
    pub(super) fn load(blob: &Blob, offset: u64, version: IndexVersion) -> Result<Self, Error> {
        if version == IndexVersion::V1 {
            return Self::load_unsorted(blob, offset);
        }
        let mut loading = Loading::default();
        let end = visit_section(blob, offset, |position, reader| {
            let entry = PostingsEntry::read(reader)?;
            loading.add(entry, position)
        })?;
        loading.end_name(end);
        Ok(loading.table)
    }

    fn load_unsorted(blob: &Blob, offset: u64) -> Result<Self, Error> {
        let mut table = Self::default();
        visit_section(blob, offset, |_, reader| {
            let entry = PostingsEntry::read(reader)?;
            let values = table.names.entry(entry.name.into()).or_insert_with(|| Values {
                count: 0,
                entries: Entries::Whole(Vec::new()),
            });
            values.count += 1;
            if let Entries::Whole(entries) = &mut values.entries {
                entries.push((entry.value.into(), entry.offset));
            }
            Ok(())
        })?;
        for values in table.names.values_mut() {
            if let Entries::Whole(entries) = &mut values.entries {
                entries.sort_unstable();
            }
        }
        Ok(table)
    }

    /// The names, ascending; the empty one stands for all series.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    /// How many values a name has.
    pub(super) fn value_count(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, |values| values.count as usize)
    }

    /// Memory held, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        let values = self.names.values().map(|values| match &values.entries {
            Entries::Sampled { samples, .. } | Entries::Whole(samples) => samples,
        });
        let samples = values.flat_map(|samples| samples.iter());
        samples
            .map(|(text, _)| text.len() + size_of::<(Box<str>, u64)>())
            .sum()
    }

    /// Where the postings of a label are.
    pub(super) fn find(&self, blob: &Blob, name: &str, value: &str) -> Result<Option<u64>, Error> {
        let mut found = None;
        self.visit(blob, name, value, 0, |other, offset| {
            if other == value {
                found = Some(offset);
            }
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found)
    }

    /// Calls `visitor(value, offset of the postings)` for the values of a name from `from` on, ascending, until it says
    /// to stop.
    pub(super) fn visit_values(
        &self,
        blob: &Blob,
        name: &str,
        from: &str,
        visitor: impl FnMut(&str, u64) -> Step,
    ) -> Result<(), Error> {
        self.visit(blob, name, from, READ_BYTES, visitor)
    }

    fn visit(
        &self,
        blob: &Blob,
        name: &str,
        from: &str,
        ahead: usize,
        mut visitor: impl FnMut(&str, u64) -> Step,
    ) -> Result<(), Error> {
        let Some(values) = self.names.get(name) else {
            return Ok(());
        };
        match &values.entries {
            Entries::Whole(entries) => {
                let first = entries.partition_point(|(value, _)| &**value < from);
                for (value, offset) in entries.get(first..).unwrap_or_default() {
                    if visitor(value, *offset)?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Entries::Sampled { samples, end } => {
                let next = samples.partition_point(|(value, _)| &**value <= from);
                let offset_of = |index: usize| samples.get(index).map_or(*end, |&(_, offset)| offset);
                let mut scan = Scan {
                    blob,
                    window: Window::default(),
                    position: offset_of(next.saturating_sub(1)),
                    end: *end,
                    // To the next value known, within which the one looked for lies, if at all.
                    wanted: (offset_of(next.max(1)) - offset_of(next.saturating_sub(1))) as usize,
                    ahead,
                };
                scan.run(from, visitor)
            }
        }
    }
}

#[derive(Default)]
struct Loading {
    table: PostingsTable,
    name: Box<str>,
    last_value: String,
    count: u32,
    samples: Vec<(Box<str>, u64)>,
}

impl Loading {
    fn add(&mut self, entry: PostingsEntry<'_>, position: u64) -> Result<(), DecodeError> {
        const UNSORTED: DecodeError = DecodeError::Invalid("the postings table is not sorted");
        if self.count > 0 && *self.name == *entry.name {
            if *self.last_value >= *entry.value {
                return Err(UNSORTED);
            }
        } else {
            if self.count > 0 && *self.name >= *entry.name {
                return Err(UNSORTED);
            }
            self.end_name(position);
            self.name = entry.name.into();
        }
        if self.count.is_multiple_of(SAMPLE_INTERVAL) {
            self.samples.push((entry.value.into(), position));
        }
        entry.value.clone_into(&mut self.last_value);
        self.count += 1;
        Ok(())
    }

    fn end_name(&mut self, end: u64) {
        if self.count == 0 {
            return;
        }
        let mut samples = std::mem::take(&mut self.samples);
        samples.shrink_to_fit();
        let values = Values {
            count: self.count,
            entries: Entries::Sampled { samples, end },
        };
        self.table.names.insert(std::mem::take(&mut self.name), values);
        self.count = 0;
    }
}

/// A walk over entries of one name.
struct Scan<'a> {
    blob: &'a Blob,
    window: Window,
    position: u64,
    end: u64,
    wanted: usize,
    ahead: usize,
}

impl Scan<'_> {
    fn run(&mut self, from: &str, mut visitor: impl FnMut(&str, u64) -> Step) -> Result<(), Error> {
        while self.position < self.end {
            let left = (self.end - self.position) as usize;
            let bytes = self.window.get(
                self.blob,
                self.position,
                self.wanted.min(left),
                self.ahead.min(left),
            )?;
            let bytes = bytes.get(..left).unwrap_or(bytes);
            if bytes.len() < self.wanted.min(left) {
                return Err(self.blob.corrupt(self.position, DecodeError::UnexpectedEnd));
            }
            let mut reader = ByteReader::new(bytes);
            loop {
                let before = reader;
                let entry = match PostingsEntry::read(&mut reader) {
                    Ok(entry) => entry,
                    // The window ends within the entry: read on from there, more when that was not enough.
                    Err(DecodeError::UnexpectedEnd) if before.rest().len() < left => {
                        self.position += (bytes.len() - before.rest().len()) as u64;
                        self.wanted = before.rest().len() * 2 + ENTRY_BYTES;
                        break;
                    }
                    Err(error) => return Err(self.blob.corrupt(self.position, error)),
                };
                if entry.value >= from && visitor(entry.value, entry.offset)?.is_break() {
                    return Ok(());
                }
                if reader.is_empty() {
                    self.position += bytes.len() as u64;
                    self.wanted = ENTRY_BYTES;
                    break;
                }
            }
        }
        Ok(())
    }
}
