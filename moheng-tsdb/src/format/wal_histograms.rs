//! The histogram records of the write-ahead log.
//!
//! * `first reference u64, first timestamp i64, {reference delta, timestamp delta, histogram}*`, the deltas as signed
//!   variable-length integers and relative to the first ones; custom-bucket histograms have records of their own.
//! * With start timestamps: `{place, histogram}*` with the places of [`super::wal_samples`], whatever the buckets.
//!
//! A histogram is `reset hint u8 | schema varint | zero threshold f64 | zero count | count | sum f64 | positive spans |
//! negative spans | positive buckets | negative buckets | custom bounds`, the last only with custom buckets. Spans are `count,
//! {offset varint, length}*`. Of integer histograms counts are unsigned and buckets signed differences to the bucket before; of
//! float histograms all are f64.

use moheng_metrics::HistogramValue;
use moheng_metrics::histogram::{
    BucketCount, BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, MAX_SCHEMA, NativeHistogram,
    ResetHint,
};

use super::wal_record::RecordKind;
use super::wal_samples::{LoggedPlace, Places};
use super::{ByteReader, DecodeError, put_signed_varint, put_varint};

const UNKNOWN_SCHEMA: DecodeError = DecodeError::Invalid("unknown histogram schema");

/// A histogram of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoggedHistogram {
    pub(crate) place: LoggedPlace,
    pub(crate) value: LoggedValue,
}

/// A histogram of either flavour.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LoggedValue {
    Integer(IntegerHistogram),
    Float(FloatHistogram),
}

impl LoggedValue {
    pub(crate) fn as_ref(&self) -> HistogramValue<'_> {
        match self {
            Self::Integer(histogram) => HistogramValue::Integer(histogram),
            Self::Float(histogram) => HistogramValue::Float(histogram),
        }
    }
}

/// The kind of record a histogram belongs into.
pub(crate) fn kind_of(value: HistogramValue<'_>, has_starts: bool) -> RecordKind {
    match (value, has_starts) {
        (HistogramValue::Integer(_), true) => RecordKind::HistogramsWithStarts,
        (HistogramValue::Float(_), true) => RecordKind::FloatHistogramsWithStarts,
        (HistogramValue::Integer(histogram), false) if histogram.layout.is_custom() => {
            RecordKind::CustomHistograms
        }
        (HistogramValue::Integer(_), false) => RecordKind::Histograms,
        (HistogramValue::Float(histogram), false) if histogram.layout.is_custom() => {
            RecordKind::CustomFloatHistograms
        }
        (HistogramValue::Float(_), false) => RecordKind::FloatHistograms,
    }
}

/// Builds a record of histograms of one kind.
#[derive(Debug)]
pub(crate) struct HistogramsEncoder {
    kind: RecordKind,
    out: Vec<u8>,
    first: LoggedPlace,
    places: Places,
}

impl HistogramsEncoder {
    /// For the histograms for which [`kind_of`] says this kind.
    pub(crate) fn new(kind: RecordKind) -> Self {
        Self {
            kind,
            out: Vec::new(),
            first: LoggedPlace::default(),
            places: Places::default(),
        }
    }

    pub(crate) fn kind(&self) -> RecordKind {
        self.kind
    }

    /// The record; empty when there is no histogram.
    pub(crate) fn record(&self) -> &[u8] {
        &self.out
    }

    /// The record; empty when there is no histogram.
    pub(crate) fn into_record(self) -> Vec<u8> {
        self.out
    }

    pub(crate) fn push(&mut self, place: LoggedPlace, value: HistogramValue<'_>) {
        let out = &mut self.out;
        let is_first = out.is_empty();
        if is_first {
            out.push(self.kind.code());
        }
        if has_starts(self.kind) {
            self.places.put(out, place);
        } else {
            if is_first {
                out.extend_from_slice(&place.reference.to_be_bytes());
                out.extend_from_slice(&place.timestamp_ms.to_be_bytes());
                self.first = place;
            }
            put_signed_varint(out, place.reference.wrapping_sub(self.first.reference) as i64);
            put_signed_varint(out, place.timestamp_ms.wrapping_sub(self.first.timestamp_ms));
        }
        put_histogram(out, value);
    }
}

/// Reads all histograms of the body of a record of this kind into `histograms`, replacing what it holds.
pub(crate) fn read_histograms(
    kind: RecordKind,
    body: &[u8],
    histograms: &mut Vec<LoggedHistogram>,
) -> Result<(), DecodeError> {
    histograms.clear();
    let mut reader = ByteReader::new(body);
    if reader.is_empty() {
        return Ok(());
    }
    let mut places = Places::default();
    let mut first = LoggedPlace::default();
    if !has_starts(kind) {
        first.reference = reader.u64()?;
        first.timestamp_ms = reader.u64()? as i64;
    }
    let is_integer = matches!(
        kind,
        RecordKind::Histograms | RecordKind::CustomHistograms | RecordKind::HistogramsWithStarts
    );
    while !reader.is_empty() {
        let place = if has_starts(kind) {
            places.read(&mut reader)?
        } else {
            LoggedPlace {
                reference: first.reference.wrapping_add(reader.signed_varint()? as u64),
                timestamp_ms: first.timestamp_ms.wrapping_add(reader.signed_varint()?),
                start_ms: 0,
            }
        };
        let value = read_histogram(&mut reader, is_integer)?;
        histograms.push(LoggedHistogram { place, value });
    }
    Ok(())
}

fn has_starts(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::HistogramsWithStarts | RecordKind::FloatHistogramsWithStarts
    )
}

/// Writes what [`read_histogram`] reads.
pub(super) fn put_histogram(out: &mut Vec<u8>, value: HistogramValue<'_>) {
    match value {
        HistogramValue::Integer(histogram) => put_any(out, histogram, put_varint, |out, count, before| {
            put_signed_varint(out, count.wrapping_sub(before) as i64);
        }),
        HistogramValue::Float(histogram) => {
            put_any(out, histogram, put_float, |out, count, _| put_float(out, count));
        }
    }
}

fn put_any<C: Copy + Default>(
    out: &mut Vec<u8>,
    histogram: &NativeHistogram<C>,
    put_count: impl Fn(&mut Vec<u8>, C),
    put_bucket: impl Fn(&mut Vec<u8>, C, C),
) {
    let layout = &histogram.layout;
    out.push(match histogram.reset_hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    });
    put_signed_varint(out, i64::from(layout.schema));
    put_float(out, layout.zero_threshold);
    put_count(out, histogram.zero_count);
    put_count(out, histogram.count);
    put_float(out, histogram.sum);
    for spans in [&layout.positive, &layout.negative] {
        put_varint(out, spans.len() as u64);
        for span in spans {
            put_signed_varint(out, i64::from(span.offset));
            put_varint(out, u64::from(span.length));
        }
    }
    for buckets in [&histogram.positive, &histogram.negative] {
        put_varint(out, buckets.len() as u64);
        let mut before = C::default();
        for &count in buckets {
            put_bucket(out, count, before);
            before = count;
        }
    }
    if layout.is_custom() {
        put_varint(out, layout.custom_bounds.len() as u64);
        for &bound in &layout.custom_bounds {
            put_float(out, bound);
        }
    }
}

fn put_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}

/// Reads a histogram.
pub(super) fn read_histogram(
    reader: &mut ByteReader<'_>,
    is_integer: bool,
) -> Result<LoggedValue, DecodeError> {
    Ok(if is_integer {
        LoggedValue::Integer(read_any(reader, read_unsigned, |reader, before: u64| {
            before
                .checked_add_signed(reader.signed_varint()?)
                .ok_or(DecodeError::Invalid("a histogram has a negative bucket"))
        })?)
    } else {
        LoggedValue::Float(read_any(reader, read_float, |reader, _| read_float(reader))?)
    })
}

fn read_any<C: BucketCount + Copy + Default>(
    reader: &mut ByteReader<'_>,
    read_count: impl Fn(&mut ByteReader<'_>) -> Result<C, DecodeError>,
    read_bucket: impl Fn(&mut ByteReader<'_>, C) -> Result<C, DecodeError>,
) -> Result<NativeHistogram<C>, DecodeError> {
    let reset_hint = match reader.byte()? {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    let schema = i8::try_from(reader.signed_varint()?).map_err(|_| UNKNOWN_SCHEMA)?;
    let mut layout = HistogramLayout::exponential(schema, read_float(reader)?);
    if !layout.is_exponential() && !layout.is_custom() {
        return Err(UNKNOWN_SCHEMA);
    }
    let zero_count = read_count(reader)?;
    let count = read_count(reader)?;
    let sum = read_float(reader)?;
    layout.positive = read_spans(reader)?;
    layout.negative = read_spans(reader)?;
    let mut read_buckets = || {
        let length = bounded(reader.varint()?, reader)?;
        let mut buckets = Vec::with_capacity(length);
        let mut before = C::default();
        for _ in 0..length {
            before = read_bucket(reader, before)?;
            buckets.push(before);
        }
        Ok(buckets)
    };
    let positive: Vec<C> = read_buckets()?;
    let negative: Vec<C> = read_buckets()?;
    if layout.is_custom() {
        let length = bounded(reader.varint()?, reader)?;
        layout.custom_bounds.reserve(length);
        for _ in 0..length {
            layout.custom_bounds.push(read_float(reader)?);
        }
    }
    if layout.positive_bucket_count() != positive.len() || layout.negative_bucket_count() != negative.len() {
        return Err(DecodeError::Invalid(
            "the buckets of a histogram are not those of its spans",
        ));
    }
    let mut histogram = NativeHistogram {
        reset_hint,
        count,
        sum,
        zero_count,
        positive,
        negative,
        ..NativeHistogram::empty(layout)
    };
    if schema > MAX_SCHEMA {
        histogram
            .reduce_for_storage()
            .map_err(|_| DecodeError::Invalid("the buckets of a histogram cannot be reduced"))?;
    }
    Ok(histogram)
}

fn read_spans(reader: &mut ByteReader<'_>) -> Result<Vec<BucketSpan>, DecodeError> {
    const OUT_OF_RANGE: DecodeError = DecodeError::Invalid("a bucket span is out of range");
    let count = bounded(reader.varint()?, reader)?;
    let mut spans = Vec::with_capacity(count);
    for _ in 0..count {
        let offset = i32::try_from(reader.signed_varint()?).map_err(|_| OUT_OF_RANGE)?;
        let length = u32::try_from(reader.varint()?).map_err(|_| OUT_OF_RANGE)?;
        spans.push(BucketSpan { offset, length });
    }
    Ok(spans)
}

/// A count of things that take at least a byte each.
fn bounded(count: u64, reader: &ByteReader<'_>) -> Result<usize, DecodeError> {
    usize::try_from(count)
        .ok()
        .filter(|&count| count <= reader.rest().len())
        .ok_or(DecodeError::UnexpectedEnd)
}

fn read_unsigned(reader: &mut ByteReader<'_>) -> Result<u64, DecodeError> {
    reader.varint()
}

fn read_float(reader: &mut ByteReader<'_>) -> Result<f64, DecodeError> {
    Ok(f64::from_bits(reader.u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer() -> IntegerHistogram {
        let layout = HistogramLayout {
            positive: vec![BucketSpan {
                offset: -2,
                length: 2,
            }],
            negative: vec![BucketSpan { offset: 1, length: 1 }],
            ..HistogramLayout::exponential(3, 0.5)
        };
        IntegerHistogram {
            reset_hint: ResetHint::Gauge,
            count: 300,
            sum: 1.0,
            zero_count: 2,
            positive: vec![200, 97],
            negative: vec![1],
            ..IntegerHistogram::empty(layout)
        }
    }

    fn custom() -> FloatHistogram {
        let layout = HistogramLayout {
            positive: vec![BucketSpan { offset: 0, length: 2 }],
            ..HistogramLayout::custom(vec![0.5])
        };
        FloatHistogram {
            count: 3.0,
            sum: -1.5,
            positive: vec![1.0, 2.0],
            ..FloatHistogram::empty(layout)
        }
    }

    fn check(value: &LoggedValue, start_ms: i64, expected: &[u8]) {
        let place = |reference, timestamp_ms, start_ms| LoggedPlace {
            reference,
            timestamp_ms,
            start_ms,
        };
        let kind = kind_of(value.as_ref(), start_ms != 0);
        let mut encoder = HistogramsEncoder::new(kind);
        let places = [place(10, 1000, start_ms), place(9, 1001, start_ms)];
        for place in places {
            encoder.push(place, value.as_ref());
        }
        let record = encoder.record();
        assert_eq!(&record[..expected.len()], expected);
        let mut read = Vec::new();
        read_histograms(kind, &record[1..], &mut read).unwrap();
        let wanted = places.map(|place| LoggedHistogram {
            place,
            value: value.clone(),
        });
        assert_eq!(read, wanted);
        let mut whole = 0;
        for length in 1..record.len() {
            whole += usize::from(read_histograms(kind, &record[1..length], &mut read).is_ok());
        }
        assert!(whole <= 3, "nothing, the base alone, one histogram");
        assert_eq!(record[0], kind.code());
    }

    #[test]
    fn layouts() {
        let expected = b"\x07\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\x03\xe8\x00\x00\
            \x03\x06\x3f\xe0\0\0\0\0\0\0\x02\xac\x02\x3f\xf0\0\0\0\0\0\0\
            \x01\x03\x02\x01\x02\x01\x02\x90\x03\xcd\x01\x01\x02\
            \x01\x02";
        check(&LoggedValue::Integer(integer()), 0, expected);
        let expected = b"\x0a\0\0\0\0\0\0\0\x0a\0\0\0\0\0\0\x03\xe8\x00\x00\
            \x00\x69\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x08\0\0\0\0\0\0\xbf\xf8\0\0\0\0\0\0\
            \x01\x00\x02\x00\x02\x3f\xf0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\x00\x01\x3f\xe0\0\0\0\0\0\0\
            \x01\x02";
        check(&LoggedValue::Float(custom()), 0, expected);
        check(
            &LoggedValue::Integer(integer()),
            77,
            b"\x0c\x14\xd0\x0f\x9a\x01\x03\x06",
        );
        check(
            &LoggedValue::Float(custom()),
            -77,
            b"\x0d\x14\xd0\x0f\x99\x01\x00\x69",
        );
    }

    #[test]
    fn impossible_histograms_are_refused() {
        let refuse = |change: &dyn Fn(&mut IntegerHistogram), message: &'static str| {
            let mut histogram = integer();
            change(&mut histogram);
            let mut out = Vec::new();
            put_histogram(&mut out, HistogramValue::Integer(&histogram));
            let read = read_histogram(&mut ByteReader::new(&out), true);
            assert_eq!(read, Err(DecodeError::Invalid(message)));
        };
        let set_layout = |histogram: &mut IntegerHistogram, change: &dyn Fn(&mut HistogramLayout)| {
            let mut layout = HistogramLayout::clone(&histogram.layout);
            change(&mut layout);
            histogram.layout = layout.into();
        };
        refuse(
            &|histogram| histogram.positive.push(1),
            "the buckets of a histogram are not those of its spans",
        );
        refuse(
            &|histogram| set_layout(histogram, &|layout| layout.positive[0].length = u32::MAX),
            "the buckets of a histogram are not those of its spans",
        );
        refuse(
            &|histogram| histogram.positive = vec![u64::MAX, 0],
            "a histogram has a negative bucket",
        );
        refuse(
            &|histogram| set_layout(histogram, &|layout| layout.schema = 53),
            "unknown histogram schema",
        );
    }
}
