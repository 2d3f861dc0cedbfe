//! The second XOR encoding of floats, as Prometheus 3.13 writes it when asked to: time and value share their prefix, stale
//! markers are short, and there may be start timestamps. Prometheus reads it from 3.11 on.
//!
//! `sample count u16 | start header u8 | t0 varint | v0 f64 | t1 - t0 uvarint | value 1 | {time and value}*`, each sample
//! followed by its start as [`super::start_time`] says. Time and value, by delta of delta and XOR: `0` neither changed; `10` and a
//! changed value; `110` + 13, `1110` + 20, `11110` + 64 bits of delta of delta and a value; `11111` a stale marker on time. A
//! value is `0` the same, `10` + the bits inside the window, `110` + a new window + its bits, `111` a stale marker; a
//! changed value is `0` + the bits inside the window or `1` + a new window + its bits. Values are compared with the last one that was
//! not a stale marker.

use moheng_metrics::{FloatColumns, STALE_NAN, is_stale_nan};

use super::ChunkError;
use super::bits::{BitReader, BitWriter, Code};
use super::start_time::{StartDecoder, StartEncoder};
use super::window::{WINDOW_BITS, Window};

const HEADER_BYTES: usize = 3;

/// A chunk that samples are added to.
///
/// From sample 127 on every sample would carry a start timestamp, so chunks must end before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Xor2Appender {
    /// All but the header.
    writer: BitWriter,
    timestamp_ms: i64,
    delta_ms: u64,
    /// Of the last value that is not a stale marker.
    value_bits: u64,
    is_stale: bool,
    sample_count: u16,
    window: Window,
    starts: StartEncoder,
}

impl Xor2Appender {
    /// Appends the chunk to `out`.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        if self.sample_count > 0 {
            out.extend_from_slice(&self.sample_count.to_be_bytes());
            out.push(self.starts.header);
            self.writer.write_to(out);
        }
    }

    /// The size of the chunk in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.writer.size_bytes()
    }

    /// Starts a new chunk and keeps the memory.
    #[cfg(any(test, feature = "testing"))]
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

    /// Memory held beside the struct itself, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.writer.capacity()
    }

    /// Adds a sample, which must be later than the last one and started at `start_ms` (0: not known).
    #[inline]
    pub(crate) fn push(&mut self, timestamp_ms: i64, start_ms: i64, value: f64) {
        let bits = value.to_bits();
        let delta_ms = timestamp_ms.wrapping_sub(self.timestamp_ms) as u64;
        self.is_stale = is_stale_nan(value);
        match self.sample_count {
            0 => {
                self.writer.push_signed_varint(timestamp_ms);
                self.writer.push(bits, 64);
            }
            1 => {
                self.writer.push_varint(delta_ms);
                self.push_value(Code::default(), bits);
            }
            _ => self.push_late(delta_ms, bits),
        }
        let times = (self.timestamp_ms, timestamp_ms);
        self.starts
            .put(&mut self.writer, self.sample_count, times, start_ms);
        if !self.is_stale {
            self.value_bits = bits;
        }
        // The first sample has no delta.
        self.delta_ms = if self.sample_count == 0 { 0 } else { delta_ms };
        self.timestamp_ms = timestamp_ms;
        self.sample_count += 1;
    }

    #[inline]
    fn push_late(&mut self, delta_ms: u64, bits: u64) {
        let delta_of_delta = delta_ms.wrapping_sub(self.delta_ms) as i64;
        let (prefix, width) = match delta_of_delta {
            0 => {
                let xor = bits ^ self.value_bits;
                return if xor == 0 {
                    self.writer.push(0, 1);
                } else if self.is_stale {
                    self.writer.push(0b1_1111, 5);
                } else {
                    let (reuse, new) = (
                        Code {
                            bits: 0b100,
                            count: 3,
                        },
                        Code {
                            bits: 0b101,
                            count: 3,
                        },
                    );
                    self.push_window(reuse, new, xor);
                };
            }
            -0x1000..=0xfff => (
                Code {
                    bits: 0b110,
                    count: 3,
                },
                13,
            ),
            -0x8_0000..=0x7_ffff => (
                Code {
                    bits: 0b1110,
                    count: 4,
                },
                20,
            ),
            _ => {
                self.writer.push(0b1_1110, 5);
                self.writer.push(delta_of_delta as u64, 64);
                return self.push_value(Code::default(), bits);
            }
        };
        let low = delta_of_delta as u64 & ((1 << width) - 1);
        self.push_value(prefix.then(low, width), bits);
    }

    #[inline]
    fn push_value(&mut self, before: Code, bits: u64) {
        let xor = bits ^ self.value_bits;
        if xor == 0 {
            self.writer.push_code(before.then(0, 1));
        } else if self.is_stale {
            self.writer.push_code(before.then(0b111, 3));
        } else {
            self.push_window(before.then(0b10, 2), before.then(0b110, 3), xor);
        }
    }

    /// The bits of a changed value behind `reuse`, or the window and then they behind `new`.
    #[inline]
    fn push_window(&mut self, reuse: Code, new: Code, xor: u64) {
        let before = if self.window.fit(xor) {
            new.then(self.window.code(), WINDOW_BITS)
        } else {
            reuse
        };
        self.window.put(&mut self.writer, before, xor);
    }
}

/// Appends all samples of a chunk to `floats`, or leaves it as it was.
pub(super) fn decode(chunk: &[u8], floats: &mut FloatColumns) -> Result<(), ChunkError> {
    let (&[high, low, starts], rest) = chunk
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or(ChunkError::UnexpectedEnd)?;
    let count = usize::from(u16::from_be_bytes([high, low]));
    // A sample takes at least a bit, so this is bounded by the size of the chunk.
    if count > rest.len() * 8 {
        return Err(ChunkError::UnexpectedEnd);
    }
    let before = floats.len();
    floats.timestamps_ms.resize(before + count, 0);
    floats.values.resize(before + count, 0.0);
    let timestamps = floats.timestamps_ms.get_mut(before..).unwrap_or_default();
    let values = floats.values.get_mut(before..).unwrap_or_default();
    let mut reader = BitReader::new(rest);
    let starts = StartDecoder::new(starts);
    let mut outcome = if starts.has_starts() {
        floats.start_timestamps_ms.resize(before, 0);
        let start_timestamps = &mut floats.start_timestamps_ms;
        decode_with_starts(&mut reader, timestamps, values, starts, start_timestamps)
    } else {
        decode_columns(&mut reader, timestamps, values)
    };
    if reader.is_past_end() {
        outcome = Err(ChunkError::UnexpectedEnd);
    }
    if outcome.is_err() {
        floats.truncate(before);
    }
    outcome
}

/// What the next sample is encoded against.
#[derive(Default)]
struct Previous {
    timestamp_ms: i64,
    delta_ms: u64,
    value_bits: u64,
    window: Window,
}

fn decode_columns(
    reader: &mut BitReader<'_>,
    timestamps: &mut [i64],
    values: &mut [f64],
) -> Result<(), ChunkError> {
    let mut previous = Previous::default();
    let mut samples = timestamps.iter_mut().zip(values);
    for index in 0..2 {
        let Some((timestamp, value)) = samples.next() else {
            return Ok(());
        };
        *value = previous.read_early(reader, index)?;
        *timestamp = previous.timestamp_ms;
    }
    while let Some((timestamp, value)) = samples.next() {
        let word = reader.peek();
        // Samples with the same step and value are one zero bit each.
        let mut unchanged = word.leading_zeros().min(56);
        if unchanged == 0 {
            *value = previous.read_late(reader, word)?;
            *timestamp = previous.timestamp_ms;
            continue;
        }
        let same = f64::from_bits(previous.value_bits);
        previous.step();
        (*timestamp, *value) = (previous.timestamp_ms, same);
        reader.skip(1);
        unchanged -= 1;
        for (timestamp, value) in samples.by_ref().take(unchanged as usize) {
            previous.step();
            (*timestamp, *value) = (previous.timestamp_ms, same);
            reader.skip(1);
        }
    }
    Ok(())
}

fn decode_with_starts(
    reader: &mut BitReader<'_>,
    timestamps: &mut [i64],
    values: &mut [f64],
    mut starts: StartDecoder,
    start_timestamps: &mut Vec<i64>,
) -> Result<(), ChunkError> {
    let mut previous = Previous::default();
    for (index, (timestamp, value)) in timestamps.iter_mut().zip(values).enumerate() {
        let before_ms = previous.timestamp_ms;
        *value = if index < 2 {
            previous.read_early(reader, index)?
        } else {
            let word = reader.peek();
            previous.read_late(reader, word)?
        };
        *timestamp = previous.timestamp_ms;
        start_timestamps.push(starts.read(reader, index, (before_ms, previous.timestamp_ms))?);
    }
    Ok(())
}

impl Previous {
    /// Reads the first or second sample and returns its value.
    fn read_early(&mut self, reader: &mut BitReader<'_>, index: usize) -> Result<f64, ChunkError> {
        if index == 0 {
            self.timestamp_ms = reader.signed_varint().ok_or(ChunkError::InvalidWidth)?;
            let value = f64::from_bits(reader.read(64));
            if !is_stale_nan(value) {
                self.value_bits = value.to_bits();
            }
            return Ok(value);
        }
        self.delta_ms = reader.varint().ok_or(ChunkError::InvalidWidth)?;
        self.step();
        self.read_value(reader)
    }

    /// Reads a later sample from `word`, the next bits, and returns its value.
    #[inline]
    fn read_late(&mut self, reader: &mut BitReader<'_>, word: u64) -> Result<f64, ChunkError> {
        let (prefix, width) = match (!word).leading_zeros() {
            0 => {
                reader.skip(1);
                self.step();
                return Ok(f64::from_bits(self.value_bits));
            }
            1 => {
                self.step();
                let is_new = word << 2 >> 63 == 1;
                return self.read_changed(reader, word << 3, 3, is_new);
            }
            2 => (3, 13),
            3 => (4, 20),
            4 => {
                reader.skip(5);
                self.delta_ms = self.delta_ms.wrapping_add(reader.read(64));
                self.step();
                return self.read_value(reader);
            }
            _ => {
                reader.skip(5);
                self.step();
                return Ok(STALE_NAN);
            }
        };
        let delta_of_delta = ((word << prefix) as i64) >> (64 - width);
        reader.skip(prefix + width);
        self.delta_ms = self.delta_ms.wrapping_add(delta_of_delta as u64);
        self.step();
        self.read_value(reader)
    }

    #[inline]
    fn step(&mut self) {
        self.timestamp_ms = self.timestamp_ms.wrapping_add(self.delta_ms as i64);
    }

    #[inline]
    fn read_value(&mut self, reader: &mut BitReader<'_>) -> Result<f64, ChunkError> {
        let word = reader.peek();
        match (!word).leading_zeros() {
            0 => {
                reader.skip(1);
                Ok(f64::from_bits(self.value_bits))
            }
            1 => self.read_changed(reader, word, 2, false),
            2 => self.read_changed(reader, word << 3, 3, true),
            _ => {
                reader.skip(3);
                Ok(STALE_NAN)
            }
        }
    }

    /// Reads a changed value behind `prefix` bits; `word` is what follows these.
    #[inline]
    fn read_changed(
        &mut self,
        reader: &mut BitReader<'_>,
        word: u64,
        prefix: u32,
        is_new: bool,
    ) -> Result<f64, ChunkError> {
        if is_new {
            self.window = Window::from_code(word)?;
            reader.skip(prefix + WINDOW_BITS);
        } else {
            reader.skip(prefix);
        }
        self.value_bits ^= self.window.read(reader);
        Ok(f64::from_bits(self.value_bits))
    }
}

#[cfg(test)]
mod tests;
