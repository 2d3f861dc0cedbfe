//! The text format: what is written is read back, and the parser agrees with an obvious one on anything.

use moheng_metrics::testing::{NodeWorkload, check_text};
use moheng_metrics::{
    Labels, METRIC_NAME, Metric, MetricFamily, MetricKind, MetricValue, NORMAL_NAN, TextEntry, TextParser,
    format_float, parse_float, write_text,
};
use proptest::prelude::*;

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", 1 => "[a-z.\"\\\\\n\u{e9} ]{1,6}"]
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i32>().prop_map(f64::from),
        (any::<i32>(), 0..6).prop_map(|(digits, decimals)| f64::from(digits) / 10_f64.powi(decimals)),
    ]
    .prop_map(|value| if value.is_nan() { NORMAL_NAN } else { value })
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let pair = (any_name(), "[a-z{}=,#\"\\\\\n\t \u{e9}]{1,8}");
    prop::collection::vec(pair, 0..4)
        .prop_map(|pairs| Labels::from_pairs(pairs.into_iter().filter(|(name, _)| name != METRIC_NAME)))
}

fn any_family() -> impl Strategy<Value = MetricFamily> {
    let kinds = [
        MetricKind::Counter,
        MetricKind::Gauge,
        MetricKind::Histogram,
        MetricKind::Summary,
        MetricKind::Untyped,
    ];
    let metric = (any_labels(), any_value(), prop::option::of(0..i64::MAX)).prop_map(
        |(labels, value, timestamp_ms)| Metric {
            timestamp_ms,
            ..Metric::new(labels, MetricValue::Number(value))
        },
    );
    let metrics = prop::collection::vec(metric, 0..4);
    (
        any_name(),
        prop::sample::select(kinds.to_vec()),
        "[ a-z\"\\\\\n\u{e9}]{0,12}",
        metrics,
    )
        .prop_map(|(name, kind, help, metrics)| MetricFamily {
            padded_labels: Vec::new(),
            name,
            kind,
            help,
            unit: String::new(),
            metrics,
        })
}

/// Lines and pieces of lines, right and wrong.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "up",
        "a:b",
        "{",
        "}",
        "\"",
        "=",
        ",",
        " ",
        "\t",
        "\n",
        "\\",
        "\\n",
        "#",
        "# HELP ",
        "# TYPE ",
        "gauge",
        "untyped",
        "1",
        "0.5",
        "-1e3",
        "+Inf",
        "NaN",
        "12345678901234567890",
        "\r",
        "\0",
        "\u{e9}",
        "__name__",
        "{a=\"b\"}",
        "up{a=\"b\",c=\"d\"} 1\n",
        "{\"x.y\",a=\"b\"} 2 3\n",
        "up 1\n",
        "up 1 1700000000000\n",
        "_",
        "9",
        "# HELP up Text.\n",
        "# TYPE up histogram\n",
        "up{le=\"1\"} 1\n",
        "le=\"",
        "up{quantile=\"5e0\"} 1\n",
        "# TYPE up summary\n",
        "# TYPE up gauge\n",
        "a=\"\\\"\"",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_parser_agrees_with_the_oracle(text in any_text()) {
        check_text(text.as_bytes());
    }

    #[test]
    fn the_parser_agrees_with_the_oracle_on_bytes(
        mut text in any_text().prop_map(String::into_bytes),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = byte;
        }
        check_text(&text);
    }

    #[test]
    fn floats_are_read_back(value in any_value()) {
        let mut text = String::new();
        format_float(value, &mut text);
        prop_assert_eq!(parse_float(&text).map(f64::to_bits), Some(value.to_bits()), "{}", text);
        text.clear();
        moheng_metrics::format_json_float(value, &mut text);
        prop_assert_eq!(parse_float(&text).map(f64::to_bits), Some(value.to_bits()), "{}", text);
    }

    #[test]
    fn floats_are_read_as_by_the_standard_library(text in "-?[0-9]{1,20}(\\.[0-9]{0,24})?([eE][+-]?[0-9]{1,3})?") {
        let expected: f64 = text.parse().unwrap();
        let expected = Some(expected.to_bits()).filter(|_| expected.is_finite());
        prop_assert_eq!(parse_float(&text).map(f64::to_bits), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_written_is_read_back(families in prop::collection::vec(any_family(), 0..4)) {
        let mut text = String::new();
        write_text(&families, &mut text);
        check_text(text.as_bytes());
        let mut entries = TextParser::new(text.as_bytes());
        for family in &families {
            if !family.help.is_empty() {
                let help = TextEntry::Help { name: family.name.as_str().into(), help: family.help.as_str().into() };
                prop_assert_eq!(entries.next(), Some(Ok(help)));
            }
            let kind = TextEntry::Type { name: family.name.as_str().into(), kind: family.kind };
            prop_assert_eq!(entries.next(), Some(Ok(kind)));
            for metric in &family.metrics {
                let Some(Ok(TextEntry::Sample(sample))) = entries.next() else {
                    panic!("a sample is missing in {text}");
                };
                let labels = metric.labels.to_builder().with_metric_name(&family.name).finish();
                prop_assert_eq!(sample.labels(), Ok(labels));
                let value = metric.value.as_number().unwrap();
                prop_assert_eq!(sample.value.to_bits(), value.to_bits());
                prop_assert_eq!(sample.timestamp_ms, metric.timestamp_ms);
            }
        }
        prop_assert_eq!(entries.next(), None);
    }
}

#[test]
fn a_generated_node_is_read() {
    let workload = NodeWorkload::new(1);
    for step in [0, 1, 1000] {
        check_text(workload.exposition(0, step).as_bytes());
    }
}

#[test]
fn labels_that_all_lines_are_to_have_are_padded() {
    let mut family = MetricFamily::new("a", MetricKind::Gauge, "");
    family.push([("b", "1"), ("d", "2")], 3.0);
    family.push([("c", "4")], 5.0);
    family.padded_labels = vec!["c".to_owned(), "e".to_owned()];
    let mut text = String::new();
    write_text(&[family], &mut text);
    let expected = "# TYPE a gauge\na{b=\"1\",c=\"\",d=\"2\",e=\"\"} 3\na{c=\"4\",e=\"\"} 5\n";
    assert_eq!(text, expected);
}
