//! Label sets and symbols: building, comparing, hashing, looking up and reading through.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::fleet;
use moheng_metrics::{EscapingScheme, Labels, NameKind, SymbolTable, escape_name};
use std::hint::black_box;

/// The label sets of one node, in the order in which it exposes them.
fn sets() -> Vec<Labels> {
    let fleet = fleet(1);
    let batch = fleet.batch(0);
    batch
        .entries
        .iter()
        .filter_map(|entry| match entry.series {
            moheng_metrics::SeriesKey::Labels(labels) => Some(labels.clone()),
            moheng_metrics::SeriesKey::Reference(_) => None,
        })
        .collect()
}

fn build(criterion: &mut Criterion) {
    let sets = sets();
    let pairs: Vec<Vec<(String, String)>> = sets
        .iter()
        .map(|labels| {
            let mut pairs: Vec<_> = labels
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            pairs.reverse();
            pairs
        })
        .collect();
    let mut group = criterion.benchmark_group("labels/build");
    group.throughput(Throughput::Elements(sets.len() as u64));
    group.bench_function("from sorted pairs", |bencher| {
        bencher.iter(|| {
            for labels in &sets {
                black_box(Labels::from_sorted_pairs(labels));
            }
        });
    });
    group.bench_function("from pairs", |bencher| {
        bencher.iter(|| {
            for pairs in &pairs {
                black_box(Labels::from_pairs(
                    pairs.iter().map(|(name, value)| (name, value)),
                ));
            }
        });
    });
    group.bench_function("edited", |bencher| {
        bencher.iter(|| {
            for labels in &sets {
                black_box(labels.to_builder().with("cluster", "eu").without("mode").finish());
            }
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let sets = sets();
    let mut shuffled = sets.clone();
    shuffled.reverse();
    let mut group = criterion.benchmark_group("labels/read");
    group.throughput(Throughput::Elements(sets.len() as u64));
    group.bench_function("iterate", |bencher| {
        bencher.iter(|| {
            sets.iter()
                .flatten()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
        });
    });
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            sets.iter()
                .filter_map(|labels| labels.get(black_box("job")))
                .count()
        });
    });
    group.bench_function("get absent", |bencher| {
        bencher.iter(|| {
            sets.iter()
                .filter_map(|labels| labels.get(black_box("absent")))
                .count()
        });
    });
    group.bench_function("compare neighbours", |bencher| {
        bencher.iter(|| sets.windows(2).filter(|pair| pair[0] < pair[1]).count());
    });
    group.bench_function("equal", |bencher| {
        bencher.iter(|| {
            sets.iter()
                .zip(&shuffled)
                .filter(|(left, right)| left == right)
                .count()
        });
    });
    group.bench_function("hash", |bencher| {
        bencher.iter(|| sets.iter().fold(0, |sum, labels| sum ^ labels.stable_hash()));
    });
    group.bench_function("hash without two", |bencher| {
        bencher.iter(|| {
            sets.iter().fold(0, |sum, labels| {
                sum ^ labels.stable_hash_where(|name| name != "instance" && name != "job")
            })
        });
    });
    group.bench_function("sort", |bencher| {
        bencher.iter_batched(
            || shuffled.clone(),
            |mut sets| {
                sets.sort_unstable();
                sets
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn symbols(criterion: &mut Criterion) {
    let sets = sets();
    let texts: u64 = sets.iter().map(|labels| 2 * labels.len() as u64).sum();
    let mut symbols = SymbolTable::new();
    let mut group = criterion.benchmark_group("labels/symbols");
    group.throughput(Throughput::Elements(texts));
    group.bench_function("intern", |bencher| {
        bencher.iter(|| {
            symbols.clear();
            let mut sum = 0u64;
            for (name, value) in sets.iter().flatten() {
                sum += u64::from(symbols.intern(name)) + u64::from(symbols.intern(value));
            }
            sum
        });
    });
    group.finish();
}

fn escape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("labels/escape");
    for name in ["http_server_duration_seconds", "http.server.duration_seconds"] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| escape_name(black_box(name), EscapingScheme::Values, NameKind::Metric).len());
        });
    }
    group.finish();
}

criterion_group!(benches, build, read, symbols, escape);
criterion_main!(benches);
