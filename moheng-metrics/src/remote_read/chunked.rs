//! Answers of chunks: [`ChunkedEncoder`] and [`ChunkedFrame`].

use super::frame::write_frame;
use crate::protobuf::{
    LabelsError, ProtobufError, ProtobufErrorKind, Reader, Writer, delimited, known, series_of_pairs, varint,
};
use crate::remote_write::decode_label;
use crate::{Labels, ValidationScheme};

/// The most labels and chunks together, and the most series, that are accepted in one frame.
pub const MAX_FRAME_ITEMS: usize = 65_535;

const CHUNKED_SERIES: u32 = 1;
const QUERY_INDEX: u32 = 2;

const SERIES_LABELS: u32 = 1;
const SERIES_CHUNKS: u32 = 2;

const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const CHUNK_TYPE: u32 = 3;
const CHUNK_DATA: u32 = 4;

/// A chunk: samples of one series in an encoding that is opaque here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadChunk<'a> {
    /// The time of the first sample, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// The time of the last sample, in milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// The number of the encoding, as in Prometheus's blocks: 1 is XOR, 2 histograms, 3 float histograms. Thanos knows
    /// no others.
    pub encoding: u32,
    /// The samples.
    pub data: &'a [u8],
}

/// Writes frames of chunks, one series per frame, into memory that the caller sends on.
///
/// ```
/// use moheng_metrics::remote_read::{ChunkedEncoder, ChunkedFrame, MAX_FRAME_BYTES, ReadChunk, read_frame};
/// use moheng_metrics::Labels;
///
/// let labels = Labels::from_pairs([("__name__", "up")]);
/// let chunk = ReadChunk { start_ms: 0, end_ms: 15_000, encoding: 1, data: b"\x00\x01" };
/// let mut stream = Vec::new();
/// ChunkedEncoder::new(1 << 20).push(0, &labels, [chunk], &mut stream);
///
/// let (message, length) = read_frame(&stream, MAX_FRAME_BYTES)?.expect("a whole frame");
/// assert_eq!(length, stream.len());
/// let frame = ChunkedFrame::decode(message)?;
/// assert_eq!(frame.series[0].chunks, [chunk]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ChunkedEncoder {
    frame_bytes: usize,
    /// Labels and chunks of the frame that is being filled.
    series: Vec<u8>,
    message: Vec<u8>,
}

impl ChunkedEncoder {
    /// An encoder whose frames end as soon as they have `frame_bytes`; 1 MiB is usual.
    pub fn new(frame_bytes: usize) -> Self {
        Self {
            frame_bytes,
            series: Vec::new(),
            message: Vec::new(),
        }
    }

    /// Appends all chunks of a series to `out`, in as many frames as they need; a series without chunks needs none.
    ///
    /// Series of one query come in the order of their labels, chunks in the order of their start. `query_index` is the
    /// number of the query, from 0.
    pub fn push<'c>(
        &mut self,
        query_index: usize,
        labels: &Labels,
        chunks: impl IntoIterator<Item = ReadChunk<'c>>,
        out: &mut Vec<u8>,
    ) {
        self.series.clear();
        for (name, value) in labels {
            Writer::new(&mut self.series).pair(SERIES_LABELS, name, value);
        }
        let labels_bytes = self.series.len();
        for chunk in chunks {
            let is_full = self.series.len() + chunk.data.len() > self.frame_bytes;
            if is_full && self.series.len() > labels_bytes {
                self.write(query_index, out);
                self.series.truncate(labels_bytes);
            }
            Writer::new(&mut self.series).message(SERIES_CHUNKS, |writer| {
                writer.nonzero(CHUNK_START, chunk.start_ms as u64);
                writer.nonzero(CHUNK_END, chunk.end_ms as u64);
                writer.nonzero(CHUNK_TYPE, u64::from(chunk.encoding));
                writer.nonempty_bytes(CHUNK_DATA, chunk.data);
            });
        }
        if self.series.len() > labels_bytes {
            self.write(query_index, out);
        }
    }

    fn write(&mut self, query_index: usize, out: &mut Vec<u8>) {
        self.message.clear();
        let mut writer = Writer::new(&mut self.message);
        writer.bytes(CHUNKED_SERIES, &self.series);
        writer.nonzero(QUERY_INDEX, query_index as u64);
        write_frame(&self.message, out);
    }
}

/// The message of a frame, read in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkedFrame<'a> {
    /// The number of the query, from 0.
    pub query_index: usize,
    /// The series; servers send one at a time.
    pub series: Vec<ChunkedSeries<'a>>,
}

/// A series, or the next part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkedSeries<'a> {
    /// Names and values in the order they were sent.
    pub labels: Vec<(&'a str, &'a str)>,
    /// The chunks, which may overlap.
    pub chunks: Vec<ReadChunk<'a>>,
}

impl<'a> ChunkedFrame<'a> {
    /// Reads a message that [`super::read_frame`] gave.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when it does not follow its format, or has more than [`MAX_FRAME_ITEMS`].
    pub fn decode(message: &'a [u8]) -> Result<Self, ProtobufError> {
        const SERIES_KEY: u32 = delimited(CHUNKED_SERIES);
        const INDEX_KEY: u32 = varint(QUERY_INDEX);
        let mut frame = Self::default();
        let mut reader = Reader::new(message);
        let mut items = 0;
        while let Some(key) = reader.key("response")? {
            match key {
                SERIES_KEY => {
                    reader.check_length(frame.series.len(), MAX_FRAME_ITEMS, "chunked_series")?;
                    let series = decode_series(reader.message("chunked_series")?, &mut items)?;
                    frame.series.push(series);
                }
                INDEX_KEY => {
                    let start = reader;
                    frame.query_index = usize::try_from(reader.varint("query_index")?)
                        .map_err(|_| start.error("query_index", ProtobufErrorKind::Overflow))?;
                }
                key => reader.skip(key, known(&[CHUNKED_SERIES, QUERY_INDEX]), "response")?,
            }
        }
        Ok(frame)
    }
}

impl ChunkedSeries<'_> {
    /// The labels as a set.
    ///
    /// # Errors
    ///
    /// [`LabelsError`] when they are not sorted, not unique, or there is no metric name.
    pub fn to_labels(&self) -> Result<Labels, LabelsError> {
        series_of_pairs(&self.labels, ValidationScheme::Utf8)
    }
}

/// Reads a series; `items` counts the labels and chunks of the whole frame.
fn decode_series<'a>(mut message: Reader<'a>, items: &mut usize) -> Result<ChunkedSeries<'a>, ProtobufError> {
    const LABELS_KEY: u32 = delimited(SERIES_LABELS);
    const CHUNKS_KEY: u32 = delimited(SERIES_CHUNKS);
    let mut series = ChunkedSeries::default();
    while let Some(key) = message.key("chunked_series")? {
        match key {
            LABELS_KEY => {
                message.check_length(*items, MAX_FRAME_ITEMS, "chunked_series.labels")?;
                decode_label(&mut message, &mut series.labels, "chunked_series.labels")?;
                *items += 1;
            }
            CHUNKS_KEY => {
                message.check_length(*items, MAX_FRAME_ITEMS, "chunked_series.chunks")?;
                let chunk = message.message("chunked_series.chunks")?;
                series.chunks.push(decode_chunk(chunk)?);
                *items += 1;
            }
            key => message.skip(key, known(&[SERIES_LABELS, SERIES_CHUNKS]), "chunked_series")?,
        }
    }
    Ok(series)
}

fn decode_chunk(mut message: Reader<'_>) -> Result<ReadChunk<'_>, ProtobufError> {
    const START_KEY: u32 = varint(CHUNK_START);
    const END_KEY: u32 = varint(CHUNK_END);
    const TYPE_KEY: u32 = varint(CHUNK_TYPE);
    const DATA_KEY: u32 = delimited(CHUNK_DATA);
    const FIELDS: u64 = known(&[CHUNK_START, CHUNK_END, CHUNK_TYPE, CHUNK_DATA]);
    const NAME: &str = "chunked_series.chunks";
    let mut chunk = ReadChunk::default();
    while let Some(key) = message.key(NAME)? {
        match key {
            START_KEY => chunk.start_ms = message.varint("chunked_series.chunks.min_time_ms")? as i64,
            END_KEY => chunk.end_ms = message.varint("chunked_series.chunks.max_time_ms")? as i64,
            TYPE_KEY => chunk.encoding = message.varint32("chunked_series.chunks.type")?,
            DATA_KEY => chunk.data = message.bytes("chunked_series.chunks.data")?,
            key => message.skip(key, FIELDS, NAME)?,
        }
    }
    Ok(chunk)
}
