//! [`BlockCursor`]: hands out series of a block, reading and decoding as it goes.

use std::sync::{Arc, Mutex, PoisonError};

use moheng_metrics::{SampleBuffer, SampleCursor, Select, SelectedSeries, SeriesCursor, SourceError};

use super::merge::MergedSamples;
use super::rows::append_undeleted;
use crate::Error;
use crate::block::{Block, ChunkReader, Deleted, Interval};
use crate::chunk::Encoding;
use crate::format::index_series::ChunkMeta;
use crate::index::SeriesReader;

/// At most so much is read at once.
const READ_BYTES_MAX: u64 = 256 << 10;
/// How long the last chunk wanted is taken to be; most are shorter.
const CHUNK_BYTES: u64 = 1 << 10;

/// How much is read at once when series are read one after the other.
const DENSE_READ_BYTES: usize = 64 << 10;

/// The reader of chunks that the series of a cursor pass on, so that what one read ahead serves the next.
type SharedReader = Arc<Mutex<Option<ChunkReader>>>;

/// Hands out series of a block, in label order.
#[derive(Debug)]
pub(crate) struct BlockCursor {
    block: Block,
    series: std::vec::IntoIter<u32>,
    reader: SeriesReader,
    chunk_reader: SharedReader,
    deleted: Deleted,
    start_ms: i64,
    end_ms: i64,
    /// How many series may still come; then only series with samples count.
    limit: Option<usize>,
}

impl BlockCursor {
    /// A cursor over these series, ascending.
    pub(crate) fn new(block: &Block, series: Vec<u32>, select: &Select) -> Self {
        Self {
            reader: SeriesReader::new(Arc::clone(block.index())),
            chunk_reader: SharedReader::default(),
            deleted: block.deleted(),
            block: block.clone(),
            series: series.into_iter(),
            start_ms: select.start_ms,
            end_ms: select.end_ms,
            limit: select.limit,
        }
    }

    fn next_matching(&mut self) -> Result<Option<(BlockSamples, bool)>, Error> {
        for series in self.series.by_ref() {
            self.reader.read(series)?;
            let chunks = self.reader.chunks();
            let is_wanted =
                |chunk: &&ChunkMeta| chunk.start_ms <= self.end_ms && self.start_ms <= chunk.end_ms;
            let chunks: Vec<ChunkMeta> = chunks.iter().filter(is_wanted).copied().collect();
            if chunks.is_empty() {
                continue;
            }
            let deleted = self.deleted.of(series);
            // A chunk begins and ends with a sample.
            let is_within =
                |chunk: &ChunkMeta| chunk.start_ms >= self.start_ms || chunk.end_ms <= self.end_ms;
            let is_sure = deleted.is_none() && chunks.iter().any(is_within);
            let samples = BlockSamples::new(
                (&self.block, &self.chunk_reader),
                chunks,
                deleted.unwrap_or_default(),
                (self.start_ms, self.end_ms),
            );
            return Ok(Some((samples, is_sure)));
        }
        Ok(None)
    }
}

impl<'a> SeriesCursor<'a> for BlockCursor {
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        loop {
            if self.limit == Some(0) {
                return Ok(None);
            }
            let next = self.next_matching();
            let next = next.inspect_err(|error| self.block.note_damage(error))?;
            let Some((samples, is_sure)) = next else {
                return Ok(None);
            };
            // A limit must count only series with samples.
            if self.limit.is_some() && !is_sure && samples.clone_from_start().has_none()? {
                continue;
            }
            if let Some(limit) = &mut self.limit {
                *limit -= 1;
            }
            return Ok(Some(SelectedSeries {
                labels: self.reader.labels()?,
                samples: samples.into_cursor(),
            }));
        }
    }

    fn remaining_hint(&self) -> Option<usize> {
        Some(self.series.len().min(self.limit.unwrap_or(usize::MAX)))
    }
}

/// The samples of one series, a chunk at a time.
#[derive(Debug)]
struct BlockSamples {
    block: Block,
    shared: SharedReader,
    /// From the first chunk on.
    reader: Option<ChunkReader>,
    /// Ascending by start.
    chunks: Vec<ChunkMeta>,
    next: usize,
    deleted: Arc<[Interval]>,
    start_ms: i64,
    end_ms: i64,
    decoded: SampleBuffer,
}

impl BlockSamples {
    fn new(
        (block, shared): (&Block, &SharedReader),
        chunks: Vec<ChunkMeta>,
        deleted: Arc<[Interval]>,
        range: (i64, i64),
    ) -> Self {
        Self {
            block: block.clone(),
            shared: Arc::clone(shared),
            reader: None,
            chunks,
            next: 0,
            deleted,
            start_ms: range.0,
            end_ms: range.1,
            decoded: SampleBuffer::new(),
        }
    }

    fn clone_from_start(&self) -> Self {
        let range = (self.start_ms, self.end_ms);
        let from = (&self.block, &self.shared);
        Self::new(from, self.chunks.clone(), Arc::clone(&self.deleted), range)
    }

    fn has_none(mut self) -> Result<bool, SourceError> {
        let mut buffer = SampleBuffer::new();
        Ok(!self.read(&mut buffer)?)
    }

    /// A cursor over these samples; where chunks overlap, one that merges them.
    fn into_cursor<'a>(self) -> Box<dyn SampleCursor + 'a> {
        if self
            .chunks
            .is_sorted_by(|before, after| before.end_ms < after.start_ms)
        {
            return Box::new(self);
        }
        let range = (self.start_ms, self.end_ms);
        let from = (&self.block, &self.shared);
        let chunks = self.chunks.iter().map(|chunk| {
            let one = Self::new(from, vec![*chunk], Arc::clone(&self.deleted), range);
            Box::new(one) as Box<dyn SampleCursor>
        });
        Box::new(MergedSamples::new(chunks.collect()))
    }

    /// How much to read at the chunk with this index: the ones behind it too when they follow closely.
    fn read_ahead(&self, index: usize) -> usize {
        let Some(first) = self.chunks.get(index) else {
            return 0;
        };
        let rest = self.chunks.get(index..).unwrap_or_default().iter();
        let same_file = rest.take_while(|chunk| {
            let (from, to) = (first.reference, chunk.reference);
            from.file() == to.file() && from <= to && to.offset() - from.offset() < READ_BYTES_MAX
        });
        let last = same_file.last().map_or(first.reference, |chunk| chunk.reference);
        (last.offset() - first.reference.offset() + CHUNK_BYTES) as usize
    }

    fn decode_next(&mut self, buffer: &mut SampleBuffer) -> Result<(), Error> {
        let Some(chunk) = self.chunks.get(self.next).copied() else {
            return Ok(());
        };
        let ahead = self.read_ahead(self.next);
        self.next += 1;
        let corrupt = |message: String| Error::Corrupt {
            path: format!("{}/chunks", self.block.path()),
            message: format!(
                "file {}, byte {}: {message}",
                chunk.reference.file() + 1,
                chunk.reference.offset()
            ),
        };
        let shared = &self.shared;
        let reader = self.reader.get_or_insert_with(|| {
            let last = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            last.unwrap_or_else(|| ChunkReader::new(Arc::clone(self.block.chunks())))
        });
        let is_near = reader.is_near(chunk.reference);
        let ahead = if is_near {
            ahead.max(DENSE_READ_BYTES)
        } else {
            ahead
        };
        let stored = reader.read(chunk.reference, ahead)?;
        let encoding = Encoding::from_code(stored.encoding)
            .ok_or_else(|| Error::Unsupported(format!("chunks with the encoding {}", stored.encoding)))?;
        let is_whole = chunk.start_ms >= self.start_ms && chunk.end_ms <= self.end_ms;
        if is_whole && self.deleted.is_empty() {
            return encoding
                .decode(stored.data, buffer)
                .map_err(|error| corrupt(error.to_string()));
        }
        self.decoded.clear();
        encoding
            .decode(stored.data, &mut self.decoded)
            .map_err(|error| corrupt(error.to_string()))?;
        append_undeleted(&self.decoded, (self.start_ms, self.end_ms), &self.deleted, buffer);
        Ok(())
    }
}

impl Drop for BlockSamples {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
        }
    }
}

impl SampleCursor for BlockSamples {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        while self.next < self.chunks.len() {
            let before = buffer.len();
            if let Err(error) = self.decode_next(buffer) {
                self.block.note_damage(&error);
                return Err(error.into());
            }
            if buffer.len() > before {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
