//! Every kind of metric and every option once, worked out by hand.

use moheng_metrics::otlp::{OtlpOptions, PromotedAttributes, TranslationStrategy};
use moheng_metrics::{Metadata, MetricKind};

use super::{check, request, text, translated};

fn options(change: impl FnOnce(&mut OtlpOptions)) -> OtlpOptions {
    let mut options = OtlpOptions::default();
    change(&mut options);
    options
}

#[test]
fn gauges_and_sums() {
    let metrics = r#"
        {"name":"temp","unit":"Cel","description":"How warm.","gauge":{"dataPoints":[
            {"timeUnixNano":"2000000000","startTimeUnixNano":"1000000000","asDouble":21.5,
             "attributes":[{"key":"room.name","value":{"stringValue":"hall"}}]},
            {"timeUnixNano":"1000000000","asInt":"-3","attributes":[{"key":"room.name","value":{"stringValue":"hall"}}]},
            {"timeUnixNano":3000000,"flags":1}]}},
        {"name":"load","unit":"1","gauge":{"dataPoints":[{"timeUnixNano":"2000000000","asDouble":0.5}]}},
        {"name":"requests","unit":"{request}","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {"timeUnixNano":"2000000000","startTimeUnixNano":"500000000","asInt":7}]}},
        {"name":"queue","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[
            {"timeUnixNano":"2000000000","startTimeUnixNano":"500000000","asInt":7}]}},
        {"name":"sent","unit":"By/s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {"timeUnixNano":"2000000000","startTimeUnixNano":"2000000000","asInt":7}]}}"#;
    let json = request("", metrics);
    check(
        &json,
        &OtlpOptions::default(),
        &[
            r#"{__name__="temp_celsius", room_name="hall"} -3 @1000"#,
            r#"{__name__="temp_celsius", room_name="hall"} 21.5 @2000"#,
            r#"{__name__="temp_celsius"} stale @3"#,
            r#"{__name__="load_ratio"} 0.5 @2000"#,
            r#"{__name__="requests_total"} 7 @2000 since 500"#,
            r#"{__name__="queue"} 7 @2000"#,
            r#"{__name__="sent_bytes_per_second_total"} 7 @2000"#,
        ],
    );
    let kinds: Vec<_> = translated(&json, &OtlpOptions::default())
        .metadata
        .into_iter()
        .map(|metadata| (metadata.kind, metadata.unit, metadata.help))
        .collect();
    let expected = [
        (MetricKind::Gauge, "celsius", "How warm."),
        (MetricKind::Gauge, "", ""),
        (MetricKind::Counter, "", ""),
        (MetricKind::Gauge, "", ""),
        (MetricKind::Counter, "bytes_per_second", ""),
    ];
    assert_eq!(
        kinds,
        expected.map(|(kind, unit, help)| (kind, unit.to_owned(), help.to_owned()))
    );
}

#[test]
fn prometheus_types_survive() {
    let metric = |prometheus: &str, data: &str| {
        let metadata = text("prometheus.type", prometheus);
        request(
            "",
            &format!(
                r#"{{"name":"m","metadata":[{metadata}],{data}:[{{"timeUnixNano":1000000,"asInt":1}}]}}}}"#
            ),
        )
    };
    let gauge = r#""gauge":{"dataPoints""#;
    let sum = r#""sum":{"aggregationTemporality":2,"dataPoints""#;
    for (prometheus, data, kind) in [
        ("unknown", gauge, MetricKind::Untyped),
        ("gauge", gauge, MetricKind::Gauge),
        ("info", sum, MetricKind::Info),
        ("stateset", sum, MetricKind::StateSet),
    ] {
        let metadata = translated(&metric(prometheus, data), &OtlpOptions::default()).metadata;
        assert_eq!(
            metadata,
            [Metadata {
                kind,
                ..Metadata::default()
            }],
            "{prometheus}"
        );
    }
}

const HISTOGRAM: &str = r#"{"name":"latency","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[
    {"timeUnixNano":"2000000000","startTimeUnixNano":"500000000","count":"6","sum":"12.5",
     "bucketCounts":["1","0","3","2"],"explicitBounds":[0.5,1,1000000],
     "attributes":[{"key":"le","value":{"stringValue":"ignored"}}],
     "exemplars":[
        {"timeUnixNano":"1500000000","asDouble":0.75,"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",
         "filteredAttributes":[{"key":"user.id","value":{"intValue":"7"}}]},
        {"asInt":"5000000","filteredAttributes":[{"key":"a","value":{"stringValue":"b"}}]}]}]}}"#;

#[test]
fn histograms_as_classic_series() {
    check(
        &request("", HISTOGRAM),
        &OtlpOptions::default(),
        &[
            r#"{__name__="latency_milliseconds_sum", le="ignored"} 12.5 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_count", le="ignored"} 6 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_bucket", le="0.5"} 1 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_bucket", le="1"} 1 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_bucket", le="1"} # {span_id="0102030405060708", trace_id="0102030405060708090a0b0c0d0e0f10", user_id="7"} 0.75 @1500"#,
            r#"{__name__="latency_milliseconds_bucket", le="1000000"} 4 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_bucket", le="+Inf"} 6 @2000 since 500"#,
            r#"{__name__="latency_milliseconds_bucket", le="+Inf"} # {a="b"} 5000000 @2000"#,
        ],
    );
}

#[test]
fn histograms_with_custom_buckets() {
    let options = options(|options| options.convert_histograms_to_nhcb = true);
    check(
        &request("", HISTOGRAM),
        &options,
        &[
            r#"{__name__="latency_milliseconds", le="ignored"} schema -53 count 6 sum 12.5 zero 0 0.0 bounds [0.5, 1.0, 1000000.0] + [(0, 4)] [1, 0, 3, 2] - [] [] Unknown @2000 since 500"#,
            r#"{__name__="latency_milliseconds", le="ignored"} # {span_id="0102030405060708", trace_id="0102030405060708090a0b0c0d0e0f10", user_id="7"} 0.75 @1500"#,
            r#"{__name__="latency_milliseconds", le="ignored"} # {a="b"} 5000000 @2000"#,
        ],
    );
}

#[test]
fn histograms_that_are_short_or_wrong() {
    let point = |rest: &str| {
        request(
            "",
            &format!(
                r#"{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"timeUnixNano":1000000,"count":"2",{rest}}}]}}}}"#
            ),
        )
    };
    let classic = OtlpOptions::default();
    let custom = options(|options| options.convert_histograms_to_nhcb = true);
    check(
        &point(r#""flags":0"#),
        &classic,
        &[
            r#"{__name__="h_count"} 2 @1"#,
            r#"{__name__="h_bucket", le="+Inf"} 2 @1"#,
        ],
    );
    check(
        &point(r#""flags":0"#),
        &custom,
        &[
            r#"{__name__="h"} schema -53 count 2 sum 0 zero 0 0.0 bounds [] + [(0, 1)] [2] - [] [] Unknown @1"#,
        ],
    );
    check(
        &point(r#""flags":1,"sum":1"#),
        &classic,
        &[
            r#"{__name__="h_sum"} stale @1"#,
            r#"{__name__="h_count"} stale @1"#,
            r#"{__name__="h_bucket", le="+Inf"} stale @1"#,
        ],
    );
    check(&point(r#""flags":1"#), &custom, &[r#"{__name__="h"} stale @1"#]);
    for wrong in [
        r#""bucketCounts":[1,1],"explicitBounds":[1,2]"#,
        r#""bucketCounts":[1,1,0],"explicitBounds":[2,1]"#,
        r#""bucketCounts":[1,1,0],"explicitBounds":[1,1]"#,
        r#""bucketCounts":[1,1],"explicitBounds":["NaN"]"#,
        r#""bucketCounts":[1,1],"explicitBounds":["Infinity"]"#,
    ] {
        for options in [&classic, &custom] {
            check(
                &point(wrong),
                options,
                &["! h: histogram with invalid buckets (1 times)"],
            );
        }
    }
}

fn exponential(scale: i32, rest: &str) -> String {
    request(
        "",
        &format!(
            r#"{{"name":"e","exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[
            {{"timeUnixNano":1000000,"scale":{scale},"count":"9","sum":4.5,"zeroCount":2,{rest}}}]}}}}"#
        ),
    )
}

#[test]
fn exponential_histograms() {
    let default = OtlpOptions::default();
    // A bucket with lower index -1 has upper index 0.
    let buckets = r#""positive":{"offset":-1,"bucketCounts":[1,2,0,0,0,3]},"negative":{"offset":2,"bucketCounts":["1"]}"#;
    check(
        &exponential(1, buckets),
        &default,
        &[
            r#"{__name__="e"} schema 1 count 9 sum 4.5 zero 2 1e-128 bounds [] + [(0, 2), (3, 1)] [1, 2, 3] - [(3, 1)] [1] Unknown @1"#,
        ],
    );
    check(
        &exponential(1, &format!(r#""zeroThreshold":0.25,{buckets}"#)),
        &default,
        &[
            r#"{__name__="e"} schema 1 count 9 sum 4.5 zero 2 0.25 bounds [] + [(0, 2), (3, 1)] [1, 2, 3] - [(3, 1)] [1] Unknown @1"#,
        ],
    );
    // Two halvings: lower indexes -1, 0, 4 become -1, 0, 1; 2 becomes 0.
    check(
        &exponential(10, buckets),
        &default,
        &[
            r#"{__name__="e"} schema 8 count 9 sum 4.5 zero 2 1e-128 bounds [] + [(0, 3)] [1, 2, 3] - [(1, 1)] [1] Unknown @1"#,
        ],
    );
    // All that is below 1 in one bucket, all that is above in another.
    check(
        &exponential(i32::MAX, buckets),
        &default,
        &[
            r#"{__name__="e"} schema 8 count 9 sum 4.5 zero 2 1e-128 bounds [] + [(0, 2)] [1, 5] - [(1, 1)] [1] Unknown @1"#,
        ],
    );
    check(
        &exponential(-5, buckets),
        &default,
        &["! e: exponential histogram with a scale below -4 (1 times)"],
    );
    check(
        &exponential(0, r#""positive":{"offset":2147483647,"bucketCounts":[1]}"#),
        &default,
        &["! e: histogram with invalid buckets (1 times)"],
    );
    check(
        &exponential(0, r#""flags":1"#),
        &default,
        &[r#"{__name__="e"} stale @1"#],
    );
}

#[test]
fn summaries() {
    let metrics = r#"{"name":"rpc","unit":"s","summary":{"dataPoints":[{"timeUnixNano":"2000000000",
        "startTimeUnixNano":"1000000000","count":3,"sum":1.5,
        "quantileValues":[{"quantile":0.5,"value":0.25},{"quantile":1,"value":1}]}]}}"#;
    check(
        &request("", metrics),
        &OtlpOptions::default(),
        &[
            r#"{__name__="rpc_seconds_sum"} 1.5 @2000 since 1000"#,
            r#"{__name__="rpc_seconds_count"} 3 @2000 since 1000"#,
            r#"{__name__="rpc_seconds", quantile="0.5"} 0.25 @2000 since 1000"#,
            r#"{__name__="rpc_seconds", quantile="1"} 1 @2000 since 1000"#,
        ],
    );
}

#[test]
fn delta_is_dropped_unless_it_is_wanted() {
    let metrics = r#"
        {"name":"d","sum":{"aggregationTemporality":1,"dataPoints":[
            {"timeUnixNano":2000000,"startTimeUnixNano":1000000,"asInt":1},{"timeUnixNano":3000000,"asInt":1}]}},
        {"name":"u","sum":{"dataPoints":[{"timeUnixNano":2000000,"asInt":1}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":2000000}]}}"#;
    let json = request("", metrics);
    check(
        &json,
        &OtlpOptions::default(),
        &[
            "! d: delta temporality is not accepted (2 times)",
            "! u: unknown aggregation temporality (1 times)",
            "! e: delta temporality is not accepted (1 times)",
        ],
    );
    assert_eq!(
        translated(&json, &OtlpOptions::default())
            .warnings
            .rejected_points(),
        4
    );
    let accept = options(|options| options.accept_delta = true);
    check(
        &json,
        &accept,
        &[
            r#"{__name__="d"} 1 @2 since 1"#,
            r#"{__name__="d"} 1 @3"#,
            r#"{__name__="e"} schema 0 count 0 sum 0 zero 0 1e-128 bounds [] + [] [] - [] [] Gauge @2"#,
            "! u: unknown aggregation temporality (1 times)",
        ],
    );
    let kinds: Vec<_> = translated(&json, &accept)
        .metadata
        .iter()
        .map(|metadata| metadata.kind)
        .collect();
    assert_eq!(kinds, [MetricKind::Untyped, MetricKind::Untyped]);
}

fn resource() -> String {
    [
        text("service.name", "shop"),
        text("service.namespace", "eu"),
        text("service.instance.id", "a1"),
        text("host.name", "node1"),
        text("cloud.region", "east"),
    ]
    .join(",")
}

fn gauge(name: &str, time_ms: i64, attributes: &str) -> String {
    format!(
        r#"{{"name":"{name}","gauge":{{"dataPoints":[{{"timeUnixNano":"{time_ms}000000","asInt":1,"attributes":[{attributes}]}}]}}}}"#
    )
}

#[test]
fn resources_become_target_info() {
    let metrics = [gauge("a", 1_000, ""), gauge("b", 400_000, "")].join(",");
    let json = request(&resource(), &metrics);
    let samples = [
        r#"{__name__="a", instance="a1", job="eu/shop"} 1 @1000"#,
        r#"{__name__="b", instance="a1", job="eu/shop"} 1 @400000"#,
    ];
    let info =
        r#"{__name__="target_info", cloud_region="east", host_name="node1", instance="a1", job="eu/shop"}"#;
    let expected = |info: &str| -> Vec<String> {
        let times = [1_000, 151_000, 301_000, 400_000];
        let info = times.map(|timestamp_ms| format!("{info} 1 @{timestamp_ms}"));
        samples
            .iter()
            .map(|line| (*line).to_owned())
            .chain(info)
            .collect()
    };
    assert_eq!(
        super::lines(&translated(&json, &OtlpOptions::default())),
        expected(info)
    );
    let keep = options(|options| options.keep_identifying_resource_attributes = true);
    let info = r#"{__name__="target_info", cloud_region="east", host_name="node1", instance="a1", job="eu/shop", service_instance_id="a1", service_name="shop", service_namespace="eu"}"#;
    assert_eq!(super::lines(&translated(&json, &keep)), expected(info));
}

#[test]
fn target_info_only_where_it_says_something() {
    let default = OtlpOptions::default();
    let identified = [text("service.name", "shop"), text("service.instance.id", "a1")].join(",");
    check(
        &request(&identified, &gauge("a", 1, "")),
        &default,
        &[r#"{__name__="a", instance="a1", job="shop"} 1 @1"#],
    );
    check(
        &request(&text("host.name", "n"), &gauge("a", 1, "")),
        &default,
        &[r#"{__name__="a"} 1 @1"#],
    );
    // A namespace alone is no job.
    let namespace = [text("service.namespace", "eu"), text("host.name", "n")].join(",");
    check(
        &request(&namespace, &gauge("a", 1, "")),
        &default,
        &[r#"{__name__="a"} 1 @1"#],
    );
    // Nothing was measured.
    check(&request(&resource(), ""), &default, &[]);
    // Two resources with the same labels are one series, in order and without duplicates.
    let one = request(&resource(), &gauge("a", 5, ""));
    let two = request(&resource(), &gauge("b", 3, ""));
    let entry = |json: &str| json["{\"resourceMetrics\":[".len()..json.len() - 2].to_owned();
    let both = format!(
        r#"{{"resourceMetrics":[{},{},{}]}}"#,
        entry(&one),
        entry(&two),
        entry(&one)
    );
    let translation = translated(&both, &default);
    let info = translation
        .series
        .iter()
        .find(|series| series.labels.metric_name() == "target_info");
    let times: Vec<i64> = info
        .unwrap()
        .floats
        .iter()
        .map(|sample| sample.timestamp_ms)
        .collect();
    assert_eq!(times, [3, 5]);
}

#[test]
fn target_info_is_bounded() {
    let metrics = [gauge("a", 1, ""), gauge("b", 9_000_000_000_000, "")].join(",");
    let translation = translated(&request(&resource(), &metrics), &OtlpOptions::default());
    let info = translation.series.last().unwrap();
    assert_eq!(info.floats.len(), 1001);
    assert_eq!(info.floats.last().unwrap().timestamp_ms, 9_000_000_000_000);
    assert_eq!(
        translation.warnings.list()[0].to_string(),
        "target_info: data points too far apart for target_info to lie between (1 times)"
    );
    assert_eq!(translation.warnings.rejected_points(), 0);
}

#[test]
fn promoted_attributes() {
    let json = request(&resource(), &gauge("a", 1, &text("cloud.region", "mine")));
    let first = |options: &OtlpOptions| super::lines(&translated(&json, options)).remove(0);
    let only = options(|options| {
        options.promote_resource_attributes =
            PromotedAttributes::Only(vec!["host.name".into(), "cloud.region".into(), "missing".into()]);
    });
    assert_eq!(
        first(&only),
        r#"{__name__="a", cloud_region="mine", host_name="node1", instance="a1", job="eu/shop"} 1 @1"#
    );
    let all_but = options(|options| {
        options.promote_resource_attributes =
            PromotedAttributes::AllBut(vec!["service.name".into(), "service.namespace".into()]);
    });
    assert_eq!(
        first(&all_but),
        r#"{__name__="a", cloud_region="mine", host_name="node1", instance="a1", job="eu/shop", service_instance_id="a1"} 1 @1"#
    );
}

#[test]
fn scopes_become_labels_on_request() {
    let attributes = [text("team.name", "core"), text("name", "not this")].join(",");
    let json = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"schemaUrl":"http://s/1","scope":{{"name":"lib","version":"v1",
        "attributes":[{attributes}]}},"metrics":[{}]}}]}}]}}"#,
        gauge("a", 1, "")
    );
    check(&json, &OtlpOptions::default(), &[r#"{__name__="a"} 1 @1"#]);
    let promote = options(|options| options.promote_scope_metadata = true);
    check(
        &json,
        &promote,
        &[
            r#"{__name__="a", otel_scope_name="lib", otel_scope_schema_url="http://s/1", otel_scope_team_name="core", otel_scope_version="v1"} 1 @1"#,
        ],
    );
}

#[test]
fn attributes_of_every_type() {
    let attributes = r#"
        {"key":"a","value":{"boolValue":true}},
        {"key":"b","value":{"intValue":"-5"}},
        {"key":"c","value":{"doubleValue":1.5}},
        {"key":"d","value":{"bytesValue":"Zm9v"}},
        {"key":"e","value":{"arrayValue":{"values":[{"stringValue":"x<"},{"intValue":1},{}]}}},
        {"key":"f","value":{"kvlistValue":{"values":[
            {"key":"z","value":{"boolValue":false}},{"key":"y","value":{"doubleValue":1e21}}]}}},
        {"key":"g","value":{"stringValue":""}},
        {"key":"h"},
        {"key":"job","value":{"stringValue":"mine"}},
        {"key":"__name__","value":{"stringValue":"other"}}"#;
    check(
        &request(&text("service.name", "shop"), &gauge("m", 1, attributes)),
        &OtlpOptions::default(),
        &[
            r#"{__name__="m", a="true", b="-5", c="1.5", d="Zm9v", e="[\"x\\u003c\",1,null]", f="{\"y\":1e+21,\"z\":false}", job="shop"} 1 @1"#,
        ],
    );
}

#[test]
fn attributes_that_become_one_label_are_joined() {
    let attributes = [text("a_b", "3"), text("a.b", "2"), text("a-b", "1")].join(",");
    let json = request("", &gauge("m", 1, &attributes));
    check(
        &json,
        &OtlpOptions::default(),
        &[r#"{__name__="m", a_b="1;2;3"} 1 @1"#],
    );
    let untouched = options(|options| options.translation_strategy = TranslationStrategy::NoTranslation);
    check(
        &json,
        &untouched,
        &[r#"{__name__="m", "a-b"="1", "a.b"="2", a_b="3"} 1 @1"#],
    );
}

#[test]
fn exemplars_that_are_too_long_keep_their_ids() {
    let long = text("long", &"x".repeat(70));
    let exemplar = format!(
        r#"{{"asDouble":1,"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0000000000000000","filteredAttributes":[{long}]}}"#
    );
    let json = request(
        "",
        &format!(
            r#"{{"name":"c","sum":{{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {{"timeUnixNano":1000000,"asInt":1,"exemplars":[{exemplar},{{}}]}}]}}}}"#
        ),
    );
    check(
        &json,
        &OtlpOptions::default(),
        &[
            r#"{__name__="c_total"} 1 @1"#,
            &format!(
                r#"{{__name__="c_total"}} # {{long="{}", trace_id="0102030405060708090a0b0c0d0e0f10"}} 1 @1"#,
                "x".repeat(70)
            ),
        ],
    );
    let json = json.replace(&"x".repeat(70), &"x".repeat(100));
    check(
        &json,
        &OtlpOptions::default(),
        &[
            r#"{__name__="c_total"} 1 @1"#,
            r#"{__name__="c_total"} # {trace_id="0102030405060708090a0b0c0d0e0f10"} 1 @1"#,
        ],
    );
}

#[test]
fn what_is_missing_is_left_out_with_a_warning() {
    let metrics = r#"
        {"name":"nothing"},
        {"name":"empty","gauge":{}},
        {"name":"...","gauge":{"dataPoints":[{"timeUnixNano":1000000,"asInt":1}]}},
        {"name":"time","gauge":{"dataPoints":[{"asInt":1}]}},
        {"name":"value","gauge":{"dataPoints":[{"timeUnixNano":1000000}]}},
        {"name":"key","gauge":{"dataPoints":[{"timeUnixNano":1000000,"asInt":1,
            "attributes":[{"key":"","value":{"intValue":1}},{"key":"..","value":{"intValue":1}}]}]}}"#;
    check(
        &request("", metrics),
        &OtlpOptions::default(),
        &[
            r#"{__name__="key"} 1 @1"#,
            "! nothing: metric without data points (1 times)",
            "! empty: metric without data points (1 times)",
            "! ...: invalid metric name (1 times)",
            "! time: data point without a valid time (1 times)",
            "! value: data point without a value (1 times)",
            "! key: invalid attribute key (2 times)",
        ],
    );
}
