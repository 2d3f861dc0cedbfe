//! Native histograms as remote write and remote read carry them.

use std::sync::Arc;

use super::ReceivedHistogram;
use crate::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, NativeHistogram, ResetHint,
    deltas_of_counts,
};
use crate::protobuf::{
    ProtobufError, ProtobufErrorKind, Reader, Writer, delimited, fixed64_key, known, signed, varint,
};
use crate::{ExposedNativeHistogram, HistogramValue};

const COUNT_INT: u32 = 1;
const COUNT_FLOAT: u32 = 2;
const SUM: u32 = 3;
const SCHEMA: u32 = 4;
const ZERO_THRESHOLD: u32 = 5;
const ZERO_COUNT_INT: u32 = 6;
const ZERO_COUNT_FLOAT: u32 = 7;
const NEGATIVE_SPANS: u32 = 8;
const NEGATIVE_DELTAS: u32 = 9;
const NEGATIVE_COUNTS: u32 = 10;
const POSITIVE_SPANS: u32 = 11;
const POSITIVE_DELTAS: u32 = 12;
const POSITIVE_COUNTS: u32 = 13;
const RESET_HINT: u32 = 14;
const TIMESTAMP: u32 = 15;
const CUSTOM_VALUES: u32 = 16;
const START_TIMESTAMP: u32 = 17;

const COUNT_INT_KEY: u32 = varint(COUNT_INT);
const COUNT_FLOAT_KEY: u32 = fixed64_key(COUNT_FLOAT);
const SUM_KEY: u32 = fixed64_key(SUM);
const SCHEMA_KEY: u32 = varint(SCHEMA);
const ZERO_THRESHOLD_KEY: u32 = fixed64_key(ZERO_THRESHOLD);
const ZERO_COUNT_INT_KEY: u32 = varint(ZERO_COUNT_INT);
const ZERO_COUNT_FLOAT_KEY: u32 = fixed64_key(ZERO_COUNT_FLOAT);
const NEGATIVE_SPANS_KEY: u32 = delimited(NEGATIVE_SPANS);
const POSITIVE_SPANS_KEY: u32 = delimited(POSITIVE_SPANS);
const RESET_HINT_KEY: u32 = varint(RESET_HINT);
const TIMESTAMP_KEY: u32 = varint(TIMESTAMP);
const START_TIMESTAMP_KEY: u32 = varint(START_TIMESTAMP);

const SPAN_OFFSET: u32 = 1;
const SPAN_LENGTH: u32 = 2;

const FIELDS: u64 = known(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
const NAME: &str = "timeseries.histograms";

/// The fields of a message, whose lists are reused for the next one.
#[derive(Debug, Default)]
pub(super) struct HistogramMessage {
    layout: HistogramLayout,
    reset_hint: ResetHint,
    is_float: bool,
    sum: f64,
    timestamp_ms: i64,
    start_timestamp_ms: i64,
    integer: Counts<u64>,
    float: Counts<f64>,
}

#[derive(Debug, Default)]
struct Counts<Count> {
    count: Count,
    zero_count: Count,
    positive: Vec<Count>,
    negative: Vec<Count>,
}

impl<Count: Default> Counts<Count> {
    fn clear(&mut self) {
        self.count = Count::default();
        self.zero_count = Count::default();
        self.positive.clear();
        self.negative.clear();
    }
}

impl HistogramMessage {
    /// Reads a message, replacing what was read before.
    pub(super) fn decode(&mut self, mut reader: Reader<'_>) -> Result<(), ProtobufError> {
        let start = reader;
        self.clear();
        while let Some(key) = reader.key(NAME)? {
            self.decode_field(key, &mut reader)?;
        }
        let is_mixed = if self.is_float {
            let other = &self.integer;
            other.zero_count != 0 || !other.positive.is_empty() || !other.negative.is_empty()
        } else {
            let other = &self.float;
            other.zero_count != 0.0 || !other.positive.is_empty() || !other.negative.is_empty()
        };
        if is_mixed {
            return Err(start.error(NAME, ProtobufErrorKind::MixedCounts));
        }
        Ok(())
    }

    /// Gives what was read to `slot`, and takes its memory for the next message.
    pub(super) fn store(&mut self, slot: &mut ReceivedHistogram) {
        slot.timestamp_ms = self.timestamp_ms;
        slot.start_timestamp_ms = self.start_timestamp_ms;
        let common = (&mut self.layout, self.reset_hint, self.sum);
        if self.is_float {
            if let ExposedNativeHistogram::Float(histogram) = &mut slot.value {
                return store(histogram, common, &mut self.float);
            }
            let mut histogram = FloatHistogram::empty(HistogramLayout::default());
            store(&mut histogram, common, &mut self.float);
            slot.value = ExposedNativeHistogram::Float(histogram);
        } else {
            if let ExposedNativeHistogram::Integer(histogram) = &mut slot.value {
                return store(histogram, common, &mut self.integer);
            }
            let mut histogram = IntegerHistogram::empty(HistogramLayout::default());
            store(&mut histogram, common, &mut self.integer);
            slot.value = ExposedNativeHistogram::Integer(histogram);
        }
    }

    fn clear(&mut self) {
        self.layout.schema = 0;
        self.layout.zero_threshold = 0.0;
        self.layout.positive.clear();
        self.layout.negative.clear();
        self.layout.custom_bounds.clear();
        self.reset_hint = ResetHint::Unknown;
        self.is_float = false;
        self.sum = 0.0;
        self.timestamp_ms = 0;
        self.start_timestamp_ms = 0;
        self.integer.clear();
        self.float.clear();
    }

    fn decode_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Result<(), ProtobufError> {
        const POSITIVE: &str = "timeseries.histograms.positive_deltas";
        const NEGATIVE: &str = "timeseries.histograms.negative_deltas";
        const FLOATS: &str = "timeseries.histograms.positive_counts";
        const NEGATIVE_FLOATS: &str = "timeseries.histograms.negative_counts";
        const COUNT: &str = "timeseries.histograms.count";
        const ZERO: &str = "timeseries.histograms.zero_count";
        const CUSTOM: &str = "timeseries.histograms.custom_values";
        const TIME: &str = "timeseries.histograms.timestamp";
        match (key >> 3, key) {
            (_, COUNT_INT_KEY) => {
                self.integer.count = reader.varint(COUNT)?;
                self.is_float = false;
            }
            (_, COUNT_FLOAT_KEY) => {
                self.float.count = reader.double(COUNT)?;
                self.is_float = true;
            }
            (_, SUM_KEY) => self.sum = reader.double("timeseries.histograms.sum")?,
            (_, SCHEMA_KEY) => self.layout.schema = schema(reader)?,
            (_, ZERO_THRESHOLD_KEY) => {
                self.layout.zero_threshold = reader.double("timeseries.histograms.zero_threshold")?;
            }
            (_, ZERO_COUNT_INT_KEY) => {
                self.integer.zero_count = reader.varint(ZERO)?;
                self.float.zero_count = 0.0;
            }
            (_, ZERO_COUNT_FLOAT_KEY) => {
                self.float.zero_count = reader.double(ZERO)?;
                self.integer.zero_count = 0;
            }
            (_, NEGATIVE_SPANS_KEY) => self.layout.negative.push(decode_span(reader)?),
            (_, POSITIVE_SPANS_KEY) => self.layout.positive.push(decode_span(reader)?),
            (POSITIVE_DELTAS, _) if is_list(key, 0) => {
                push_deltas(reader, key, POSITIVE, &mut self.integer.positive)?;
            }
            (NEGATIVE_DELTAS, _) if is_list(key, 0) => {
                push_deltas(reader, key, NEGATIVE, &mut self.integer.negative)?;
            }
            (POSITIVE_COUNTS, _) if is_list(key, 1) => {
                reader.push_doubles(key, FLOATS, &mut self.float.positive)?;
            }
            (NEGATIVE_COUNTS, _) if is_list(key, 1) => {
                reader.push_doubles(key, NEGATIVE_FLOATS, &mut self.float.negative)?;
            }
            (CUSTOM_VALUES, _) if is_list(key, 1) => {
                reader.push_doubles(key, CUSTOM, &mut self.layout.custom_bounds)?;
            }
            (_, RESET_HINT_KEY) => self.reset_hint = reset_hint(reader)?,
            (_, TIMESTAMP_KEY) => self.timestamp_ms = reader.varint(TIME)? as i64,
            (_, START_TIMESTAMP_KEY) => self.start_timestamp_ms = reader.varint(TIME)? as i64,
            _ => reader.skip(key, FIELDS, NAME)?,
        }
        Ok(())
    }
}

/// Whether a repeated number is packed, or one of this wire type.
fn is_list(key: u32, wire_type: u32) -> bool {
    key & 7 == 2 || key & 7 == wire_type
}

fn store<Count>(
    histogram: &mut NativeHistogram<Count>,
    (layout, reset_hint, sum): (&mut HistogramLayout, ResetHint, f64),
    counts: &mut Counts<Count>,
) where
    Count: Copy,
{
    if *histogram.layout != *layout {
        match Arc::get_mut(&mut histogram.layout) {
            Some(unshared) => std::mem::swap(unshared, layout),
            None => histogram.layout = Arc::new(layout.clone()),
        }
    }
    histogram.reset_hint = reset_hint;
    histogram.sum = sum;
    histogram.count = counts.count;
    histogram.zero_count = counts.zero_count;
    std::mem::swap(&mut histogram.positive, &mut counts.positive);
    std::mem::swap(&mut histogram.negative, &mut counts.negative);
}

/// Appends counts of which the message has the differences.
pub(crate) fn push_deltas(
    reader: &mut Reader<'_>,
    key: u32,
    field: &'static str,
    counts: &mut Vec<u64>,
) -> Result<(), ProtobufError> {
    let mut count = counts.last().copied().unwrap_or_default();
    reader.push_varints(key, field, counts, |delta| {
        count = count.wrapping_add_signed(signed(delta));
        count
    })
}

fn schema(reader: &mut Reader<'_>) -> Result<i8, ProtobufError> {
    const FIELD: &str = "timeseries.histograms.schema";
    let start = *reader;
    let schema = reader.signed32(FIELD)?;
    i8::try_from(schema).map_err(|_| start.error(FIELD, ProtobufErrorKind::Schema(i64::from(schema))))
}

fn reset_hint(reader: &mut Reader<'_>) -> Result<ResetHint, ProtobufError> {
    const FIELD: &str = "timeseries.histograms.reset_hint";
    let start = *reader;
    match reader.choice(FIELD)? {
        0 => Ok(ResetHint::Unknown),
        1 => Ok(ResetHint::Reset),
        2 => Ok(ResetHint::NotReset),
        3 => Ok(ResetHint::Gauge),
        other => Err(start.error(FIELD, ProtobufErrorKind::UnknownValue(i64::from(other)))),
    }
}

/// Reads a span of buckets, which all definitions write the same.
pub(crate) fn decode_span(reader: &mut Reader<'_>) -> Result<BucketSpan, ProtobufError> {
    const FIELD: &str = "histogram.span";
    const OFFSET_KEY: u32 = varint(SPAN_OFFSET);
    const LENGTH_KEY: u32 = varint(SPAN_LENGTH);
    let mut message = reader.message(FIELD)?;
    let mut span = BucketSpan::default();
    while let Some(key) = message.key(FIELD)? {
        match key {
            OFFSET_KEY => span.offset = message.signed32("histogram.span.offset")?,
            LENGTH_KEY => span.length = message.varint32("histogram.span.length")?,
            key => message.skip(key, known(&[SPAN_OFFSET, SPAN_LENGTH]), FIELD)?,
        }
    }
    Ok(span)
}

/// Writes the spans of one side.
pub(crate) fn encode_spans(writer: &mut Writer<'_>, field: u32, spans: &[BucketSpan]) {
    for span in spans {
        writer.message(field, |writer| {
            writer.nonzero_signed(SPAN_OFFSET, i64::from(span.offset));
            writer.nonzero(SPAN_LENGTH, u64::from(span.length));
        });
    }
}

/// Writes a histogram.
pub(super) fn encode(
    writer: &mut Writer<'_>,
    timestamp_ms: i64,
    start_timestamp_ms: i64,
    value: HistogramValue<'_>,
) {
    match value {
        HistogramValue::Integer(histogram) => {
            writer.number(COUNT_INT, histogram.count);
            encode_common(writer, &histogram.layout, histogram.sum);
            writer.number(ZERO_COUNT_INT, histogram.zero_count);
            encode_spans(writer, NEGATIVE_SPANS, &histogram.layout.negative);
            writer.packed_signed(NEGATIVE_DELTAS, deltas_of_counts(&histogram.negative));
            encode_spans(writer, POSITIVE_SPANS, &histogram.layout.positive);
            writer.packed_signed(POSITIVE_DELTAS, deltas_of_counts(&histogram.positive));
            encode_hint(writer, histogram.reset_hint);
        }
        HistogramValue::Float(histogram) => {
            writer.double(COUNT_FLOAT, histogram.count);
            encode_common(writer, &histogram.layout, histogram.sum);
            writer.double(ZERO_COUNT_FLOAT, histogram.zero_count);
            encode_spans(writer, NEGATIVE_SPANS, &histogram.layout.negative);
            writer.packed_doubles(NEGATIVE_COUNTS, &histogram.negative);
            encode_spans(writer, POSITIVE_SPANS, &histogram.layout.positive);
            writer.packed_doubles(POSITIVE_COUNTS, &histogram.positive);
            encode_hint(writer, histogram.reset_hint);
        }
    }
    writer.nonzero(TIMESTAMP, timestamp_ms as u64);
    let custom_bounds = match value {
        HistogramValue::Integer(histogram) => &histogram.layout.custom_bounds,
        HistogramValue::Float(histogram) => &histogram.layout.custom_bounds,
    };
    writer.packed_doubles(CUSTOM_VALUES, custom_bounds);
    writer.nonzero(START_TIMESTAMP, start_timestamp_ms as u64);
}

fn encode_common(writer: &mut Writer<'_>, layout: &HistogramLayout, sum: f64) {
    writer.nonzero_double(SUM, sum);
    writer.nonzero_signed(SCHEMA, i64::from(layout.schema));
    writer.nonzero_double(ZERO_THRESHOLD, layout.zero_threshold);
}

fn encode_hint(writer: &mut Writer<'_>, hint: ResetHint) {
    let number = match hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    writer.nonzero(RESET_HINT, number);
}

impl Default for ReceivedHistogram {
    fn default() -> Self {
        Self {
            timestamp_ms: 0,
            start_timestamp_ms: 0,
            value: ExposedNativeHistogram::Integer(IntegerHistogram::empty(HistogramLayout::default())),
        }
    }
}
