//! Instruments and their registry, as a program and a scraper see them.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of tests fails by panicking"
)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use moheng_metrics::exposition::{Format, Negotiated, parse};
use moheng_metrics::histogram::{
    HistogramLayout, IntegerHistogram, MIN_SCHEMA, bucket_bound, bucket_index, schema_of_bucket_factor,
};
use moheng_metrics::instrument::{
    Counter, Family, GatherConflict, Gauge, Histogram, HistogramOptions, Info, NativeOptions, OTHER_VALUE,
    RegisterError, Registry, StateSet, exponential_bounds,
};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    EscapingScheme, Exemplar, ExposedNativeHistogram, HistogramMetric, Labels, Metric, MetricFamily,
    MetricKind, MetricValue,
};
use proptest::prelude::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(1_700_000_000_000))
}

fn registry() -> Registry {
    Registry::new(clock())
}

fn text(registry: &Registry) -> String {
    page(registry, Format::Text0_0_4)
}

fn page(registry: &Registry, format: Format) -> String {
    let escaping = EscapingScheme::AllowUtf8;
    let rendered = registry.render_as(Negotiated { format, escaping });
    assert_eq!(rendered.conflicts, []);
    String::from_utf8(rendered.body).expect("text")
}

fn histogram_of(registry: &Registry, name: &str) -> HistogramMetric {
    let families = registry.gather().families;
    let family = families
        .iter()
        .find(|family| family.name == name)
        .expect("the family");
    match &family.metrics[0].value {
        MetricValue::Histogram(histogram) => (**histogram).clone(),
        other => panic!("{other:?}"),
    }
}

fn native_of(histogram: &HistogramMetric) -> &IntegerHistogram {
    match &histogram.native {
        Some(ExposedNativeHistogram::Integer(native)) => native,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_is_rendered_in_every_format() {
    let registry = full_registry();
    assert_eq!(
        text(&registry),
        r#"# HELP app_build_info What runs.
# TYPE app_build_info gauge
app_build_info{version="1.2"} 1
# HELP phase Where we are.
# TYPE phase gauge
phase{phase="starting"} 0
phase{phase="running"} 1
# HELP queue_length Waiting.
# TYPE queue_length gauge
queue_length{queue="mail"} -2
# HELP request_seconds Time to answer.
# TYPE request_seconds histogram
request_seconds_bucket{le="0.1"} 0
request_seconds_bucket{le="1"} 1
request_seconds_bucket{le="+Inf"} 2
request_seconds_sum 4.5
request_seconds_count 2
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",method="GET"} 3
requests_total{code="500",method="GET"} 1
"#
    );
    assert_eq!(
        page(&registry, Format::OpenMetrics1_0_0),
        r#"# HELP app_build What runs.
# TYPE app_build info
app_build_info{version="1.2"} 1
# HELP phase Where we are.
# TYPE phase stateset
phase{phase="starting"} 0
phase{phase="running"} 1
# HELP queue_length Waiting.
# TYPE queue_length gauge
queue_length{queue="mail"} -2
# HELP request_seconds Time to answer.
# TYPE request_seconds histogram
# UNIT request_seconds seconds
request_seconds_bucket{le="0.1"} 0
request_seconds_bucket{le="1.0"} 1
request_seconds_bucket{le="+Inf"} 2 # {trace_id="b"} 4 1700000000
request_seconds_sum 4.5
request_seconds_count 2
request_seconds_created 1700000000
# HELP requests Requests.
# TYPE requests counter
requests_total{code="200",method="GET"} 3
requests_created{code="200",method="GET"} 1700000000
requests_total{code="500",method="GET"} 1 # {trace_id="a"} 1
requests_created{code="500",method="GET"} 1700000000
# EOF
"#
    );
    for format in Format::ALL {
        let escaping = format.escaping(EscapingScheme::AllowUtf8);
        let rendered = registry.render_as(Negotiated { format, escaping });
        let families = parse(format, &rendered.body).expect("its own page");
        assert_eq!(families.len(), 5, "{format}");
        if format == Format::Protobuf {
            // It knows neither info metrics nor state sets.
            let mut gathered = registry.gather().families;
            for family in &mut gathered[..2] {
                family.kind = MetricKind::Gauge;
            }
            assert_eq!(families, gathered);
        }
    }
}

fn full_registry() -> Registry {
    let registry = registry();
    let requests = registry
        .counter_family("requests_total", "Requests.", ["method", "code"])
        .unwrap();
    requests.with(["GET", "200"]).add(3);
    let labels = |trace| Labels::from_pairs([("trace_id", trace)]);
    requests.with(["GET", "500"]).add_with_exemplar(
        1,
        Exemplar {
            labels: labels("a"),
            value: 1.0,
            timestamp_ms: None,
        },
    );
    let queue = registry
        .gauge_family("queue_length", "Waiting.", ["queue"])
        .unwrap();
    queue.with(["mail"]).set(-2.0);
    let options = HistogramOptions {
        native: Some(NativeOptions::default()),
        ..HistogramOptions::classic([0.1, 1.0])
    };
    let seconds = registry
        .histogram("request_seconds", "Time to answer.", &options)
        .unwrap();
    seconds.observe(0.5);
    seconds.observe_with_exemplar(4.0, labels("b"));
    registry
        .register("app_build_info", "What runs.", Info::new([("version", "1.2")]))
        .unwrap();
    let phase = StateSet::new(["starting", "", "running"]);
    assert!(
        registry
            .register("phase", "Where we are.", phase)
            .unwrap()
            .set("running")
    );
    registry
}

#[test]
fn the_page_is_in_the_format_that_was_asked_for() {
    let registry = registry();
    registry
        .gauge("größe", "With a name in quotes.")
        .unwrap()
        .set(1.0);
    let check = |accept: &str, content_type: &str, part: &str| {
        let rendered = registry.render(accept);
        assert_eq!(rendered.content_type, content_type);
        let body = String::from_utf8(rendered.body).expect("text");
        assert!(body.contains(part), "{body}");
    };
    check("", "text/plain; version=0.0.4; charset=utf-8", "\ngr__e 1\n");
    check(
        "text/plain;version=1.0.0;escaping=allow-utf-8",
        "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        "\n{\"größe\"} 1\n",
    );
    check(
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text; version=0.0.1; charset=utf-8",
        "\ngr__e 1\n# EOF\n",
    );
}

/// What a registration was refused with.
fn refusal<T>(result: Result<T, RegisterError>) -> String {
    result.map(drop).unwrap_err().to_string()
}

#[test]
fn names_that_say_what_is_not_true_are_refused() {
    let registry = registry().with_prefix("a");
    let check = |actual: String, expected: &str| assert_eq!(actual, expected);
    let empty = self::registry();
    check(
        refusal(empty.gauge("", "Help.")),
        "\"\" cannot name a metric of type gauge: it is empty",
    );
    check(
        refusal(registry.counter("b", "Help.")),
        "\"ab\" cannot name a metric of type counter: it does not end in _total",
    );
    check(
        refusal(registry.counter_from("b", "Help.", || 1.0)),
        "\"ab\" cannot name a metric of type counter: it does not end in _total",
    );
    for refused in [
        refusal(registry.gauge("b_total", "Help.")),
        refusal(registry.gauge_from("b_total", "Help.", || 1.0)),
    ] {
        check(
            refused,
            "\"ab_total\" cannot name a metric of type gauge: _total is for counters",
        );
    }
    check(
        refusal(registry.register("b", "Help.", Info::new([("a", "b")]))),
        "\"ab\" cannot name a metric of type info: it does not end in _info",
    );
    assert_eq!(empty.gather().families, []);
}

#[test]
fn names_that_are_taken_are_refused() {
    let registry = registry();
    registry.counter("hits_total", "Help.").unwrap();
    registry.gauge_family("by_label", "Help.", ["b", "a"]).unwrap();
    registry
        .histogram("sizes", "Help.", &HistogramOptions::classic([1.0]))
        .unwrap();
    registry.gauge("later_sum", "Help.").unwrap();
    let check = |actual: String, expected: &str| {
        assert_eq!(actual, expected);
    };
    check(
        refusal(registry.counter("hits_total", "Help.")),
        "hits_total is registered already with the same labels",
    );
    check(
        refusal(registry.counter("hits_total", "Other.")),
        "hits_total is registered already with the help \"Help.\"",
    );
    check(
        refusal(registry.gauge("hits_created", "Help.")),
        "hits_created is registered already as a part of hits_total",
    );
    check(
        refusal(registry.gauge("sizes_bucket", "Help.")),
        "sizes_bucket is registered already as a part of sizes",
    );
    check(
        refusal(registry.histogram("later", "Help.", &HistogramOptions::native())),
        "later is registered already as a part of later_sum",
    );
    check(
        refusal(registry.gauge("sizes", "Help.")),
        "sizes is registered already with the type histogram",
    );
    let view = registry.with_labels([("x", "y")]).unwrap();
    check(
        refusal(view.gauge("by_label", "Help.")),
        "by_label is registered already with the labels [\"a\", \"b\"]",
    );
}

#[test]
fn labels_that_are_not_free_are_refused() {
    let registry = registry().with_labels([("region", "eu")]).unwrap();
    let check = |labels: [&str; 2], label: &str, reason: &str| {
        assert_eq!(
            refusal(registry.gauge_family("g", "Help.", labels)),
            format!("g cannot have the label {label:?}: {reason}")
        );
    };
    check(["a", "a"], "a", "it is there already");
    check(["a", ""], "", "its name is empty");
    check(["a", "region"], "region", "it is there already");
    let reserved = "names that begin with two underscores are reserved";
    check(["__a", "b"], "__a", reserved);
    check(["__name__", "b"], "__name__", "it holds the metric's name");
    assert_eq!(
        refusal(registry.register("b_info", "Help.", Info::new([("region", "us")]))),
        "b_info cannot have the label \"region\": it is there already"
    );
    let view = registry.with_labels([("le", "1")]).unwrap();
    view.gauge("g", "Help.").unwrap();
    assert_eq!(
        refusal(view.histogram("h", "Help.", &HistogramOptions::native())),
        "h cannot have the label \"le\": it holds the bounds of buckets"
    );
    assert_eq!(
        refusal(registry.with_labels([("region", "us")])),
        "the registry cannot have the label \"region\": it is there already"
    );
}

#[test]
fn senseless_buckets_are_refused() {
    let registry = registry().with_prefix("app_");
    let check = |options: &HistogramOptions, reason: &str| {
        let error = registry.histogram("h", "Help.", options).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("app_h cannot have these buckets: {reason}")
        );
        // The instrument alone takes them nevertheless, and counts.
        let histogram = Histogram::new(options, clock());
        histogram.observe(1.0);
        assert_eq!(histogram.count(), 1);
    };
    let native = |change: fn(&mut NativeOptions)| {
        let mut native = NativeOptions::default();
        change(&mut native);
        HistogramOptions {
            bounds: Vec::new(),
            native: Some(native),
        }
    };
    check(
        &HistogramOptions::classic([1.0, f64::NAN]),
        "a bound is not a number",
    );
    check(
        &HistogramOptions::classic([1.0, 1.0]),
        "the bounds are not ascending",
    );
    check(
        &HistogramOptions::classic(exponential_bounds(1.0, 0.5, 3)),
        "the bounds are not ascending",
    );
    check(
        &native(|native| native.max_buckets = 1),
        "a native histogram needs two buckets at least",
    );
    let message = "the zero threshold is negative, infinite or not a number";
    check(&native(|native| native.zero_threshold = -1.0), message);
    check(&native(|native| native.zero_threshold = f64::NAN), message);
    check(
        &native(|native| native.bucket_factor = 1.0),
        "the bucket factor is not above one",
    );
}

#[test]
fn families_are_bounded() {
    let registry = registry();
    let family = Family::with_limit(["user", "site"], 2, Counter::new);
    registry.register("hits_total", "Hits.", family.clone()).unwrap();
    for user in ["a", "b", "c", "d", "a"] {
        family.with([user, "x"]).increment();
    }
    family.with([OTHER_VALUE, OTHER_VALUE]).increment();
    assert_eq!((family.len(), family.overflowed()), (2, 3));
    let page = "hits_total{site=\"x\",user=\"a\"} 2\nhits_total{site=\"x\",user=\"b\"} 1\nhits_total{site=\"_other\",user=\"_other\"} 3\n";
    assert!(text(&registry).ends_with(page), "{}", text(&registry));

    let held = family.with(["a", "x"]);
    assert!(family.remove(["a", "x"]));
    assert!(!family.remove(["a", "x"]));
    held.increment();
    family.with(["e", "x"]).increment();
    assert_eq!((family.len(), family.overflowed()), (2, 3));
    assert!(!text(&registry).contains("user=\"a\""));
    family.clear();
    assert!(family.is_empty());
}

#[test]
fn views_share_a_registry_and_forget_only_their_own() {
    let registry = registry();
    let disks = ["sda", "sdb"].map(|disk| {
        let view = registry
            .with_prefix("disk_")
            .with_labels([("disk", disk)])
            .unwrap();
        view.gauge("bytes", "Size.").unwrap().set(1.0);
        view
    });
    let family = registry.gather().families.remove(0);
    assert_eq!(
        (family.name.as_str(), family.unit.as_str()),
        ("disk_bytes", "bytes")
    );
    assert_eq!(family.metrics.len(), 2);
    assert!(disks[0].unregister("bytes"));
    assert!(!disks[0].unregister("bytes"));
    assert!(!registry.unregister("disk_bytes"));
    assert!(text(&registry).ends_with("disk_bytes{disk=\"sdb\"} 1\n"));
    assert!(disks[1].unregister("bytes"));
    assert_eq!(registry.gather().families, []);
    // All names are free again.
    registry
        .histogram("disk", "Help.", &HistogramOptions::native())
        .unwrap();
    assert!(registry.unregister("disk"));
    registry.gauge("disk_count", "Help.").unwrap();
}

#[test]
fn what_collectors_contradict_is_left_out_and_said() {
    let registry = registry();
    registry.gauge("a", "Help.").unwrap();
    let own = registry.with_prefix("a_").with_labels([("x", "y")]).unwrap();
    own.register_collector(|families: &mut Vec<MetricFamily>| {
        families.push(MetricFamily::single("b", MetricKind::Gauge, "", 1.0));
        families.push(MetricFamily::single("b", MetricKind::Counter, "", 2.0));
        families.push(MetricFamily::single("b", MetricKind::Gauge, "", 3.0));
        families.push(MetricFamily::single("", MetricKind::Gauge, "", 4.0));
        families.push(MetricFamily::single("size_sum", MetricKind::Gauge, "", 5.0));
        families.push(MetricFamily::single("waits", MetricKind::Histogram, "", 6.0));
        families.push(MetricFamily::single("waits_count", MetricKind::Gauge, "", 7.0));
    });
    registry
        .histogram("a_size", "Help.", &HistogramOptions::native())
        .unwrap();
    let mut second = MetricFamily::new("a", MetricKind::Gauge, "");
    second.push([("z", "1")], 5.0);
    let id =
        registry.register_collector(move |families: &mut Vec<MetricFamily>| families.push(second.clone()));
    let gathered = registry.gather();
    let names = gathered
        .families
        .iter()
        .map(|family| (&*family.name, family.metrics.len()));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [("a", 2), ("a_b", 1), ("a_size", 1), ("a_waits", 0)]
    );
    let messages: Vec<String> = gathered.conflicts.iter().map(GatherConflict::to_string).collect();
    assert_eq!(
        messages,
        [
            "a family without a name is not exposed",
            "a_b has the types gauge and counter; only the former is exposed",
            "a_size_sum is not exposed: a_size_sum is a series of a_size already",
            "a_waits_count is not exposed: a_waits_count is a series of a_waits already",
            "a_waits{x=\"y\"} is not exposed: its value is no histogram",
            "a_b{x=\"y\"} is there twice; only the first is exposed",
        ]
    );
    assert!(registry.unregister_collector(id));
    assert!(!registry.unregister_collector(id));
    assert_eq!(registry.gather().families[0].metrics.len(), 1);
}

#[test]
fn collectors_and_readings_may_use_the_registry() {
    let registry = registry();
    let inner = registry.clone();
    registry.register_collector(move |families: &mut Vec<MetricFamily>| {
        // Refused from the second scrape on.
        let _ = inner.gauge("late", "Registered while it is gathered.");
        families.push(MetricFamily::single("asked", MetricKind::Gauge, "", 1.0));
    });
    let inner = registry.clone();
    registry
        .counter_from("removed_total", "Help.", move || {
            f64::from(u8::from(inner.unregister("late")))
        })
        .unwrap();
    let names = |registry: &Registry| {
        let families = registry.gather().families;
        families.into_iter().map(|family| family.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&registry), ["asked", "removed_total"]);
    assert_eq!(names(&registry), ["asked", "late", "removed_total"]);
}

#[test]
fn counters_and_gauges_count() {
    let counter = Counter::new();
    for nothing in [-1.0, f64::NAN, 0.0] {
        counter.add_float(nothing);
    }
    counter.add(1 << 53);
    counter.add_float(0.25);
    assert_eq!(counter.value(), 2.0_f64.powi(53) + 0.25);
    let gauge = Gauge::new();
    gauge.increment();
    gauge.decrement();
    gauge.decrement();
    let guard = gauge.track();
    assert_eq!(gauge.value(), 0.0);
    drop(guard);
    assert_eq!(gauge.value(), -1.0);
    gauge.set_to_now(&ManualClock::new(1_700_000_000_250));
    assert_eq!(gauge.value(), 1_700_000_000.25);
}

#[test]
fn no_observation_is_lost_and_pages_agree_with_themselves() {
    const THREADS: usize = 4;
    const EACH: usize = 5_000;
    let registry = registry();
    let native = NativeOptions {
        max_buckets: 20,
        ..NativeOptions::default()
    };
    let options = HistogramOptions {
        bounds: vec![10.0, 1e3, 1e6],
        native: Some(native),
    };
    let both = registry.histogram("both", "Help.", &options).unwrap();
    let classic = registry
        .histogram("classic", "Help.", &HistogramOptions::classic([10.0, 1e3, 1e6]))
        .unwrap();
    let family = registry
        .counter_family("hits_total", "Help.", ["thread"])
        .unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (both, classic, family) = (&both, &classic, &family);
            scope.spawn(move || {
                for step in 0..EACH {
                    let value = (step * THREADS + thread) as f64;
                    both.observe(value);
                    classic.observe(value);
                    family.with([["even", "odd"][step % 2]]).increment();
                }
            });
        }
        for _ in 0..50 {
            let page = histogram_of(&registry, "both");
            let native = native_of(&page);
            assert_eq!(native.validate(), Ok(()));
            assert_eq!((native.count as f64, Some(native.sum)), (page.count, page.sum));
            assert_eq!(page.buckets[3].cumulative_count, page.count);
            assert!(native.positive.len() <= 20);
        }
    });
    let count = (THREADS * EACH) as u64;
    let sum = (count * (count - 1) / 2) as f64;
    for histogram in [&both, &classic] {
        assert_eq!((histogram.count(), histogram.sum()), (count, sum));
    }
    for name in ["both", "classic"] {
        let buckets = histogram_of(&registry, name).buckets;
        let cumulative = buckets.iter().map(|bucket| bucket.cumulative_count);
        assert_eq!(
            cumulative.collect::<Vec<_>>(),
            [11.0, 1001.0, count as f64, count as f64]
        );
    }
    let half = (count / 2) as f64;
    assert_eq!(
        (family.with(["even"]).value(), family.with(["odd"]).value()),
        (half, half)
    );
}

#[test]
fn nothing_is_lost_where_threads_meet_at_the_limit_of_a_family() {
    const THREADS: usize = 4;
    const EACH: usize = 2_000;
    const LIMIT: usize = 100;
    let registry = registry();
    let family = Family::with_limit(["user"], LIMIT, Counter::new);
    registry.register("hits_total", "Help.", family.clone()).unwrap();
    let sum = |registry: &Registry| {
        let metrics = registry.gather().families.remove(0).metrics;
        let values = metrics.iter().filter_map(|metric| metric.value.as_number());
        (metrics.len(), values.sum::<f64>())
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for step in 0..EACH {
                    family.with([&(step % (2 * LIMIT)).to_string()]).increment();
                }
            });
        }
        let mut before = 0.0;
        for _ in 0..50 {
            let (count, now) = sum(&registry);
            assert!(
                count <= LIMIT + 1 && now >= before,
                "{count} members, {now} after {before}"
            );
            before = now;
        }
    });
    assert_eq!(family.len(), LIMIT);
    assert_eq!(sum(&registry), (LIMIT + 1, (THREADS * EACH) as f64));
    // Each of the 100 values that found no place was asked for as often as any other.
    assert_eq!(family.overflowed(), (THREADS * EACH / 2) as u64);
}

#[test]
fn a_coarse_histogram_starts_anew_after_it_was_rendered() {
    let clock = clock();
    let registry = Registry::new(clock.clone());
    let options = HistogramOptions {
        bounds: vec![1.0],
        native: Some(NativeOptions {
            max_buckets: 4,
            reset_after: Some(Duration::from_mins(1)),
            ..NativeOptions::default()
        }),
    };
    let histogram = registry.histogram("h", "Help.", &options).unwrap();
    let observe = || (0..6).for_each(|power| histogram.observe(f64::from(1 << power)));
    let start_of = |registry: &Registry| registry.gather().families[0].metrics[0].start_timestamp_ms;
    histogram.observe(2.0);
    clock.advance(Duration::from_secs(100));
    // As fine as it was: no reason to start anew.
    assert_eq!(native_of(&histogram_of(&registry, "h")).layout.schema, 3);
    assert_eq!(start_of(&registry), Some(1_700_000_000_000));
    observe();
    assert_eq!(histogram.count(), 7);
    let page = histogram_of(&registry, "h");
    assert_eq!((page.count, native_of(&page).layout.schema), (7.0, -1));
    let page = histogram_of(&registry, "h");
    assert_eq!(
        (page.count, page.sum, native_of(&page).layout.schema),
        (0.0, Some(0.0), 3)
    );
    assert_eq!(page.buckets[1].cumulative_count, 0.0);
    assert_eq!(start_of(&registry), Some(1_700_000_100_000));
    // Too early for the next time.
    observe();
    clock.advance(Duration::from_secs(59));
    histogram_of(&registry, "h");
    assert_eq!(histogram.count(), 6);
    clock.advance(Duration::from_secs(1));
    histogram_of(&registry, "h");
    assert_eq!(histogram.count(), 0);
}

#[test]
fn exemplars_are_the_latest() {
    let registry = registry();
    let labels = |trace: usize| Labels::from_pairs([("trace_id", trace.to_string())]);
    let native = registry
        .histogram("native", "Help.", &HistogramOptions::native())
        .unwrap();
    let classic = registry
        .histogram("classic", "Help.", &HistogramOptions::classic([10.0]))
        .unwrap();
    for value in 0..15 {
        native.observe_with_exemplar(value as f64, labels(value));
        classic.observe_with_exemplar(value as f64, labels(value));
    }
    let values: Vec<f64> = histogram_of(&registry, "native")
        .exemplars
        .iter()
        .map(|one| one.value)
        .collect();
    assert_eq!(values, [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0]);
    let page = histogram_of(&registry, "classic");
    let exemplars = page
        .buckets
        .iter()
        .map(|bucket| bucket.exemplar.clone().expect("one"));
    let expected = [10, 14].map(|value: usize| Exemplar {
        labels: labels(value),
        value: value as f64,
        timestamp_ms: Some(1_700_000_000_000),
    });
    assert_eq!(exemplars.collect::<Vec<_>>(), expected);
}

#[test]
fn timers_count_seconds() {
    let clock = clock();
    let registry = Registry::new(clock.clone());
    let seconds = registry
        .histogram("s", "Help.", &HistogramOptions::classic([1.0]))
        .unwrap();
    let timer = seconds.start_timer();
    let discarded = seconds.start_timer();
    clock.advance(Duration::from_millis(1500));
    discarded.discard();
    assert_eq!(timer.stop(), Duration::from_millis(1500));
    drop(seconds.start_timer());
    assert_eq!((seconds.count(), seconds.sum()), (2, 1.5));
}

#[test]
fn instruments_of_others_are_registered() {
    #[derive(Clone)]
    struct Answer;

    impl moheng_metrics::instrument::Instrument for Answer {
        const KIND: MetricKind = MetricKind::Gauge;

        fn collect_into(&self, name: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
            let value = MetricValue::Number(name.len() as f64);
            metrics.push(Metric::new(labels.clone(), value));
        }
    }

    let registry = registry();
    let family = Family::new(["a"], || Answer);
    family.with(["b"]);
    registry.register("answer", "", family).unwrap();
    assert_eq!(text(&registry), "# TYPE answer gauge\nanswer{a=\"b\"} 6\n");
}

/// What a native histogram of these observations is, computed the long way: finest buckets first, then coarser schemas by
/// code of its own, then a wider zero bucket.
fn naive(values: &[f64], options: &NativeOptions) -> IntegerHistogram {
    let mut schema = 8;
    while schema > MIN_SCHEMA && bucket_bound(1, schema - 1) <= options.bucket_factor {
        schema -= 1;
    }
    let mut threshold = options.zero_threshold;
    loop {
        let is_zero = |value: &&f64| value.abs() <= threshold;
        let side = |sign: f64| {
            let mut indexes: Vec<i32> = values
                .iter()
                .filter(|value| !is_zero(value) && **value * sign > 0.0)
                .map(|value| bucket_index(value.abs(), schema))
                .collect();
            indexes.sort_unstable();
            indexes
        };
        let (positive, negative) = (side(1.0), side(-1.0));
        let distinct = |indexes: &[i32]| indexes.chunk_by(|a, b| a == b).count();
        if distinct(&positive) + distinct(&negative) <= options.max_buckets {
            let mut histogram = IntegerHistogram::empty(HistogramLayout::exponential(schema, threshold));
            let mut layout = HistogramLayout::exponential(schema, threshold);
            (layout.positive, histogram.positive) = runs(&positive);
            (layout.negative, histogram.negative) = runs(&negative);
            histogram.layout = Arc::new(layout);
            histogram.count = values.len() as u64;
            histogram.zero_count = values.iter().filter(is_zero).count() as u64;
            return histogram;
        }
        if schema > MIN_SCHEMA {
            schema -= 1;
        } else {
            let nearest = positive.iter().chain(&negative).min().expect("too many buckets");
            threshold = bucket_bound(*nearest, schema);
        }
    }
}

fn runs(indexes: &[i32]) -> (Vec<moheng_metrics::histogram::BucketSpan>, Vec<u64>) {
    let counts = indexes
        .chunk_by(|a, b| a == b)
        .map(|same| same.len() as u64)
        .collect();
    let mut unique = indexes.to_vec();
    unique.dedup();
    let mut end = 0;
    let spans = unique
        .chunk_by(|a, b| b - a == 1)
        .map(|run| {
            let offset = run[0] - end;
            end = run[run.len() - 1] + 1;
            let length = run.len() as u32;
            moheng_metrics::histogram::BucketSpan { offset, length }
        })
        .collect();
    (spans, counts)
}

proptest! {
    #[test]
    fn native_histograms_are_what_the_definition_says(
        values in prop::collection::vec(
            prop_oneof![
                any::<f64>(),
                -10.0..10.0,
                (-300..300_i32).prop_map(|power| 10.0_f64.powi(power)),
            ],
            0..80,
        ),
        max_buckets in 2..40_usize,
        bucket_factor in prop_oneof![Just(1.002), Just(1.1), Just(2.0), Just(10.0)],
        zero_threshold in prop_oneof![Just(0.0), Just(0.5), Just(2.0_f64.powi(-128))],
        threads in 1..4_usize,
    ) {
        let options = NativeOptions {
            bucket_factor,
            max_buckets,
            zero_threshold,
            reset_after: None,
        };
        let registry = registry();
        let native = HistogramOptions { bounds: Vec::new(), native: Some(options) };
        let histogram = registry.histogram("h", "", &native).unwrap();
        thread::scope(|scope| {
            for chunk in values.chunks(values.len().div_ceil(threads).max(1)) {
                let histogram = &histogram;
                scope.spawn(move || chunk.iter().for_each(|value| histogram.observe(*value)));
            }
        });
        let page = histogram_of(&registry, "h");
        prop_assert_eq!(native_of(&page).validate(), Ok(()));
        let mut expected = naive(&values, &options);
        expected.sum = native_of(&page).sum;
        prop_assert_eq!(native_of(&page).sum.is_nan(), values.iter().sum::<f64>().is_nan());
        expected.sum = 0.0;
        let mut actual = native_of(&page).clone();
        actual.sum = 0.0;
        prop_assert_eq!(actual, expected);
    }

    #[test]
    fn the_schema_is_the_coarsest_that_is_fine_enough(factor in 1.001..100_000.0_f64) {
        let native = NativeOptions { bucket_factor: factor, ..NativeOptions::default() };
        let registry = registry();
        let options = HistogramOptions { bounds: Vec::new(), native: Some(native) };
        registry.histogram("h", "", &options).unwrap().observe(1.0);
        let schema = native_of(&histogram_of(&registry, "h")).layout.schema;
        prop_assert!(schema == 8 || bucket_bound(1, schema) <= factor);
        prop_assert!(schema == MIN_SCHEMA || bucket_bound(1, schema - 1) > factor);
        // The setting of scrapers asks for the finest schema that is coarse enough.
        prop_assert!(schema >= schema_of_bucket_factor(factor));
    }
}
