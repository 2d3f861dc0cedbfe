//! Tests of reading families.

use super::*;
use crate::exposition::{Format, parse};
use crate::{Bucket, HistogramMetric, Labels, MetricValue, Quantile, SummaryMetric};

fn read(format: Format, text: &str) -> Result<Vec<MetricFamily>, String> {
    parse(format, text.as_bytes()).map_err(|error| error.to_string())
}

#[track_caller]
fn check_error(format: Format, text: &str, expected: &str) {
    assert_eq!(read(format, text), Err(expected.to_owned()));
}

fn histogram(bounds: &[(f64, f64)], count: f64, sum: Option<f64>) -> MetricValue {
    let bucket = |&(upper_bound, cumulative_count): &(f64, f64)| Bucket {
        upper_bound,
        cumulative_count,
        exemplar: None,
    };
    MetricValue::Histogram(Box::new(HistogramMetric {
        buckets: bounds.iter().map(bucket).collect(),
        count,
        sum,
        ..HistogramMetric::default()
    }))
}

#[test]
fn lines_in_any_order_make_up_metrics() {
    let text = "# TYPE h histogram\n\
        h_count{a=\"1\"} 3\nh_bucket{le=\"+Inf\",a=\"1\"} 3\nh_bucket{a=\"2\",le=\"1\"} 4\nh_sum{a=\"1\"} 2.5\n\
        h_bucket{a=\"1\",le=\"0.5\"} 1\nh_count{a=\"2\"} 5\nup 1\nh_sum{a=\"2\"} 7\n\
        # TYPE s summary\ns{quantile=\"0.9\"} 2\ns{quantile=\"0.5\"} 1\ns_sum 9\ns_count 8\n";
    let families = read(Format::Text0_0_4, text).unwrap();
    let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["h", "up", "s"]);
    let infinity = f64::INFINITY;
    let [first, second] = families[0].metrics.as_slice() else {
        panic!("{families:?}");
    };
    assert_eq!(first.labels, Labels::from_pairs([("a", "1")]));
    assert_eq!(
        first.value,
        histogram(&[(0.5, 1.0), (infinity, 3.0)], 3.0, Some(2.5))
    );
    assert_eq!(
        second.value,
        histogram(&[(1.0, 4.0), (infinity, 5.0)], 5.0, Some(7.0))
    );
    let quantiles = vec![
        Quantile {
            quantile: 0.5,
            value: 1.0,
        },
        Quantile {
            quantile: 0.9,
            value: 2.0,
        },
    ];
    let summary = SummaryMetric {
        quantiles,
        count: 8.0,
        sum: 9.0,
    };
    assert_eq!(
        families[2].metrics[0].value,
        MetricValue::Summary(Box::new(summary))
    );
}

#[test]
fn samples_find_their_family() {
    for (text, expected) in [
        ("up 1\n", &[("up", MetricKind::Untyped, 1)][..]),
        ("# HELP up x\nup 1\nup 2\n", &[("up", MetricKind::Untyped, 2)]),
        (
            "up 1\n# TYPE up gauge\nup 2\n",
            &[("up", MetricKind::Untyped, 1), ("up", MetricKind::Gauge, 1)],
        ),
        (
            "# TYPE h histogram\n# TYPE h_sum gauge\nh_sum 1\n",
            &[("h", MetricKind::Histogram, 0), ("h_sum", MetricKind::Gauge, 1)],
        ),
        (
            "# TYPE h gauge\nh_sum 1\n",
            &[("h", MetricKind::Gauge, 0), ("h_sum", MetricKind::Untyped, 1)],
        ),
        ("# TYPE s summary\ns 1\n", &[("s", MetricKind::Summary, 1)]),
        (
            "# TYPE c_total counter\nc_total 1\nc_created 2\n",
            &[
                ("c_total", MetricKind::Counter, 1),
                ("c_created", MetricKind::Untyped, 1),
            ],
        ),
    ] {
        let families = read(Format::Text0_0_4, text).unwrap();
        let found: Vec<_> = families
            .iter()
            .map(|family| (family.name.as_str(), family.kind, family.metrics.len()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn openmetrics_names_its_families_without_suffix() {
    let text = "# TYPE c counter\nc_total 1 # {a=\"b\"} 1\nc_created 1.5\n# TYPE i info\ni_info{a=\"b\"} 1\n\
        # TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 2\ng_gcount 2\ng_gsum 3\n# EOF\n";
    let families = read(Format::OpenMetrics1_0_0, text).unwrap();
    let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["c_total", "i_info", "g"]);
    assert_eq!(families[0].metrics[0].start_timestamp_ms, Some(1500));
    assert_eq!(
        families[0].metrics[0]
            .exemplar
            .as_ref()
            .map(|exemplar| exemplar.value),
        Some(1.0)
    );
    assert_eq!(
        families[2].metrics[0].value,
        histogram(&[(f64::INFINITY, 2.0)], 2.0, Some(3.0))
    );
}

#[test]
fn a_gauge_and_a_counter_may_share_a_name() {
    let shared = "# HELP a One.\n# TYPE a gauge\na 1\n# HELP a Two.\n# TYPE a counter\na_total 2\n# EOF\n";
    let families = read(Format::OpenMetrics1_0_0, shared).unwrap();
    let expected = [
        MetricFamily::single("a", MetricKind::Gauge, "One.", 1.0),
        MetricFamily::single("a_total", MetricKind::Counter, "Two.", 2.0),
    ];
    assert_eq!(families, expected);
    let mut page = Vec::new();
    crate::exposition::write(
        Format::OpenMetrics1_0_0,
        crate::EscapingScheme::AllowUtf8,
        &families,
        &mut page,
    );
    let unambiguous =
        "# HELP a One.\n# TYPE a gauge\na 1\n# HELP a_total Two.\n# TYPE a_total unknown\na_total 2\n# EOF\n";
    assert_eq!(String::from_utf8_lossy(&page), unambiguous);
}

const TEXT: Format = Format::Text0_0_4;
const OPENMETRICS: Format = Format::OpenMetrics1_0_0;

const NOT_WHOLE: &[(Format, &str, &str)] = &[
    (
        TEXT,
        "# TYPE h histogram\nh_sum 1\n",
        "2:1: the histogram that begins here has neither a count nor a +Inf bucket",
    ),
    (
        TEXT,
        "# TYPE h histogram\nh_bucket 1\n",
        r#"2:1: this sample has no label "le" that is a number"#,
    ),
    (
        TEXT,
        "# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\n",
        r#"2:1: this sample has no label "le" that is a number"#,
    ),
    (
        TEXT,
        "# TYPE s summary\ns{quantile=\"x\"} 1\n",
        r#"2:1: this sample has no label "quantile" that is a number"#,
    ),
    (
        TEXT,
        "# TYPE h histogram\nh_sum 1\nh_sum 1\n",
        "3:1: the histogram has two sums",
    ),
    (
        TEXT,
        "# TYPE s summary\ns_count 1\ns_count 1\n",
        "3:1: the summary has two counts",
    ),
    (
        TEXT,
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_count 1\n",
        "2:1: the histogram that begins here has 1 twice",
    ),
    (
        OPENMETRICS,
        "# TYPE c counter\nc 1\n# EOF\n",
        r#"2:1: the samples of "c" must be named c_total"#,
    ),
    (
        OPENMETRICS,
        "# TYPE c info\nc 1\n# EOF\n",
        r#"2:1: the samples of "c" must be named c_info"#,
    ),
    (
        OPENMETRICS,
        "# TYPE c counter\nc_created x\n# EOF\n",
        r#"2:11: expected a number, found "x""#,
    ),
    (
        OPENMETRICS,
        "# TYPE c counter\nc_created NaN\n# EOF\n",
        "2:1: the time at which it was created is no time in seconds",
    ),
    (
        OPENMETRICS,
        "up 1\n",
        "2:1: expected # EOF at the end, found the end of the text",
    ),
];

#[test]
fn what_is_not_a_whole_metric_is_refused() {
    for (format, page, error) in NOT_WHOLE {
        check_error(*format, page, error);
    }
}
