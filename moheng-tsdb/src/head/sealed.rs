//! [`SealedChunk`]: a full chunk, in memory or in a file.

use std::sync::Arc;

use super::mapped_chunks::{MappedFiles, MappedPlace};
use crate::Error;
use crate::chunk::Encoding;

/// A full chunk. It takes 32 bytes, as there are millions.
#[derive(Clone, Debug)]
pub(crate) struct SealedChunk {
    pub(crate) start_ms: i64,
    /// From the first to the last sample.
    span_ms: u32,
    pub(crate) encoding: Encoding,
    /// Of the data, 0 when it does not fit.
    length: u16,
    pub(crate) data: SealedData,
}

/// The bytes of a full chunk.
#[derive(Clone, Debug)]
pub(crate) enum SealedData {
    Memory(Arc<[u8]>),
    Mapped(MappedPlace),
}

impl SealedChunk {
    /// A chunk of samples from `range.0` to `range.1`; `None` when that is more than 49 days, which no chunk spans.
    pub(crate) fn new(
        range: (i64, i64),
        encoding: Encoding,
        length: usize,
        data: SealedData,
    ) -> Option<Self> {
        let span_ms = range.1.checked_sub(range.0)?;
        Some(Self {
            start_ms: range.0,
            span_ms: u32::try_from(span_ms).ok()?,
            encoding,
            length: u16::try_from(length).unwrap_or(0),
            data,
        })
    }

    pub(crate) fn end_ms(&self) -> i64 {
        self.start_ms + i64::from(self.span_ms)
    }

    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.data, SealedData::Mapped(_))
    }

    /// Whether these are its bytes, in memory.
    pub(crate) fn is_in(&self, bytes: &Arc<[u8]>) -> bool {
        matches!(&self.data, SealedData::Memory(own) if Arc::ptr_eq(own, bytes))
    }

    /// Memory beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.data {
            SealedData::Memory(bytes) => bytes.len() + 2 * size_of::<usize>(),
            SealedData::Mapped(_) => 0,
        }
    }

    /// The bytes, those of a file by way of `buffer`.
    ///
    /// # Errors
    ///
    /// When the file is damaged or cannot be read.
    pub(crate) fn bytes<'a>(
        &'a self,
        files: &MappedFiles,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        match &self.data {
            SealedData::Memory(bytes) => Ok(bytes),
            SealedData::Mapped(place) => {
                let length = Some(usize::from(self.length)).filter(|&length| length > 0);
                files.read(*place, length, buffer).map(|(_, data)| data)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_small() {
        assert_eq!(size_of::<SealedChunk>(), 32);
        let data = SealedData::Mapped(MappedPlace { file: 1, offset: 8 });
        let chunk = SealedChunk::new((-5, i64::from(u32::MAX) - 5), Encoding::Xor, 70_000, data.clone());
        assert_eq!(chunk.unwrap().end_ms(), i64::from(u32::MAX) - 5);
        for range in [(1, 0), (0, 1 << 32), (i64::MIN, i64::MAX)] {
            assert!(SealedChunk::new(range, Encoding::Xor, 1, data.clone()).is_none());
        }
    }
}
