//! [`IndexReader`]: an index file of version 1, 2 or 3.

use std::ops::ControlFlow;

use super::symbols::Symbols;
use super::table::{PostingsTable, Step};
use crate::Error;
use crate::format::index_file::{CONTENTS_BYTES, Contents, HEADER_BYTES, IndexVersion, read_header};
use crate::format::index_postings::{read_postings, stored_bytes};
use crate::format::names;
use crate::storage::{Blob, Directory, Window};

/// How much is read when one list of postings is looked for.
pub(super) const ONE_LIST_BYTES: usize = 4 << 10;
/// How much is read when the lists next to it are too.
pub(super) const MANY_LISTS_BYTES: usize = 64 << 10;

/// An index file. Symbols and the postings table were checked when it was opened; series and postings are when read.
#[derive(Debug)]
pub(crate) struct IndexReader {
    pub(super) blob: Blob,
    pub(super) version: IndexVersion,
    pub(super) symbols: Symbols,
    pub(super) table: PostingsTable,
}

impl IndexReader {
    /// Opens the index in the directory `block`.
    pub(crate) fn open(directory: &dyn Directory, block: &str) -> Result<Self, Error> {
        let blob = Blob::open(directory, &names::block_index(block))?;
        let mut bytes = Vec::new();
        blob.read(0, HEADER_BYTES, &mut bytes)?;
        let version = read_header(&bytes).map_err(|error| blob.corrupt(0, error))?;
        let offset = blob
            .size_bytes()
            .checked_sub(CONTENTS_BYTES as u64)
            .ok_or_else(|| blob.corrupt(0, "too short for an index"))?;
        blob.read(offset, CONTENTS_BYTES, &mut bytes)?;
        let contents = Contents::read(&bytes).map_err(|error| blob.corrupt(offset, error))?;
        if contents.symbols == 0 || contents.postings_offset_table == 0 {
            return Err(blob.corrupt(offset, "there are no symbols or no postings"));
        }
        // Offsets behind the file are found when the sections are read; these must be no excuse for overflow.
        if contents.symbols > offset || contents.postings_offset_table > offset {
            return Err(blob.corrupt(offset, "the contents table points behind the file"));
        }
        Ok(Self {
            symbols: Symbols::load(&blob, contents.symbols, version)?,
            table: PostingsTable::load(&blob, contents.postings_offset_table, version)?,
            blob,
            version,
        })
    }

    /// The size of the file in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.blob.size_bytes()
    }

    /// Memory held, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.symbols.heap_bytes() + self.table.heap_bytes()
    }

    /// The label names, ascending.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.table.names().filter(|name| !name.is_empty())
    }

    /// How many values a label name has.
    pub(crate) fn value_count(&self, name: &str) -> usize {
        self.table.value_count(name)
    }

    /// Calls `visitor(value, offset of the postings)` for the values of a label name from `from` on, ascending, until it
    /// says to stop.
    pub(crate) fn visit_values(
        &self,
        name: &str,
        from: &str,
        visitor: impl FnMut(&str, u64) -> Step,
    ) -> Result<(), Error> {
        if name.is_empty() {
            return Ok(());
        }
        self.table.visit_values(&self.blob, name, from, visitor)
    }

    /// The values of a label name, ascending, at most `limit`.
    pub(crate) fn values(&self, name: &str, limit: usize) -> Result<Vec<String>, Error> {
        let mut values = Vec::new();
        if limit == 0 {
            return Ok(values);
        }
        self.visit_values(name, "", |value, _| {
            values.push(value.to_owned());
            Ok(if values.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        Ok(values)
    }

    /// The series with a label, ascending. Ascending references are series in label order.
    pub(crate) fn postings(&self, name: &str, value: &str) -> Result<Vec<u32>, Error> {
        let mut series = Vec::new();
        if let Some(offset) = self.table.find(&self.blob, name, value)? {
            self.read_postings(offset, &mut Window::default(), ONE_LIST_BYTES, &mut series)?;
        }
        Ok(series)
    }

    /// All series, ascending.
    pub(crate) fn all_series(&self) -> Result<Vec<u32>, Error> {
        self.postings("", "")
    }

    /// Appends the postings at `offset` to `series`.
    pub(super) fn read_postings(
        &self,
        offset: u64,
        window: &mut Window,
        ahead: usize,
        series: &mut Vec<u32>,
    ) -> Result<(), Error> {
        let corrupt = |error| self.blob.corrupt(offset, error);
        let beginning = window.get(&self.blob, offset, 4, ahead)?;
        let stored = stored_bytes(beginning).map_err(corrupt)?;
        let bytes = window.get(&self.blob, offset, stored, ahead)?;
        read_postings(bytes, series).map_err(corrupt)
    }
}
