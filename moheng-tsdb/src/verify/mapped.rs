//! The mapped chunks of the head, in `chunks_head/`.

use std::io;

use moheng_metrics::SampleBuffer;

use super::log::KnownSeries;
use super::watch::Watch;
use super::{Problem, Report};
use crate::Error;
use crate::chunk::Encoding;
use crate::format::head_chunk_file::{HEADER_BYTES, MappedChunk, read_chunk, read_header, stored_bytes};
use crate::format::names;
use crate::storage::{Blob, Directory, Window, list_or_empty};

const READ_BYTES: usize = 1 << 20;
/// The fields before the data of a chunk take less.
const BEGINNING_BYTES: usize = 64;

pub(super) fn verify_mapped_chunks(
    directory: &dyn Directory,
    known: &KnownSeries,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let failed = Error::io(format!("listing {}", names::HEAD_CHUNKS));
    let entries = list_or_empty(directory, names::HEAD_CHUNKS).map_err(failed)?;
    let mut numbers: Vec<u32> = entries
        .iter()
        .filter(|entry| !entry.is_directory)
        .filter_map(|entry| names::segment_number(&entry.name))
        .collect();
    numbers.sort_unstable();
    let mut check = MappedCheck {
        known,
        samples: SampleBuffer::new(),
        unknown: 0,
    };
    let mut expected = numbers.first().copied();
    for &number in &numbers {
        let path = names::head_chunk_file(number);
        if watch.start(&path).is_break() {
            return Ok(());
        }
        if expected.is_some_and(|expected| expected != number) {
            let problem = Problem::damage(&path, "a file before this one is missing");
            report.add(problem.affecting("the chunks in it; the log may still have their samples"));
        }
        expected = number.checked_add(1);
        let blob = match Blob::open(directory, &path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
            blob => blob?,
        };
        check.file(&blob, watch, report)?;
    }
    Ok(())
}

struct MappedCheck<'a> {
    known: &'a KnownSeries,
    samples: SampleBuffer,
    /// Chunks of series that the log does not name.
    unknown: u64,
}

impl MappedCheck<'_> {
    fn file(&mut self, blob: &Blob, watch: &mut Watch<'_>, report: &mut Report) -> Result<(), Error> {
        let damage = |offset: u64, message: String| {
            Problem::damage(blob.path(), message)
                .at(offset)
                .affecting("the chunks from there on; the log may still have their samples")
        };
        self.unknown = 0;
        let mut window = Window::default();
        if blob.size_bytes() == 0 {
            report.add(Problem::note(
                blob.path(),
                "it is empty: created and not written to",
            ));
            return Ok(());
        }
        if let Err(error) = read_header(window.get(blob, 0, HEADER_BYTES, READ_BYTES)?) {
            report.add(damage(0, error.to_string()));
            return Ok(());
        }
        let mut offset = HEADER_BYTES as u64;
        while offset < blob.size_bytes() {
            let beginning = window.get(blob, offset, BEGINNING_BYTES, READ_BYTES)?;
            let stored = stored_bytes(beginning).unwrap_or(0);
            let is_inside = stored as u64 <= blob.size_bytes() - offset;
            let wanted = if is_inside {
                stored.max(BEGINNING_BYTES)
            } else {
                BEGINNING_BYTES
            };
            let size_bytes = match read_chunk(window.get(blob, offset, wanted, READ_BYTES)?) {
                Ok(Some((chunk, size_bytes))) => {
                    report.counts.mapped_chunks += 1;
                    if let Err(message) = self.chunk(&chunk) {
                        report.add(damage(offset, message));
                    }
                    size_bytes as u64
                }
                // Space that was reserved.
                Ok(None) => blob.size_bytes() - offset,
                Err(error) => {
                    report.add(damage(offset, error.to_string()));
                    let _ = watch.add(blob.size_bytes() - offset);
                    return Ok(());
                }
            };
            offset += size_bytes;
            if watch.add(size_bytes).is_break() {
                return Ok(());
            }
        }
        if self.unknown > 0 {
            let message = format!(
                "{} chunks are of series that the log does not name any more",
                self.unknown
            );
            report.add(Problem::note(blob.path(), message));
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: &MappedChunk<'_>) -> Result<(), String> {
        self.unknown += u64::from(!self.known.contains(&chunk.reference));
        let encoding = Encoding::from_code(chunk.encoding)
            .ok_or_else(|| format!("the encoding {} of a chunk is not known", chunk.encoding))?;
        check_chunk(
            encoding,
            chunk.data,
            (chunk.start_ms, chunk.end_ms),
            &mut self.samples,
        )
    }
}

/// Decodes a chunk and compares it with the time range that it is said to have.
pub(super) fn check_chunk(
    encoding: Encoding,
    data: &[u8],
    range: (i64, i64),
    samples: &mut SampleBuffer,
) -> Result<(), String> {
    samples.clear();
    encoding
        .decode(data, samples)
        .map_err(|error| error.to_string())?;
    let times = if encoding.is_histogram() {
        &samples.histograms.timestamps_ms
    } else {
        &samples.floats.timestamps_ms
    };
    if times.first() != Some(&range.0) || times.last() != Some(&range.1) {
        return Err(format!("a chunk does not cover {} to {}", range.0, range.1));
    }
    if !times.is_sorted_by(|earlier, later| earlier < later) {
        return Err("the samples of a chunk do not ascend by time".to_owned());
    }
    Ok(())
}
