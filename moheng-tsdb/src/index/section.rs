//! [`visit_section`]: reads the entries of a section piece by piece and checks its checksum.

use crate::Error;
use crate::format::index_file::{CHECKSUM_BYTES, SECTION_LENGTH_BYTES};
use crate::format::{ByteReader, Checksum, DecodeError};
use crate::storage::Blob;

const PIECE_BYTES: usize = 256 << 10;

/// Calls `visitor(offset, reader)` for every entry of the section at `offset`, and returns where the entries end.
///
/// The visitor reads one entry. It may be called again for the same entry when the bytes read so far end within it, so it
/// acts only after all of it is read.
pub(super) fn visit_section(
    blob: &Blob,
    offset: u64,
    mut visitor: impl FnMut(u64, &mut ByteReader<'_>) -> Result<(), DecodeError>,
) -> Result<u64, Error> {
    let mut bytes = Vec::new();
    blob.read(offset, SECTION_LENGTH_BYTES, &mut bytes)?;
    let length = ByteReader::new(&bytes)
        .u32()
        .map_err(|error| blob.corrupt(offset, error))?;
    let start = offset + SECTION_LENGTH_BYTES as u64;
    let end = start + u64::from(length);
    if end + CHECKSUM_BYTES as u64 > blob.size_bytes() {
        return Err(blob.corrupt(offset, "the section ends behind the file"));
    }
    let mut pieces = Pieces {
        blob,
        read_end: start,
        end,
        bytes: Vec::new(),
        consumed: 0,
        checksum: Checksum::new(),
    };
    let mut count = 0;
    pieces.entry(|_, reader| {
        count = reader.u32()?;
        Ok(())
    })?;
    for _ in 0..count {
        pieces.entry(&mut visitor)?;
    }
    pieces.finish()?;
    Ok(end)
}

struct Pieces<'a> {
    blob: &'a Blob,
    /// How far the file was read.
    read_end: u64,
    /// Where the checksum begins.
    end: u64,
    bytes: Vec<u8>,
    consumed: usize,
    checksum: Checksum,
}

impl Pieces<'_> {
    fn entry(
        &mut self,
        mut visitor: impl FnMut(u64, &mut ByteReader<'_>) -> Result<(), DecodeError>,
    ) -> Result<(), Error> {
        loop {
            let rest = self.bytes.get(self.consumed..).unwrap_or_default();
            let offset = self.read_end - rest.len() as u64;
            let mut reader = ByteReader::new(rest);
            match visitor(offset, &mut reader) {
                Ok(()) => {
                    self.consumed += rest.len() - reader.rest().len();
                    return Ok(());
                }
                Err(DecodeError::UnexpectedEnd) if self.read_end < self.end => self.read_more()?,
                Err(error) => return Err(self.blob.corrupt(offset, error)),
            }
        }
    }

    /// Reads at least as much as there is, so that long entries cost no quadratic time.
    fn read_more(&mut self) -> Result<(), Error> {
        self.bytes.drain(..self.consumed);
        self.consumed = 0;
        let wanted = PIECE_BYTES.max(self.bytes.len()) as u64;
        let mut piece = Vec::new();
        self.blob.read(
            self.read_end,
            wanted.min(self.end - self.read_end) as usize,
            &mut piece,
        )?;
        if piece.is_empty() {
            return Err(self.blob.corrupt(self.read_end, DecodeError::UnexpectedEnd));
        }
        self.checksum.update(&piece);
        self.read_end += piece.len() as u64;
        self.bytes.append(&mut piece);
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        if self.consumed < self.bytes.len() || self.read_end < self.end {
            let offset = self.read_end - (self.bytes.len() - self.consumed) as u64;
            return Err(self
                .blob
                .corrupt(offset, "bytes behind the last entry of a section"));
        }
        let mut stored = std::mem::take(&mut self.bytes);
        self.blob.read(self.end, CHECKSUM_BYTES, &mut stored)?;
        let stored = ByteReader::new(&stored)
            .u32()
            .map_err(|error| self.blob.corrupt(self.end, error))?;
        if stored != self.checksum.finish() {
            return Err(self
                .blob
                .corrupt(self.end, "checksum of a section does not match"));
        }
        Ok(())
    }
}
