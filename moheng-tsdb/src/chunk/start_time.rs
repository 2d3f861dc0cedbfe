//! Start timestamps: when each sample of a chunk started to count, for the encodings that have room for it.
//!
//! A byte in the chunk's header says what is there: its top bit that the first sample has a start, the other seven from
//! which sample on starts are written (0 nowhere); before that one, starts are that of the first sample. The first start
//! is written as the varint of `t - start`, the first changed one as the varbit integer of `d = previous t - start`, every later
//! one as that of the change of d. At sample 127 writing begins even when nothing changed, for the byte ends there.

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::varbit::{put_signed, read_signed};

const FIRST_IS_KNOWN: u8 = 0x80;
const CHANGE_MASK: u8 = 0x7f;

/// Writes start timestamps behind samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StartEncoder {
    start_ms: i64,
    /// Between the timestamp before and the start.
    difference_ms: i64,
    /// The byte in the chunk's header.
    pub(super) header: u8,
}

impl StartEncoder {
    /// Writes the start of the sample at `index`, 0 when it is not known, behind that sample.
    #[inline]
    pub(super) fn put(
        &mut self,
        writer: &mut BitWriter,
        index: u16,
        (previous_ms, timestamp_ms): (i64, i64),
        start_ms: i64,
    ) {
        let is_unchanged = start_ms == self.start_ms && index != u16::from(CHANGE_MASK);
        if is_unchanged && self.header & CHANGE_MASK == 0 {
            return;
        }
        self.put_changed(writer, index, (previous_ms, timestamp_ms), start_ms);
    }

    fn put_changed(
        &mut self,
        writer: &mut BitWriter,
        index: u16,
        (previous_ms, timestamp_ms): (i64, i64),
        start_ms: i64,
    ) {
        self.start_ms = start_ms;
        if index == 0 {
            self.header = FIRST_IS_KNOWN;
            writer.push_signed_varint(timestamp_ms.wrapping_sub(start_ms));
            return;
        }
        let difference_ms = previous_ms.wrapping_sub(start_ms);
        if self.header & CHANGE_MASK == 0 {
            self.header |= index as u8 & CHANGE_MASK;
            put_signed(writer, difference_ms);
        } else {
            put_signed(writer, difference_ms.wrapping_sub(self.difference_ms));
        }
        self.difference_ms = difference_ms;
    }
}

/// Reads start timestamps behind samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartDecoder {
    header: u8,
    start_ms: i64,
    difference_ms: i64,
}

impl StartDecoder {
    pub(super) fn new(header: u8) -> Self {
        Self {
            header,
            start_ms: 0,
            difference_ms: 0,
        }
    }

    /// Whether any start is there.
    pub(super) fn has_starts(&self) -> bool {
        self.header != 0
    }

    /// The start of the sample at `index`, 0 when it is not known; the reader is behind that sample.
    #[inline]
    pub(super) fn read(
        &mut self,
        reader: &mut BitReader<'_>,
        index: usize,
        (previous_ms, timestamp_ms): (i64, i64),
    ) -> Result<i64, ChunkError> {
        let change = usize::from(self.header & CHANGE_MASK);
        if index == 0 {
            if self.header & FIRST_IS_KNOWN != 0 {
                let difference_ms = reader.signed_varint().ok_or(ChunkError::InvalidWidth)?;
                self.start_ms = timestamp_ms.wrapping_sub(difference_ms);
            }
        } else if change > 0 && index >= change {
            let read_ms = read_signed(reader);
            self.difference_ms = if index == change {
                read_ms
            } else {
                self.difference_ms.wrapping_add(read_ms)
            };
            self.start_ms = previous_ms.wrapping_sub(self.difference_ms);
        }
        Ok(self.start_ms)
    }
}
