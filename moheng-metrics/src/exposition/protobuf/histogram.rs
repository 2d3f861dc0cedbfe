//! Histograms, classic and native, often both in one message.

use super::fields::{bucket, histogram};
use super::value::{MAX_PARTS, read_exemplar, read_time};
use crate::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, MAX_RECEIVED_SCHEMA, MIN_SCHEMA,
    NativeHistogram, ResetHint,
};
use crate::protobuf::{ProtobufError, ProtobufErrorKind, Reader, delimited, fixed64_key, known, varint};
use crate::remote_write::{decode_span, push_deltas};
use crate::{Bucket, ExposedNativeHistogram, HistogramMetric};

const FIELDS: u64 = known(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

/// What a message says about the whole.
#[derive(Debug, Default)]
struct Message {
    metric: HistogramMetric,
    start_ms: Option<i64>,
    count: Count,
    zero_count: Count,
    layout: HistogramLayout,
    positive_deltas: Vec<u64>,
    negative_deltas: Vec<u64>,
    positive_counts: Vec<f64>,
    negative_counts: Vec<f64>,
}

/// A count as whole number, as a fraction, or as both, of which the fraction counts unless it is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    whole: Option<u64>,
    fraction: Option<f64>,
}

impl Count {
    fn is_fraction(self) -> bool {
        self.fraction
            .is_some_and(|fraction| fraction > 0.0 || self.whole.is_none())
    }

    fn to_f64(self) -> f64 {
        match (self.fraction, self.whole) {
            (Some(fraction), _) if self.is_fraction() => fraction,
            (_, whole) => whole.unwrap_or_default() as f64,
        }
    }
}

/// Reads a histogram and when it started to count, in milliseconds since the Unix epoch.
pub(super) fn read(
    mut reader: Reader<'_>,
    is_gauge: bool,
) -> Result<(HistogramMetric, Option<i64>), ProtobufError> {
    let start = reader;
    let mut message = Message::default();
    while let Some(key) = reader.key("histogram")? {
        message.read_field(key, &mut reader)?;
    }
    let native = message.native(is_gauge);
    let native = native.map_err(|kind| start.error("histogram", kind))?;
    let mut metric = message.metric;
    metric.native = native;
    metric.count = message.count.to_f64();
    let last_bound = metric.buckets.last().map(|bucket| bucket.upper_bound);
    if last_bound.is_some_and(|bound| bound != f64::INFINITY) {
        metric.buckets.push(Bucket {
            upper_bound: f64::INFINITY,
            cumulative_count: metric.count,
            exemplar: None,
        });
    }
    Ok((metric, message.start_ms))
}

impl Message {
    fn read_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Result<(), ProtobufError> {
        let layout = &mut self.layout;
        match (key >> 3, key & 7) {
            (histogram::COUNT, 0) => {
                self.count.whole = Some(reader.varint("histogram.sample_count")?);
            }
            (histogram::COUNT_FLOAT, 1) => {
                self.count.fraction = Some(reader.double("histogram.sample_count_float")?);
            }
            (histogram::SUM, 1) => self.metric.sum = Some(reader.double("histogram.sample_sum")?),
            (histogram::BUCKET, 2) => {
                reader.check_length(self.metric.buckets.len(), MAX_PARTS, "histogram.bucket")?;
                let bucket = reader.message("histogram.bucket")?;
                self.metric.buckets.push(read_bucket(bucket)?);
            }
            (histogram::EXEMPLAR, 2) => {
                reader.check_length(self.metric.exemplars.len(), MAX_PARTS, "histogram.exemplars")?;
                let exemplar = reader.message("histogram.exemplars")?;
                self.metric.exemplars.push(read_exemplar(exemplar)?);
            }
            (histogram::CREATED, 2) => self.start_ms = Some(read_time(reader)?),
            (histogram::SCHEMA, 0) => layout.schema = read_schema(reader)?,
            (histogram::ZERO_THRESHOLD, 1) => {
                layout.zero_threshold = reader.double("histogram.zero_threshold")?;
            }
            (histogram::ZERO_COUNT, 0) => {
                self.zero_count.whole = Some(reader.varint("histogram.zero_count")?);
            }
            (histogram::ZERO_COUNT_FLOAT, 1) => {
                self.zero_count.fraction = Some(reader.double("histogram.zero_count_float")?);
            }
            (histogram::POSITIVE_SPAN, 2) => layout.positive.push(decode_span(reader)?),
            (histogram::NEGATIVE_SPAN, 2) => layout.negative.push(decode_span(reader)?),
            (histogram::POSITIVE_DELTA, 0 | 2) => {
                push_deltas(reader, key, "histogram.positive_delta", &mut self.positive_deltas)?;
            }
            (histogram::NEGATIVE_DELTA, 0 | 2) => {
                push_deltas(reader, key, "histogram.negative_delta", &mut self.negative_deltas)?;
            }
            (histogram::POSITIVE_COUNT, 1 | 2) => {
                reader.push_doubles(key, "histogram.positive_count", &mut self.positive_counts)?;
            }
            (histogram::NEGATIVE_COUNT, 1 | 2) => {
                reader.push_doubles(key, "histogram.negative_count", &mut self.negative_counts)?;
            }
            _ => reader.skip(key, FIELDS, "histogram")?,
        }
        Ok(())
    }

    /// Takes the native histogram, if there is one.
    fn native(&mut self, is_gauge: bool) -> Result<Option<ExposedNativeHistogram>, ProtobufErrorKind> {
        let mut layout = std::mem::take(&mut self.layout);
        let is_native = layout.zero_threshold != 0.0
            || self.zero_count.to_f64() != 0.0
            || !layout.positive.is_empty()
            || !layout.negative.is_empty();
        if !is_native {
            return Ok(None);
        }
        if layout.positive == [BucketSpan::default()] {
            // It only says that there is a native histogram.
            layout.positive.clear();
        }
        let has_deltas = !self.positive_deltas.is_empty() || !self.negative_deltas.is_empty();
        let has_counts = !self.positive_counts.is_empty() || !self.negative_counts.is_empty();
        if self.count.is_fraction() || self.zero_count.is_fraction() || has_counts {
            if has_deltas {
                return Err(ProtobufErrorKind::MixedCounts);
            }
            return Ok(Some(ExposedNativeHistogram::Float(FloatHistogram {
                count: self.count.to_f64(),
                zero_count: self.zero_count.to_f64(),
                positive: std::mem::take(&mut self.positive_counts),
                negative: std::mem::take(&mut self.negative_counts),
                ..self.common(layout, is_gauge)
            })));
        }
        Ok(Some(ExposedNativeHistogram::Integer(IntegerHistogram {
            count: self.count.whole.unwrap_or_default(),
            zero_count: self.zero_count.whole.unwrap_or_default(),
            positive: std::mem::take(&mut self.positive_deltas),
            negative: std::mem::take(&mut self.negative_deltas),
            ..self.common(layout, is_gauge)
        })))
    }

    fn common<Count: Default>(&self, layout: HistogramLayout, is_gauge: bool) -> NativeHistogram<Count> {
        let reset_hint = if is_gauge {
            ResetHint::Gauge
        } else {
            ResetHint::Unknown
        };
        NativeHistogram {
            reset_hint,
            sum: self.metric.sum.unwrap_or_default(),
            ..NativeHistogram::empty(layout)
        }
    }
}

fn read_bucket(mut message: Reader<'_>) -> Result<Bucket, ProtobufError> {
    const COUNT_KEY: u32 = varint(bucket::COUNT);
    const BOUND_KEY: u32 = fixed64_key(bucket::BOUND);
    const EXEMPLAR_KEY: u32 = delimited(bucket::EXEMPLAR);
    const COUNT_FLOAT_KEY: u32 = fixed64_key(bucket::COUNT_FLOAT);
    let mut count = Count::default();
    let (mut upper_bound, mut exemplar) = (0.0, None);
    while let Some(key) = message.key("bucket")? {
        match key {
            COUNT_KEY => count.whole = Some(message.varint("bucket.cumulative_count")?),
            COUNT_FLOAT_KEY => count.fraction = Some(message.double("bucket.cumulative_count_float")?),
            BOUND_KEY => upper_bound = message.double("bucket.upper_bound")?,
            EXEMPLAR_KEY => exemplar = Some(read_exemplar(message.message("bucket.exemplar")?)?),
            key => message.skip(key, known(&[1, 2, 3, 4]), "bucket")?,
        }
    }
    Ok(Bucket {
        upper_bound,
        cumulative_count: count.to_f64(),
        exemplar,
    })
}

fn read_schema(reader: &mut Reader<'_>) -> Result<i8, ProtobufError> {
    let start = *reader;
    let schema = reader.signed32("histogram.schema")?;
    match i8::try_from(schema) {
        Ok(schema) if (MIN_SCHEMA..=MAX_RECEIVED_SCHEMA).contains(&schema) => Ok(schema),
        _ => {
            let kind = ProtobufErrorKind::Schema(i64::from(schema));
            Err(start.error("histogram.schema", kind))
        }
    }
}
