//! The chunks of a block: [`ChunkFilesWriter`] writes their files, [`ChunkFiles`] and [`ChunkReader`] read them.

use std::sync::Arc;

use crate::Error;
use crate::format::chunk_file::{
    ChunkReference, HEADER, HEADER_BYTES, LENGTH_BYTES_MAX, StoredChunk, put_chunk, read_chunk, read_header,
    stored_bytes,
};
use crate::format::names;
use crate::storage::{Appender, Blob, Directory, Window};

/// A file is ended before it grows beyond this.
pub(super) const FILE_BYTES_MAX: u64 = 512 << 20;

/// Writes chunks one behind the other.
#[derive(Debug)]
pub(super) struct ChunkFilesWriter {
    directory: Arc<dyn Directory>,
    block: String,
    file_bytes_max: u64,
    file_count: u32,
    out: Option<Appender>,
    stored: Vec<u8>,
}

impl ChunkFilesWriter {
    /// A writer of the files of a block, whose directory exists.
    pub(super) fn create(
        directory: Arc<dyn Directory>,
        block: &str,
        file_bytes_max: u64,
    ) -> Result<Self, Error> {
        let path = names::block_chunks(block);
        directory
            .create_directory(&path)
            .map_err(Error::io(format!("creating {path}")))?;
        Ok(Self {
            directory,
            block: block.to_owned(),
            file_bytes_max,
            file_count: 0,
            out: None,
            stored: Vec::new(),
        })
    }

    /// Writes a chunk.
    pub(super) fn put(&mut self, encoding: u8, data: &[u8]) -> Result<ChunkReference, Error> {
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        put_chunk(&mut stored, encoding, data);
        let reference = self.put_stored(&stored);
        self.stored = stored;
        reference
    }

    /// Writes a chunk as another file has it.
    pub(super) fn put_stored(&mut self, stored: &[u8]) -> Result<ChunkReference, Error> {
        let is_full = |out: &Appender| {
            out.position() + stored.len() as u64 > self.file_bytes_max && out.position() > HEADER_BYTES as u64
        };
        if let Some(out) = self.out.take_if(|out| is_full(out)) {
            out.finish()?;
        }
        if self.out.is_none() {
            self.file_count += 1;
            let path = names::chunk_file(&self.block, self.file_count);
            let mut out = Appender::create(&*self.directory, path)?;
            out.buffer().extend_from_slice(&HEADER);
            self.out = Some(out);
        }
        let out = self.out.as_mut().ok_or_else(too_large)?;
        let offset = u32::try_from(out.position()).map_err(|_| too_large())?;
        out.buffer().extend_from_slice(stored);
        out.flush_when_full()?;
        Ok(ChunkReference::new(self.file_count - 1, offset))
    }

    /// Makes everything durable.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        if let Some(out) = self.out.take() {
            out.finish()?;
        }
        let path = names::block_chunks(&self.block);
        self.directory
            .sync_directory(&path)
            .map_err(Error::io(format!("syncing {path}")))
    }
}

fn too_large() -> Error {
    Error::Invalid("a file of chunks cannot be larger than 4 GiB".to_owned())
}

/// The files of a block's chunks.
#[derive(Debug)]
pub(crate) struct ChunkFiles {
    files: Vec<Blob>,
}

impl ChunkFiles {
    /// Opens the files in the directory `block`.
    pub(super) fn open(directory: &dyn Directory, block: &str) -> Result<Self, Error> {
        let path = names::block_chunks(block);
        let entries = directory
            .list(&path)
            .map_err(Error::io(format!("listing {path}")))?;
        let mut files = Vec::new();
        let mut header = Vec::new();
        for entry in entries
            .iter()
            .filter(|entry| names::segment_number(&entry.name).is_some())
        {
            let blob = Blob::open(directory, &format!("{path}/{}", entry.name))?;
            blob.read(0, HEADER_BYTES, &mut header)?;
            read_header(&header).map_err(|error| blob.corrupt(0, error))?;
            files.push(blob);
        }
        Ok(Self { files })
    }

    /// The size of all files in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.files.iter().map(Blob::size_bytes).sum()
    }
}

/// A chunk this close to what was read belongs to a run of chunks that are read in order.
const NEAR_BYTES: u64 = 4 << 10;

/// Reads chunks one after the other.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    files: Arc<ChunkFiles>,
    window: Window,
    /// The file that was read last.
    file: usize,
}

impl ChunkReader {
    pub(crate) fn new(files: Arc<ChunkFiles>) -> Self {
        Self {
            files,
            window: Window::default(),
            file: 0,
        }
    }

    /// Whether a chunk lies in or close behind what was read: then more of its neighbours are likely to be asked for.
    pub(crate) fn is_near(&self, reference: ChunkReference) -> bool {
        let (offset, end) = (reference.offset(), self.window.end());
        reference.file() == self.file && end > 0 && offset <= end + NEAR_BYTES && offset + NEAR_BYTES >= end
    }

    /// Reads and checks a chunk, and when that needs the disk, the `ahead` bytes from there.
    pub(crate) fn read(&mut self, reference: ChunkReference, ahead: usize) -> Result<StoredChunk<'_>, Error> {
        self.read_stored(reference, ahead).map(|(_, chunk)| chunk)
    }

    /// As [`ChunkReader::read`], with all bytes the chunk takes in the file in front.
    pub(crate) fn read_stored(
        &mut self,
        reference: ChunkReference,
        ahead: usize,
    ) -> Result<(&[u8], StoredChunk<'_>), Error> {
        let blob = self
            .files
            .files
            .get(reference.file())
            .ok_or_else(|| Error::Corrupt {
                path: names::BLOCK_CHUNKS.to_owned(),
                message: format!(
                    "the index names a chunk in file {}, there are {}",
                    reference.file() + 1,
                    self.files.files.len()
                ),
            })?;
        if reference.file() != self.file {
            self.window.clear();
            self.file = reference.file();
        }
        let offset = reference.offset();
        let corrupt = |error| blob.corrupt(offset, error);
        let beginning = self.window.get(blob, offset, LENGTH_BYTES_MAX, ahead)?;
        let stored = stored_bytes(beginning).map_err(corrupt)?;
        let bytes = self.window.get(blob, offset, stored, ahead)?;
        let chunk = read_chunk(bytes).map_err(corrupt)?;
        Ok((bytes.get(..stored).unwrap_or(bytes), chunk))
    }
}
