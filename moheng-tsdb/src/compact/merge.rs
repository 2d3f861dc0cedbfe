//! [`compact_blocks`]: several blocks become one.

use std::sync::Arc;

use moheng_metrics::Labels;
use moheng_metrics::histogram::ResetHint;

use crate::Error;
use crate::block::{
    Block, BlockMeta, BlockParent, BlockWriter, ChunkReader, Deleted, Interval, OwnedSample, SampleEncoder,
    SampleValue, Ulid, decode_exactly,
};
use crate::chunk::Encoding;
use crate::format::index_series::ChunkMeta;
use crate::index::SeriesReader;
use crate::storage::Directory;

/// Chunks lie in the order of series, so they are read far ahead.
const READ_BYTES: usize = 1 << 20;

/// Writes a block with the samples of `blocks` that are not deleted, and returns its description, or `None` when there are
/// none left. The old blocks stay; whoever called removes them, as parents of the new one.
///
/// Chunks are copied as they are, except where they overlap others or lie partly in deleted ranges. Of samples of one series
/// with the same timestamp that of the block listed first is kept.
///
/// # Errors
///
/// When a block is damaged or the disk fails; then there is no new block.
pub fn compact_blocks(
    directory: &Arc<dyn Directory>,
    blocks: &[Block],
    ulid: Ulid,
) -> Result<Option<BlockMeta>, Error> {
    let Some(meta) = joined_meta(blocks, ulid) else {
        return Err(Error::Invalid("no block to compact".to_owned()));
    };
    let mut writer = BlockWriter::create(Arc::clone(directory), meta)?;
    let mut inputs = blocks.iter().map(Input::new).collect::<Result<Vec<_>, Error>>()?;
    let mut pieces: Vec<Piece> = Vec::new();
    loop {
        let Some(labels) = next_labels(&mut inputs)? else {
            return writer.finish();
        };
        pieces.clear();
        for (number, input) in inputs.iter_mut().enumerate() {
            if input.labels.as_ref() == Some(&labels) {
                input.take_pieces(number, &mut pieces);
            }
        }
        pieces.sort_by_key(|piece| (piece.chunk.start_ms, piece.chunk.end_ms));
        for group in overlapping_groups(&pieces) {
            write_group(group, &mut inputs, &mut writer)?;
        }
        writer.end_series(&labels)?;
    }
}

/// The description of a block made of these.
fn joined_meta(blocks: &[Block], ulid: Ulid) -> Option<BlockMeta> {
    let metas: Vec<BlockMeta> = blocks.iter().map(Block::meta).collect();
    let start_ms = metas.iter().map(|meta| meta.start_ms).min()?;
    let end_ms = metas.iter().map(|meta| meta.end_ms).max()?;
    let mut joined = BlockMeta::new(ulid, start_ms, end_ms);
    joined.level = metas.iter().map(|meta| meta.level).max()?.saturating_add(1);
    joined.sources = metas
        .iter()
        .flat_map(|meta| meta.sources.iter().copied())
        .collect();
    joined.sources.sort_unstable();
    joined.sources.dedup();
    let parents = metas.iter().map(|meta| BlockParent {
        ulid: meta.ulid,
        start_ms: meta.start_ms,
        end_ms: meta.end_ms,
    });
    joined.parents = parents.collect();
    joined
        .parents
        .sort_by_key(|parent| (parent.start_ms, parent.ulid));
    // What holds for all of them holds for the new block.
    let (first, others) = metas.split_first()?;
    joined.hints.clone_from(&first.hints);
    joined
        .hints
        .retain(|hint| others.iter().all(|meta| meta.hints.contains(hint)));
    Some(joined)
}

/// One of the blocks, read series by series.
struct Input {
    block: Block,
    series: std::vec::IntoIter<u32>,
    reader: SeriesReader,
    chunks: ChunkReader,
    deleted: Deleted,
    /// Those of the series read last; `None` when its pieces were taken, or none is left.
    labels: Option<Labels>,
    number: u32,
}

/// A chunk of the series that is being written.
#[derive(Clone, Debug)]
struct Piece {
    /// Whose it is.
    input: usize,
    chunk: ChunkMeta,
    /// The deleted ranges that cover a part of it.
    deleted: Vec<Interval>,
    /// Whether the sample before it is deleted.
    is_behind_gap: bool,
}

impl Input {
    fn new(block: &Block) -> Result<Self, Error> {
        Ok(Self {
            series: block.index().all_series()?.into_iter(),
            reader: SeriesReader::new(Arc::clone(block.index())),
            chunks: ChunkReader::new(Arc::clone(block.chunks())),
            deleted: block.deleted(),
            block: block.clone(),
            labels: None,
            number: 0,
        })
    }

    /// Reads the next series unless one is waiting.
    fn fill(&mut self) -> Result<(), Error> {
        if self.labels.is_none()
            && let Some(series) = self.series.next()
        {
            self.reader.read(series)?;
            self.labels = Some(self.reader.labels()?);
            self.number = series;
        }
        Ok(())
    }

    /// Adds the chunks of the series, without those that are deleted.
    fn take_pieces(&mut self, input: usize, pieces: &mut Vec<Piece>) {
        self.labels = None;
        let deleted = self.deleted.of(self.number).unwrap_or_default();
        let mut is_behind_gap = false;
        for &chunk in self.reader.chunks() {
            let hits = deleted
                .iter()
                .filter(|interval| interval.overlaps(chunk.start_ms, chunk.end_ms));
            let hits: Vec<Interval> = hits.copied().collect();
            let is_gap = hits.iter().any(|interval| chunk.end_ms <= interval.end_ms);
            let covers =
                |interval: &Interval| interval.start_ms <= chunk.start_ms && chunk.end_ms <= interval.end_ms;
            if !hits.iter().any(covers) {
                pieces.push(Piece {
                    input,
                    chunk,
                    deleted: hits,
                    is_behind_gap,
                });
            }
            is_behind_gap = is_gap;
        }
    }

    fn corrupt(&self, chunk: &ChunkMeta, message: impl std::fmt::Display) -> Error {
        Error::Corrupt {
            path: format!("{}/chunks", self.block.path()),
            message: format!(
                "file {}, byte {}: {message}",
                chunk.reference.file() + 1,
                chunk.reference.offset()
            ),
        }
    }

    fn copy(&mut self, chunk: &ChunkMeta, writer: &mut BlockWriter) -> Result<(), Error> {
        let (bytes, stored) = self.chunks.read_stored(chunk.reference, READ_BYTES)?;
        let encoding = known(stored.encoding)?;
        let Ok(sample_count) = encoding.sample_count(stored.data) else {
            return Err(self.corrupt(chunk, "no sample count"));
        };
        writer.put_stored(chunk, bytes, encoding, sample_count)
    }

    /// Appends the samples of a piece that are not deleted, and returns how they were encoded.
    fn decode(&mut self, piece: &Piece, samples: &mut Vec<OwnedSample>) -> Result<Encoding, Error> {
        let stored = self.chunks.read(piece.chunk.reference, READ_BYTES)?;
        let encoding = known(stored.encoding)?;
        let mut decoded = Vec::new();
        if let Err(error) = decode_exactly(encoding, stored.data, &mut decoded) {
            return Err(self.corrupt(&piece.chunk, error));
        }
        // The sample before each one may be another now.
        let mut has_other_predecessor = true;
        for mut sample in decoded {
            let time_ms = sample.timestamp_ms;
            if piece
                .deleted
                .iter()
                .any(|interval| interval.overlaps(time_ms, time_ms))
            {
                has_other_predecessor = true;
                continue;
            }
            if has_other_predecessor {
                forget_reset(&mut sample);
            }
            has_other_predecessor = false;
            samples.push(sample);
        }
        Ok(encoding)
    }
}

fn known(encoding: u8) -> Result<Encoding, Error> {
    Encoding::from_code(encoding)
        .ok_or_else(|| Error::Unsupported(format!("compacting chunks with the encoding {encoding}")))
}

/// The first labels of all inputs.
fn next_labels(inputs: &mut [Input]) -> Result<Option<Labels>, Error> {
    for input in &mut *inputs {
        input.fill()?;
    }
    let waiting = inputs.iter().filter_map(|input| input.labels.as_ref());
    Ok(waiting.min().cloned())
}

/// Cuts pieces, ascending by start, where nothing overlaps.
fn overlapping_groups(pieces: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    let mut rest = pieces;
    std::iter::from_fn(move || {
        let mut end_ms = rest.first()?.chunk.end_ms;
        let joined = rest.iter().skip(1).take_while(|piece| {
            let is_joined = piece.chunk.start_ms <= end_ms;
            end_ms = end_ms.max(piece.chunk.end_ms);
            is_joined
        });
        let (group, after) = rest.split_at_checked(joined.count() + 1)?;
        rest = after;
        Some(group)
    })
}

fn write_group(group: &[Piece], inputs: &mut [Input], writer: &mut BlockWriter) -> Result<(), Error> {
    if let [only] = group
        && only.deleted.is_empty()
        && !only.is_behind_gap
        && let Some(input) = inputs.get_mut(only.input)
    {
        return input.copy(&only.chunk, writer);
    }
    let mut has_starts = false;
    let mut lists: Vec<(usize, std::vec::IntoIter<OwnedSample>)> = Vec::new();
    for piece in group {
        if let Some(input) = inputs.get_mut(piece.input) {
            let mut samples = Vec::new();
            has_starts |= input.decode(piece, &mut samples)?.has_starts();
            lists.push((piece.input, samples.into_iter()));
        }
    }
    // Of equal timestamps the first list is asked first.
    lists.sort_by_key(|(input, _)| *input);
    let mut encoder = SampleEncoder::new(has_starts);
    merge_samples(
        lists.into_iter().map(|(_, samples)| samples).collect(),
        &mut encoder,
    )?;
    for chunk in encoder.finish() {
        writer.put_chunk(&chunk)?;
    }
    Ok(())
}

/// Adds the samples of all lists ascending by time, each timestamp once: that of the first list that has it.
fn merge_samples(
    lists: Vec<std::vec::IntoIter<OwnedSample>>,
    encoder: &mut SampleEncoder,
) -> Result<(), Error> {
    let mut lists: Vec<_> = lists.into_iter().map(Iterator::peekable).collect();
    let mut last: Option<usize> = None;
    loop {
        let next = lists.iter_mut().enumerate().filter_map(|(number, list)| {
            let sample = list.peek()?;
            Some((sample.timestamp_ms, number))
        });
        let Some((time_ms, number)) = next.min() else {
            return Ok(());
        };
        for (other, list) in lists.iter_mut().enumerate() {
            let Some(mut sample) = list.next_if(|sample| sample.timestamp_ms <= time_ms) else {
                continue;
            };
            if other == number {
                if last != Some(number) {
                    forget_reset(&mut sample);
                }
                encoder.push(&sample)?;
            }
        }
        last = Some(number);
    }
}

/// Whether the counter was reset since the sample before is not known once that is another one.
fn forget_reset(sample: &mut OwnedSample) {
    let hint = match &mut sample.value {
        SampleValue::Float(_) => return,
        SampleValue::Integer(histogram) => &mut histogram.reset_hint,
        SampleValue::Fractional(histogram) => &mut histogram.reset_hint,
    };
    if *hint != ResetHint::Gauge {
        *hint = ResetHint::Unknown;
    }
}
