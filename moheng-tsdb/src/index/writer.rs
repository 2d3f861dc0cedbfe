//! [`IndexWriter`]: from series in label order to an index file.

use std::sync::Arc;

use moheng_metrics::Labels;

use super::numbering::{Numbering, Pair, too_many};
use super::spill::Spill;
use crate::Error;
use crate::format::index_file::{Contents, HEADER, varint_bytes};
use crate::format::index_postings::{PostingsEntry, postings_bytes, put_postings};
use crate::format::index_series::{ChunkMeta, put_chunks, put_series};
use crate::format::{ByteReader, Checksum, names, put_bytes, put_varint};
use crate::storage::{Appender, Directory};

/// Series are named by their offset divided by this.
const SERIES_ALIGNMENT: u64 = 16;

/// Pieces of a section are checksummed when they have grown to this size.
const PIECE_BYTES: usize = 64 << 10;

/// Writes the index of a block.
///
/// Symbols come first in the file and are known last, so series are put aside until all are known.
#[derive(Debug)]
pub(crate) struct IndexWriter {
    directory: Arc<dyn Directory>,
    path: String,
    numbering: Numbering,
    spill: Spill,
    last_labels: Labels,
    /// The numbers of the labels of the series added last; neighbours share most.
    last_pairs: Vec<u32>,
    record: Vec<u8>,
    series_count: u32,
}

impl IndexWriter {
    /// A writer of the index in the directory `block`, which exists.
    pub(crate) fn new(directory: Arc<dyn Directory>, block: &str) -> Self {
        let path = names::block_index(block);
        Self {
            spill: Spill::new(Arc::clone(&directory), format!("{path}.tmp")),
            directory,
            path,
            numbering: Numbering::default(),
            last_labels: Labels::empty(),
            last_pairs: Vec::new(),
            record: Vec::new(),
            series_count: 0,
        }
    }

    /// Adds a series, which must come after the last one in the order of labels.
    pub(crate) fn add_series(&mut self, labels: &Labels, chunks: &[ChunkMeta]) -> Result<(), Error> {
        if labels.is_empty() || labels.iter().any(|(name, _)| name.is_empty()) {
            return Err(Error::Invalid(
                "a series needs labels, and labels need names".to_owned(),
            ));
        }
        if self.series_count > 0 && *labels <= self.last_labels {
            return Err(Error::Invalid(format!(
                "series do not come in label order: {labels} after {}",
                self.last_labels
            )));
        }
        let mut pairs = Vec::with_capacity(labels.len());
        for (place, (name, value)) in labels.iter().enumerate() {
            let same = self.last_pairs.get(place).copied();
            let pair = match same.filter(|&pair| self.numbering.is_pair(pair, name, value)) {
                Some(pair) => pair,
                None => self.numbering.pair(name, value)?,
            };
            self.numbering.count_series(pair);
            pairs.push(pair);
        }
        self.record.clear();
        put_varint(&mut self.record, pairs.len() as u64);
        for &pair in &pairs {
            put_varint(&mut self.record, u64::from(pair));
        }
        put_chunks(&mut self.record, chunks);
        self.spill.push(&self.record)?;
        self.series_count = self
            .series_count
            .checked_add(1)
            .ok_or_else(|| too_many("series"))?;
        self.last_labels = labels.clone();
        self.last_pairs = pairs;
        Ok(())
    }

    /// How many series were added.
    pub(crate) fn series_count(&self) -> u32 {
        self.series_count
    }

    /// Writes the file, makes it durable and returns its size in bytes.
    pub(crate) fn finish(self) -> Result<u64, Error> {
        let numbering = self.numbering;
        let mut out = Appender::create(&*self.directory, self.path)?;
        out.buffer().extend_from_slice(&HEADER);
        let mut contents = Contents {
            symbols: out.position(),
            ..Contents::default()
        };
        let ranks = write_symbols(&mut out, numbering.texts())?;
        contents.series = out.position();
        let mut lists = PostingsLists::new(&numbering, &ranks, self.series_count);
        write_series(&mut out, self.spill, &ranks, &mut lists)?;
        out.align(4);
        contents.postings = out.position();
        contents.label_indices = contents.postings;
        lists.write(&mut out)?;
        contents.postings_offset_table = out.position();
        contents.label_offset_table = contents.postings_offset_table;
        lists.write_table(&mut out, &numbering, contents.postings)?;
        contents.put(out.buffer());
        out.finish()
    }
}

/// Writes the texts ascending and returns the place of each, by its number.
fn write_symbols(out: &mut Appender, texts: &[Box<str>]) -> Result<Vec<u32>, Error> {
    let mut order: Vec<u32> = (0..texts.len() as u32).collect();
    let text = |number: u32| texts.get(number as usize).map_or("", |text| text);
    order.sort_unstable_by_key(|&number| text(number));
    let length = texts
        .iter()
        .map(|text| varint_bytes(text.len() as u64) + text.len() as u64)
        .sum::<u64>()
        + 4;
    let mut section = Section::begin(out, length, texts.len() as u32, "symbols")?;
    let mut ranks = vec![0; texts.len()];
    for (rank, &number) in order.iter().enumerate() {
        if let Some(place) = ranks.get_mut(number as usize) {
            *place = rank as u32;
        }
        put_bytes(section.piece()?, text(number).as_bytes());
    }
    section.end()?;
    Ok(ranks)
}

fn write_series(
    out: &mut Appender,
    spill: Spill,
    ranks: &[u32],
    lists: &mut PostingsLists<'_>,
) -> Result<(), Error> {
    let rank = |number: u32| ranks.get(number as usize).copied().unwrap_or_default();
    let mut labels = Vec::new();
    let mut body = Vec::new();
    spill.drain(|record| {
        out.flush_when_full()?;
        out.align(SERIES_ALIGNMENT);
        let series =
            u32::try_from(out.position() / SERIES_ALIGNMENT).map_err(|_| too_many("series and chunks"))?;
        let mut reader = ByteReader::new(record);
        let damaged = |_| Error::Invalid("a series put aside is damaged".to_owned());
        labels.clear();
        for _ in 0..reader.varint().map_err(damaged)? {
            let number = reader.varint().map_err(damaged)? as usize;
            if let Some(pair) = lists.add(number, series) {
                labels.push((rank(pair.name), rank(pair.value)));
            }
        }
        lists.all.push(series);
        put_series(out.buffer(), labels.iter().copied(), reader.rest(), &mut body);
        Ok(())
    })
}

/// The series of every label, one list behind the other.
struct PostingsLists<'a> {
    pairs: &'a [Pair],
    /// The labels in the order of the file.
    order: Vec<u32>,
    /// Where the next series of a label goes in `series`, by the label's number.
    ends: Vec<usize>,
    series: Vec<u32>,
    all: Vec<u32>,
}

impl<'a> PostingsLists<'a> {
    fn new(numbering: &'a Numbering, ranks: &[u32], series_count: u32) -> Self {
        let pairs = numbering.pairs();
        let rank = |number: u32| ranks.get(number as usize).copied().unwrap_or_default();
        let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
        order.sort_unstable_by_key(|&number| {
            let pair = pairs.get(number as usize);
            pair.map(|pair| (rank(pair.name), rank(pair.value)))
        });
        let mut ends = vec![0; pairs.len()];
        let mut total = 0;
        for &number in &order {
            if let (Some(end), Some(pair)) = (ends.get_mut(number as usize), pairs.get(number as usize)) {
                *end = total;
                total += pair.series_count as usize;
            }
        }
        Self {
            pairs,
            order,
            ends,
            series: vec![0; total],
            all: Vec::with_capacity(series_count as usize),
        }
    }

    /// Adds a series, later than all before, to the list of a label.
    fn add(&mut self, number: usize, series: u32) -> Option<Pair> {
        let end = self.ends.get_mut(number)?;
        *self.series.get_mut(*end)? = series;
        *end += 1;
        self.pairs.get(number).copied()
    }

    fn write(&self, out: &mut Appender) -> Result<(), Error> {
        if self.all.len() as u64 * 4 + 4 > u64::from(u32::MAX) {
            return Err(too_many("series"));
        }
        put_postings(out.buffer(), &self.all);
        for &number in &self.order {
            out.flush_when_full()?;
            out.align(4);
            let end = self.ends.get(number as usize).copied().unwrap_or_default();
            let list = self.series.get(end - self.count(number)..end).unwrap_or_default();
            put_postings(out.buffer(), list);
        }
        Ok(())
    }

    /// Lists follow each other and all their lengths are multiples of four, so offsets are sums of lengths.
    fn write_table(&self, out: &mut Appender, numbering: &Numbering, start: u64) -> Result<(), Error> {
        let mut length = 4;
        self.visit_entries(numbering, start, |entry| {
            let text_bytes = |text: &str| varint_bytes(text.len() as u64) + text.len() as u64;
            length += 1 + text_bytes(entry.name) + text_bytes(entry.value) + varint_bytes(entry.offset);
            Ok(())
        })?;
        let count = u32::try_from(self.order.len() + 1).map_err(|_| too_many("labels"))?;
        let mut section = Section::begin(out, length, count, "labels")?;
        self.visit_entries(numbering, start, |entry| {
            entry.put(section.piece()?);
            Ok(())
        })?;
        section.end()
    }

    fn visit_entries(
        &self,
        numbering: &Numbering,
        start: u64,
        mut visitor: impl FnMut(PostingsEntry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        visitor(PostingsEntry {
            name: "",
            value: "",
            offset: start,
        })?;
        let mut offset = start + postings_bytes(self.all.len());
        for &number in &self.order {
            let Some(pair) = self.pairs.get(number as usize) else {
                continue;
            };
            visitor(PostingsEntry {
                name: numbering.text(pair.name),
                value: numbering.text(pair.value),
                offset,
            })?;
            offset += postings_bytes(self.count(number));
        }
        Ok(())
    }

    fn count(&self, number: u32) -> usize {
        self.pairs
            .get(number as usize)
            .map_or(0, |pair| pair.series_count as usize)
    }
}

/// A section whose length is known before its content: length, count, content, checksum.
struct Section<'a> {
    out: &'a mut Appender,
    checksum: Checksum,
    piece: Vec<u8>,
}

impl<'a> Section<'a> {
    /// `length` is that of count and content.
    fn begin(out: &'a mut Appender, length: u64, count: u32, what: &str) -> Result<Self, Error> {
        let length = u32::try_from(length).map_err(|_| too_many(what))?;
        out.buffer().extend_from_slice(&length.to_be_bytes());
        Ok(Self {
            out,
            checksum: Checksum::new(),
            piece: count.to_be_bytes().to_vec(),
        })
    }

    /// Where to append the next part.
    fn piece(&mut self) -> Result<&mut Vec<u8>, Error> {
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(&mut self.piece)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.checksum.update(&self.piece);
        self.out.buffer().append(&mut self.piece);
        self.out.flush_when_full()
    }

    fn end(mut self) -> Result<(), Error> {
        self.flush()?;
        let checksum = self.checksum.finish();
        self.out.buffer().extend_from_slice(&checksum.to_be_bytes());
        Ok(())
    }
}
