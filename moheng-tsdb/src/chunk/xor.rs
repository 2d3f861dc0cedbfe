//! The XOR encoding of floats, as Prometheus writes it.
//!
//! `sample count u16 | t0 varint | v0 f64 | t1 - t0 uvarint | value 1 | {delta of delta, value}*`, bits from the most
//! significant on. Delta of delta: `0` none, `10` + 14, `110` + 17, `1110` + 20, `1111` + 64 bits. Value, by XOR with the one
//! before: `0` the same, `10` + the bits inside the window used last, `11` + 5 bits count of leading zeros + 6 bits width of
//! the window (0 means 64) + its bits.

use moheng_metrics::FloatColumns;

use super::ChunkError;
use super::bits::{BitWindow, BitWriter, Code};
use crate::format::{ByteReader, put_signed_varint, put_varint};

/// Before the first value that differed there is no window to reuse.
const NO_WINDOW: u8 = 0xff;

/// The count of leading zeros has five bits.
const LEADING_ZEROS_MAX: u32 = 31;

const COUNT_BYTES: usize = 2;

/// A chunk that samples are added to.
#[derive(Clone, Debug)]
pub(crate) struct XorAppender {
    /// All but the count in front, so that adding touches only the end.
    writer: BitWriter,
    timestamp_ms: i64,
    /// Between the last two timestamps.
    delta_ms: u64,
    value_bits: u64,
    sample_count: u16,
    leading_zeros: u8,
    trailing_zeros: u8,
}

impl Default for XorAppender {
    fn default() -> Self {
        Self {
            writer: BitWriter::default(),
            timestamp_ms: 0,
            delta_ms: 0,
            value_bits: 0,
            sample_count: 0,
            leading_zeros: NO_WINDOW,
            trailing_zeros: 0,
        }
    }
}

impl XorAppender {
    /// Goes on with a chunk; its samples replace what `floats` holds.
    pub(crate) fn resume(chunk: &[u8], floats: &mut FloatColumns) -> Result<Self, ChunkError> {
        floats.clear();
        let (previous, position) = decode_all(chunk, floats)?;
        let content = chunk.get(COUNT_BYTES..).unwrap_or_default();
        let (Some(&timestamp_ms), Ok(sample_count)) =
            (floats.timestamps_ms.last(), u16::try_from(floats.len()))
        else {
            return Ok(Self::default());
        };
        // The first value that differs brings a window.
        let first_bits = floats.values.first().map(|value| value.to_bits());
        let has_window = floats
            .values
            .iter()
            .any(|value| Some(value.to_bits()) != first_bits);
        Ok(Self {
            writer: BitWriter::resume(content, position),
            timestamp_ms,
            delta_ms: previous.delta_ms,
            value_bits: previous.value_bits,
            sample_count,
            leading_zeros: if has_window {
                previous.leading_zeros as u8
            } else {
                NO_WINDOW
            },
            trailing_zeros: previous.trailing_zeros as u8,
        })
    }

    /// Appends the chunk to `out`.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        if self.sample_count > 0 {
            out.extend_from_slice(&self.sample_count.to_be_bytes());
            self.writer.write_to(out);
        }
    }

    /// The size of the chunk in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        COUNT_BYTES + self.writer.size_bytes()
    }

    /// Starts a new chunk and keeps the memory.
    pub(crate) fn clear(&mut self) {
        let mut writer = std::mem::take(&mut self.writer);
        writer.clear();
        *self = Self {
            writer,
            ..Self::default()
        };
    }

    pub(crate) fn sample_count(&self) -> u16 {
        self.sample_count
    }

    /// The timestamp of the newest sample.
    pub(crate) fn end_ms(&self) -> i64 {
        self.timestamp_ms
    }

    /// The bits of the newest sample's value.
    pub(crate) fn value_bits(&self) -> u64 {
        self.value_bits
    }

    /// Says what the last value of the chunk before was, which an empty chunk does not know.
    pub(crate) fn set_value_bits(&mut self, value_bits: u64) {
        debug_assert_eq!(self.sample_count, 0);
        self.value_bits = value_bits;
    }

    /// Memory held beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.writer.capacity()
    }

    /// Adds a sample, which must be later than the last one. A chunk holds at most 65535.
    #[inline]
    pub(crate) fn push(&mut self, timestamp_ms: i64, value: f64) {
        let bits = value.to_bits();
        let delta_ms = timestamp_ms.wrapping_sub(self.timestamp_ms) as u64;
        if self.sample_count >= 2 {
            let delta_of_delta = delta_ms.wrapping_sub(self.delta_ms) as i64;
            let xor = bits ^ self.value_bits;
            if delta_of_delta == 0 && xor == 0 {
                self.writer.push(0, 2);
            } else {
                let code = self.timestamp_code(delta_of_delta);
                self.push_value(code, xor);
            }
        } else {
            self.push_early(timestamp_ms, delta_ms, bits);
        }
        self.delta_ms = delta_ms;
        self.timestamp_ms = timestamp_ms;
        self.value_bits = bits;
        self.sample_count += 1;
    }

    /// The first two samples.
    fn push_early(&mut self, timestamp_ms: i64, delta_ms: u64, bits: u64) {
        let bytes = self.writer.whole_bytes();
        if self.sample_count == 0 {
            put_signed_varint(bytes, timestamp_ms);
            bytes.extend_from_slice(&bits.to_be_bytes());
        } else {
            put_varint(bytes, delta_ms);
            self.push_value(Code::default(), bits ^ self.value_bits);
        }
    }

    /// How a delta of delta is written. Very long ones are written at once.
    #[inline]
    fn timestamp_code(&mut self, delta_of_delta: i64) -> Code {
        let (prefix, prefix_bits, width) = match delta_of_delta {
            0 => return Code { bits: 0, count: 1 },
            -0x1fff..=0x2000 => (0b10, 2, 14),
            -0xffff..=0x1_0000 => (0b110, 3, 17),
            -0x7_ffff..=0x8_0000 => (0b1110, 4, 20),
            _ => {
                self.writer.push(0b1111, 4);
                self.writer.push(delta_of_delta as u64, 64);
                return Code::default();
            }
        };
        let low = delta_of_delta as u64 & ((1 << width) - 1);
        Code {
            bits: (prefix << width) | low,
            count: prefix_bits + width,
        }
    }

    /// Writes what came before, and the value.
    #[inline]
    fn push_value(&mut self, before: Code, xor: u64) {
        if xor == 0 {
            self.writer.push(before.bits << 1, before.count + 1);
            return;
        }
        let leading = xor.leading_zeros().min(LEADING_ZEROS_MAX);
        let trailing = xor.trailing_zeros();
        let (used_leading, used_trailing) = (u32::from(self.leading_zeros), u32::from(self.trailing_zeros));
        // Never without a window: its mark is more zeros than there can be.
        let (header, significant, width) = if leading >= used_leading && trailing >= used_trailing {
            let header = before.then(0b10, 2);
            (header, xor >> used_trailing, 64 - used_leading - used_trailing)
        } else {
            self.leading_zeros = leading as u8;
            self.trailing_zeros = trailing as u8;
            let width = 64 - leading - trailing;
            let window = (0b11 << 11) | (u64::from(leading) << 6) | u64::from(width & 0x3f);
            (before.then(window, 13), xor >> trailing, width)
        };
        if header.count + width <= 64 {
            let all = header.then(significant, width);
            self.writer.push(all.bits, all.count);
        } else {
            self.writer.push(header.bits, header.count);
            self.writer.push(significant, width);
        }
    }
}

/// Appends all samples of a chunk to `floats`, or leaves it as it was.
pub(crate) fn decode(chunk: &[u8], floats: &mut FloatColumns) -> Result<(), ChunkError> {
    decode_all(chunk, floats).map(|_| ())
}

/// Also returns what a next sample is encoded against, and where it goes: in bits behind the count.
fn decode_all(chunk: &[u8], floats: &mut FloatColumns) -> Result<(Previous, usize), ChunkError> {
    let (count, rest) = chunk
        .split_first_chunk::<COUNT_BYTES>()
        .ok_or(ChunkError::UnexpectedEnd)?;
    let count = usize::from(u16::from_be_bytes(*count));
    let before = floats.len();
    // A sample takes at least two bits, so this is bounded by the size of the chunk.
    if count > rest.len() * 4 {
        return Err(ChunkError::UnexpectedEnd);
    }
    floats.timestamps_ms.resize(before + count, 0);
    floats.values.resize(before + count, 0.0);
    let timestamps = floats.timestamps_ms.get_mut(before..).unwrap_or_default();
    let values = floats.values.get_mut(before..).unwrap_or_default();
    let outcome = decode_columns(rest, timestamps, values);
    if outcome.is_err() {
        floats.timestamps_ms.truncate(before);
        floats.values.truncate(before);
    }
    outcome
}

/// What the next sample is encoded against.
#[derive(Default)]
struct Previous {
    timestamp_ms: i64,
    delta_ms: u64,
    value_bits: u64,
    leading_zeros: u32,
    trailing_zeros: u32,
}

fn decode_columns(
    rest: &[u8],
    timestamps: &mut [i64],
    values: &mut [f64],
) -> Result<(Previous, usize), ChunkError> {
    let mut samples = timestamps.iter_mut().zip(values);
    let end = |_| ChunkError::UnexpectedEnd;
    let mut head = ByteReader::new(rest);
    let Some((timestamp, value)) = samples.next() else {
        return Ok((Previous::default(), 0));
    };
    *timestamp = head.signed_varint().map_err(end)?;
    let value_bits = head.u64().map_err(end)?;
    *value = f64::from_bits(value_bits);
    let mut previous = Previous {
        timestamp_ms: *timestamp,
        delta_ms: 0,
        value_bits,
        leading_zeros: 0,
        trailing_zeros: 0,
    };
    let Some((timestamp, value)) = samples.next() else {
        return Ok((previous, 8 * (rest.len() - head.rest().len())));
    };
    previous.delta_ms = head.varint().map_err(end)?;
    let window = BitWindow::new(head.rest());
    let before = 8 * (rest.len() - head.rest().len());
    let mut position = previous.value(window, 0)?;
    previous.timestamp_ms = previous.timestamp_ms.wrapping_add(previous.delta_ms as i64);
    previous.store(timestamp, value);

    while let Some((timestamp, value)) = samples.next() {
        let word = window.peek(position);
        match word >> 62 {
            0b00 => {
                // Samples with the same step and value are two zero bits each.
                previous.step();
                previous.store(timestamp, value);
                let others = word.leading_zeros().min(56) as usize / 2 - 1;
                position += 2 + 2 * previous.repeat(&mut samples, others);
                continue;
            }
            0b01 => position = previous.changed_value(window, word << 1, position + 1)?,
            _ => {
                position = previous.timestamp(window, word, position);
                position = previous.value(window, position)?;
            }
        }
        previous.step();
        previous.store(timestamp, value);
    }
    if position > window.bit_count() {
        return Err(ChunkError::UnexpectedEnd);
    }
    Ok((previous, before + position))
}

impl Previous {
    #[inline]
    fn step(&mut self) {
        self.timestamp_ms = self.timestamp_ms.wrapping_add(self.delta_ms as i64);
    }

    #[inline]
    fn store(&self, timestamp: &mut i64, value: &mut f64) {
        *timestamp = self.timestamp_ms;
        *value = f64::from_bits(self.value_bits);
    }

    /// Stores so many more samples with the same step and value, if so many are wanted, and returns how many.
    fn repeat<'a>(
        &mut self,
        samples: &mut impl Iterator<Item = (&'a mut i64, &'a mut f64)>,
        count: usize,
    ) -> usize {
        let mut stored = 0;
        for (timestamp, value) in samples.take(count) {
            self.step();
            self.store(timestamp, value);
            stored += 1;
        }
        stored
    }

    /// Reads a delta of delta that is not 0 from `word`, the bits at `position`, and returns the position behind it.
    #[inline]
    fn timestamp(&mut self, window: BitWindow<'_>, word: u64, position: usize) -> usize {
        let (prefix_bits, width) = match (!word).leading_zeros() {
            0 | 1 => (2, 14),
            2 => (3, 17),
            3 => (4, 20),
            _ => {
                let delta_of_delta = window.read(position + 4, 64);
                self.delta_ms = self.delta_ms.wrapping_add(delta_of_delta);
                return position + 68;
            }
        };
        let mut delta_of_delta = (word << prefix_bits >> (64 - width)) as i64;
        if delta_of_delta > 1 << (width - 1) {
            delta_of_delta -= 1 << width;
        }
        self.delta_ms = self.delta_ms.wrapping_add(delta_of_delta as u64);
        position + prefix_bits + width
    }

    /// Reads a value at `position` and returns the position behind it.
    #[inline]
    fn value(&mut self, window: BitWindow<'_>, position: usize) -> Result<usize, ChunkError> {
        let word = window.peek(position);
        if word >> 63 == 0 {
            return Ok(position + 1);
        }
        self.changed_value(window, word, position)
    }

    /// Reads a value that is not the one before and begins at `position` with the bits of `word`, of which at least 13 are there.
    #[inline]
    fn changed_value(
        &mut self,
        window: BitWindow<'_>,
        word: u64,
        position: usize,
    ) -> Result<usize, ChunkError> {
        let start = if word >> 62 == 0b10 {
            position + 2
        } else {
            let leading = (word >> 57) as u32 & 0x1f;
            let width = match (word >> 51) as u32 & 0x3f {
                0 => 64,
                width => width,
            };
            self.leading_zeros = leading;
            self.trailing_zeros = 64_u32
                .checked_sub(leading + width)
                .ok_or(ChunkError::InvalidWidth)?;
            position + 13
        };
        let width = 64 - self.leading_zeros - self.trailing_zeros;
        self.value_bits ^= window.read(start, width) << self.trailing_zeros;
        Ok(start + width as usize)
    }
}

#[cfg(test)]
mod tests;
