//! Reads the files of mapped chunks when the database is opened, and sets aside what is damaged.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use foldhash::fast::FixedState;

use super::mapped_chunks::{MappedChunks, MappedFile, MappedPlace};
use super::sealed::{SealedChunk, SealedData};
use crate::Error;
use crate::chunk::Encoding;
use crate::format::head_chunk_file::{HEADER_BYTES, MappedChunk, read_chunk, read_header, stored_bytes};
use crate::format::{DecodeError, names};
use crate::storage::{Blob, Directory, OpenMode, Window, list_or_empty};
use crate::wal::{free_quarantine_name, quarantine_from};

/// How much is read at once.
const READ_BYTES: usize = 1 << 20;

/// Below so many bytes one thread reads them all.
const PARALLEL_BYTES: u64 = 16 << 20;

/// The chunks of all files.
#[derive(Debug, Default)]
pub(crate) struct FoundChunks {
    /// By the reference of their series in the log, ascending by time.
    by_reference: HashMap<u64, Vec<SealedChunk>, FixedState>,
    /// Chunks of samples that came late, with the reference of their series.
    pub(crate) late: Vec<(u64, SealedChunk)>,
    /// No series in the log may have a smaller new reference.
    pub(crate) reference_max: u64,
    /// Where the files are not used any more from.
    pub(crate) damage: Option<MappedDamage>,
    /// Whether chunks are left out whose samples only the log can divide between blocks and memory.
    pub(crate) has_straddling: bool,
}

/// The first place that is not what it should be.
#[derive(Clone, Debug)]
pub(crate) struct MappedDamage {
    path: String,
    /// Where the last whole chunk before it ends.
    offset: u64,
    size_bytes: u64,
    /// Files behind it.
    later: Vec<String>,
    message: String,
    next_number: u32,
}

impl fmt::Display for MappedDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            offset,
            message,
            ..
        } = self;
        write!(f, "{path}: behind byte {offset}: {message}")
    }
}

impl FoundChunks {
    /// The chunks of the series with this reference.
    pub(super) fn take(&mut self, reference: u64) -> Vec<SealedChunk> {
        self.by_reference.remove(&reference).unwrap_or_default()
    }
}

/// Reads all files. Chunks that end before `valid_from_ms` are in blocks and left out.
///
/// # Errors
///
/// When the disk fails. Damage is not an error: see [`FoundChunks::damage`].
pub(crate) fn load_mapped_chunks(
    directory: &Arc<dyn Directory>,
    valid_from_ms: i64,
) -> Result<(MappedChunks, FoundChunks), Error> {
    let fail = || Error::io(format!("listing {}", names::HEAD_CHUNKS));
    let mut files: Vec<(u32, String, u64)> = list_or_empty(&**directory, names::HEAD_CHUNKS)
        .map_err(fail())?
        .into_iter()
        .filter(|entry| !entry.is_directory)
        .filter_map(|entry| {
            let path = format!("{}/{}", names::HEAD_CHUNKS, entry.name);
            Some((names::segment_number(&entry.name)?, path, entry.size_bytes))
        })
        .collect();
    files.sort_unstable();
    let scanned = scan_all(&**directory, &files)?;
    let mut found = FoundChunks::default();
    let mut kept = Vec::new();
    let mut next_number = files.first().map_or(1, |(number, ..)| *number);
    for ((number, path, size_bytes), file) in files.iter().zip(scanned) {
        let (mut whole_end, mut problem) = (file.whole_end, file.problem);
        if *number != next_number {
            (whole_end, problem) = (0, Some("a file before this one is missing".to_owned()));
        }
        let chunks = if whole_end == 0 { &[][..] } else { &file.chunks };
        let start_ms = chunks.iter().map(|(_, chunk)| chunk.start_ms).min();
        let end_ms = chunks.iter().map(|(_, chunk)| chunk.end_ms()).max();
        if let Err((offset, message)) = found.add(chunks, file.is_late, valid_from_ms) {
            (whole_end, problem) = (offset, Some(message));
        }
        // A file of which nothing is left is set aside whole.
        if whole_end > HEADER_BYTES as u64 || problem.is_none() {
            kept.push(MappedFile {
                number: *number,
                path: path.clone(),
                file: file.blob.file(),
                size_bytes: AtomicU64::new(whole_end),
                start_ms: AtomicI64::new(start_ms.unwrap_or(i64::MAX)),
                end_ms: AtomicI64::new(end_ms.unwrap_or(i64::MIN)),
            });
            next_number = number.saturating_add(1);
        }
        if let Some(message) = problem {
            let behind = files.iter().filter(|(other, ..)| other > number);
            found.damage = Some(MappedDamage {
                path: path.clone(),
                offset: whole_end,
                size_bytes: *size_bytes,
                later: behind.map(|(_, path, _)| path.clone()).collect(),
                message,
                next_number,
            });
            break;
        }
    }
    // Until the damage is set aside, new files go behind everything there is.
    let behind_all = files.last().map_or(1, |(number, ..)| number.saturating_add(1));
    let found = found.without_straddling(valid_from_ms);
    Ok((MappedChunks::new(Arc::clone(directory), kept, behind_all), found))
}

/// Sets aside the damaged end of a file and the files behind it, so that new ones can follow it; returns the number of the next
/// file. The log still has the samples.
///
/// # Errors
///
/// When the disk is full or fails; it is damage as before.
pub(crate) fn set_damage_aside(directory: &dyn Directory, damage: &MappedDamage) -> Result<u32, Error> {
    let fail = |path: &str| Error::io(format!("setting aside {path}"));
    // From the last one on, so that there is never a gap without damage before it.
    for path in damage.later.iter().rev() {
        move_away(directory, path).map_err(fail(path))?;
    }
    let path = &damage.path;
    if damage.size_bytes == 0 {
        // Created and never written.
        directory.remove(path).map_err(fail(path))?;
    } else if damage.offset <= HEADER_BYTES as u64 {
        move_away(directory, path).map_err(fail(path))?;
    } else {
        quarantine_from(directory, path, damage.offset)
            .and_then(|_| directory.open(path, OpenMode::Append))
            .and_then(|file| file.truncate(damage.offset).and_then(|()| file.sync()))
            .map_err(fail(path))?;
    }
    directory
        .sync_directory(names::HEAD_CHUNKS)
        .map_err(fail(names::HEAD_CHUNKS))?;
    Ok(damage.next_number)
}

fn move_away(directory: &dyn Directory, path: &str) -> io::Result<()> {
    directory.create_directory(names::QUARANTINE)?;
    directory.sync_directory("")?;
    let target = free_quarantine_name(directory, path, 0)?;
    directory.rename(path, &target)?;
    directory.sync_directory(names::QUARANTINE)
}

/// What one file holds.
struct ScannedFile {
    blob: Blob,
    /// With the references of their series.
    chunks: Vec<(u64, SealedChunk)>,
    /// Parallel to the chunks.
    is_late: Vec<bool>,
    /// Where the last whole chunk ends; 0 when the file is none of mapped chunks.
    whole_end: u64,
    /// What is wrong behind it.
    problem: Option<String>,
}

/// Scans files, large ones on as many threads as there are processors.
fn scan_all(directory: &dyn Directory, files: &[(u32, String, u64)]) -> Result<Vec<ScannedFile>, Error> {
    let size_bytes: u64 = files.iter().map(|(_, _, size_bytes)| size_bytes).sum();
    if size_bytes < PARALLEL_BYTES {
        let scan = |(number, path, _): &(u32, String, u64)| scan(directory, *number, path);
        return files.iter().map(scan).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<ScannedFile, Error>)>> = Mutex::default();
    let work = || {
        while let Some((index, (number, path, _))) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            files.get(index).map(|file| (index, file))
        } {
            let scanned = scan(directory, *number, path);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.push((index, scanned));
        }
    };
    thread::scope(|scope| {
        let helpers = thread::available_parallelism().map_or(1, NonZero::get) - 1;
        for _ in 0..helpers.min(files.len() - 1) {
            scope.spawn(work);
        }
        work();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, scanned)| scanned).collect()
}

fn scan(directory: &dyn Directory, number: u32, path: &str) -> Result<ScannedFile, Error> {
    let blob = Blob::open(directory, path)?;
    let mut file = ScannedFile {
        chunks: Vec::new(),
        is_late: Vec::new(),
        whole_end: 0,
        problem: None,
        blob,
    };
    let mut window = Window::default();
    let beginning = window.get(&file.blob, 0, HEADER_BYTES, READ_BYTES)?;
    if let Err(error) = read_header(beginning) {
        file.problem = Some(error.to_string());
        return Ok(file);
    }
    file.whole_end = HEADER_BYTES as u64;
    // Offsets have 32 bits.
    let end = file.blob.size_bytes().min(u64::from(u32::MAX));
    while file.whole_end < end {
        match next_chunk(&file.blob, &mut window, file.whole_end)? {
            Ok(Some((chunk, size_bytes))) => {
                match sealed(&chunk, number, file.whole_end) {
                    Ok(sealed) => file.chunks.push((chunk.reference, sealed)),
                    Err(error) => {
                        file.problem = Some(error.to_string());
                        break;
                    }
                }
                file.is_late.push(chunk.is_late);
                file.whole_end += size_bytes as u64;
            }
            Ok(None) => {
                if !is_zero_from(&file.blob, file.whole_end)? {
                    file.problem = Some("zeros, and something behind them".to_owned());
                }
                break;
            }
            Err(error) => {
                file.problem = Some(error.to_string());
                break;
            }
        }
    }
    Ok(file)
}

type NextChunk<'a> = Result<Option<(MappedChunk<'a>, usize)>, DecodeError>;

/// The chunk at an offset with its size in the file.
fn next_chunk<'a>(blob: &Blob, window: &'a mut Window, offset: u64) -> Result<NextChunk<'a>, Error> {
    let left = blob.size_bytes().saturating_sub(offset);
    let beginning = window.get(blob, offset, 64, READ_BYTES)?;
    let wanted = stored_bytes(beginning).unwrap_or(0);
    // What a damaged length says is not read.
    let wanted = if wanted as u64 > left { 64 } else { wanted.max(64) };
    Ok(read_chunk(window.get(blob, offset, wanted, READ_BYTES)?))
}

fn sealed(chunk: &MappedChunk<'_>, file: u32, offset: u64) -> Result<SealedChunk, DecodeError> {
    let place = MappedPlace {
        file,
        offset: u32::try_from(offset).map_err(|_| DecodeError::Invalid("an offset beyond 4 GiB"))?,
    };
    let encoding =
        Encoding::from_code(chunk.encoding).ok_or(DecodeError::Invalid("an encoding that is not known"))?;
    let range = (chunk.start_ms, chunk.end_ms);
    SealedChunk::new(range, encoding, chunk.data.len(), SealedData::Mapped(place))
        .ok_or(DecodeError::Invalid("an impossible time range"))
}

fn is_zero_from(blob: &Blob, mut offset: u64) -> Result<bool, Error> {
    let mut piece = Vec::new();
    while offset < blob.size_bytes() {
        blob.read(offset, READ_BYTES, &mut piece)?;
        if piece.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        if piece.is_empty() {
            break;
        }
        offset += piece.len() as u64;
    }
    Ok(true)
}

impl FoundChunks {
    /// Adds the chunks of one file, or says at which offset one cannot be.
    fn add(
        &mut self,
        chunks: &[(u64, SealedChunk)],
        is_late: Vec<bool>,
        valid_from_ms: i64,
    ) -> Result<(), (u64, String)> {
        for ((reference, chunk), is_late) in chunks.iter().zip(is_late) {
            self.reference_max = self.reference_max.max(*reference);
            if is_late {
                self.late.push((*reference, chunk.clone()));
                continue;
            }
            if chunk.end_ms() < valid_from_ms {
                continue;
            }
            let list = self.by_reference.entry(*reference).or_default();
            if list.last().is_none_or(|last| last.end_ms() < chunk.start_ms) {
                list.push(chunk.clone());
                continue;
            }
            // Written again after a write that failed half way.
            let is_again = list
                .iter()
                .any(|other| (other.start_ms, other.end_ms()) == (chunk.start_ms, chunk.end_ms()));
            if !is_again {
                let offset = match chunk.data {
                    SealedData::Mapped(place) => u64::from(place.offset),
                    SealedData::Memory(_) => 0,
                };
                return Err((
                    offset,
                    format!("a chunk of series {reference} overlaps the one before"),
                ));
            }
        }
        Ok(())
    }

    /// Leaves out the chunks of series whose first one begins before `valid_from_ms`: a part of it is in blocks, and the log knows
    /// which.
    pub(super) fn without_straddling(mut self, valid_from_ms: i64) -> Self {
        let before = self.by_reference.len();
        self.by_reference
            .retain(|_, chunks| chunks.first().is_none_or(|chunk| chunk.start_ms >= valid_from_ms));
        self.has_straddling = self.by_reference.len() < before;
        self
    }
}

#[cfg(test)]
mod tests;
