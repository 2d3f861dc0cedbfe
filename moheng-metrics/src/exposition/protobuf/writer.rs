//! Metric families as messages.

use super::fields::{bucket, exemplar, histogram, metric, metric_family, number, summary, timestamp};
use crate::histogram::{BucketCount, HistogramLayout, NativeHistogram, deltas_of_counts};
use crate::protobuf::Writer;
use crate::remote_write::encode_spans;
use crate::{
    Bucket, EscapingScheme, Exemplar, ExposedNativeHistogram, HistogramMetric, Labels, METRIC_NAME, Metric,
    MetricFamily, MetricKind, MetricValue, NameKind, SummaryMetric, escape_name,
};

/// Appends families, each with its length in front.
///
/// Info metrics and state sets, which the format does not know, are gauges. A native histogram with custom buckets, which it does not
/// know either, becomes a classic one, unless the metric has classic buckets anyway.
pub(in crate::exposition) fn write_families(
    families: &[MetricFamily],
    escaping: EscapingScheme,
    out: &mut Vec<u8>,
) {
    for family in families.iter().filter(|family| !family.name.is_empty()) {
        Writer::new(out).with_length(|writer| write_family(writer, family, escaping));
    }
}

fn write_family(writer: &mut Writer<'_>, family: &MetricFamily, escaping: EscapingScheme) {
    let name = escape_name(&family.name, escaping, NameKind::Metric);
    writer.text(metric_family::NAME, &name);
    writer.nonempty_text(metric_family::HELP, &family.help);
    let kind = match family.kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => 1,
        MetricKind::Summary => 2,
        MetricKind::Untyped => 3,
        MetricKind::Histogram => 4,
        MetricKind::GaugeHistogram => 5,
    };
    writer.number(metric_family::TYPE, kind);
    for metric in &family.metrics {
        writer.message(metric_family::METRIC, |writer| {
            write_metric(writer, family.kind, metric, escaping);
        });
    }
    writer.nonempty_text(metric_family::UNIT, &family.unit);
}

fn write_metric(writer: &mut Writer<'_>, kind: MetricKind, metric: &Metric, escaping: EscapingScheme) {
    for (name, value) in metric.labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
        writer.pair(
            metric::LABEL,
            &escape_name(name, escaping, NameKind::Label),
            value,
        );
    }
    match &metric.value {
        MetricValue::Number(value) => {
            let field = match kind {
                MetricKind::Counter => metric::COUNTER,
                MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => metric::GAUGE,
                _ => metric::UNTYPED,
            };
            writer.message(field, |writer| {
                writer.double(number::VALUE, *value);
                if kind == MetricKind::Counter {
                    if let Some(exemplar) = &metric.exemplar {
                        write_exemplar(writer, number::EXEMPLAR, exemplar);
                    }
                    write_time(writer, number::CREATED, metric.start_timestamp_ms);
                }
            });
        }
        MetricValue::Histogram(value) => {
            writer.message(metric::HISTOGRAM, |writer| {
                write_histogram(writer, value, metric.start_timestamp_ms);
            });
        }
        MetricValue::Summary(value) => {
            writer.message(metric::SUMMARY, |writer| {
                write_summary(writer, value, metric.start_timestamp_ms);
            });
        }
    }
    if let Some(timestamp_ms) = metric.timestamp_ms {
        writer.number(metric::TIMESTAMP_MS, timestamp_ms as u64);
    }
}

fn write_summary(writer: &mut Writer<'_>, value: &SummaryMetric, start_ms: Option<i64>) {
    writer.number(summary::COUNT, value.count as u64);
    writer.double(summary::SUM, value.sum);
    for quantile in &value.quantiles {
        writer.message(summary::QUANTILE, |writer| {
            writer.double(summary::RANK, quantile.quantile);
            writer.double(summary::VALUE, quantile.value);
        });
    }
    write_time(writer, summary::CREATED, start_ms);
}

fn write_histogram(writer: &mut Writer<'_>, value: &HistogramMetric, start_ms: Option<i64>) {
    let native = value
        .native
        .as_ref()
        .filter(|native| !layout_of(native).is_custom());
    match native {
        Some(ExposedNativeHistogram::Integer(native)) => writer.number(histogram::COUNT, native.count),
        Some(ExposedNativeHistogram::Float(_)) => {}
        None => {
            if let Some(count) = whole(value.count) {
                writer.number(histogram::COUNT, count);
            }
        }
    }
    if let Some(sum) = value.sum {
        writer.double(histogram::SUM, sum);
    }
    for bucket in &value.buckets {
        write_bucket(writer, bucket);
    }
    if value.buckets.is_empty() && native.is_none() {
        match &value.native {
            Some(ExposedNativeHistogram::Integer(native)) => write_custom_buckets(writer, native),
            Some(ExposedNativeHistogram::Float(native)) => write_custom_buckets(writer, native),
            None => {}
        }
    }
    match native {
        Some(ExposedNativeHistogram::Integer(native)) => {
            write_layout(writer, &native.layout);
            writer.number(histogram::ZERO_COUNT, native.zero_count);
            encode_spans(writer, histogram::NEGATIVE_SPAN, &native.layout.negative);
            writer.packed_signed(histogram::NEGATIVE_DELTA, deltas_of_counts(&native.negative));
            write_positive_spans(writer, native);
            writer.packed_signed(histogram::POSITIVE_DELTA, deltas_of_counts(&native.positive));
        }
        Some(ExposedNativeHistogram::Float(native)) => {
            writer.double(histogram::COUNT_FLOAT, native.count);
            write_layout(writer, &native.layout);
            writer.double(histogram::ZERO_COUNT_FLOAT, native.zero_count);
            encode_spans(writer, histogram::NEGATIVE_SPAN, &native.layout.negative);
            writer.packed_doubles(histogram::NEGATIVE_COUNT, &native.negative);
            write_positive_spans(writer, native);
            writer.packed_doubles(histogram::POSITIVE_COUNT, &native.positive);
        }
        None => {
            if whole(value.count).is_none() {
                writer.double(histogram::COUNT_FLOAT, value.count);
            }
        }
    }
    write_time(writer, histogram::CREATED, start_ms);
    for exemplar in &value.exemplars {
        write_exemplar(writer, histogram::EXEMPLAR, exemplar);
    }
}

fn layout_of(native: &ExposedNativeHistogram) -> &HistogramLayout {
    match native {
        ExposedNativeHistogram::Integer(native) => &native.layout,
        ExposedNativeHistogram::Float(native) => &native.layout,
    }
}

fn write_layout(writer: &mut Writer<'_>, layout: &HistogramLayout) {
    writer.nonzero_signed(histogram::SCHEMA, i64::from(layout.schema));
    writer.double(histogram::ZERO_THRESHOLD, layout.zero_threshold);
}

/// Writes the spans of the positive side, or, when nothing else would tell that there is a native histogram, an empty one.
fn write_positive_spans<Count: BucketCount>(writer: &mut Writer<'_>, native: &NativeHistogram<Count>) {
    let layout = &native.layout;
    encode_spans(writer, histogram::POSITIVE_SPAN, &layout.positive);
    let is_visible = layout.zero_threshold != 0.0
        || !native.zero_count.is_zero()
        || !layout.positive.is_empty()
        || !layout.negative.is_empty();
    if !is_visible {
        encode_spans(
            writer,
            histogram::POSITIVE_SPAN,
            &[crate::histogram::BucketSpan::default()],
        );
    }
}

/// Writes custom buckets as classic ones, which count all observations up to their bound.
fn write_custom_buckets<Count: BucketCount>(writer: &mut Writer<'_>, native: &NativeHistogram<Count>) {
    let mut bucket = |upper_bound, cumulative_count| {
        write_bucket(
            writer,
            &Bucket {
                upper_bound,
                cumulative_count,
                exemplar: None,
            },
        );
    };
    let mut counts = indexed_counts(native).peekable();
    let mut cumulative_count = 0.0;
    for (index, bound) in native.layout.custom_bounds.iter().enumerate() {
        while let Some((_, count)) = counts.next_if(|(bucket, _)| *bucket <= index as i64) {
            cumulative_count += count;
        }
        bucket(*bound, cumulative_count);
    }
    bucket(f64::INFINITY, native.count.to_f64());
}

/// The positive buckets with their indexes.
fn indexed_counts<Count: BucketCount>(native: &NativeHistogram<Count>) -> impl Iterator<Item = (i64, f64)> {
    let mut end = 0_i64;
    let indexes = native.layout.positive.iter().flat_map(move |span| {
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        start..end
    });
    indexes.zip(native.positive.iter().map(|count| count.to_f64()))
}

fn write_bucket(writer: &mut Writer<'_>, value: &Bucket) {
    writer.message(histogram::BUCKET, |writer| {
        let count = whole(value.cumulative_count);
        if let Some(count) = count {
            writer.number(bucket::COUNT, count);
        }
        writer.double(bucket::BOUND, value.upper_bound);
        if let Some(exemplar) = &value.exemplar {
            write_exemplar(writer, bucket::EXEMPLAR, exemplar);
        }
        if count.is_none() {
            writer.double(bucket::COUNT_FLOAT, value.cumulative_count);
        }
    });
}

fn write_exemplar(writer: &mut Writer<'_>, field: u32, value: &Exemplar) {
    writer.message(field, |writer| {
        write_labels(writer, &value.labels);
        writer.double(exemplar::VALUE, value.value);
        write_time(writer, exemplar::TIMESTAMP, value.timestamp_ms);
    });
}

fn write_labels(writer: &mut Writer<'_>, labels: &Labels) {
    for (name, value) in labels {
        writer.pair(exemplar::LABEL, name, value);
    }
}

fn write_time(writer: &mut Writer<'_>, field: u32, time_ms: Option<i64>) {
    let Some(time_ms) = time_ms else { return };
    writer.message(field, |writer| {
        writer.nonzero(timestamp::SECONDS, time_ms.div_euclid(1000) as u64);
        writer.nonzero(
            timestamp::NANOSECONDS,
            time_ms.rem_euclid(1000) as u64 * 1_000_000,
        );
    });
}

/// A count as a whole number, if it is one.
fn whole(count: f64) -> Option<u64> {
    // Above 2^64 the cast stops at the largest number.
    (count >= 0.0 && (count as u64) as f64 == count && count < u64::MAX as f64).then_some(count as u64)
}
