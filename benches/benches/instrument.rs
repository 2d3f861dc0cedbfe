//! Counting: what an instrument costs the program that it measures, from one thread and from two, and a page of 1000 series.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_metrics::EscapingScheme;
use moheng_metrics::SystemClock;
use moheng_metrics::exposition::{Format, Negotiated};
use moheng_metrics::instrument::{
    Counter, Family, Gauge, Histogram, HistogramOptions, NativeOptions, Registry, exponential_bounds,
};

/// Values like times of requests: between a tenth of a millisecond and some seconds.
fn values() -> Vec<f64> {
    (0..1024_u32)
        .map(|step| 0.0001 * 1.01_f64.powi((step.wrapping_mul(2_654_435_761) >> 22) as i32))
        .collect()
}

fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::new())
}

fn classic() -> HistogramOptions {
    HistogramOptions::classic(exponential_bounds(0.001, 2.0, 12))
}

fn both() -> HistogramOptions {
    HistogramOptions {
        native: Some(NativeOptions::default()),
        ..classic()
    }
}

/// Measures `count(step)` alone, and then while another thread does the same.
fn measure(criterion: &mut Criterion, name: &str, count: impl Fn(usize) + Sync) {
    let mut group = criterion.benchmark_group("instrument");
    group.throughput(Throughput::Elements(1));
    let mut step = 0;
    group.bench_function(format!("{name}, 1 thread"), |bencher| {
        bencher.iter(|| {
            step += 1;
            count(step);
        });
    });
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut step = 0;
            while !is_done.load(Ordering::Relaxed) {
                step += 1;
                count(step);
            }
        });
        group.bench_function(format!("{name}, 2 threads"), |bencher| {
            bencher.iter(|| {
                step += 1;
                count(step);
            });
        });
        is_done.store(true, Ordering::Relaxed);
    });
}

fn counting(criterion: &mut Criterion) {
    let values = values();
    let value = |step: usize| values[step % values.len()];
    let counter = Counter::new();
    measure(criterion, "counter", |_| counter.increment());
    measure(criterion, "counter of floats", |step| {
        counter.add_float(value(step));
    });
    let gauge = Gauge::new();
    measure(criterion, "gauge", |step| gauge.set(value(step)));
    for (name, options) in [
        ("classic histogram", classic()),
        ("native histogram", HistogramOptions::native()),
        ("histogram of both", both()),
    ] {
        let histogram = Histogram::new(&options, clock());
        measure(criterion, name, |step| histogram.observe(value(step)));
    }
}

fn lookups(criterion: &mut Criterion) {
    let codes: Vec<String> = (0..64_u32).map(|code| (200 + code).to_string()).collect();
    let family = Family::new(["method", "code"], Counter::new);
    let held: Vec<Counter> = codes.iter().map(|code| family.with(["GET", code])).collect();
    measure(criterion, "family, held handle", |step| {
        held[step % held.len()].increment();
    });
    measure(criterion, "family, lookup", |step| {
        family.with(["GET", &codes[step % codes.len()]]).increment();
    });
}

fn pages(criterion: &mut Criterion) {
    let registry = Registry::new(clock());
    for family in 0..10 {
        let name = format!("requests_{family}_total");
        let Ok(counters) = registry.counter_family(&name, "Requests by method and path.", ["method", "path"])
        else {
            continue;
        };
        for path in 0..100 {
            counters.with(["GET", &format!("/path/{path}")]).add(path);
        }
    }
    let mut group = criterion.benchmark_group("instrument/page of 1000 series");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("gather", |bencher| bencher.iter(|| registry.gather()));
    for format in [Format::Text0_0_4, Format::OpenMetrics1_0_0, Format::Protobuf] {
        let answer = Negotiated {
            format,
            escaping: EscapingScheme::Underscores,
        };
        group.bench_function(format!("render {format}"), |bencher| {
            bencher.iter(|| black_box(registry.render_as(answer)));
        });
    }
    let histogram = Histogram::new(&both(), clock());
    for value in &values() {
        histogram.observe(*value);
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("sum of one native histogram", |bencher| {
        bencher.iter(|| histogram.sum());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = counting, lookups, pages
}
criterion_main!(benches);
