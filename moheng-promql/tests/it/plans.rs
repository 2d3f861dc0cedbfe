//! How queries are planned: what is computed once, read once, and what that takes.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink};
use moheng_promql::{Engine, EngineSettings, InstantQuery, ParserOptions, PlanNode, QueryValue, RangeQuery};

/// 50 series with a sample every 10 s for 20 minutes.
fn store() -> MemorySource {
    let store = MemorySource::new();
    for number in 0..50 {
        let labels = Labels::from_pairs([
            ("__name__", "m_total"),
            ("number", &number.to_string()),
            ("parity", if number % 2 == 0 { "even" } else { "odd" }),
        ]);
        let mut batch = AppendBatch::new();
        for tick in 0..120 {
            // Sums of such values depend on their order.
            let value = f64::from(tick) / (f64::from(number) * 0.7 + 0.1) + 0.1;
            batch.push_labels(&labels, i64::from(tick) * 10_000, value);
        }
        store.append(&batch).unwrap();
    }
    store
}

fn engine(change: impl FnOnce(&mut EngineSettings)) -> Engine {
    let mut settings = EngineSettings::default();
    settings.parser = ParserOptions::everything();
    change(&mut settings);
    Engine::new(settings, Arc::new(ManualClock::new(0)))
}

fn range(query: &str) -> RangeQuery {
    RangeQuery::new(query, 0, 1_200_000, 30_000)
}

fn check_plan(query: &str, expected: &str) {
    let plan = engine(|_| {}).explain_range(&range(query)).unwrap();
    assert_eq!(plan.to_string(), expected, "{query}");
}

#[test]
fn plans() {
    check_plan("2 * (3 + pi()) > bool max_of(1, step())", "0  [constant]\n");
    check_plan("-(1h)", "-3600  [constant]\n");
    check_plan(
        "rate(m_total[step() * 2] offset -(range() / 2)) + time()",
        "+\n  rate()\n    m_total[1m] offset -10m  [540001 ms to 1800000 ms]\n  time()\n",
    );
    check_plan(
        "sum by (a) (up @ 60)",
        "sum by (a)  [once for all steps]\n  up @ 60.000  [once for all steps; -239999 ms to 60000 ms]\n",
    );
    check_plan(
        "rate(a[1m]) / rate(a[5m]) + sum(a) + b",
        "+\n  +\n    /\n      rate()\n        a[1m]  [-299999 ms to 1200000 ms; shared read 0]\n      rate()\n        a[5m]  [-299999 ms to 1200000 ms; shared read 0]\n    sum\n      a  [-299999 ms to 1200000 ms; shared read 0]\n  b  [-299999 ms to 1200000 ms]\n",
    );
    // What does not overlap is not read in one go.
    check_plan(
        "a - a offset 1d",
        "-\n  a  [-299999 ms to 1200000 ms]\n  a offset 1d  [-86699999 ms to -85200000 ms]\n",
    );
    // Elements without a partner are not read where that cannot hide an error.
    check_plan(
        "sum by (x) (a{x='1', y='2'}) / on (x) sum by (x) (b)",
        "/ on (x)\n  sum by (x)\n    a{x=\"1\",y=\"2\"}  [-299999 ms to 1200000 ms]\n  sum by (x)\n    b{x=\"1\"}  [-299999 ms to 1200000 ms]\n",
    );
    check_plan(
        "a{x='1'} / on (x) b",
        "/ on (x)\n  a{x=\"1\"}  [-299999 ms to 1200000 ms]\n  b  [-299999 ms to 1200000 ms]\n",
    );
    check_plan(
        "max_over_time((a)[1m:10s])",
        "max_over_time()\n  subquery [1m:10s]\n    ( )\n      a  [-349999 ms to 1200000 ms]\n",
    );
    check_plan(
        "foo[1m] smoothed",
        "foo[1m] smoothed  [-359999 ms to 1500000 ms]\n",
    );
}

#[test]
fn equal_selectors_are_read_once() {
    let store = store();
    for (query, series) in [
        ("sum(rate(m_total[1m])) / sum(increase(m_total[5m]))", 50),
        ("m_total - m_total offset 1m", 50),
        ("m_total - m_total offset 1d", 50),
        ("m_total{number=\"1\"} / on () m_total{number=\"2\"}", 2),
        ("max_over_time(m_total[1m:]) + m_total", 50),
    ] {
        let shared = engine(|_| {}).range(&store, &range(query)).unwrap();
        assert_eq!(shared.statistics.series_read, series, "{query}");
        // With too little room for all of them, every selector reads for itself.
        let cramped = engine(|settings| settings.max_samples = 6_000).range(&store, &range(query));
        if let Ok(cramped) = cramped {
            assert_eq!(cramped.value, shared.value, "{query}");
        }
    }
    let query = "sum(rate(m_total[1m])) / sum(increase(m_total[5m]))";
    let cramped = engine(|settings| settings.max_samples = 5_000)
        .range(&store, &range(query))
        .unwrap();
    assert!(cramped.statistics.series_read > 50, "{:?}", cramped.statistics);
}

const QUERIES: [&str; 9] = [
    "m_total",
    "rate(m_total[1m])",
    "sum by (parity) (rate(m_total[2m]))",
    "avg(m_total) + stddev(m_total)",
    "topk(3, m_total)",
    "sum(m_total) / sum(m_total offset 1m)",
    "timestamp(m_total)",
    "increase(m_total[1m] smoothed)",
    "max_over_time(rate(m_total[1m])[5m:30s])",
];

#[test]
fn threads_change_nothing() {
    let store = store();
    for query in QUERIES {
        let alone = engine(|_| {}).range(&store, &range(query)).unwrap();
        let at = InstantQuery::new(query, 600_000);
        let instant = engine(|_| {}).instant(&store, &at).unwrap();
        for threads in [2, 3, 8] {
            let engine = engine(|settings| settings.threads = threads);
            let together = engine.range(&store, &range(query)).unwrap();
            assert_eq!(together.value, alone.value, "{query} on {threads} threads");
            assert_eq!(together.statistics.samples_read, alone.statistics.samples_read);
            assert_eq!(
                engine.instant(&store, &at).unwrap().value,
                instant.value,
                "{query}"
            );
        }
    }
}

#[test]
fn errors_end_all_threads() {
    let store = store();
    let little = engine(|settings| {
        settings.threads = 4;
        settings.max_samples = 500;
    });
    let error = little.range(&store, &range("rate(m_total[1m])")).unwrap_err();
    assert!(error.to_string().contains("too many samples"), "{error}");
    let query = range("sum(rate(m_total[1m]))");
    query.cancel.cancel();
    let engine = engine(|settings| settings.threads = 4);
    assert!(engine.range(&store, &query).is_err());
}

#[test]
fn memory_is_limited() {
    let store = store();
    let output = engine(|_| {}).range(&store, &range("m_total")).unwrap();
    let peak = output.statistics.peak_bytes;
    assert!(peak > 50 * 41 * 16, "{:?}", output.statistics);
    assert!(
        engine(|settings| settings.max_memory_bytes = peak)
            .range(&store, &range("m_total"))
            .is_ok()
    );
    let error = engine(|settings| settings.max_memory_bytes = peak - 1)
        .range(&store, &range("m_total"))
        .unwrap_err();
    assert!(
        error.to_string().contains("more memory than the limit"),
        "{error}"
    );
}

fn queryable_per_step(query: &str, threads: usize) -> Vec<u64> {
    let mut range = RangeQuery::new(query, 600_000, 660_000, 20_000);
    range.counts_samples_per_step = true;
    let engine = engine(|settings| settings.threads = threads);
    let statistics = engine.range(&store(), &range).unwrap().statistics;
    let per_step = statistics.queryable_samples_per_step;
    assert_eq!(
        statistics.queryable_samples,
        per_step.iter().sum::<u64>(),
        "{query}"
    );
    per_step
}

#[test]
fn samples_are_counted_step_by_step() {
    for threads in [1, 4] {
        for (query, expected) in [
            ("m_total", [50, 50, 50, 50]),
            ("sum(rate(m_total[1m]))", [300, 300, 300, 300]),
            ("m_total{number=\"1\"} offset 9m50s", [1, 1, 1, 1]),
            (
                "count_over_time(m_total{number=\"1\"}[5m] offset 9m)",
                [7, 9, 11, 13],
            ),
            ("m_total{number=\"1\"} + m_total{number=\"1\"}", [2, 2, 2, 2]),
            ("absent_over_time(m_total{number=\"1\"}[1m])", [6, 6, 6, 6]),
            // The inner samples of a subquery count for the last step.
            ("max_over_time(m_total{number=\"1\"}[1m:30s])", [0, 0, 0, 4]),
            ("1", [0, 0, 0, 0]),
        ] {
            assert_eq!(
                queryable_per_step(query, threads),
                expected,
                "{query} on {threads} threads"
            );
        }
    }
    let output = engine(|_| {}).range(&store(), &range("m_total")).unwrap();
    assert!(output.statistics.queryable_samples_per_step.is_empty());
}

fn find<'p>(node: &'p PlanNode, description: &str) -> Option<&'p PlanNode> {
    if node.description == description {
        return Some(node);
    }
    node.children.iter().find_map(|child| find(child, description))
}

#[test]
fn analysis_measures_every_node() {
    let store = store();
    let query = range("sum by (parity) (rate(m_total[1m])) * 2");
    let (output, plan) = engine(|_| {}).analyze_range(&store, &query).unwrap();
    assert_eq!(output.value, engine(|_| {}).range(&store, &query).unwrap().value);
    let QueryValue::Matrix(matrix) = &output.value else {
        panic!("a matrix")
    };
    assert_eq!(matrix.len(), 2);
    let sum = find(&plan.root, "sum by (parity)").unwrap();
    let measured = sum.measured.unwrap();
    assert_eq!((measured.series, measured.samples), (2, 80));
    let selector = find(&plan.root, "m_total[1m]").unwrap();
    let measured = selector.measured.unwrap();
    assert_eq!((measured.series_read, measured.samples_read), (50, 6000));
    let rate = find(&plan.root, "rate()").unwrap().measured.unwrap();
    assert_eq!((rate.series, rate.samples), (50, 2000));
    let text = plan.to_string();
    assert!(text.contains("read 50 series, 6000 samples"), "{text}");
    let (_, plan) = engine(|_| {})
        .analyze_instant(&store, &InstantQuery::new("m_total", 0))
        .unwrap();
    assert_eq!(plan.root.measured.unwrap().series, 50);
}
