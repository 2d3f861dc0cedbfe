//! [`SampleEncoder`]: from samples of one series to chunks.

use moheng_metrics::histogram::{FloatHistogram, IntegerHistogram, NativeHistogram};
use moheng_metrics::{HistogramView, SampleBuffer};

use crate::Error;
use crate::chunk::{
    ChunkError, Count, Encoding, Fit, HistogramAppender, HistogramDecoder, Xor2Appender, XorAppender, cut,
};
use moheng_metrics::histogram::ResetHint;

/// A sample of any kind.
#[derive(Clone, Debug)]
pub(crate) struct OwnedSample {
    pub(crate) timestamp_ms: i64,
    /// 0 when it is not known.
    pub(crate) start_timestamp_ms: i64,
    pub(crate) value: SampleValue,
}

/// The value of a sample.
#[derive(Clone, Debug)]
pub(crate) enum SampleValue {
    Float(f64),
    Integer(IntegerHistogram),
    Fractional(FloatHistogram),
}

/// A finished chunk.
#[derive(Clone, Debug)]
pub(crate) struct EncodedChunk {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) encoding: Encoding,
    pub(crate) sample_count: u16,
    pub(crate) bytes: Vec<u8>,
}

/// Makes chunks of samples that come ascending by time.
#[derive(Debug)]
pub(crate) struct SampleEncoder {
    has_starts: bool,
    open: Option<Open>,
    open_start_ms: i64,
    last_ms: Option<i64>,
    finished: Vec<EncodedChunk>,
}

#[derive(Debug)]
enum Open {
    Xor(Box<XorAppender>),
    Xor2(Box<Xor2Appender>),
    Integer(Box<HistogramAppender<u64>>),
    Fractional(Box<HistogramAppender<f64>>),
}

impl SampleEncoder {
    /// An encoder for one series; without `has_starts` start timestamps are not kept, and older Prometheus can read
    /// the chunks.
    pub(crate) fn new(has_starts: bool) -> Self {
        Self {
            has_starts,
            open: None,
            open_start_ms: 0,
            last_ms: None,
            finished: Vec::new(),
        }
    }

    /// Adds a sample.
    pub(crate) fn push(&mut self, sample: &OwnedSample) -> Result<(), Error> {
        let time_ms = sample.timestamp_ms;
        if self.last_ms.is_some_and(|last_ms| time_ms <= last_ms) {
            return Err(Error::Invalid(format!(
                "samples do not ascend by time at {time_ms}"
            )));
        }
        self.last_ms = Some(time_ms);
        match &sample.value {
            SampleValue::Float(value) => self.push_float(time_ms, sample.start_timestamp_ms, *value),
            SampleValue::Integer(histogram) => {
                self.push_integer(time_ms, sample.start_timestamp_ms, histogram);
            }
            SampleValue::Fractional(histogram) => {
                self.push_fractional(time_ms, sample.start_timestamp_ms, histogram);
            }
        }
        Ok(())
    }

    /// The chunks, in order. The encoder can start with another series.
    pub(crate) fn finish(&mut self) -> Vec<EncodedChunk> {
        self.end_chunk();
        self.last_ms = None;
        std::mem::take(&mut self.finished)
    }

    fn push_float(&mut self, time_ms: i64, start_ms: i64, value: f64) {
        let has_room = match &self.open {
            Some(Open::Xor(open)) => open.sample_count() < cut::TARGET_SAMPLES,
            Some(Open::Xor2(open)) => open.sample_count() < cut::TARGET_SAMPLES,
            _ => false,
        };
        if !has_room {
            let open = if self.has_starts {
                Open::Xor2(Box::default())
            } else {
                Open::Xor(Box::default())
            };
            self.begin_chunk(open, time_ms);
        }
        match &mut self.open {
            Some(Open::Xor(open)) => open.push(time_ms, value),
            Some(Open::Xor2(open)) => open.push(time_ms, start_ms, value),
            _ => {}
        }
    }

    fn push_integer(&mut self, time_ms: i64, start_ms: i64, histogram: &IntegerHistogram) {
        if let Some(Open::Integer(open)) = &mut self.open
            && has_room(open)
            && open.push(time_ms, start_ms, histogram)
        {
            return;
        }
        let reset = match &self.open {
            Some(Open::Integer(open)) => reset_of(&**open, histogram),
            _ => ResetHint::Unknown,
        };
        let mut open = HistogramAppender::new(reset, self.has_starts);
        open.push(time_ms, start_ms, histogram);
        self.begin_chunk(Open::Integer(Box::new(open)), time_ms);
    }

    fn push_fractional(&mut self, time_ms: i64, start_ms: i64, histogram: &FloatHistogram) {
        if let Some(Open::Fractional(open)) = &mut self.open
            && has_room(open)
            && open.push(time_ms, start_ms, histogram)
        {
            return;
        }
        let reset = match &self.open {
            Some(Open::Fractional(open)) => reset_of(&**open, histogram),
            _ => ResetHint::Unknown,
        };
        let mut open = HistogramAppender::new(reset, self.has_starts);
        open.push(time_ms, start_ms, histogram);
        self.begin_chunk(Open::Fractional(Box::new(open)), time_ms);
    }

    fn begin_chunk(&mut self, open: Open, start_ms: i64) {
        self.end_chunk();
        self.open = Some(open);
        self.open_start_ms = start_ms;
    }

    fn end_chunk(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let mut bytes = Vec::new();
        let with_starts = |plain, starts| if self.has_starts { starts } else { plain };
        let (encoding, end_ms, sample_count) = match &open {
            Open::Xor(open) => {
                open.write_to(&mut bytes);
                (Encoding::Xor, open.end_ms(), open.sample_count())
            }
            Open::Xor2(open) => {
                open.write_to(&mut bytes);
                (Encoding::Xor2, open.end_ms(), open.sample_count())
            }
            Open::Integer(open) => {
                open.write_to(&mut bytes);
                let encoding = with_starts(Encoding::Histogram, Encoding::HistogramWithStarts);
                (encoding, open.end_ms(), open.sample_count())
            }
            Open::Fractional(open) => {
                open.write_to(&mut bytes);
                let encoding = with_starts(Encoding::FloatHistogram, Encoding::FloatHistogramWithStarts);
                (encoding, open.end_ms(), open.sample_count())
            }
        };
        self.finished.push(EncodedChunk {
            start_ms: self.open_start_ms,
            end_ms,
            encoding,
            sample_count,
            bytes,
        });
    }
}

/// Whether a chunk of histograms is to grow on.
fn has_room<C: Count>(open: &HistogramAppender<C>) -> bool {
    open.size_bytes() < cut::TARGET_BYTES || open.sample_count() < 10
}

/// What a new chunk says about a counter reset between its first sample and the last one of the chunk before.
fn reset_of<C: Count>(open: &HistogramAppender<C>, histogram: &NativeHistogram<C>) -> ResetHint {
    match open.fit(histogram) {
        Fit::NewChunk(reset) => reset,
        _ if histogram.reset_hint == ResetHint::Gauge => ResetHint::Gauge,
        _ => ResetHint::NotReset,
    }
}

/// All samples of a buffer, ascending by time.
pub(crate) fn samples_of(buffer: &SampleBuffer) -> impl Iterator<Item = OwnedSample> {
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let floats = &buffer.floats;
        let float_ms = floats.timestamps_ms.get(float);
        let histogram_ms = buffer.histograms.timestamps_ms.get(histogram);
        let is_float = match (float_ms, histogram_ms) {
            (None, None) => return None,
            (Some(float_ms), Some(histogram_ms)) => float_ms <= histogram_ms,
            (float_ms, None) => float_ms.is_some(),
            (None, Some(_)) => false,
        };
        if is_float {
            let sample = OwnedSample {
                timestamp_ms: *float_ms?,
                start_timestamp_ms: floats.start_timestamp_ms(float),
                value: SampleValue::Float(*floats.values.get(float)?),
            };
            float += 1;
            return Some(sample);
        }
        let sample = OwnedSample {
            timestamp_ms: *histogram_ms?,
            start_timestamp_ms: buffer.histograms.start_timestamp_ms(histogram),
            value: owned_histogram(buffer.histograms.get(histogram)?),
        };
        histogram += 1;
        Some(sample)
    })
}

fn owned_histogram(view: HistogramView<'_>) -> SampleValue {
    if view.is_integer {
        let whole = |counts: &[f64]| counts.iter().map(|&count| count as u64).collect();
        return SampleValue::Integer(IntegerHistogram {
            layout: view.layout.clone(),
            reset_hint: view.reset_hint,
            count: view.count as u64,
            sum: view.sum,
            zero_count: view.zero_count as u64,
            positive: whole(view.positive),
            negative: whole(view.negative),
        });
    }
    SampleValue::Fractional(FloatHistogram {
        layout: view.layout.clone(),
        reset_hint: view.reset_hint,
        count: view.count,
        sum: view.sum,
        zero_count: view.zero_count,
        positive: view.positive.to_vec(),
        negative: view.negative.to_vec(),
    })
}

/// Appends the samples of a chunk to `samples`, with counts as they are stored.
pub(crate) fn decode_exactly(
    encoding: Encoding,
    chunk: &[u8],
    samples: &mut Vec<OwnedSample>,
) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor | Encoding::Xor2 => {
            let mut buffer = SampleBuffer::new();
            encoding.decode(chunk, &mut buffer)?;
            samples.extend(samples_of(&buffer));
        }
        Encoding::Histogram | Encoding::HistogramWithStarts => {
            decode_histograms(encoding, chunk, samples, SampleValue::Integer)?;
        }
        Encoding::FloatHistogram | Encoding::FloatHistogramWithStarts => {
            decode_histograms(encoding, chunk, samples, SampleValue::Fractional)?;
        }
    }
    Ok(())
}

fn decode_histograms<C: Count>(
    encoding: Encoding,
    chunk: &[u8],
    samples: &mut Vec<OwnedSample>,
    value: fn(NativeHistogram<C>) -> SampleValue,
) -> Result<(), ChunkError> {
    let mut decoder = HistogramDecoder::<C>::new(chunk, encoding.has_starts())?;
    while let Some((timestamp_ms, start_timestamp_ms, histogram)) = decoder.next_histogram()? {
        samples.push(OwnedSample {
            timestamp_ms,
            start_timestamp_ms,
            value: value(histogram),
        });
    }
    Ok(())
}
