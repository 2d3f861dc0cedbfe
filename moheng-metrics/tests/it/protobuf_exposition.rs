//! The protobuf exposition against prost, there and back, and with damage of every kind.

use moheng_metrics::exposition::{Format, ProtobufParser, parse, write};
use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, ResetHint};
use moheng_metrics::protobuf::ProtobufError;
use moheng_metrics::testing::check_protobuf_exposition;
use moheng_metrics::{
    Bucket, EscapingScheme, Exemplar, ExposedNativeHistogram, HistogramMetric, Labels, METRIC_NAME, Metric,
    MetricFamily, MetricKind, MetricValue, Quantile, SummaryMetric,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::messages::common;
use crate::other_messages::client;
use crate::wire_model::{self, damage, damaged, labels_message, number, text};

/// The types that the format knows, in the order of their numbers.
const KINDS: [MetricKind; 6] = [
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Summary,
    MetricKind::Untyped,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
];

fn page(families: &[MetricFamily]) -> Vec<u8> {
    let mut page = Vec::new();
    write(Format::Protobuf, EscapingScheme::AllowUtf8, families, &mut page);
    page
}

fn read(page: &[u8]) -> Result<Vec<MetricFamily>, ProtobufError> {
    ProtobufParser::new(page)
        .map(|family| family?.to_family())
        .collect()
}

fn family() -> impl Strategy<Value = MetricFamily> {
    let metrics = (0..KINDS.len()).prop_flat_map(|kind| (Just(KINDS[kind]), vec(metric(KINDS[kind]), 0..3)));
    ("[a-z.\u{e9}]{1,8}", metrics, text(), text()).prop_map(|(name, (kind, metrics), help, unit)| {
        MetricFamily {
            padded_labels: Vec::new(),
            name,
            kind,
            help,
            unit,
            metrics,
        }
    })
}

fn metric(kind: MetricKind) -> BoxedStrategy<Metric> {
    let value = match kind {
        MetricKind::Summary => summary()
            .prop_map(|value| MetricValue::Summary(Box::new(value)))
            .boxed(),
        MetricKind::Histogram | MetricKind::GaugeHistogram => {
            let histogram = histogram(kind == MetricKind::GaugeHistogram);
            histogram
                .prop_map(|value| MetricValue::Histogram(Box::new(value)))
                .boxed()
        }
        _ => number().prop_map(MetricValue::Number).boxed(),
    };
    let start = if matches!(kind, MetricKind::Gauge | MetricKind::Untyped) {
        Just(None).boxed()
    } else {
        proptest::option::of(milliseconds()).boxed()
    };
    let exemplar = if kind == MetricKind::Counter {
        proptest::option::of(exemplar().prop_map(Box::new)).boxed()
    } else {
        Just(None).boxed()
    };
    let timestamp = proptest::option::of(wire_model::time());
    (wire_model::labels(0), value, timestamp, start, exemplar)
        .prop_map(
            |(labels, value, timestamp_ms, start_timestamp_ms, exemplar)| Metric {
                timestamp_ms,
                start_timestamp_ms,
                exemplar,
                ..Metric::new(labels, value)
            },
        )
        .boxed()
}

/// Times that fit into seconds and nanoseconds either way.
fn milliseconds() -> impl Strategy<Value = i64> {
    -4_000_000_000_000..4_000_000_000_000_i64
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    let timestamp = proptest::option::of(milliseconds());
    (wire_model::labels(0), number(), timestamp).prop_map(|(labels, value, timestamp_ms)| Exemplar {
        labels,
        value,
        timestamp_ms,
    })
}

fn summary() -> impl Strategy<Value = SummaryMetric> {
    let quantile = (number(), number()).prop_map(|(quantile, value)| Quantile { quantile, value });
    (vec(quantile, 0..3), 0..1_u64 << 53, number()).prop_map(|(quantiles, count, sum)| SummaryMetric {
        quantiles,
        count: count as f64,
        sum,
    })
}

/// Counts, whole or not.
fn count() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![(0..1_u64 << 53).prop_map(|count| count as f64), 0.0..1000.0]
}

fn histogram(is_gauge: bool) -> impl Strategy<Value = HistogramMetric> {
    let bucket = (number(), count(), proptest::option::of(exemplar())).prop_map(
        |(upper_bound, cumulative_count, exemplar)| Bucket {
            upper_bound,
            cumulative_count,
            exemplar,
        },
    );
    let sum = proptest::option::of(number());
    let native = proptest::option::of(native());
    (vec(bucket, 0..3), count(), sum, native, vec(exemplar(), 0..3)).prop_map(
        move |(mut buckets, count, sum, native, exemplars)| {
            if let Some(last) = buckets.last_mut() {
                last.upper_bound = f64::INFINITY;
            }
            let hint = if is_gauge {
                ResetHint::Gauge
            } else {
                ResetHint::Unknown
            };
            let (native, count) = match native {
                Some(ExposedNativeHistogram::Integer(native)) => {
                    let count = native.count as f64;
                    let (reset_hint, sum) = (hint, sum.unwrap_or_default());
                    let native = IntegerHistogram {
                        reset_hint,
                        sum,
                        ..native
                    };
                    (Some(ExposedNativeHistogram::Integer(native)), count)
                }
                Some(ExposedNativeHistogram::Float(native)) => {
                    let count = native.count;
                    let (reset_hint, sum) = (hint, sum.unwrap_or_default());
                    let native = FloatHistogram {
                        reset_hint,
                        sum,
                        ..native
                    };
                    (Some(ExposedNativeHistogram::Float(native)), count)
                }
                None => (None, count),
            };
            HistogramMetric {
                buckets,
                count,
                sum,
                native,
                exemplars,
            }
        },
    )
}

fn native() -> impl Strategy<Value = ExposedNativeHistogram> {
    let layout = (
        -4_i8..=52,
        prop_oneof![Just(0.0), Just(0.001)],
        wire_model::spans(),
        wire_model::spans(),
    );
    (wire_model::native(), layout).prop_map(|(mut native, (schema, zero_threshold, positive, negative))| {
        let layout = HistogramLayout {
            positive,
            negative,
            ..HistogramLayout::exponential(schema, zero_threshold)
        };
        match &mut native {
            ExposedNativeHistogram::Integer(native) => native.layout = layout.into(),
            ExposedNativeHistogram::Float(native) => native.layout = layout.into(),
        }
        native
    })
}

/// The family as prost writes it.
fn message(family: &MetricFamily) -> client::Family {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    client::Family {
        name: text(&family.name),
        help: text(&family.help),
        kind: KINDS
            .iter()
            .position(|kind| *kind == family.kind)
            .map(|number| number as i32),
        metric: family
            .metrics
            .iter()
            .map(|metric| metric_message(family.kind, metric))
            .collect(),
        unit: text(&family.unit),
    }
}

fn metric_message(kind: MetricKind, metric: &Metric) -> client::Metric {
    let created_timestamp = metric.start_timestamp_ms.map(time_message);
    let mut message = client::Metric {
        label: labels_message(&metric.labels),
        timestamp_ms: metric.timestamp_ms,
        ..client::Metric::default()
    };
    match &metric.value {
        MetricValue::Number(value) => {
            let number = client::Number { value: Some(*value) };
            match kind {
                MetricKind::Counter => {
                    message.counter = Some(client::Counter {
                        value: Some(*value),
                        exemplar: metric.exemplar.as_deref().map(exemplar_message),
                        created_timestamp,
                    });
                }
                MetricKind::Gauge => message.gauge = Some(number),
                _ => message.untyped = Some(number),
            }
        }
        MetricValue::Summary(value) => {
            let quantile = |quantile: &Quantile| client::Quantile {
                quantile: Some(quantile.quantile),
                value: Some(quantile.value),
            };
            message.summary = Some(client::Summary {
                sample_count: Some(value.count as u64),
                sample_sum: Some(value.sum),
                quantile: value.quantiles.iter().map(quantile).collect(),
                created_timestamp,
            });
        }
        MetricValue::Histogram(value) => {
            message.histogram = Some(client::Histogram {
                created_timestamp,
                ..histogram_message(value)
            });
        }
    }
    message
}

fn histogram_message(value: &HistogramMetric) -> client::Histogram {
    let bucket = |bucket: &Bucket| {
        let (cumulative_count, cumulative_count_float) = either(bucket.cumulative_count);
        client::Bucket {
            cumulative_count,
            cumulative_count_float,
            upper_bound: Some(bucket.upper_bound),
            exemplar: bucket.exemplar.as_ref().map(exemplar_message),
        }
    };
    let (sample_count, sample_count_float) = either(value.count);
    let mut message = client::Histogram {
        sample_count,
        sample_count_float,
        sample_sum: value.sum,
        bucket: value.buckets.iter().map(bucket).collect(),
        exemplars: value.exemplars.iter().map(exemplar_message).collect(),
        ..client::Histogram::default()
    };
    let Some(native) = &value.native else {
        return message;
    };
    let histogram = wire_model::Histogram {
        timestamp_ms: 0,
        start_timestamp_ms: 0,
        value: native.clone(),
    };
    let common = histogram.to_message();
    message.schema = Some(common.schema).filter(|schema| *schema != 0);
    message.zero_threshold = Some(common.zero_threshold);
    (message.sample_count, message.sample_count_float) = match common.count {
        Some(common::Count::Int(count)) => (Some(count), None),
        Some(common::Count::Float(count)) => (None, Some(count)),
        None => (None, None),
    };
    (message.zero_count, message.zero_count_float) = match common.zero_count {
        Some(common::ZeroCount::Int(count)) => (Some(count), None),
        Some(common::ZeroCount::Float(count)) => (None, Some(count)),
        None => (None, None),
    };
    message.positive_span = common.positive_spans;
    message.negative_span = common.negative_spans;
    message.positive_delta = common.positive_deltas;
    message.negative_delta = common.negative_deltas;
    message.positive_count = common.positive_counts;
    message.negative_count = common.negative_counts;
    let zero = message.zero_count.unwrap_or_default() as f64 + message.zero_count_float.unwrap_or_default();
    if message.zero_threshold == Some(0.0)
        && zero == 0.0
        && message.positive_span.is_empty()
        && message.negative_span.is_empty()
    {
        message.positive_span.push(common::Span::default());
    }
    message
}

fn either(count: f64) -> (Option<u64>, Option<f64>) {
    if count.fract() == 0.0 {
        (Some(count as u64), None)
    } else {
        (None, Some(count))
    }
}

fn exemplar_message(exemplar: &Exemplar) -> client::Exemplar {
    client::Exemplar {
        label: labels_message(&exemplar.labels),
        value: Some(exemplar.value),
        timestamp: exemplar.timestamp_ms.map(time_message),
    }
}

fn time_message(time_ms: i64) -> client::Timestamp {
    client::Timestamp {
        seconds: time_ms.div_euclid(1000),
        nanos: time_ms.rem_euclid(1000) as i32 * 1_000_000,
    }
}

fn prost_page(families: &[client::Family]) -> Vec<u8> {
    families
        .iter()
        .flat_map(Message::encode_length_delimited_to_vec)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn families_as_prost(families in vec(family(), 0..3)) {
        let messages: Vec<client::Family> = families.iter().map(message).collect();
        let written = page(&families);
        let mut rest = written.as_slice();
        for message in &messages {
            let read = client::Family::decode_length_delimited(&mut rest);
            prop_assert_eq!(read.as_ref(), Ok(message));
        }
        prop_assert!(rest.is_empty());
        let ours = read(&prost_page(&messages));
        prop_assert_eq!(ours.as_ref(), Ok(&families));
        prop_assert_eq!(parse(Format::Protobuf, &written), Ok(families));
    }

    #[test]
    fn damage_is_refused(families in vec(family(), 1..3), (changes, cut) in damage()) {
        let bytes = damaged(&page(&families), &changes, cut);
        check_protobuf_exposition(&bytes);
    }
}

fn one(kind: i32, metric: client::Metric) -> Vec<u8> {
    prost_page(&[client::Family {
        name: Some("m".to_owned()),
        kind: Some(kind),
        metric: vec![metric],
        ..client::Family::default()
    }])
}

fn of_histogram(histogram: client::Histogram) -> Vec<u8> {
    let histogram = Some(histogram);
    one(
        4,
        client::Metric {
            histogram,
            ..client::Metric::default()
        },
    )
}

fn of_labels(labels: &[(&str, &str)]) -> Vec<u8> {
    let label = |(name, value): &(&str, &str)| common::Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let label = labels.iter().map(label).collect();
    one(
        1,
        client::Metric {
            label,
            gauge: Some(client::Number::default()),
            ..client::Metric::default()
        },
    )
}

#[track_caller]
fn check_error(page: &[u8], expected: &str) {
    let read = read(page).map_err(|error| error.to_string());
    assert_eq!(read, Err(expected.to_owned()));
    assert!(parse(Format::Protobuf, page).is_err());
}

#[test]
fn bad_pages_are_named() {
    let check = check_error;
    check(
        b"\x05\x0a\x01m",
        "byte 0: family: length of 5 bytes reaches beyond the end",
    );
    check(b"\x80", "byte 0: family: truncated");
    check(b"\x00", "byte 1: family.name: missing");
    check(b"\x05\x0a\x01m\x18\x06", "byte 5: family.type: unknown value 6");
    check(b"\x03\x0a\x01\xff", "byte 3: family.name: invalid UTF-8");
    check(b"\x07\x0a\x01m\x18\x01\x22\x00", "byte 8: metric.value: missing");
    check(
        &one(
            0,
            client::Metric {
                gauge: Some(client::Number::default()),
                ..client::Metric::default()
            },
        ),
        "byte 8: metric.value: missing",
    );
    check(
        &of_labels(&[("a", "1"), ("a", "2")]),
        r#"byte 8: metric.label: duplicate label name "a""#,
    );
    check(
        &of_labels(&[("", "1")]),
        r#"byte 8: metric.label: invalid label name """#,
    );
    check(
        &of_labels(&[(METRIC_NAME, "n")]),
        r#"byte 8: metric.label: invalid label name "__name__""#,
    );
}

#[test]
fn bad_histograms_are_named() {
    let check = check_error;
    let schema = |schema| {
        of_histogram(client::Histogram {
            schema: Some(schema),
            ..client::Histogram::default()
        })
    };
    check(
        &schema(-5),
        "byte 11: histogram.schema: unsupported histogram schema -5",
    );
    check(
        &schema(-53),
        "byte 11: histogram.schema: unsupported histogram schema -53",
    );
    check(
        &schema(53),
        "byte 11: histogram.schema: unsupported histogram schema 53",
    );
    let mixed = client::Histogram {
        zero_threshold: Some(1.0),
        positive_delta: vec![1],
        positive_count: vec![1.0],
        ..client::Histogram::default()
    };
    check(
        &of_histogram(mixed),
        "byte 10: histogram: whole and fractional counts are mixed",
    );
    let late = client::Histogram {
        created_timestamp: Some(client::Timestamp {
            seconds: i64::MAX,
            nanos: 0,
        }),
        ..client::Histogram::default()
    };
    check(&of_histogram(late), "byte 12: timestamp: integer overflow");
}

#[test]
fn labels_may_come_in_any_order() {
    let families = read(&of_labels(&[("b", "2"), ("a", "1"), ("c", "")])).unwrap();
    assert_eq!(
        families[0].metrics[0].labels,
        Labels::from_pairs([("a", "1"), ("b", "2")])
    );
}

#[test]
fn labels_are_recognised_by_their_bytes() {
    let mut family = MetricFamily::new("m", MetricKind::Gauge, "");
    family.push([("cpu", "0"), ("mode", "idle")], 1.0);
    let first = page(&[family.clone()]);
    family.metrics[0].value = MetricValue::Number(2.0);
    family.metrics[0].timestamp_ms = Some(15_000);
    let second = page(&[family]);
    let raw = |page: &[u8]| {
        let family = ProtobufParser::new(page).next().unwrap().unwrap();
        let metric = family.metrics().next().unwrap().unwrap();
        (metric.raw_labels.to_vec(), metric.number().unwrap())
    };
    assert_eq!(
        raw(&first).0,
        b"\x0a\x08\x0a\x03cpu\x12\x010\x0a\x0c\x0a\x04mode\x12\x04idle"
    );
    assert_eq!((raw(&first).0, Some(2.0)), raw(&second));
}

/// Which message is a classic histogram, which an integer one and which a float one.
#[test]
fn kinds_of_histograms() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut client::Histogram), expected: &str) {
        let mut histogram = client::Histogram::default();
        change(&mut histogram);
        let families = read(&of_histogram(histogram)).unwrap();
        let MetricValue::Histogram(value) = &families[0].metrics[0].value else {
            panic!("a histogram");
        };
        let kind = match &value.native {
            None => "classic",
            Some(ExposedNativeHistogram::Integer(_)) => "integer",
            Some(ExposedNativeHistogram::Float(_)) => "float",
        };
        assert_eq!(kind, expected);
    }
    check(|_| (), "classic");
    check(|histogram| histogram.sample_count = Some(3), "classic");
    check(|histogram| histogram.zero_threshold = Some(0.0), "classic");
    check(|histogram| histogram.sample_count_float = Some(2.5), "classic");
    check(
        |histogram| histogram.positive_span = vec![common::Span::default()],
        "integer",
    );
    check(
        |histogram| histogram.negative_span = vec![common::Span::default()],
        "integer",
    );
    check(|histogram| histogram.zero_threshold = Some(0.5), "integer");
    check(|histogram| histogram.zero_count = Some(1), "integer");
    check(|histogram| histogram.zero_count_float = Some(0.5), "float");
    let native = |whole, fraction| {
        move |histogram: &mut client::Histogram| {
            histogram.zero_threshold = Some(0.5);
            (histogram.sample_count, histogram.sample_count_float) = (whole, fraction);
        }
    };
    check(native(Some(3), Some(0.0)), "integer");
    check(native(Some(3), Some(2.5)), "float");
    check(native(None, Some(0.0)), "float");
    let with_counts = |histogram: &mut client::Histogram| {
        histogram.zero_threshold = Some(0.5);
        histogram.positive_count = vec![1.0];
    };
    check(with_counts, "float");
}

#[test]
fn classic_buckets_end_at_infinity() {
    let bucket = client::Bucket {
        cumulative_count: Some(2),
        upper_bound: Some(1.0),
        ..client::Bucket::default()
    };
    let histogram = client::Histogram {
        sample_count: Some(3),
        bucket: vec![bucket],
        ..client::Histogram::default()
    };
    let families = read(&of_histogram(histogram)).unwrap();
    let MetricValue::Histogram(value) = &families[0].metrics[0].value else {
        panic!("a histogram");
    };
    let buckets: Vec<(f64, f64)> = value
        .buckets
        .iter()
        .map(|bucket| (bucket.upper_bound, bucket.cumulative_count))
        .collect();
    assert_eq!(
        (buckets, value.sum),
        (vec![(1.0, 2.0), (f64::INFINITY, 3.0)], None)
    );
}

#[test]
fn custom_buckets_become_classic_ones() {
    let layout = HistogramLayout {
        positive: vec![
            BucketSpan { offset: 0, length: 1 },
            BucketSpan { offset: 1, length: 2 },
        ],
        ..HistogramLayout::custom(vec![0.5, 1.0, 2.0])
    };
    let native = IntegerHistogram {
        count: 7,
        sum: 9.0,
        positive: vec![1, 2, 4],
        ..IntegerHistogram::empty(layout)
    };
    let mut family = MetricFamily::new("m", MetricKind::Histogram, "");
    let histogram = HistogramMetric {
        count: 7.0,
        sum: Some(9.0),
        native: Some(ExposedNativeHistogram::Integer(native)),
        ..HistogramMetric::default()
    };
    family.push_histogram(Labels::empty(), histogram);
    let families = read(&page(&[family])).unwrap();
    let MetricValue::Histogram(value) = &families[0].metrics[0].value else {
        panic!("a histogram");
    };
    let buckets: Vec<(f64, f64)> = value
        .buckets
        .iter()
        .map(|bucket| (bucket.upper_bound, bucket.cumulative_count))
        .collect();
    assert_eq!(
        buckets,
        [(0.5, 1.0), (1.0, 1.0), (2.0, 3.0), (f64::INFINITY, 7.0)]
    );
    assert_eq!((value.native.as_ref(), value.count), (None, 7.0));
}

#[test]
fn names_are_escaped_as_wanted() {
    let mut family = MetricFamily::new("http.requests", MetricKind::Untyped, "");
    family.push([("status.code", "200")], 1.0);
    let mut page = Vec::new();
    write(
        Format::Protobuf,
        EscapingScheme::Underscores,
        &[family],
        &mut page,
    );
    let families = read(&page).unwrap();
    assert_eq!(families[0].name, "http_requests");
    assert_eq!(
        families[0].metrics[0].labels,
        Labels::from_pairs([("status_code", "200")])
    );
}

#[test]
fn what_the_format_does_not_know_is_a_gauge() {
    for kind in [MetricKind::Info, MetricKind::StateSet] {
        let families = read(&page(&[MetricFamily::single("m", kind, "", 1.0)])).unwrap();
        assert_eq!(families, [MetricFamily::single("m", MetricKind::Gauge, "", 1.0)]);
    }
}
