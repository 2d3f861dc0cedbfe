//! [`BlockWriter`]: from series in label order to a block.

use std::sync::Arc;

use moheng_metrics::{Labels, SampleBuffer};

use super::chunk_files::{ChunkFilesWriter, FILE_BYTES_MAX};
use super::encode::{EncodedChunk, SampleEncoder, samples_of};
use super::meta::BlockMeta;
use super::tombstones::Tombstones;
use crate::Error;
use crate::chunk::Encoding;
use crate::format::chunk_file::ChunkReference;
use crate::format::index_series::ChunkMeta;
use crate::format::names;
use crate::index::IndexWriter;
use crate::storage::{Directory, remove_tree};

/// Writes a block beside the others and gives it its name when it is whole and durable.
///
/// A writer that is dropped before [`BlockWriter::finish`] removes what it wrote.
#[derive(Debug)]
pub struct BlockWriter {
    directory: Arc<dyn Directory>,
    meta: BlockMeta,
    /// The directory written to; empty once it was renamed.
    temporary: String,
    parts: Option<Parts>,
    encoder: SampleEncoder,
    /// The chunks of the series that is being added.
    chunks: Vec<ChunkMeta>,
}

#[derive(Debug)]
struct Parts {
    chunks: ChunkFilesWriter,
    index: IndexWriter,
}

impl BlockWriter {
    /// Starts the block that `meta` describes; its statistics are counted anew.
    ///
    /// # Errors
    ///
    /// When the range of time is empty or the disk fails.
    pub fn create(directory: Arc<dyn Directory>, meta: BlockMeta) -> Result<Self, Error> {
        Self::with_file_limit(directory, meta, FILE_BYTES_MAX)
    }

    /// As [`BlockWriter::create`], with files of chunks of at most `file_bytes_max` bytes where a chunk fits.
    pub(crate) fn with_file_limit(
        directory: Arc<dyn Directory>,
        mut meta: BlockMeta,
        file_bytes_max: u64,
    ) -> Result<Self, Error> {
        if meta.start_ms >= meta.end_ms {
            return Err(Error::Invalid(format!(
                "a block cannot cover {}..{}",
                meta.start_ms, meta.end_ms
            )));
        }
        meta.stats = super::BlockStats::default();
        let temporary = format!("{}{}", meta.ulid, names::CREATION_SUFFIX);
        directory
            .create_directory(&temporary)
            .map_err(Error::io(format!("creating {temporary}")))?;
        let mut writer = Self {
            directory: Arc::clone(&directory),
            meta,
            temporary: temporary.clone(),
            parts: None,
            encoder: SampleEncoder::new(false),
            chunks: Vec::new(),
        };
        writer.parts = Some(Parts {
            chunks: ChunkFilesWriter::create(Arc::clone(&directory), &temporary, file_bytes_max)?,
            index: IndexWriter::new(directory, &temporary),
        });
        Ok(writer)
    }

    /// Keeps start timestamps of samples. Needs chunk encodings that Prometheus reads from 3.14 on (floats: 3.11).
    #[must_use]
    pub fn with_start_timestamps(mut self) -> Self {
        self.encoder = SampleEncoder::new(true);
        self
    }

    /// Adds a series that comes after the last one in the order of labels. One without samples is left out.
    ///
    /// # Errors
    ///
    /// When labels or samples are out of order or range, or the disk fails. The block is not finished then.
    pub fn add_series(&mut self, labels: &Labels, samples: &SampleBuffer) -> Result<(), Error> {
        for sample in samples_of(samples) {
            self.encoder.push(&sample)?;
        }
        for chunk in self.encoder.finish() {
            self.put_chunk(&chunk)?;
        }
        self.end_series(labels)
    }

    /// Adds a chunk to the series that [`BlockWriter::end_series`] is called for next.
    pub(crate) fn put_chunk(&mut self, chunk: &EncodedChunk) -> Result<(), Error> {
        let reference = self.parts()?.chunks.put(chunk.encoding.code(), &chunk.bytes)?;
        self.add_chunk(
            chunk.start_ms,
            chunk.end_ms,
            reference,
            chunk.encoding,
            chunk.sample_count,
        )
    }

    /// Adds a chunk as another block has it: `stored` is all it takes there, length and checksum included.
    pub(crate) fn put_stored(
        &mut self,
        chunk: &ChunkMeta,
        stored: &[u8],
        encoding: Encoding,
        sample_count: u16,
    ) -> Result<(), Error> {
        let reference = self.parts()?.chunks.put_stored(stored)?;
        self.add_chunk(chunk.start_ms, chunk.end_ms, reference, encoding, sample_count)
    }

    /// Adds the series whose chunks were put since the last one; without chunks it is left out.
    pub(crate) fn end_series(&mut self, labels: &Labels) -> Result<(), Error> {
        if self.chunks.is_empty() {
            return Ok(());
        }
        let chunks = std::mem::take(&mut self.chunks);
        self.parts()?.index.add_series(labels, &chunks)?;
        self.chunks = chunks;
        self.chunks.clear();
        Ok(())
    }

    /// Makes the block durable and gives it its name. `None` when there was no sample: then there is no block.
    ///
    /// # Errors
    ///
    /// When the disk fails; then there is no block either, or, when syncing the directory of the blocks failed, perhaps.
    pub fn finish(mut self) -> Result<Option<BlockMeta>, Error> {
        let Some(Parts { chunks, index }) = self.parts.take() else {
            return Err(damaged());
        };
        self.meta.stats.series = u64::from(index.series_count());
        if self.meta.stats.series == 0 {
            return Ok(None);
        }
        chunks.finish()?;
        index.finish()?;
        let directory = &*self.directory;
        Tombstones::default().write(directory, &self.temporary)?;
        self.meta.write(directory, &self.temporary)?;
        let name = self.meta.ulid.to_string();
        directory
            .sync_directory(&self.temporary)
            .and_then(|()| directory.rename(&self.temporary, &name))
            .map_err(Error::io(format!("finishing {}", self.temporary)))?;
        self.temporary.clear();
        directory
            .sync_directory("")
            .map_err(Error::io("syncing the directory of the blocks"))?;
        Ok(Some(self.meta.clone()))
    }

    fn add_chunk(
        &mut self,
        start_ms: i64,
        end_ms: i64,
        reference: ChunkReference,
        encoding: Encoding,
        sample_count: u16,
    ) -> Result<(), Error> {
        if start_ms < self.meta.start_ms || end_ms >= self.meta.end_ms {
            return Err(Error::Invalid(format!(
                "samples from {start_ms} to {end_ms} do not belong into a block of {}..{}",
                self.meta.start_ms, self.meta.end_ms
            )));
        }
        let stats = &mut self.meta.stats;
        stats.chunks += 1;
        stats.samples += u64::from(sample_count);
        if encoding.is_histogram() {
            stats.histogram_samples += u64::from(sample_count);
        } else {
            stats.float_samples += u64::from(sample_count);
        }
        self.chunks.push(ChunkMeta {
            start_ms,
            end_ms,
            reference,
        });
        Ok(())
    }

    fn parts(&mut self) -> Result<&mut Parts, Error> {
        self.parts.as_mut().ok_or_else(damaged)
    }
}

impl Drop for BlockWriter {
    fn drop(&mut self) {
        // Files are closed first.
        self.parts = None;
        if self.temporary.is_empty() {
            return;
        }
        if let Err(error) = remove_tree(&*self.directory, &self.temporary) {
            tracing::warn!(%error, directory = %self.temporary, "an unfinished block stays until the next start");
        }
    }
}

fn damaged() -> Error {
    Error::Unavailable("the writer of a block failed before".to_owned())
}
