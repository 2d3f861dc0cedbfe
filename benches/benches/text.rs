//! Parsing and writing the text format: samples per second and bytes per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::fleet;
use moheng_metrics::{TextEntry, TextParser, write_text};
use std::hint::black_box;

fn parse(criterion: &mut Criterion) {
    let fleet = fleet(1);
    let text = fleet.exposition(0, 100);
    let previous = series_of(&fleet.exposition(0, 99));
    let samples = previous.len() as u64;

    let mut group = criterion.benchmark_group("text/parse");
    for (name, throughput) in [
        ("samples", Throughput::Elements(samples)),
        ("bytes", Throughput::Bytes(text.len() as u64)),
    ] {
        group.throughput(throughput);
        group.bench_function(BenchmarkId::new("same order as before", name), |bencher| {
            bencher.iter(|| sum_of_values(text.as_bytes(), &previous));
        });
        group.bench_function(BenchmarkId::new("unknown order", name), |bencher| {
            bencher.iter(|| sum_of_values(text.as_bytes(), &[]));
        });
    }
    group.throughput(Throughput::Elements(samples));
    group.bench_function("with labels decoded", |bencher| {
        bencher.iter(|| {
            TextParser::new(text.as_bytes()).for_each(|entry| {
                if let Ok(TextEntry::Sample(sample)) = entry {
                    black_box(sample.labels().ok());
                }
            });
        });
    });
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let families = fleet(1).families(0, 100);
    let samples: usize = families.iter().map(|family| family.metrics.len()).sum();
    let mut out = String::new();
    let mut group = criterion.benchmark_group("text/write");
    group.throughput(Throughput::Elements(samples as u64));
    group.bench_function("families", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_text(black_box(&families), &mut out);
            out.len()
        });
    });
    group.finish();
}

/// Parses everything, expecting the series in the given order.
fn sum_of_values(text: &[u8], expected: &[Vec<u8>]) -> f64 {
    let mut parser = TextParser::new(text);
    let mut next = 0;
    let mut sum = 0.0;
    while let Ok(Some(entry)) = parser.next_entry(expected.get(next).map_or(b"", Vec::as_slice)) {
        if let TextEntry::Sample(sample) = entry {
            sum += sample.value;
            next += 1;
        }
    }
    sum
}

fn series_of(text: &str) -> Vec<Vec<u8>> {
    TextParser::new(text.as_bytes())
        .filter_map(|entry| match entry {
            Ok(TextEntry::Sample(sample)) => Some(sample.series.to_vec()),
            _ => None,
        })
        .collect()
}

criterion_group!(benches, parse, write);
criterion_main!(benches);
