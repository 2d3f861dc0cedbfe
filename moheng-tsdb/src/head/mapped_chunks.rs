//! [`MappedChunks`]: full chunks in files, `chunks_head/NNNNNN`, out of memory.
//!
//! The log has all their samples too, so what is lost or damaged here costs time at the next start, never samples.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use crate::Error;
use crate::chunk::Encoding;
use crate::format::head_chunk_file::{
    CHUNK_OVERHEAD_BYTES_MAX, HEADER_BYTES, MappedChunk, header, put_chunk, read_chunk, stored_bytes,
};
use crate::format::names;
use crate::format::snapshot_extent::FileExtent;
use crate::storage::{Directory, File, MemoryDirectory, OpenMode, read_full};

/// A file is ended before it grows beyond this.
pub(super) const FILE_BYTES_MAX: u64 = 128 << 20;

/// How much is read of a chunk whose length is not known.
const GUESSED_BYTES: usize = 2 << 10;

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappedPlace {
    /// The number of the file.
    pub(crate) file: u32,
    /// Of the chunk's beginning in the file.
    pub(crate) offset: u32,
}

/// The files of mapped chunks: written by one thread at a time, read by many.
#[derive(Debug)]
pub(crate) struct MappedChunks {
    directory: Arc<dyn Directory>,
    files: RwLock<MappedFiles>,
    writer: Mutex<Writer>,
    /// When chunks were moved here last, on the monotonic clock; held by whoever does it.
    run: Mutex<Duration>,
    file_bytes_max: u64,
    written_chunks: AtomicU64,
}

/// Files that can be read, ascending by number. A copy keeps them readable after they were removed.
#[derive(Clone, Debug, Default)]
pub(crate) struct MappedFiles {
    files: Arc<Vec<Arc<MappedFile>>>,
}

/// One file.
#[derive(Debug)]
pub(super) struct MappedFile {
    pub(super) number: u32,
    pub(super) path: String,
    pub(super) file: Arc<dyn File>,
    pub(super) size_bytes: AtomicU64,
    /// The oldest timestamp of all chunks.
    pub(super) start_ms: AtomicI64,
    /// The newest timestamp of all chunks.
    pub(super) end_ms: AtomicI64,
}

impl MappedFile {
    fn extent(&self) -> Result<FileExtent, Error> {
        let size_bytes = self.size_bytes.load(Ordering::Relaxed);
        Ok(FileExtent {
            number: self.number,
            size_bytes,
            end_ms: self.end_ms.load(Ordering::Relaxed),
            tail: self.tail(size_bytes)?,
        })
    }

    /// The last four bytes before an offset.
    fn tail(&self, offset: u64) -> Result<[u8; 4], Error> {
        let mut tail = [0; 4];
        read_full(&*self.file, &mut tail, offset.saturating_sub(4))
            .map_err(Error::io(format!("reading {}", self.path)))?;
        Ok(tail)
    }
}

#[derive(Debug)]
struct Writer {
    /// The file that the next chunks go to, if they fit.
    current: Option<Arc<MappedFile>>,
    next_number: u32,
    framed: Vec<u8>,
}

impl MappedChunks {
    /// None yet; new ones go to memory.
    pub(super) fn in_memory() -> Self {
        Self::new(Arc::new(MemoryDirectory::new()), Vec::new(), 1)
    }

    /// These files; new ones are numbered from `next_number`.
    pub(super) fn new(directory: Arc<dyn Directory>, files: Vec<MappedFile>, next_number: u32) -> Self {
        let files = files.into_iter().map(Arc::new).collect();
        Self {
            directory,
            files: RwLock::new(MappedFiles {
                files: Arc::new(files),
            }),
            writer: Mutex::new(Writer {
                current: None,
                next_number,
                framed: Vec::new(),
            }),
            run: Mutex::default(),
            file_bytes_max: FILE_BYTES_MAX,
            written_chunks: AtomicU64::new(0),
        }
    }

    /// Ends files before they grow beyond this.
    #[cfg(test)]
    pub(super) fn with_file_bytes_max(mut self, file_bytes_max: u64) -> Self {
        self.file_bytes_max = file_bytes_max;
        self
    }

    /// The files as they are; none is removed while the guard is held.
    pub(super) fn files(&self) -> RwLockReadGuard<'_, MappedFiles> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever moves chunks here begins with this, so that no other does at the same time; `now` is on the monotonic clock.
    pub(super) fn begin_run(&self, now: Duration) -> MutexGuard<'_, Duration> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        *run = now;
        run
    }

    /// When chunks were moved here last, on the monotonic clock.
    pub(crate) fn last_run(&self) -> Duration {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New files are numbered from this number.
    pub(crate) fn set_next_number(&self, next_number: u32) {
        self.writer().next_number = next_number;
    }

    /// The files as they are.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(crate) fn extents(&self) -> Result<Vec<FileExtent>, Error> {
        let files = Arc::clone(&self.files().files);
        files.iter().map(|file| file.extent()).collect()
    }

    /// Says what is missing when not all these files are there as they were then, except those whose samples are all older than
    /// `valid_from_ms`, which blocks hold.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(crate) fn missing(
        &self,
        extents: &[FileExtent],
        valid_from_ms: i64,
    ) -> Result<Option<String>, Error> {
        let files = self.files();
        for extent in extents {
            let path = names::head_chunk_file(extent.number);
            let Ok(file) = files.file(extent.number) else {
                if extent.end_ms < valid_from_ms {
                    continue;
                }
                return Ok(Some(format!("{path} is gone")));
            };
            if file.size_bytes.load(Ordering::Relaxed) < extent.size_bytes {
                return Ok(Some(format!("{path} is shorter than it was")));
            }
            if file.tail(extent.size_bytes)? != extent.tail {
                return Ok(Some(format!("{path} is another one")));
            }
        }
        Ok(None)
    }

    /// The size of all files in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        let files = Arc::clone(&self.files().files);
        files
            .iter()
            .map(|file| file.size_bytes.load(Ordering::Relaxed))
            .sum()
    }

    /// The oldest timestamp of all chunks in files.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let files = Arc::clone(&self.files().files);
        files
            .iter()
            .map(|file| file.start_ms.load(Ordering::Relaxed))
            .min()
    }

    /// How many chunks were written since opening.
    pub(crate) fn written_chunks(&self) -> u64 {
        self.written_chunks.load(Ordering::Relaxed)
    }

    /// Writes chunks into one file, all or none, makes them durable and says where each is. Together they should be much
    /// smaller than a file.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails; none was written.
    pub(super) fn write(&self, chunks: &[MappedChunk<'_>]) -> Result<Vec<MappedPlace>, Error> {
        let mut writer = self.writer();
        let mut framed = std::mem::take(&mut writer.framed);
        framed.clear();
        let mut starts = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            starts.push(framed.len());
            put_chunk(&mut framed, chunk);
        }
        let start_ms = chunks
            .iter()
            .map(|chunk| chunk.start_ms)
            .min()
            .unwrap_or(i64::MAX);
        let end_ms = chunks.iter().map(|chunk| chunk.end_ms).max().unwrap_or(i64::MIN);
        let outcome = self.write_framed(&mut writer, &framed, (start_ms, end_ms));
        writer.framed = framed;
        let (file, begin) = outcome?;
        self.written_chunks
            .fetch_add(chunks.len() as u64, Ordering::Relaxed);
        let place = |start: usize| MappedPlace {
            file,
            // A file is ended before its offsets leave 32 bits.
            offset: (begin + start as u64) as u32,
        };
        Ok(starts.into_iter().map(place).collect())
    }

    /// Appends to the current file or a new one, and returns its number and where in it the bytes begin.
    fn write_framed(
        &self,
        writer: &mut Writer,
        framed: &[u8],
        (start_ms, end_ms): (i64, i64),
    ) -> Result<(u32, u64), Error> {
        if framed.len() as u64 > u64::from(u32::MAX) - HEADER_BYTES as u64 {
            return Err(Error::Invalid("chunks of more than 4 GiB at once".to_owned()));
        }
        let has_room = |file: &Arc<MappedFile>| {
            file.size_bytes.load(Ordering::Relaxed) + framed.len() as u64 <= self.file_bytes_max
        };
        let (file, is_new) = match writer.current.take().filter(has_room) {
            Some(file) => (file, false),
            None => (self.create_file(writer.next_number)?, true),
        };
        let before = file.size_bytes.load(Ordering::Relaxed);
        let fail = || Error::io(format!("writing {}", file.path));
        let written = if is_new {
            file.file.append(&[&header(), framed].concat())
        } else {
            file.file.append(framed)
        };
        let written = written.and_then(|()| file.file.sync());
        let written = written.and_then(|()| {
            if is_new {
                self.directory.sync_directory(names::HEAD_CHUNKS)
            } else {
                Ok(())
            }
        });
        if let Err(error) = written {
            let error = fail()(error);
            self.undo(writer, &file, is_new, before);
            return Err(error);
        }
        let begin = if is_new { HEADER_BYTES as u64 } else { before };
        file.size_bytes
            .store(begin + framed.len() as u64, Ordering::Relaxed);
        file.start_ms.fetch_min(start_ms, Ordering::Relaxed);
        file.end_ms.fetch_max(end_ms, Ordering::Relaxed);
        let number = file.number;
        if is_new {
            writer.next_number = number.saturating_add(1);
            let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
            let mut all = files.files.to_vec();
            all.push(Arc::clone(&file));
            files.files = Arc::new(all);
        }
        writer.current = Some(file);
        Ok((number, begin))
    }

    fn create_file(&self, number: u32) -> Result<Arc<MappedFile>, Error> {
        let path = names::head_chunk_file(number);
        let fail = || Error::io(format!("creating {path}"));
        let directory = &*self.directory;
        directory.create_directory(names::HEAD_CHUNKS).map_err(fail())?;
        directory.sync_directory("").map_err(fail())?;
        let file = directory.open(&path, OpenMode::Create).map_err(fail())?;
        Ok(Arc::new(MappedFile {
            number,
            path,
            file,
            size_bytes: AtomicU64::new(0),
            start_ms: AtomicI64::new(i64::MAX),
            end_ms: AtomicI64::new(i64::MIN),
        }))
    }

    /// Takes a failed write back; the next chunks go to another file. If that fails too, what is behind the last known chunk is
    /// found to be damage at the next start.
    fn undo(&self, writer: &mut Writer, file: &MappedFile, is_new: bool, size_bytes: u64) {
        if is_new {
            if let Err(error) = self.directory.remove(&file.path) {
                tracing::warn!(file = %file.path, %error, "cannot remove a file that could not be written");
                writer.next_number = file.number.saturating_add(1);
            }
            return;
        }
        if let Err(error) = file.file.truncate(size_bytes) {
            tracing::warn!(file = %file.path, %error, "cannot cut a failed write");
        }
    }

    /// Removes the oldest files as long as all their chunks end before `before_ms`, and ends the current one, so that it can go the
    /// next time.
    ///
    /// # Errors
    ///
    /// When the disk fails; what could not be removed is removed the next time.
    pub(crate) fn remove_before(&self, before_ms: i64) -> Result<(), Error> {
        let mut writer = self.writer();
        writer.current = None;
        let old: Vec<Arc<MappedFile>> = {
            let files = self.files();
            let is_old = |file: &&Arc<MappedFile>| file.end_ms.load(Ordering::Relaxed) < before_ms;
            files.files.iter().take_while(is_old).cloned().collect()
        };
        let mut outcome = Ok(());
        let mut removed = 0;
        for file in &old {
            if let Err(error) = self.directory.remove(&file.path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                outcome = Err(Error::io(format!("removing {}", file.path))(error));
                break;
            }
            removed += 1;
        }
        if removed > 0 {
            // Until the removal is durable, deletions in these files must not be forgotten.
            self.directory
                .sync_directory(names::HEAD_CHUNKS)
                .map_err(Error::io(format!("syncing {}", names::HEAD_CHUNKS)))?;
            let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
            files.files = Arc::new(files.files.get(removed..).unwrap_or_default().to_vec());
        }
        outcome
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MappedFiles {
    /// Reads and checks the chunk at a place into `buffer`, and returns its encoding and data. `length` is that of the data, where
    /// known.
    ///
    /// # Errors
    ///
    /// When it is damaged or cannot be read.
    pub(crate) fn read<'a>(
        &self,
        place: MappedPlace,
        length: Option<usize>,
        buffer: &'a mut Vec<u8>,
    ) -> Result<(Encoding, &'a [u8]), Error> {
        let file = self.file(place.file)?;
        let offset = u64::from(place.offset);
        let corrupt = |message: String| Error::Corrupt {
            path: file.path.clone(),
            message: format!(
                "at byte {offset}: {message}; it is rebuilt from the log when the database is opened again"
            ),
        };
        let mut wanted = length.unwrap_or(GUESSED_BYTES) + CHUNK_OVERHEAD_BYTES_MAX;
        loop {
            buffer.resize(wanted, 0);
            let read = read_full(&*file.file, buffer, offset)
                .map_err(Error::io(format!("reading {}", file.path)))?;
            buffer.truncate(read);
            let needed = stored_bytes(buffer).map_err(|error| corrupt(error.to_string()))?;
            // A length that the file cannot have is damage, not a reason to reserve memory.
            let there = file.size_bytes.load(Ordering::Relaxed).saturating_sub(offset);
            if needed <= read || read < wanted || needed as u64 > there {
                break;
            }
            wanted = needed;
        }
        let (chunk, _) = read_chunk(buffer)
            .map_err(|error| corrupt(error.to_string()))?
            .ok_or_else(|| corrupt("nothing is there".to_owned()))?;
        let encoding = Encoding::from_code(chunk.encoding)
            .ok_or_else(|| corrupt(format!("unknown encoding {}", chunk.encoding)))?;
        Ok((encoding, chunk.data))
    }

    fn file(&self, number: u32) -> Result<&MappedFile, Error> {
        let index = self.files.binary_search_by_key(&number, |file| file.number);
        let file = index.ok().and_then(|index| self.files.get(index));
        file.map(|file| &**file).ok_or_else(|| Error::Corrupt {
            path: names::head_chunk_file(number),
            message: "the file of a chunk is gone".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
