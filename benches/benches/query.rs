//! Range queries over the database: series times steps per second.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot set up has nothing to measure"
)]

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{INTERVAL_MS, STEPS, filled_database, fleet};
use moheng_metrics::{Matcher, Select, SeriesSource, SystemClock};
use moheng_promql::{Engine, EngineSettings, RangeQuery};

const INSTANCES: usize = 40;

fn range(criterion: &mut Criterion) {
    let fleet = fleet(INSTANCES);
    let db = filled_database(&fleet).expect("the database is filled");
    let engine = Engine::new(EngineSettings::default(), Arc::new(SystemClock::new()));
    let (start_ms, end_ms) = (fleet.timestamp_ms(20), fleet.timestamp_ms(STEPS - 1));
    let steps = (end_ms - start_ms) / INTERVAL_MS + 1;
    let mut group = criterion.benchmark_group("query");
    for (metric, query) in [
        ("node_cpu_seconds_total", "node_cpu_seconds_total"),
        ("node_cpu_seconds_total", "sum(node_cpu_seconds_total)"),
        (
            "node_cpu_seconds_total",
            "sum by (instance) (rate(node_cpu_seconds_total[5m]))",
        ),
        (
            "node_cpu_seconds_total",
            "max_over_time(node_cpu_seconds_total[5m])",
        ),
        (
            "node_cpu_seconds_total",
            "quantile_over_time(0.9, node_cpu_seconds_total[5m])",
        ),
        (
            "node_cpu_seconds_total",
            "topk(5, rate(node_cpu_seconds_total[1m]))",
        ),
        (
            "node_memory_MemFree_bytes",
            "node_memory_MemFree_bytes / node_memory_MemTotal_bytes",
        ),
    ] {
        let select = Select::new(vec![Matcher::equal("__name__", metric)], start_ms, end_ms);
        let mut cursor = db.select(&select).expect("the database answers");
        let mut series = 0;
        while cursor.next_series().expect("the database answers").is_some() {
            series += 1;
        }
        let request = RangeQuery::new(query, start_ms, end_ms, INTERVAL_MS);
        group.throughput(Throughput::Elements(series * steps as u64));
        group.bench_function(query, |bencher| {
            bencher.iter(|| engine.range(&db, &request).expect("the query is answered"));
        });
    }
    group.finish();
}

criterion_group!(benches, range);
criterion_main!(benches);
