//! [`SeriesReader`]: reads series of an index one after the other.

use std::sync::Arc;

use moheng_metrics::{Labels, LabelsPacker};

use super::IndexReader;
use super::symbols::SymbolCache;
use crate::Error;
use crate::format::index_series::{ChunkMeta, read_series, stored_bytes};
use crate::storage::Window;

/// How much is read when the series looked for is far from the one before.
const SPARSE_READ_BYTES: usize = 1 << 10;
/// How much is read when it is near.
const DENSE_READ_BYTES: usize = 128 << 10;
/// What is near.
const NEAR_BYTES: u64 = 16 << 10;

/// A length takes at most so many bytes.
const LENGTH_BYTES_MAX: usize = 10;

/// Reads series; what it returns is about the one read last.
#[derive(Debug)]
pub(crate) struct SeriesReader {
    index: Arc<IndexReader>,
    window: Window,
    cache: SymbolCache,
    labels: Vec<(u32, u32)>,
    /// Of the series whose labels were built last.
    packed: Vec<(u32, u32)>,
    packer: LabelsPacker,
    chunks: Vec<ChunkMeta>,
    /// Where the series read last ends.
    end: u64,
}

impl SeriesReader {
    pub(crate) fn new(index: Arc<IndexReader>) -> Self {
        Self {
            index,
            window: Window::default(),
            cache: SymbolCache::default(),
            labels: Vec::new(),
            packed: Vec::new(),
            packer: LabelsPacker::new(),
            chunks: Vec::new(),
            end: 0,
        }
    }

    /// Reads a series by its reference.
    pub(crate) fn read(&mut self, series: u32) -> Result<(), Error> {
        let index = &*self.index;
        let offset = u64::from(series) * index.version.series_alignment();
        let is_near = offset >= self.end && offset - self.end < NEAR_BYTES;
        let ahead = if is_near {
            DENSE_READ_BYTES
        } else {
            SPARSE_READ_BYTES
        };
        let beginning = self.window.get(&index.blob, offset, LENGTH_BYTES_MAX, ahead)?;
        let corrupt = |error| index.blob.corrupt(offset, error);
        let beginning = beginning.get(..LENGTH_BYTES_MAX).unwrap_or(beginning);
        let stored = stored_bytes(beginning).map_err(corrupt)?;
        let bytes = self.window.get(&index.blob, offset, stored, ahead)?;
        read_series(bytes, &mut self.labels, &mut self.chunks).map_err(corrupt)?;
        self.end = offset + stored as u64;
        Ok(())
    }

    /// The labels of the series.
    pub(crate) fn labels(&mut self) -> Result<Labels, Error> {
        let packed = self.pack_labels();
        // What a damaged series left is nothing to build on.
        if packed.is_err() {
            self.packed.clear();
            self.packer = LabelsPacker::new();
        }
        packed
    }

    fn pack_labels(&mut self) -> Result<Labels, Error> {
        self.cache.make_room();
        if !self.has_names_of_packed() {
            self.check_names()?;
        }
        let mut place = 0;
        while let Some(&(name, value)) = self.labels.get(place) {
            let (rest, before) = (self.labels.iter().skip(place), self.packed.iter().skip(place));
            let kept = rest.zip(before).take_while(|(now, before)| now == before).count();
            if kept > 0 {
                self.packer.keep(place..place + kept);
                place += kept;
                continue;
            }
            self.cache.load(&self.index.blob, &self.index.symbols, name)?;
            self.cache.load(&self.index.blob, &self.index.symbols, value)?;
            let text = |symbol| self.cache.get(&self.index.symbols, symbol);
            if text(value).is_empty() {
                return Err(self.corrupt_labels());
            }
            self.packer.push(text(name), text(value));
            place += 1;
        }
        self.packed.clone_from(&self.labels);
        Ok(self.packer.finish())
    }

    /// Whether the label names are those of the series whose labels were built last.
    fn has_names_of_packed(&self) -> bool {
        let names = self.labels.iter().zip(&self.packed);
        !self.labels.is_empty()
            && self.labels.len() == self.packed.len()
            && names.into_iter().all(|(now, packed)| now.0 == packed.0)
    }

    fn check_names(&mut self) -> Result<(), Error> {
        self.load_symbols()?;
        let names = self
            .labels
            .iter()
            .map(|&(name, _)| self.cache.get(&self.index.symbols, name));
        if self.labels.is_empty() || names.clone().any(str::is_empty) || !names.is_sorted_by(|a, b| a < b) {
            return Err(self.corrupt_labels());
        }
        Ok(())
    }

    fn corrupt_labels(&self) -> Error {
        let message = "labels of the series before are not sorted, or empty";
        self.index.blob.corrupt(self.end, message)
    }

    /// The value of a label of the series.
    pub(crate) fn label(&mut self, name: &str) -> Result<Option<&str>, Error> {
        self.cache.make_room();
        self.load_symbols()?;
        let symbols = &self.index.symbols;
        let found = self
            .labels
            .iter()
            .find(|&&(other, _)| self.cache.get(symbols, other) == name);
        Ok(found.map(|&(_, value)| self.cache.get(symbols, value)))
    }

    /// The labels of the series by symbol.
    pub(crate) fn symbols(&self) -> &[(u32, u32)] {
        &self.labels
    }

    /// The text of a symbol.
    pub(crate) fn text(&mut self, symbol: u32) -> Result<&str, Error> {
        self.cache.load(&self.index.blob, &self.index.symbols, symbol)?;
        Ok(self.cache.get(&self.index.symbols, symbol))
    }

    /// The chunks of the series, in the order of the index.
    pub(crate) fn chunks(&self) -> &[ChunkMeta] {
        &self.chunks
    }

    fn load_symbols(&mut self) -> Result<(), Error> {
        for &(name, value) in &self.labels {
            self.cache.load(&self.index.blob, &self.index.symbols, name)?;
            self.cache.load(&self.index.blob, &self.index.symbols, value)?;
        }
        Ok(())
    }
}
