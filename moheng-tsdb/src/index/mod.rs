//! The index of a block: written from series in label order, read through the storage seam, matched against conditions.

mod matching;
mod numbering;
mod postings;
mod reader;
mod section;
mod series;
mod spill;
mod symbols;
mod table;
mod verify;
mod writer;

pub(crate) use matching::matching;
pub(crate) use reader::IndexReader;
pub(crate) use series::SeriesReader;
pub(crate) use verify::verify_index;
pub(crate) use writer::IndexWriter;

#[cfg(test)]
mod tests;
