//! Moving full chunks out of memory into files, in bulk: once a minute a thread of the database does it, so that appends have
//! nothing to do with it beyond a short lock of a page.

use std::sync::Arc;
use std::time::Duration;

use super::Head;
use super::mapped_chunks::MappedPlace;
use super::page::Page;
use super::sealed::{SealedChunk, SealedData};
use crate::Error;
use crate::chunk::Encoding;
use crate::format::head_chunk_file::MappedChunk;
use crate::wal::Wal;

/// So many bytes of chunks are written at once.
const GROUP_BYTES: usize = 4 << 20;

/// A full chunk in memory.
struct Candidate {
    page: usize,
    slot: usize,
    reference: u64,
    chunk: SealedChunk,
    bytes: Arc<[u8]>,
}

impl Head {
    /// Moves all full chunks into files and returns how many; `now` is the time on the monotonic clock. What the log promised first is durable first, so that a power cut never
    /// leaves a chunk with samples, or of a series, that the log does not have.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails; the chunks stay in memory.
    pub(crate) fn map_chunks(&self, wal: &Wal, now: Duration) -> Result<u64, Error> {
        let _alone = self.mapped.begin_run(now);
        let mut group = Vec::new();
        let mut group_bytes = 0;
        let mut moved = 0;
        let pages = self.pages().clone();
        for (number, page) in pages.iter().enumerate() {
            group_bytes += collect(number, page, &mut group);
            if group_bytes >= GROUP_BYTES {
                moved += self.map_group(&pages, &group, wal)?;
                group.clear();
                group_bytes = 0;
            }
        }
        moved += self.map_group(&pages, &group, wal)?;
        Ok(moved)
    }

    fn map_group(&self, pages: &[Arc<Page>], group: &[Candidate], wal: &Wal) -> Result<u64, Error> {
        if group.is_empty() {
            return Ok(0);
        }
        wal.sync()?;
        let chunks: Vec<MappedChunk<'_>> = group.iter().map(Candidate::stored).collect();
        let places = self.mapped.write(&chunks)?;
        let moved: Vec<(&Candidate, MappedPlace)> = group.iter().zip(places).collect();
        for same_page in moved.chunk_by(|a, b| a.0.page == b.0.page) {
            let Some(page) = same_page.first().and_then(|(one, _)| pages.get(one.page)) else {
                continue;
            };
            // Held so that no batch is between its checks and its publication.
            let _tails = page.tails();
            let mut data = page.data_mut();
            for &(one, place) in same_page {
                let series = data.series.get_mut(one.slot);
                let chunk = series.and_then(|series| {
                    // It may have been dropped meanwhile.
                    let index = series
                        .sealed
                        .partition_point(|chunk| chunk.start_ms < one.chunk.start_ms);
                    series.sealed.get_mut(index)
                });
                if let Some(chunk) = chunk.filter(|chunk| chunk.is_in(&one.bytes)) {
                    chunk.data = SealedData::Mapped(place);
                }
            }
        }
        Ok(group.len() as u64)
    }
}

impl Candidate {
    fn stored(&self) -> MappedChunk<'_> {
        MappedChunk {
            reference: self.reference,
            start_ms: self.chunk.start_ms,
            end_ms: self.chunk.end_ms(),
            encoding: Encoding::code(self.chunk.encoding),
            is_late: false,
            data: &self.bytes,
        }
    }
}

/// Adds the full chunks of a page that are in memory to `group` and returns their size in bytes.
fn collect(number: usize, page: &Page, group: &mut Vec<Candidate>) -> usize {
    let has_some = |sealed: &[SealedChunk]| sealed.iter().any(|chunk| !chunk.is_mapped());
    if !page.data().series.iter().any(|series| has_some(&series.sealed)) {
        return 0;
    }
    let tails = page.tails();
    let data = page.data();
    let mut size_bytes = 0;
    for (slot, (series, tail)) in data.series.iter().zip(&*tails).enumerate() {
        // In their order, so that those before a chunk in a file are in files too.
        for chunk in &series.sealed {
            if let SealedData::Memory(bytes) = &chunk.data {
                size_bytes += bytes.len();
                group.push(Candidate {
                    page: number,
                    slot,
                    reference: tail.reference,
                    chunk: chunk.clone(),
                    bytes: Arc::clone(bytes),
                });
            }
        }
    }
    size_bytes
}
