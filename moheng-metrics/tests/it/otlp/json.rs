//! Writes a request as OTLP's JSON has it: numbers of 64 bits as strings, ids in hexadecimal, enumerations as numbers.

use super::messages::*;

pub(super) fn json(request: &Request) -> String {
    object(&[(
        "resourceMetrics",
        list(&request.resource_metrics, resource_metrics),
    )])
}

fn resource_metrics(metrics: &ResourceMetrics) -> String {
    let resource = metrics.resource.as_ref().map(|resource| {
        object(&[
            ("attributes", list(&resource.attributes, key_value)),
            (
                "droppedAttributesCount",
                resource.dropped_attributes_count.to_string(),
            ),
        ])
    });
    object(&[
        ("resource", or_null(resource)),
        ("scopeMetrics", list(&metrics.scope_metrics, scope_metrics)),
    ])
}

fn scope_metrics(metrics: &ScopeMetrics) -> String {
    let scope = metrics.scope.as_ref().map(|scope| {
        object(&[
            ("name", text(&scope.name)),
            ("version", text(&scope.version)),
            ("attributes", list(&scope.attributes, key_value)),
        ])
    });
    object(&[
        ("scope", or_null(scope)),
        ("metrics", list(&metrics.metrics, metric)),
        ("schemaUrl", text(&metrics.schema_url)),
    ])
}

fn metric(metric: &Metric) -> String {
    let data = match &metric.data {
        None => ("gauge", "null".to_owned()),
        Some(Data::Gauge(gauge)) => (
            "gauge",
            object(&[("dataPoints", list(&gauge.data_points, number_point))]),
        ),
        Some(Data::Sum(sum)) => (
            "sum",
            object(&[
                ("dataPoints", list(&sum.data_points, number_point)),
                // An enumeration is at least 0.
                (
                    "aggregationTemporality",
                    sum.aggregation_temporality.max(0).to_string(),
                ),
                ("isMonotonic", sum.is_monotonic.to_string()),
            ]),
        ),
        Some(Data::Histogram(histogram)) => (
            "histogram",
            object(&[
                ("dataPoints", list(&histogram.data_points, histogram_point)),
                (
                    "aggregationTemporality",
                    histogram.aggregation_temporality.max(0).to_string(),
                ),
            ]),
        ),
        Some(Data::ExponentialHistogram(histogram)) => (
            "exponentialHistogram",
            object(&[
                ("dataPoints", list(&histogram.data_points, exponential_point)),
                (
                    "aggregationTemporality",
                    histogram.aggregation_temporality.max(0).to_string(),
                ),
            ]),
        ),
        Some(Data::Summary(summary)) => (
            "summary",
            object(&[("dataPoints", list(&summary.data_points, summary_point))]),
        ),
    };
    object(&[
        ("name", text(&metric.name)),
        ("description", text(&metric.description)),
        ("unit", text(&metric.unit)),
        ("metadata", list(&metric.metadata, key_value)),
        data,
    ])
}

fn number_point(point: &NumberPoint) -> String {
    let value = match point.value {
        None => ("asInt", "null".to_owned()),
        Some(Number::Double(value)) => ("asDouble", double(value)),
        Some(Number::Integer(value)) => ("asInt", long(value)),
    };
    object(&[
        ("startTimeUnixNano", long(point.start_time_unix_nano)),
        ("timeUnixNano", long(point.time_unix_nano)),
        value,
        ("exemplars", list(&point.exemplars, exemplar)),
        ("attributes", list(&point.attributes, key_value)),
        ("flags", point.flags.to_string()),
    ])
}

fn histogram_point(point: &HistogramPoint) -> String {
    object(&[
        ("startTimeUnixNano", long(point.start_time_unix_nano)),
        ("timeUnixNano", long(point.time_unix_nano)),
        ("count", long(point.count)),
        ("sum", or_null(point.sum.map(double))),
        ("bucketCounts", list(&point.bucket_counts, |count| long(*count))),
        (
            "explicitBounds",
            list(&point.explicit_bounds, |bound| double(*bound)),
        ),
        ("exemplars", list(&point.exemplars, exemplar)),
        ("attributes", list(&point.attributes, key_value)),
        ("flags", point.flags.to_string()),
        ("min", or_null(point.min.map(double))),
    ])
}

fn exponential_point(point: &ExponentialPoint) -> String {
    object(&[
        ("attributes", list(&point.attributes, key_value)),
        ("startTimeUnixNano", long(point.start_time_unix_nano)),
        ("timeUnixNano", long(point.time_unix_nano)),
        ("count", long(point.count)),
        ("sum", or_null(point.sum.map(double))),
        ("scale", point.scale.to_string()),
        ("zeroCount", long(point.zero_count)),
        ("positive", or_null(point.positive.as_ref().map(buckets))),
        ("negative", or_null(point.negative.as_ref().map(buckets))),
        ("flags", point.flags.to_string()),
        ("exemplars", list(&point.exemplars, exemplar)),
        ("zeroThreshold", double(point.zero_threshold)),
    ])
}

fn buckets(buckets: &Buckets) -> String {
    object(&[
        ("offset", buckets.offset.to_string()),
        ("bucketCounts", list(&buckets.bucket_counts, |count| long(*count))),
    ])
}

fn summary_point(point: &SummaryPoint) -> String {
    let quantile = |quantile: &Quantile| {
        object(&[
            ("quantile", double(quantile.quantile)),
            ("value", double(quantile.value)),
        ])
    };
    object(&[
        ("startTimeUnixNano", long(point.start_time_unix_nano)),
        ("timeUnixNano", long(point.time_unix_nano)),
        ("count", long(point.count)),
        ("sum", double(point.sum)),
        ("quantileValues", list(&point.quantile_values, quantile)),
        ("attributes", list(&point.attributes, key_value)),
        ("flags", point.flags.to_string()),
    ])
}

fn exemplar(exemplar: &Exemplar) -> String {
    let value = match exemplar.value {
        None => ("asInt", "null".to_owned()),
        Some(ExemplarNumber::Double(value)) => ("asDouble", double(value)),
        Some(ExemplarNumber::Integer(value)) => ("asInt", long(value)),
    };
    object(&[
        ("timeUnixNano", long(exemplar.time_unix_nano)),
        value,
        ("spanId", hex(&exemplar.span_id)),
        ("traceId", hex(&exemplar.trace_id)),
        (
            "filteredAttributes",
            list(&exemplar.filtered_attributes, key_value),
        ),
    ])
}

fn key_value(pair: &KeyValue) -> String {
    object(&[
        ("key", text(&pair.key)),
        ("value", or_null(pair.value.as_ref().map(any_value))),
    ])
}

fn any_value(value: &AnyValue) -> String {
    let Some(value) = &value.value else {
        return "{}".to_owned();
    };
    object(&[match value {
        Any::Text(value) => ("stringValue", text(value)),
        Any::Bool(value) => ("boolValue", value.to_string()),
        Any::Integer(value) => ("intValue", long(*value)),
        Any::Double(value) => ("doubleValue", double(*value)),
        Any::Array(array) => (
            "arrayValue",
            object(&[("values", list(&array.values, any_value))]),
        ),
        Any::Map(map) => ("kvlistValue", object(&[("values", list(&map.values, key_value))])),
        Any::Bytes(bytes) => ("bytesValue", base64(bytes)),
    }])
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = items.iter().map(write).collect();
    format!("[{}]", items.join(","))
}

fn or_null(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

/// Rust escapes quotes and backslashes as JSON does; the tests use no other special characters.
fn text(text: &str) -> String {
    format!("{text:?}")
}

fn long(value: impl std::fmt::Display) -> String {
    format!("\"{value}\"")
}

fn double(value: f64) -> String {
    if value.is_nan() {
        "\"NaN\"".to_owned()
    } else if value.is_infinite() {
        format!("\"{}Infinity\"", if value < 0.0 { "-" } else { "" })
    } else {
        format!("{value:e}")
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text(&digits.concat())
}

/// Without padding.
fn base64(bytes: &[u8]) -> String {
    let alphabet: Vec<char> = ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['+', '/'])
        .collect();
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let digits = bits.chunks(6).map(|chunk| {
        let value = chunk.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
        alphabet[value << (6 - chunk.len())]
    });
    text(&digits.collect::<String>())
}
