//! Names of metrics and labels under every strategy.

use moheng_metrics::otlp::{OtlpOptions, TranslationStrategy};
use moheng_metrics::{is_valid_label_name, is_valid_metric_name};

use super::{request, text, translated};

/// A gauge, a counter or neither.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Gauge,
    Counter,
    Sum,
}

fn name(kind: Kind, name: &str, unit: &str, strategy: TranslationStrategy) -> String {
    let data = match kind {
        Kind::Gauge => r#""gauge":{"#,
        Kind::Counter => r#""sum":{"isMonotonic":true,"aggregationTemporality":2,"#,
        Kind::Sum => r#""sum":{"aggregationTemporality":2,"#,
    };
    let metric = format!(
        r#"{{"name":"{name}","unit":"{unit}",{data}"dataPoints":[{{"timeUnixNano":1000000,"asInt":1}}]}}}}"#
    );
    let mut options = OtlpOptions::default();
    options.translation_strategy = strategy;
    let translation = translated(&request("", &metric), &options);
    translation
        .series
        .first()
        .map(|series| series.labels.metric_name().to_owned())
        .unwrap_or_default()
}

/// With suffixes: escaped and not; without suffixes: escaped and not.
#[track_caller]
fn check(kind: Kind, (metric, unit): (&str, &str), expected: [&str; 4]) {
    let strategies = [
        TranslationStrategy::UnderscoreEscapingWithSuffixes,
        TranslationStrategy::NoUtf8EscapingWithSuffixes,
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
        TranslationStrategy::NoTranslation,
    ];
    for (strategy, expected) in strategies.into_iter().zip(expected) {
        let found = name(kind, metric, unit, strategy);
        assert_eq!(
            found,
            expected,
            "{kind:?} {metric} {unit} by {}",
            strategy.as_str()
        );
        assert!(!strategy.escapes() || found.is_empty() || is_valid_metric_name(&found));
    }
}

#[test]
fn metrics() {
    use Kind::{Counter, Gauge, Sum};
    check(Gauge, ("a.b", ""), ["a_b", "a.b", "a_b", "a.b"]);
    check(
        Gauge,
        ("http.duration", "s"),
        [
            "http_duration_seconds",
            "http.duration_seconds",
            "http_duration",
            "http.duration",
        ],
    );
    check(
        Counter,
        ("io", "By"),
        ["io_bytes_total", "io_bytes_total", "io", "io"],
    );
    check(
        Counter,
        ("io.bytes", "By"),
        ["io_bytes_total", "io.bytes_total", "io_bytes", "io.bytes"],
    );
    check(
        Counter,
        ("total.io", ""),
        ["io_total", "total.io_total", "total_io", "total.io"],
    );
    check(
        Counter,
        ("io.total", "By"),
        ["io_bytes_total", "io_bytes_total", "io_total", "io.total"],
    );
    check(
        Counter,
        ("subtotal", ""),
        ["subtotal_total", "subtotal_total", "subtotal", "subtotal"],
    );
    check(Counter, ("total", ""), ["total", "total_total", "total", "total"]);
    check(Gauge, ("use", "1"), ["use_ratio", "use_ratio", "use", "use"]);
    check(
        Gauge,
        ("use.ratio", "1"),
        ["use_ratio", "use_ratio", "use_ratio", "use.ratio"],
    );
    check(Counter, ("n", "1"), ["n_total", "n_total", "n", "n"]);
    check(Sum, ("n", "1"), ["n", "n", "n", "n"]);
}

#[test]
fn metrics_with_other_units_and_characters() {
    use Kind::{Counter, Gauge};
    check(
        Gauge,
        ("speed", "m/s"),
        [
            "speed_meters_per_second",
            "speed_meters_per_second",
            "speed",
            "speed",
        ],
    );
    check(
        Gauge,
        ("rate", "{packet}/s"),
        ["rate_per_second", "rate_per_second", "rate", "rate"],
    );
    check(
        Counter,
        ("rate", "By/s"),
        [
            "rate_bytes_per_second_total",
            "rate_bytes_per_second_total",
            "rate",
            "rate",
        ],
    );
    check(Gauge, ("n", "{thing}"), ["n", "n", "n", "n"]);
    check(Gauge, ("n", "widgets"), ["n_widgets", "n_widgets", "n", "n"]);
    check(
        Gauge,
        ("disk", "%"),
        ["disk_percent", "disk_percent", "disk", "disk"],
    );
    check(
        Gauge,
        ("(lambda).f.runs(#)", ""),
        [
            "lambda_f_runs",
            "(lambda).f.runs(#)",
            "lambda_f_runs",
            "(lambda).f.runs(#)",
        ],
    );
    check(Gauge, ("2xx", ""), ["_2xx", "2xx", "_2xx", "2xx"]);
    check(Gauge, ("a__b", ""), ["a_b", "a__b", "a__b", "a__b"]);
    check(Gauge, ("a:b", ""), ["a:b", "a:b", "a:b", "a:b"]);
    check(
        Gauge,
        ("gr\u{f6}\u{df}e", ""),
        ["gr_e", "gr\u{f6}\u{df}e", "gr_e", "gr\u{f6}\u{df}e"],
    );
    check(Gauge, ("\u{6e29}", ""), ["", "\u{6e29}", "", "\u{6e29}"]);
}

#[test]
fn labels() {
    let label = |key: &str, options: &OtlpOptions| -> String {
        let metric = format!(
            r#"{{"name":"m","gauge":{{"dataPoints":[{{"timeUnixNano":1000000,"asInt":1,"attributes":[{}]}}]}}}}"#,
            text(key, "v")
        );
        let translation = translated(&request("", &metric), options);
        let labels = &translation.series[0].labels;
        labels
            .iter()
            .map(|(name, _)| name.to_owned())
            .find(|name| name != "__name__")
            .unwrap_or_default()
    };
    let default = OtlpOptions::default();
    let mut plain = OtlpOptions::default();
    plain.label_name_underscore_sanitization = false;
    plain.label_name_preserve_multiple_underscores = false;
    let mut untouched = OtlpOptions::default();
    untouched.translation_strategy = TranslationStrategy::NoTranslation;
    for (key, by_default, by_plain) in [
        ("name", "name", "name"),
        ("host.name", "host_name", "host_name"),
        ("name (of the host)", "name__of_the_host_", "name_of_the_host_"),
        ("2 cents", "key_2_cents", "key_2_cents"),
        ("_name", "key_name", "_name"),
        ("__name", "__name", "_name"),
        ("__re..served__", "__re__served__", "__re_served__"),
        ("a:b", "a_b", "a_b"),
        ("a..b", "a__b", "a_b"),
        ("\u{6e29}", "", ""),
    ] {
        assert_eq!(label(key, &default), by_default, "{key}");
        assert_eq!(label(key, &plain), by_plain, "{key}");
        assert_eq!(label(key, &untouched), key);
        for name in [by_default, by_plain] {
            assert!(name.is_empty() || is_valid_label_name(name));
        }
    }
}

#[test]
fn words_of_strategies() {
    for word in [
        "UnderscoreEscapingWithSuffixes",
        "NoUTF8EscapingWithSuffixes",
        "UnderscoreEscapingWithoutSuffixes",
        "NoTranslation",
    ] {
        assert_eq!(word.parse::<TranslationStrategy>().unwrap().as_str(), word);
    }
    assert!("NoTranslations".parse::<TranslationStrategy>().is_err());
}
