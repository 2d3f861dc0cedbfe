//! Appending to the database, log included: samples per second, and bytes of log per sample printed beside it.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot set up has nothing to measure"
)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{empty_database, fleet, register, scrape};
use moheng_metrics::SampleSink;

const INSTANCES: usize = 40;

fn by_reference(criterion: &mut Criterion) {
    let fleet = fleet(INSTANCES);
    let db = empty_database().expect("a database in memory opens");
    let references = register(&db, &fleet).expect("new series are taken");
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(references.len() as u64));
    let mut step = 0;
    let mut samples = 0;
    let logged_before = db.stats().wal.written_bytes;
    group.bench_function("known series by reference", |bencher| {
        bencher.iter_batched(
            || {
                step += 1;
                samples += references.len();
                scrape(&fleet, &references, step)
            },
            |batch| db.append(&batch).expect("samples are taken"),
            BatchSize::LargeInput,
        );
    });
    group.finish();
    report((db.stats().wal.written_bytes - logged_before) as f64 / samples as f64);
}

fn by_labels(criterion: &mut Criterion) {
    let fleet = fleet(INSTANCES);
    let db = empty_database().expect("a database in memory opens");
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(fleet.series().len() as u64));
    let mut step = 0;
    group.bench_function("known series by labels", |bencher| {
        bencher.iter_batched(
            || {
                step += 1;
                fleet.batch(step)
            },
            |batch| db.append(&batch).expect("samples are taken"),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("new series", |bencher| {
        bencher.iter_batched(
            || empty_database().expect("a database in memory opens"),
            |db| {
                db.append(&fleet.batch(0)).expect("samples are taken");
                db
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

#[expect(clippy::print_stdout, reason = "a figure that criterion has no place for")]
fn report(bytes_per_sample: f64) {
    println!("append: {bytes_per_sample:.2} bytes of log per sample");
}

criterion_group!(benches, by_reference, by_labels);
criterion_main!(benches);
