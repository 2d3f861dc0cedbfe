//! Any query over a few series: the engine ends within its limits, and a range query of one step is the instant query.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout, ResetHint};
use moheng_metrics::{
    AppendBatch, HistogramEntry, HistogramValue, Labels, MemorySource, STALE_NAN, SampleSink, SeriesKey,
    SystemClock,
};
use moheng_promql::{Engine, EngineSettings, InstantQuery, ParserOptions, QueryValue, RangeQuery};

/// Series that queries are likely to name.
static STORE: LazyLock<MemorySource> = LazyLock::new(|| {
    let store = MemorySource::new();
    for (index, name) in ["a", "b", "c_total", "d_bucket"].into_iter().enumerate() {
        for (position, bound) in ["1", "2", "+Inf"].into_iter().enumerate() {
            let labels = Labels::from_pairs([("__name__", name), ("le", bound), ("x", "y")]);
            let mut batch = AppendBatch::new();
            for tick in 0..30_i64 {
                let value = match (tick + index as i64) % 11 {
                    7 => STALE_NAN,
                    8 => f64::NAN,
                    9 => f64::INFINITY,
                    rest => (rest * (position as i64 + 1)) as f64,
                };
                batch.push_labels(&labels, tick * 10_000, value);
            }
            let appended = store.append(&batch);
            assert!(appended.is_ok(), "{labels} is stored");
        }
    }
    append_histograms(&store);
    store
});

/// Native histograms: a counter with resets, custom buckets, and both between floats.
fn append_histograms(store: &MemorySource) {
    let exponential = |schema: i8, offset: i32| HistogramLayout {
        positive: vec![BucketSpan { offset, length: 2 }],
        negative: vec![BucketSpan { offset: 0, length: 1 }],
        ..HistogramLayout::exponential(schema, 0.001)
    };
    let custom = |bounds: &[f64]| HistogramLayout {
        positive: vec![BucketSpan { offset: 0, length: 2 }],
        ..HistogramLayout::custom(bounds.to_vec())
    };
    for (name, is_custom) in [("h", false), ("n", true), ("a", true), ("m", false)] {
        let labels = Labels::from_pairs([("__name__", name), ("x", "z")]);
        for tick in 0..30_i64 {
            let mut batch = AppendBatch::new();
            if name == "m" && tick % 5 == 0 {
                batch.push_labels(&labels, tick * 10_000, tick as f64);
            }
            let count = (tick % 11) as f64;
            let layout = match (is_custom != (name == "m" && tick % 7 == 0), tick % 9) {
                (true, 8) => custom(&[1.0, 3.0]),
                (true, _) => custom(&[1.0, 2.0, 3.0]),
                (false, offset) => exponential((tick % 4) as i8, offset as i32),
            };
            let histogram = FloatHistogram {
                negative: vec![count; layout.negative_bucket_count()],
                count: count * (2 + layout.negative_bucket_count()) as f64,
                sum: if tick % 13 == 12 { f64::NAN } else { count * 7.0 },
                positive: vec![count; 2],
                reset_hint: if tick % 17 == 16 {
                    ResetHint::Gauge
                } else {
                    ResetHint::Unknown
                },
                ..FloatHistogram::empty(layout)
            };
            if batch.entries.is_empty() {
                batch.histograms.push(HistogramEntry {
                    series: SeriesKey::Labels(&labels),
                    timestamp_ms: tick * 10_000,
                    start_timestamp_ms: 0,
                    value: HistogramValue::Float(&histogram),
                });
            }
            let appended = store.append(&batch);
            assert!(appended.is_ok_and(|appended| appended.histogram_outcomes.iter().all(Result::is_ok)));
        }
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut settings = EngineSettings::default();
    settings.max_samples = 100_000;
    settings.timeout = Duration::from_secs(5);
    settings.parser = ParserOptions::everything();
    Engine::new(settings, Arc::new(SystemClock::new()))
});

fuzz_target!(|query: &str| {
    let instant = ENGINE.instant(&*STORE, &InstantQuery::new(query, 200_000));
    let range = ENGINE.range(&*STORE, &RangeQuery::new(query, 200_000, 200_000, 1000));
    let (Ok(instant), Ok(range)) = (instant, range) else {
        return;
    };
    if let (QueryValue::Vector(elements), QueryValue::Matrix(series)) = (instant.value, range.value) {
        assert_eq!(elements.len(), series.len(), "{query:?}");
    }
});
