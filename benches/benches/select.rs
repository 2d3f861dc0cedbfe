//! Selecting series by matchers and decoding their samples.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot set up has nothing to measure"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{STEPS, filled_database, fleet};
use moheng_metrics::{MatchOp, Matcher, SampleBuffer, Select, SeriesSource};
use moheng_tsdb::Db;

const INSTANCES: usize = 40;

fn select(criterion: &mut Criterion) {
    let fleet = fleet(INSTANCES);
    let db = filled_database(&fleet).expect("the database is filled");
    let regex = |name: &str, pattern: &str| {
        Matcher::new(MatchOp::Regex, name, pattern).expect("the pattern is valid")
    };
    let name = |name: &str| Matcher::equal("__name__", name);
    let cases = [
        ("one metric", vec![name("node_cpu_seconds_total")]),
        (
            "one metric, one label",
            vec![name("node_cpu_seconds_total"), Matcher::equal("mode", "idle")],
        ),
        (
            "one metric, negative",
            vec![name("node_cpu_seconds_total"), Matcher::not_equal("mode", "idle")],
        ),
        ("metrics by prefix", vec![regex("__name__", "node_memory_.*")]),
        ("everything", vec![regex("__name__", ".+")]),
    ];
    let mut group = criterion.benchmark_group("select");
    for (case, matchers) in cases {
        let select = Select::new(matchers, 0, i64::MAX);
        let series = read(&db, &select, false);
        group.throughput(Throughput::Elements(series as u64));
        group.bench_function(format!("{case}: labels"), |bencher| {
            bencher.iter(|| read(&db, &select, false));
        });
        group.throughput(Throughput::Elements(series as u64 * STEPS));
        group.bench_function(format!("{case}: samples"), |bencher| {
            bencher.iter(|| read(&db, &select, true));
        });
    }
    group.finish();
}

/// Returns the number of series.
fn read(db: &Db, select: &Select, with_samples: bool) -> usize {
    let mut cursor = db.select(select).expect("the database answers");
    let mut buffer = SampleBuffer::new();
    let mut count = 0;
    while let Some(mut series) = cursor.next_series().expect("the database answers") {
        buffer.clear();
        while with_samples && series.samples.read(&mut buffer).expect("chunks are whole") {}
        count += 1;
    }
    count
}

criterion_group!(benches, select);
criterion_main!(benches);
