//! [`RunWriter`] and [`RunReader`]: temporary files of samples, sorted by range, labels and time.
//!
//! `{length of the rest u32 | start of the range i64 | label count u32 | {length u32, name, length u32, value}* | {timestamp i64, bits of
//! the value u64}*}*`, little-endian. Only this process reads them.

use moheng_metrics::Labels;

use crate::Error;
use crate::storage::{Appender, Blob, Directory, Window};

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
const LENGTH_BYTES: usize = 4;
const SAMPLE_BYTES: usize = 16;

/// Writes a run. It need not survive a crash.
pub(super) struct RunWriter {
    out: Appender,
}

impl RunWriter {
    pub(super) fn create(directory: &dyn Directory, path: String) -> Result<Self, Error> {
        let out = Appender::create(directory, path)?;
        Ok(Self { out })
    }

    /// Adds the samples of a series in a range.
    pub(super) fn put(
        &mut self,
        range_start_ms: i64,
        labels: &Labels,
        samples: impl Iterator<Item = (i64, f64)>,
    ) -> Result<(), Error> {
        let buffer = self.out.buffer();
        let begin = buffer.len();
        buffer.extend_from_slice(&[0; LENGTH_BYTES]);
        buffer.extend_from_slice(&range_start_ms.to_le_bytes());
        buffer.extend_from_slice(&(labels.len() as u32).to_le_bytes());
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            buffer.extend_from_slice(&(text.len() as u32).to_le_bytes());
            buffer.extend_from_slice(text.as_bytes());
        }
        for (timestamp_ms, value) in samples {
            buffer.extend_from_slice(&timestamp_ms.to_le_bytes());
            buffer.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        let length = buffer.len() - begin - LENGTH_BYTES;
        let length = u32::try_from(length)
            .map_err(|_| Error::Invalid("more than 4 GiB of samples of a series in a range".to_owned()))?;
        if let Some(place) = buffer.get_mut(begin..begin + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.out.flush_when_full()
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.out.flush()
    }
}

/// The samples of a series in a range.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) range_start_ms: i64,
    pub(super) labels: Labels,
    samples: Vec<(i64, f64)>,
}

/// Reads a run, a piece at a time.
#[derive(Debug)]
pub(super) struct RunReader {
    blob: Blob,
    window: Window,
    offset: u64,
    next: Option<Piece>,
}

impl RunReader {
    pub(super) fn open(directory: &dyn Directory, path: &str) -> Result<Self, Error> {
        let mut reader = Self {
            blob: Blob::open(directory, path)?,
            window: Window::default(),
            offset: 0,
            next: None,
        };
        reader.next = reader.read()?;
        Ok(reader)
    }

    /// The piece that comes next.
    pub(super) fn peek(&self) -> Option<&Piece> {
        self.next.as_ref()
    }

    /// Appends the samples of the next piece and goes on to the one behind it.
    pub(super) fn take(&mut self, samples: &mut Vec<(i64, f64)>) -> Result<(), Error> {
        let next = self.read()?;
        if let Some(piece) = std::mem::replace(&mut self.next, next) {
            samples.extend(piece.samples);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Piece>, Error> {
        if self.offset >= self.blob.size_bytes() {
            return Ok(None);
        }
        let offset = self.offset;
        let damaged = |blob: &Blob| blob.corrupt(offset, "a temporary file was changed by someone else");
        let head = self.window.get(&self.blob, offset, LENGTH_BYTES, READ_BYTES)?;
        let length = head
            .first_chunk::<LENGTH_BYTES>()
            .map(|bytes| u32::from_le_bytes(*bytes));
        let Some(length) = length.map(|length| length as usize) else {
            return Err(damaged(&self.blob));
        };
        if length as u64 > self.blob.size_bytes() - offset {
            return Err(damaged(&self.blob));
        }
        let wanted = LENGTH_BYTES + length;
        let bytes = self.window.get(&self.blob, offset, wanted, READ_BYTES)?;
        let piece = bytes.get(LENGTH_BYTES..wanted).and_then(decode);
        self.offset += wanted as u64;
        piece.map(Some).ok_or_else(|| damaged(&self.blob))
    }
}

fn decode(bytes: &[u8]) -> Option<Piece> {
    let (start, mut rest) = bytes.split_first_chunk::<8>()?;
    let number = |rest: &mut &[u8]| {
        let (number, behind) = rest.split_first_chunk::<4>()?;
        *rest = behind;
        Some(u32::from_le_bytes(*number) as usize)
    };
    let label_count = number(&mut rest)?;
    let mut texts = Vec::new();
    for _ in 0..2 * label_count {
        let length = number(&mut rest)?;
        let (text, behind) = rest.split_at_checked(length)?;
        texts.push(std::str::from_utf8(text).ok()?);
        rest = behind;
    }
    let pairs = texts
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[name, value]| (*name, *value));
    let samples = rest.as_chunks::<SAMPLE_BYTES>().0.iter().map(|sample| {
        let (timestamp_ms, value) = sample.split_at(8);
        let word = |bytes: &[u8]| {
            bytes
                .first_chunk::<8>()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        (word(timestamp_ms) as i64, f64::from_bits(word(value)))
    });
    Some(Piece {
        range_start_ms: i64::from_le_bytes(*start),
        samples: samples.collect(),
        labels: Labels::from_pairs(pairs),
    })
}
