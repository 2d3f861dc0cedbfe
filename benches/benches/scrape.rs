//! One scrape of a Node Exporter, from the exposition's text on: parse, recognise series, append; nanoseconds per
//! sample are one over samples per second.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot set up has nothing to measure"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::empty_database;
use moheng_collect::{PassSettings, Scrape, ScrapePass};
use moheng_metrics::testing::NodeWorkload;
use moheng_metrics::{
    AppendBatch, Appended, Labels, SampleSink, SeriesKey, SeriesRef, SinkError, SystemClock,
};

/// Takes everything and keeps nothing.
struct NullSink;

impl SampleSink for NullSink {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        let outcomes = (1_u64..)
            .zip(&batch.entries)
            .map(|(number, entry)| match entry.series {
                SeriesKey::Reference(reference) => Ok(reference),
                SeriesKey::Labels(_) => Ok(SeriesRef(number)),
            });
        Ok(Appended::new(outcomes.collect(), 0))
    }

    fn sync(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn new_pass() -> ScrapePass {
    ScrapePass::new(PassSettings {
        labels: Labels::from_pairs([("instance", "node-0000:9100"), ("job", "node")]),
        ..PassSettings::default()
    })
}

fn scrapes(criterion: &mut Criterion) {
    let workload = NodeWorkload::new(1);
    let bodies: Vec<String> = (0..16).map(|step| workload.exposition(0, step)).collect();
    let clock = SystemClock::new();
    let db = empty_database().expect("a database in memory opens");
    let mut group = criterion.benchmark_group("scrape");
    group.throughput(Throughput::Elements(workload.series_per_instance() as u64));
    for (name, sink) in [
        ("into nothing", &NullSink as &dyn SampleSink),
        ("into the database", &db),
    ] {
        let mut pass = new_pass();
        let mut step = 0;
        group.bench_function(format!("known series, {name}"), |bencher| {
            bencher.iter(|| {
                step += 1;
                let body = bodies[step % bodies.len()].as_bytes();
                let report = pass.apply(
                    Scrape::new(body, workload.timestamp_ms(step as u64)),
                    sink,
                    &clock,
                );
                assert!(report.error.is_none(), "{:?}", report.error);
            });
        });
    }
    group.bench_function("new series, into nothing", |bencher| {
        bencher.iter(|| {
            let mut pass = new_pass();
            pass.apply(
                Scrape::new(bodies[0].as_bytes(), workload.timestamp_ms(0)),
                &NullSink,
                &clock,
            );
            pass
        });
    });
    group.finish();
}

criterion_group!(benches, scrapes);
criterion_main!(benches);
