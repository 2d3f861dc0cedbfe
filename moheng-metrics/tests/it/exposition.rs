//! All text formats: what is written is read back as the same families, and OpenMetrics is read as an obvious parser does.

use moheng_metrics::exposition::{Format, parse, write};
use moheng_metrics::testing::{NodeWorkload, check_families, check_openmetrics};
use moheng_metrics::{
    Bucket, EscapingScheme, Exemplar, HistogramMetric, Labels, Metric, MetricFamily, MetricKind, MetricValue,
    NORMAL_NAN, Quantile, SummaryMetric,
};
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i32>().prop_map(f64::from),
        (any::<i32>(), 0..6).prop_map(|(digits, decimals)| f64::from(digits) / 10_f64.powi(decimals)),
    ]
    .prop_map(|value| if value.is_nan() { NORMAL_NAN } else { value })
}

fn any_labels(name: &'static str) -> impl Strategy<Value = Labels> {
    let pair = (name, "[a-z{}=,#\"\\\\\n\t \u{e9}]{1,8}");
    let is_kept = |name: &str| !["__name__", "le", "quantile", "n"].contains(&name);
    prop::collection::vec(pair, 0..4)
        .prop_map(move |pairs| Labels::from_pairs(pairs.into_iter().filter(|(name, _)| is_kept(name))))
}

fn any_exemplar(name: &'static str) -> impl Strategy<Value = Option<Exemplar>> {
    let exemplar = (
        any_labels(name),
        any_value(),
        prop::option::of(-1_000_000..i64::MAX),
    );
    prop::option::of(exemplar.prop_map(|(labels, value, timestamp_ms)| Exemplar {
        labels,
        value,
        timestamp_ms,
    }))
}

fn any_histogram(name: &'static str) -> impl Strategy<Value = MetricValue> {
    let finite = any_value().prop_filter("finite", |bound| bound.is_finite() && *bound != 0.0);
    let bucket = (finite, any_value(), any_exemplar(name));
    let buckets = prop::collection::vec(bucket, 0..4);
    (buckets, any_value(), prop::option::of(any_value())).prop_map(|(buckets, count, sum)| {
        let mut buckets: Vec<Bucket> = buckets
            .into_iter()
            .map(|(upper_bound, cumulative_count, exemplar)| Bucket {
                upper_bound,
                cumulative_count,
                exemplar,
            })
            .collect();
        buckets.sort_by(|left, right| left.upper_bound.total_cmp(&right.upper_bound));
        buckets.dedup_by_key(|bucket| bucket.upper_bound);
        buckets.push(Bucket {
            upper_bound: f64::INFINITY,
            cumulative_count: count,
            exemplar: None,
        });
        MetricValue::Histogram(Box::new(HistogramMetric {
            buckets,
            count,
            sum,
            ..HistogramMetric::default()
        }))
    })
}

fn any_summary() -> impl Strategy<Value = MetricValue> {
    let quantiles = prop::collection::vec((0..100_u32, any_value()), 0..4);
    (quantiles, any_value(), any_value()).prop_map(|(mut quantiles, count, sum)| {
        quantiles.sort_by_key(|(percent, _)| *percent);
        quantiles.dedup_by_key(|(percent, _)| *percent);
        let quantile = |(percent, value)| Quantile {
            quantile: f64::from(percent) / 100.0,
            value,
        };
        MetricValue::Summary(Box::new(SummaryMetric {
            quantiles: quantiles.into_iter().map(quantile).collect(),
            count,
            sum,
        }))
    })
}

fn value_of(kind: MetricKind, label: &'static str) -> BoxedStrategy<MetricValue> {
    match kind {
        MetricKind::Histogram | MetricKind::GaugeHistogram => any_histogram(label).boxed(),
        MetricKind::Summary => any_summary().boxed(),
        _ => any_value().prop_map(MetricValue::Number).boxed(),
    }
}

/// What the kind allows in a format.
fn any_metric(kind: MetricKind, label: &'static str, is_openmetrics: bool) -> impl Strategy<Value = Metric> {
    let times = (
        prop::option::of(0..i64::MAX),
        prop::option::of(-1_000_000..i64::MAX),
    );
    (
        any_labels(label),
        value_of(kind, label),
        times,
        any_exemplar(label),
    )
        .prop_map(move |(labels, mut value, (timestamp_ms, start_ms), exemplar)| {
            let has_start = matches!(
                kind,
                MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary
            );
            if let MetricValue::Histogram(histogram) = &mut value
                && !is_openmetrics
            {
                histogram
                    .buckets
                    .iter_mut()
                    .for_each(|bucket| bucket.exemplar = None);
            }
            Metric {
                timestamp_ms,
                start_timestamp_ms: start_ms.filter(|_| is_openmetrics && has_start),
                exemplar: exemplar
                    .filter(|_| is_openmetrics && kind == MetricKind::Counter)
                    .map(Box::new),
                ..Metric::new(labels, value)
            }
        })
}

fn any_family(format: Format) -> impl Strategy<Value = MetricFamily> {
    use MetricKind::{Counter, Gauge, GaugeHistogram, Histogram, Info, StateSet, Summary, Untyped};
    let is_openmetrics = matches!(format, Format::OpenMetrics0_0_1 | Format::OpenMetrics1_0_0);
    let has_quotes = matches!(format, Format::Text1_0_0 | Format::OpenMetrics1_0_0);
    let name = if has_quotes {
        "[a-z_:.\"\\\\\n\u{e9} ]{1,6}"
    } else {
        "[a-zA-Z_:][a-zA-Z0-9_:]{0,6}"
    };
    let label = if has_quotes {
        "[a-z_.\"\\\\\n\u{e9} ]{1,6}"
    } else {
        "[a-zA-Z_][a-zA-Z0-9_]{0,6}"
    };
    let kinds = if is_openmetrics {
        vec![
            Counter,
            Gauge,
            Histogram,
            GaugeHistogram,
            Summary,
            Info,
            StateSet,
            Untyped,
        ]
    } else {
        vec![Counter, Gauge, Histogram, Summary, Untyped]
    };
    let unit = prop::option::of("[a-z\u{e9}]{1,5}");
    (
        name,
        prop::sample::select(kinds),
        "[ a-z\"\\\\\n\u{e9}]{0,12}",
        unit,
    )
        .prop_flat_map(move |(name, kind, help, unit)| {
            let metrics = prop::collection::vec(any_metric(kind, label, is_openmetrics), 0..4);
            (Just((name, kind, help, unit)), metrics)
        })
        .prop_map(move |((mut name, kind, help, unit), metrics)| {
            let has_unit = is_openmetrics && !matches!(kind, Info | StateSet);
            let unit = unit
                .filter(|unit| has_unit && (has_quotes || unit.is_ascii()))
                .unwrap_or_default();
            if !unit.is_empty() {
                name = format!("{name}_{unit}");
            }
            match kind {
                Counter if is_openmetrics => name += "_total",
                Info if is_openmetrics => name += "_info",
                _ => {}
            }
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

/// Families with different names, and metrics with different labels in each.
fn any_page(format: Format) -> impl Strategy<Value = (Format, Vec<MetricFamily>)> {
    prop::collection::vec(any_family(format), 0..4).prop_map(move |mut families| {
        for (index, family) in families.iter_mut().enumerate() {
            family.name.insert_str(0, &format!("f{index}"));
            for (index, metric) in family.metrics.iter_mut().enumerate() {
                metric.labels = metric.labels.to_builder().with("n", &index.to_string()).finish();
            }
        }
        (format, families)
    })
}

fn any_format_and_page() -> impl Strategy<Value = (Format, Vec<MetricFamily>)> {
    let formats = vec![
        Format::Text0_0_4,
        Format::Text1_0_0,
        Format::OpenMetrics0_0_1,
        Format::OpenMetrics1_0_0,
    ];
    prop::sample::select(formats).prop_flat_map(any_page)
}

/// Lines and pieces of lines, right and wrong.
fn any_openmetrics() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "c_total",
        "{",
        "}",
        "\"",
        "=",
        ",",
        " ",
        "\n",
        "\\",
        "# {",
        "} 1",
        "1",
        "0.5",
        "-1e3",
        "NaN",
        "1e300",
        "12345678901234567890",
        "\t",
        "\r",
        "\u{e9}",
        "{a=\"b\"}",
        "# EOF\n",
        "# EOF",
        "# HELP c x\\\"\n",
        "# TYPE c counter\n",
        "# TYPE h histogram\n",
        "# TYPE s summary\n",
        "# TYPE g gauge\n",
        "# UNIT c_s s\n",
        "c_total{a=\"b\"} 1\n",
        "c_created{a=\"b\"} 2.5\n",
        "c_total 1 2.5\n",
        "c_created 1\n",
        "c_created NaN\n",
        "c_total 1 # {a=\"b\"} 1\n",
        "c_total 1 2 # {} 1 1.5\n",
        "h_bucket{le=\"1\"} 1\n",
        "h_created 3 4\n",
        "h_bucket{le=\"+Inf\",a=\"b\"} 1 # {a=\"b\",c=\"d\"} 0.5\n",
        "h_sum 1\n",
        "s{quantile=\"5e0\"} 1\n",
        "{\"c.d_total\",a=\"b\"} 1\n",
        "g 1\n",
        "# TYPE ",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat() + "# EOF\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn families_are_read_back((format, families) in any_format_and_page()) {
        let mut page = Vec::new();
        write(format, EscapingScheme::AllowUtf8, &families, &mut page);
        let text = String::from_utf8_lossy(&page);
        let read = parse(format, &page);
        prop_assert!(read.is_ok(), "{:?} of {}", read, text);
        prop_assert_eq!(format!("{:?}", read.unwrap_or_default()), format!("{families:?}"), "{}", text);
        if !matches!(format, Format::Text0_0_4 | Format::Text1_0_0) {
            check_openmetrics(&page);
        }
    }

    #[test]
    fn escaped_names_are_legacy_names(
        (_, families) in any_page(Format::OpenMetrics1_0_0),
        escaping in prop::sample::select(vec![EscapingScheme::Underscores, EscapingScheme::Dots, EscapingScheme::Values]),
        format in prop::sample::select(vec![Format::Text0_0_4, Format::Text1_0_0, Format::OpenMetrics1_0_0]),
    ) {
        let mut page = Vec::new();
        write(format, escaping, &families, &mut page);
        let text = String::from_utf8_lossy(&page);
        // Escaped families may have one name, so that only lines are looked at.
        let lines = match format {
            Format::OpenMetrics1_0_0 => moheng_metrics::exposition::LineParser::OpenMetrics(
                moheng_metrics::exposition::OpenMetricsParser::new(&page),
            ),
            _ => moheng_metrics::exposition::LineParser::Text(moheng_metrics::TextParser::new(&page)),
        };
        for entry in lines {
            let entry = entry.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
            if let moheng_metrics::TextEntry::Sample(sample) = entry {
                let labels = sample.labels().map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
                prop_assert!(moheng_metrics::is_valid_metric_name(labels.metric_name()), "{}", text);
                let are_legacy = labels.iter().all(|(name, _)| moheng_metrics::is_valid_label_name(name));
                prop_assert!(are_legacy, "{}", text);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_parser_agrees_with_the_oracle(text in any_openmetrics()) {
        check_openmetrics(text.as_bytes());
        check_families(text.as_bytes());
    }

    #[test]
    fn the_parser_agrees_with_the_oracle_on_bytes(
        mut text in any_openmetrics().prop_map(String::into_bytes),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let at = at.index(text.len());
        text[at] = byte;
        check_openmetrics(&text);
    }
}

#[test]
fn a_generated_node_is_read_in_every_format() {
    let families = NodeWorkload::new(1).families(0, 7);
    for format in [
        Format::Text0_0_4,
        Format::Text1_0_0,
        Format::OpenMetrics0_0_1,
        Format::OpenMetrics1_0_0,
    ] {
        let mut page = Vec::new();
        write(format, EscapingScheme::AllowUtf8, &families, &mut page);
        assert_eq!(parse(format, &page).as_deref(), Ok(families.as_slice()));
    }
}

#[test]
fn openmetrics_is_written_as_the_specification_has_it() {
    let mut requests = MetricFamily::new("http_seconds", MetricKind::Histogram, "Time \"spent\".");
    requests.unit = "seconds".to_owned();
    let histogram = HistogramMetric {
        buckets: vec![Bucket {
            upper_bound: 1.0,
            cumulative_count: 2.0,
            exemplar: Some(Exemplar {
                labels: Labels::from_pairs([("trace_id", "a\"b")]),
                value: 0.25,
                timestamp_ms: Some(1_520_879_607_700),
            }),
        }],
        count: 3.0,
        sum: Some(4.5),
        ..HistogramMetric::default()
    };
    let labels = Labels::from_pairs([("code", "200"), ("le", "dropped")]);
    requests.push_histogram(labels, histogram);
    requests.metrics[0].start_timestamp_ms = Some(1_520_000_000_000);
    let mut long = MetricFamily::single("hits_total", MetricKind::Counter, "", 1.0);
    long.unit = "seconds".to_owned();
    long.metrics[0].exemplar = Some(Box::new(Exemplar {
        labels: Labels::from_pairs([("a", "x".repeat(128))]),
        value: 1.0,
        timestamp_ms: None,
    }));
    let families = [
        requests,
        long,
        MetricFamily::single("odd", MetricKind::Counter, "", 2.0),
        MetricFamily::single("build_info", MetricKind::Info, "", 1.0),
        MetricFamily::single("build", MetricKind::Info, "", 1.0),
        MetricFamily::single("a.b", MetricKind::Untyped, "", f64::INFINITY),
        MetricFamily::single("", MetricKind::Gauge, "", 1.0),
    ];
    let mut page = Vec::new();
    write(
        Format::OpenMetrics1_0_0,
        EscapingScheme::AllowUtf8,
        &families,
        &mut page,
    );
    let expected = r#"# HELP http_seconds Time \"spent\".
# TYPE http_seconds histogram
# UNIT http_seconds seconds
http_seconds_bucket{code="200",le="1.0"} 2 # {trace_id="a\"b"} 0.25 1520879607.7
http_seconds_bucket{code="200",le="+Inf"} 3
http_seconds_sum{code="200"} 4.5
http_seconds_count{code="200"} 3
http_seconds_created{code="200"} 1520000000
# TYPE hits counter
hits_total 1
# TYPE odd unknown
odd 2
# TYPE build info
build_info 1
# TYPE build gauge
build 1
# TYPE "a.b" unknown
{"a.b"} +Inf
# EOF
"#;
    assert_eq!(String::from_utf8_lossy(&page), expected);
}
