//! Limits of queries.

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    AppendBatch, Clock, HistogramEntry, HistogramValue, Labels, MemorySource, SampleSink, SeriesKey,
};
use moheng_promql::{Engine, EngineSettings, InstantQuery, QueryError, QueryValue, RangeQuery};

/// 100 series with 100 samples each, a second apart.
fn store() -> MemorySource {
    let store = MemorySource::new();
    let all: Vec<Labels> = (0..100)
        .map(|number| Labels::from_pairs([("__name__", "m"), ("number", &number.to_string())]))
        .collect();
    let mut batch = AppendBatch::new();
    for labels in &all {
        for second in 0..100 {
            batch.push_labels(labels, second * 1000, 1.0);
        }
    }
    store.append(&batch).unwrap();
    store
}

fn engine(settings: EngineSettings) -> Engine {
    Engine::new(settings, Arc::new(ManualClock::new(0)))
}

fn settings(max_samples: u64) -> EngineSettings {
    let mut settings = EngineSettings::default();
    settings.max_samples = max_samples;
    settings
}

fn range(query: &str) -> RangeQuery {
    RangeQuery::new(query, 0, 99_000, 1000)
}

#[test]
fn samples_held_are_limited() {
    let store = store();
    let engine = engine(settings(5_000));
    let error = engine.range(&store, &range("m")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query processing would load too many samples into memory in query execution"
    );
    // An aggregation holds its groups, not its input.
    let output = engine.range(&store, &range("sum(rate(m[30s]))")).unwrap();
    assert!(output.statistics.peak_samples < 500, "{:?}", output.statistics);
    assert_eq!(output.statistics.series_read, 100);
    assert_eq!(output.statistics.samples_read, 10_000);
    // Neither a huge grid nor a huge subquery is even begun.
    let huge = RangeQuery::new("1", 0, i64::MAX / 4, 1);
    assert!(matches!(
        engine.range(&store, &huge),
        Err(QueryError::Execution(_))
    ));
    let subquery = InstantQuery::new("max_over_time(m[200y:1ms])", 0);
    assert!(matches!(
        engine.instant(&store, &subquery),
        Err(QueryError::Execution(_))
    ));
}

#[test]
fn times_out_of_range_are_refused() {
    let engine = engine(EngineSettings::default());
    for (start_ms, end_ms, step_ms) in [(i64::MIN, 0, 1), (0, i64::MAX, 1), (0, 1, 0), (0, 1, -1)] {
        let query = RangeQuery::new("m offset 200y", start_ms, end_ms, step_ms);
        let result = engine.range(&MemorySource::new(), &query);
        assert!(matches!(result, Err(QueryError::Execution(_))), "{query:?}");
    }
    let backwards = RangeQuery::new("1", 1, 0, 1);
    let output = engine.range(&MemorySource::new(), &backwards).unwrap();
    assert_eq!(output.value, QueryValue::Matrix(Vec::new()));
}

#[test]
fn canceled_before_it_starts() {
    let mut query = range("sum(m)");
    query.cancel.cancel();
    let result = engine(EngineSettings::default()).range(&store(), &query);
    assert!(matches!(result, Err(QueryError::Canceled)));
    query = range("1");
    assert!(engine(EngineSettings::default()).range(&store(), &query).is_ok());
}

/// A clock on which every look takes a second.
#[derive(Debug, Default)]
struct SlowClock {
    looks: std::sync::atomic::AtomicU64,
}

impl Clock for SlowClock {
    fn now_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        let looks = self.looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Duration::from_secs(looks)
    }
}

#[test]
fn time_is_limited() {
    let engine = Engine::new(EngineSettings::default(), Arc::new(SlowClock::default()));
    let mut query = range("sum(m)");
    assert!(engine.range(&store(), &query).is_ok());
    query.timeout = Some(Duration::from_secs(2));
    assert!(matches!(engine.range(&store(), &query), Err(QueryError::Timeout)));
}

/// Finds the deepest nesting the parser allows and evaluates that.
fn check_deepest(repeat: impl Fn(usize) -> String) {
    let is_allowed = |depth: usize| moheng_promql::parse(&repeat(depth)).is_ok();
    let depth = (1..10_000).find(|depth| !is_allowed(depth + 1)).unwrap();
    assert!(depth >= 40, "only {depth} levels of {}", repeat(1));
    let query = repeat(depth);
    let range = RangeQuery::new(query.clone(), 1000, 99_000, 33_000);
    let output = engine(EngineSettings::default()).range(&store(), &range).unwrap();
    assert!(!matches!(output.value, QueryValue::Matrix(series) if series.is_empty()));
    let expr = moheng_promql::parse(&query).unwrap();
    assert_eq!(moheng_promql::parse(&expr.pretty()).unwrap(), expr);
}

#[test]
fn the_deepest_queries_fit_the_stack() {
    let selector = "m{number=\"1\"}";
    let nest = |open: &str, close: &str, depth: usize| {
        format!("{}{selector}{}", open.repeat(depth), close.repeat(depth))
    };
    check_deepest(|depth| nest("abs(", ")", depth));
    check_deepest(|depth| nest("sum(", ")", depth));
    check_deepest(|depth| nest("-(", ")", depth));
    check_deepest(|depth| nest("(", " or vector(1))", depth));
    check_deepest(|depth| nest("(m + on (number) ", ")", depth));
    check_deepest(|depth| nest("topk(1, ", ")", depth));
    check_deepest(|depth| nest("label_replace(", ", 'a', 'b', 'c', 'd')", depth));
    check_deepest(|depth| nest("sort(", ")", depth));
    check_deepest(|depth| nest("vector(scalar(", "))", depth));
    check_deepest(|depth| nest("max_over_time(", "[2s:1s])", depth));
    check_deepest(|depth| vec![selector; depth].join(" + "));
    check_deepest(|depth| vec![selector; depth].join(" or "));
    check_deepest(|depth| vec!["1"; depth].join(" ^ "));
}

#[test]
fn native_histograms_count_as_the_samples_they_weigh() {
    let store = MemorySource::new();
    let layout = HistogramLayout {
        positive: vec![BucketSpan {
            offset: 0,
            length: 100,
        }],
        ..HistogramLayout::exponential(0, 0.0)
    };
    let histogram = FloatHistogram {
        count: 100.0,
        positive: vec![1.0; 100],
        ..FloatHistogram::empty(layout)
    };
    let labels = Labels::from_pairs([("__name__", "h")]);
    let mut batch = AppendBatch::new();
    for second in 0..100 {
        batch.histograms.push(HistogramEntry {
            series: SeriesKey::Labels(&labels),
            timestamp_ms: second * 1000,
            start_timestamp_ms: 0,
            value: HistogramValue::Float(&histogram),
        });
    }
    store.append(&batch).unwrap();
    // About 1,000 bytes each, where a sample has 16.
    assert!(engine(settings(5_000)).range(&store, &range("h")).is_err());
    let output = engine(settings(100_000)).range(&store, &range("h")).unwrap();
    assert!(output.statistics.peak_samples > 6_000, "{:?}", output.statistics);
    assert_eq!(output.statistics.samples_read, 100);
    let mut counted = range("count_over_time(h[10s])");
    counted.counts_samples_per_step = true;
    let output = engine(settings(100_000)).range(&store, &counted).unwrap();
    let per_histogram = (168 + 8 * 101) / 16;
    let windows: u64 = (1..=100_u64).map(|step| step.min(10)).sum();
    assert_eq!(output.statistics.queryable_samples, windows * per_histogram);
}
