//! What a metric has: numbers, summaries, exemplars, labels and times.

use super::fields::{exemplar, number, summary, timestamp};
use crate::protobuf::{
    LabelsError, ProtobufError, ProtobufErrorKind, Reader, delimited, fixed64_key, known, labels_of_pairs,
    varint,
};
use crate::remote_write::decode_label;
use crate::{Exemplar, Labels, METRIC_NAME, Metric, MetricValue, Quantile, SummaryMetric, ValidationScheme};

/// The most buckets, exemplars or quantiles of one metric.
pub(super) const MAX_PARTS: usize = 65_535;

const VALUE_KEY: u32 = fixed64_key(number::VALUE);

/// Reads a gauge or an untyped value, or a counter's value alone.
pub(super) fn read_number(mut message: Reader<'_>) -> Result<f64, ProtobufError> {
    let mut value = 0.0;
    while let Some(key) = message.key("metric.value")? {
        match key {
            VALUE_KEY => value = message.double("metric.value")?,
            key => message.skip(key, known(&[number::VALUE]), "metric.value")?,
        }
    }
    Ok(value)
}

/// Reads a counter with all it has.
pub(super) fn read_counter(mut message: Reader<'_>, metric: &mut Metric) -> Result<(), ProtobufError> {
    const EXEMPLAR_KEY: u32 = delimited(number::EXEMPLAR);
    const CREATED_KEY: u32 = delimited(number::CREATED);
    const FIELDS: u64 = known(&[number::VALUE, number::EXEMPLAR, number::CREATED]);
    while let Some(key) = message.key("counter")? {
        match key {
            VALUE_KEY => metric.value = MetricValue::Number(message.double("counter.value")?),
            EXEMPLAR_KEY => {
                let exemplar = read_exemplar(message.message("counter.exemplar")?)?;
                metric.exemplar = Some(Box::new(exemplar));
            }
            CREATED_KEY => metric.start_timestamp_ms = Some(read_time(&mut message)?),
            key => message.skip(key, FIELDS, "counter")?,
        }
    }
    Ok(())
}

/// Reads a summary.
pub(super) fn read_summary(mut message: Reader<'_>, metric: &mut Metric) -> Result<(), ProtobufError> {
    const COUNT_KEY: u32 = varint(summary::COUNT);
    const SUM_KEY: u32 = fixed64_key(summary::SUM);
    const QUANTILE_KEY: u32 = delimited(summary::QUANTILE);
    const CREATED_KEY: u32 = delimited(summary::CREATED);
    const FIELDS: u64 = known(&[1, 2, 3, 4]);
    let mut value = SummaryMetric::default();
    while let Some(key) = message.key("summary")? {
        match key {
            COUNT_KEY => value.count = message.varint("summary.sample_count")? as f64,
            SUM_KEY => value.sum = message.double("summary.sample_sum")?,
            QUANTILE_KEY => {
                message.check_length(value.quantiles.len(), MAX_PARTS, "summary.quantile")?;
                let quantile = read_quantile(message.message("summary.quantile")?)?;
                value.quantiles.push(quantile);
            }
            CREATED_KEY => metric.start_timestamp_ms = Some(read_time(&mut message)?),
            key => message.skip(key, FIELDS, "summary")?,
        }
    }
    metric.value = MetricValue::Summary(Box::new(value));
    Ok(())
}

fn read_quantile(mut message: Reader<'_>) -> Result<Quantile, ProtobufError> {
    const RANK_KEY: u32 = fixed64_key(summary::RANK);
    const VALUE_KEY: u32 = fixed64_key(summary::VALUE);
    let mut quantile = Quantile {
        quantile: 0.0,
        value: 0.0,
    };
    while let Some(key) = message.key("summary.quantile")? {
        match key {
            RANK_KEY => quantile.quantile = message.double("summary.quantile.quantile")?,
            VALUE_KEY => quantile.value = message.double("summary.quantile.value")?,
            key => message.skip(key, known(&[summary::RANK, summary::VALUE]), "summary.quantile")?,
        }
    }
    Ok(quantile)
}

/// Reads an exemplar.
pub(super) fn read_exemplar(message: Reader<'_>) -> Result<Exemplar, ProtobufError> {
    const LABEL_KEY: u32 = delimited(exemplar::LABEL);
    const VALUE_KEY: u32 = fixed64_key(exemplar::VALUE);
    const TIMESTAMP_KEY: u32 = delimited(exemplar::TIMESTAMP);
    const FIELDS: u64 = known(&[exemplar::LABEL, exemplar::VALUE, exemplar::TIMESTAMP]);
    let (mut value, mut timestamp_ms) = (0.0, None);
    let mut reader = message;
    while let Some(key) = reader.key("exemplar")? {
        match key {
            LABEL_KEY => drop(reader.bytes("exemplar.label")?),
            VALUE_KEY => value = reader.double("exemplar.value")?,
            TIMESTAMP_KEY => timestamp_ms = Some(read_time(&mut reader)?),
            key => reader.skip(key, FIELDS, "exemplar")?,
        }
    }
    Ok(Exemplar {
        labels: read_labels(message, exemplar::LABEL, "exemplar.label")?,
        value,
        timestamp_ms,
    })
}

/// Reads the labels of a message, which may come in any order.
pub(super) fn read_labels(
    mut message: Reader<'_>,
    number: u32,
    field: &'static str,
) -> Result<Labels, ProtobufError> {
    let start = message;
    let mut labels = Vec::new();
    while let Some(key) = message.key(field)? {
        if key == delimited(number) {
            decode_label(&mut message, &mut labels, field)?;
        } else {
            message.skip(key, 0, field)?;
        }
    }
    if !labels.is_sorted_by_key(|(name, _)| *name) {
        labels.sort_by_key(|(name, _)| *name);
    }
    let labels = if labels.iter().any(|(name, _)| *name == METRIC_NAME) {
        // The family has the name.
        Err(LabelsError::LabelName(METRIC_NAME.to_owned()))
    } else {
        labels_of_pairs(&labels, ValidationScheme::Utf8)
    };
    labels.map_err(|error| start.error(field, ProtobufErrorKind::Labels(error)))
}

/// Reads a time as milliseconds since the Unix epoch.
pub(super) fn read_time(reader: &mut Reader<'_>) -> Result<i64, ProtobufError> {
    const SECONDS_KEY: u32 = varint(timestamp::SECONDS);
    const NANOSECONDS_KEY: u32 = varint(timestamp::NANOSECONDS);
    const FIELDS: u64 = known(&[timestamp::SECONDS, timestamp::NANOSECONDS]);
    let mut message = reader.message("timestamp")?;
    let start = message;
    let (mut seconds, mut nanoseconds) = (0, 0);
    while let Some(key) = message.key("timestamp")? {
        match key {
            SECONDS_KEY => seconds = message.varint("timestamp.seconds")? as i64,
            NANOSECONDS_KEY => nanoseconds = message.choice("timestamp.nanos")?,
            key => message.skip(key, FIELDS, "timestamp")?,
        }
    }
    seconds
        .checked_mul(1000)
        .and_then(|ms| ms.checked_add(i64::from(nanoseconds.div_euclid(1_000_000))))
        .ok_or_else(|| start.error("timestamp", ProtobufErrorKind::Overflow))
}
