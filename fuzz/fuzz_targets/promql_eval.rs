//! Any query over a few series: the engine ends within its limits, and a range query of one step is the instant query.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use moheng_metrics::{AppendBatch, Labels, MemorySource, STALE_NAN, SampleSink, SystemClock};
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
    store
});

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut settings = EngineSettings::default();
    settings.max_samples = 100_000;
    settings.timeout = Duration::from_secs(5);
    settings.parser = ParserOptions::new().with_experimental_functions(true);
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
