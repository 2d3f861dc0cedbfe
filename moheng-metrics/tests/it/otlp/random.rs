//! Requests of any shape: nothing panics, what comes out is valid, and JSON says the same as protobuf.

use moheng_metrics::otlp::{OtlpOptions, PromotedAttributes, TranslationStrategy, translate, translate_json};
use moheng_metrics::{MemorySource, SampleError, SampleSink, is_valid_label_name, is_valid_metric_name};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::json::json;
use super::messages::*;

/// Any float but negative zero, which prost takes for the default of a field and does not write.
fn number() -> impl Strategy<Value = f64> + Clone {
    any::<f64>().prop_map(|value| value + 0.0)
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        "[a-z<\"\u{e9}]{0,4}".prop_map(Any::Text),
        any::<bool>().prop_map(Any::Bool),
        any::<i64>().prop_map(Any::Integer),
        number().prop_map(Any::Double),
        vec(any::<u8>(), 0..4).prop_map(Any::Bytes),
    ];
    let wrap = |value: Any| AnyValue { value: Some(value) };
    leaf.prop_recursive(3, 8, 3, move |inner| {
        prop_oneof![
            vec(inner.clone().prop_map(wrap), 0..3).prop_map(|values| Any::Array(Array { values })),
            vec(("[a-c]", inner.prop_map(wrap)), 0..3).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| KeyValue {
                    key,
                    value: Some(value),
                });
                Any::Map(Map {
                    values: values.collect(),
                })
            }),
        ]
    })
    .prop_map(wrap)
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let key = prop_oneof![
        "[a-c_.:0\u{e9}]{0,4}",
        Just("service.name".to_owned()),
        Just("service.instance.id".to_owned()),
        Just("le".to_owned()),
        Just("__name__".to_owned()),
    ];
    let pair = (key, proptest::option::of(any_value())).prop_map(|(key, value)| KeyValue { key, value });
    vec(pair, 0..4)
}

/// Start, time and flags.
fn time() -> impl Strategy<Value = (u64, u64, u32)> {
    let time_ns = prop_oneof![0..10_000_000_000u64, any::<u64>()];
    (
        time_ns.clone(),
        time_ns,
        prop_oneof![4 => Just(0), 1 => Just(1), 1 => any::<u32>()],
    )
}

fn exemplars() -> impl Strategy<Value = Vec<Exemplar>> {
    let value = prop_oneof![
        number().prop_map(ExemplarNumber::Double),
        any::<i64>().prop_map(ExemplarNumber::Integer),
    ];
    let id = |length: usize| prop_oneof![vec(any::<u8>(), length..=length), vec(any::<u8>(), 0..4)];
    let exemplar = (time(), proptest::option::of(value), id(8), id(16), attributes()).prop_map(
        |((_, time_unix_nano, _), value, span_id, trace_id, filtered_attributes)| Exemplar {
            time_unix_nano,
            value,
            span_id,
            trace_id,
            filtered_attributes,
        },
    );
    vec(exemplar, 0..3)
}

fn number_point() -> impl Strategy<Value = NumberPoint> {
    let value = prop_oneof![
        number().prop_map(Number::Double),
        any::<i64>().prop_map(Number::Integer)
    ];
    (time(), proptest::option::of(value), exemplars(), attributes()).prop_map(
        |(time, value, exemplars, attributes)| NumberPoint {
            start_time_unix_nano: time.0,
            time_unix_nano: time.1,
            value,
            exemplars,
            attributes,
            flags: time.2,
        },
    )
}

fn histogram_point() -> impl Strategy<Value = HistogramPoint> {
    let buckets = prop_oneof![
        (0..5usize).prop_flat_map(|count| {
            let bounds = vec(0.1..9.0f64, count).prop_map(|widths| {
                widths
                    .iter()
                    .scan(0.0, |bound, width| {
                        *bound += width;
                        Some(*bound)
                    })
                    .collect::<Vec<f64>>()
            });
            (vec(0..9u64, count + 1), bounds)
        }),
        (vec(any::<u64>(), 0..3), vec(number(), 0..3)),
    ];
    (
        time(),
        any::<u64>(),
        proptest::option::of(number()),
        buckets,
        exemplars(),
        attributes(),
    )
        .prop_map(
            |(time, count, sum, (bucket_counts, explicit_bounds), exemplars, attributes)| HistogramPoint {
                start_time_unix_nano: time.0,
                time_unix_nano: time.1,
                count,
                sum,
                bucket_counts,
                explicit_bounds,
                exemplars,
                attributes,
                flags: time.2,
                min: None,
            },
        )
}

fn buckets() -> impl Strategy<Value = Buckets> {
    let offset = prop_oneof![-9..9i32, any::<i32>()];
    let count = prop_oneof![3 => 0..9u64, 1 => any::<u64>()];
    (offset, vec(count, 0..9)).prop_map(|(offset, bucket_counts)| Buckets {
        offset,
        bucket_counts,
    })
}

fn exponential_point() -> impl Strategy<Value = ExponentialPoint> {
    let scale = prop_oneof![-6..30i32, any::<i32>()];
    let sides = (proptest::option::of(buckets()), proptest::option::of(buckets()));
    (
        time(),
        any::<u64>(),
        proptest::option::of(number()),
        scale,
        number(),
        sides,
        exemplars(),
        attributes(),
    )
        .prop_map(
            |(time, count, sum, scale, zero_threshold, (positive, negative), exemplars, attributes)| {
                ExponentialPoint {
                    attributes,
                    start_time_unix_nano: time.0,
                    time_unix_nano: time.1,
                    count,
                    sum,
                    scale,
                    zero_count: count / 2,
                    positive,
                    negative,
                    flags: time.2,
                    exemplars,
                    zero_threshold,
                }
            },
        )
}

fn summary_point() -> impl Strategy<Value = SummaryPoint> {
    let quantile = (number(), number()).prop_map(|(quantile, value)| Quantile { quantile, value });
    (time(), any::<u64>(), number(), vec(quantile, 0..3), attributes()).prop_map(
        |(time, count, sum, quantile_values, attributes)| SummaryPoint {
            start_time_unix_nano: time.0,
            time_unix_nano: time.1,
            count,
            sum,
            quantile_values,
            attributes,
            flags: time.2,
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    let temporality = prop_oneof![4 => Just(2), 1 => Just(1), 1 => -1..4i32];
    prop_oneof![
        vec(number_point(), 0..4).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..4), temporality.clone(), any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic,
            })
        ),
        (vec(histogram_point(), 0..3), temporality.clone()).prop_map(
            |(data_points, aggregation_temporality)| {
                Data::Histogram(Histogram {
                    data_points,
                    aggregation_temporality,
                })
            }
        ),
        (vec(exponential_point(), 0..3), temporality).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points,
                aggregation_temporality,
            })
        }),
        vec(summary_point(), 0..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let name = "[a-c_.:0\u{e9}/ ]{0,6}";
    let unit = prop_oneof!["", "1", "s", "By/s", "[{]x[}]", "m/m", "[a-z/%{} \u{b5}]{0,4}"];
    let metric = (name, unit, proptest::option::of(data())).prop_map(|(name, unit, data)| Metric {
        name,
        description: "what".into(),
        unit,
        data,
        metadata: Vec::new(),
    });
    let scope = (vec(metric, 0..3), attributes(), "[a-c]{0,2}").prop_map(|(metrics, attributes, text)| {
        ScopeMetrics {
            scope: Some(Scope {
                name: text.clone(),
                version: text.clone(),
                attributes,
            }),
            metrics,
            schema_url: text,
        }
    });
    let resource =
        (vec(scope, 0..3), proptest::option::of(attributes())).prop_map(|(scope_metrics, attributes)| {
            ResourceMetrics {
                resource: attributes.map(|attributes| Resource {
                    attributes,
                    dropped_attributes_count: 1,
                }),
                scope_metrics,
            }
        });
    vec(resource, 0..3).prop_map(|resource_metrics| Request { resource_metrics })
}

fn options() -> impl Strategy<Value = OtlpOptions> {
    let strategy = prop_oneof![
        Just(TranslationStrategy::UnderscoreEscapingWithSuffixes),
        Just(TranslationStrategy::NoUtf8EscapingWithSuffixes),
        Just(TranslationStrategy::UnderscoreEscapingWithoutSuffixes),
        Just(TranslationStrategy::NoTranslation),
    ];
    (strategy, any::<[bool; 7]>()).prop_map(|(strategy, flags)| {
        let mut options = OtlpOptions::default();
        options.translation_strategy = strategy;
        if flags[0] {
            options.promote_resource_attributes = PromotedAttributes::AllBut(vec!["a".into()]);
        }
        options.promote_scope_metadata = flags[1];
        options.keep_identifying_resource_attributes = flags[2];
        options.convert_histograms_to_nhcb = flags[3];
        options.label_name_underscore_sanitization = flags[4];
        options.label_name_preserve_multiple_underscores = flags[5];
        options.accept_delta = flags[6];
        options
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_comes_out_is_valid(request in request(), options in options()) {
        let translation = translate(&request.encode_to_vec(), &options).unwrap();
        let escapes = options.translation_strategy.escapes();
        let mut seen = std::collections::HashSet::new();
        for series in &translation.series {
            prop_assert!(seen.insert(series.labels.clone()), "{} twice", series.labels);
            prop_assert!(!series.labels.metric_name().is_empty());
            prop_assert!(!escapes || is_valid_metric_name(series.labels.metric_name()));
            for (name, value) in &series.labels {
                prop_assert!(!value.is_empty() && !name.is_empty());
                prop_assert!(!escapes || is_valid_label_name(name), "{name}");
            }
            prop_assert!(series.floats.is_sorted_by_key(|sample| sample.timestamp_ms));
            prop_assert!(series.histograms.is_sorted_by_key(|sample| sample.timestamp_ms));
            prop_assert!(series.exemplars.is_sorted_by_key(|(timestamp_ms, _)| *timestamp_ms));
            prop_assert!(series.metadata < translation.metadata.len());
            for sample in &series.floats {
                prop_assert!(sample.start_timestamp_ms == 0 || sample.start_timestamp_ms < sample.timestamp_ms);
            }
        }
        let batch = translation.batch();
        prop_assert_eq!(batch.len(), translation.sample_count());
        let appended = MemorySource::new().append(&batch).unwrap();
        for outcome in appended.outcomes {
            prop_assert!(!matches!(outcome, Err(SampleError::InvalidLabels | SampleError::UnknownReference)));
        }
    }

    #[test]
    fn every_point_is_translated_or_rejected(request in request()) {
        let mut request = request;
        for metric in request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics).flat_map(|scope| &mut scope.metrics) {
            // Points of the other kinds become any number of samples.
            if !matches!(metric.data, Some(Data::Gauge(_) | Data::ExponentialHistogram(_))) {
                metric.data = None;
            }
        }
        let points: usize = request.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
            .map(|metric| match &metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points.len(),
                Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
                _ => 0,
            })
            .sum();
        let mut options = OtlpOptions::default();
        options.translation_strategy = TranslationStrategy::NoTranslation;
        let translation = translate(&request.encode_to_vec(), &options).unwrap();
        let samples: usize = translation.series.iter()
            .filter(|series| series.labels.metric_name() != "target_info")
            .map(|series| series.floats.len() + series.histograms.len())
            .sum();
        // Two gauges at one time with one value are one sample.
        prop_assert!(samples + translation.warnings.rejected_points() as usize <= points);
        let distinct = samples + translation.warnings.rejected_points() as usize;
        prop_assert!(points == 0 || distinct > 0);
    }

    #[test]
    fn json_says_the_same(request in request(), options in options()) {
        let from_protobuf = translate(&request.encode_to_vec(), &options).unwrap();
        let from_json = translate_json(json(&request).as_bytes(), &options).unwrap();
        // Floats that are not numbers are not equal to themselves.
        prop_assert_eq!(format!("{from_protobuf:?}"), format!("{from_json:?}"));
    }

    #[test]
    fn damage_does_no_harm(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = request.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] = byte;
            }
        }
        let mut options = OtlpOptions::default();
        options.max_output_bytes = 1 << 20;
        // What is read is refused where prost refuses it too; prost also reads what has no meaning here.
        if let Ok(request) = Request::decode(bytes.as_slice()) {
            let ours = translate(&bytes, &options).map(|translation| format!("{translation:?}"));
            let again = translate(&request.encode_to_vec(), &options).map(|translation| format!("{translation:?}"));
            prop_assert_eq!(ours, again);
        } else {
            let _ = translate(&bytes, &options);
        }
    }

    #[test]
    fn any_text_is_no_problem_as_json(text in "[\\[\\]{}:,\"a-z0-9.\\\\ -]{0,64}") {
        let _ = translate_json(text.as_bytes(), &OtlpOptions::default());
    }
}
