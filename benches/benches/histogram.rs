//! Computing with native histograms: what `sum`, `rate` and `histogram_quantile` do per series and step.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use moheng_metrics::HistogramColumns;
use moheng_metrics::histogram::{FloatHistogram, HistogramMean, HistogramSum};
use moheng_metrics::testing::HistogramSeries;

/// As many histograms are added up.
const SERIES: u64 = 100;
/// As many samples a series has: a range of half an hour.
const SAMPLES: usize = 120;

/// The newest sample of many series. With `shared`, all have the same buckets.
fn fleet(shared: bool) -> Vec<FloatHistogram> {
    let sample = |seed| {
        let mut series = HistogramSeries::counter(if shared { 0 } else { seed });
        (0..SAMPLES).for_each(|_| drop(series.next_sample()));
        series.next_sample().to_float()
    };
    let first = sample(0);
    let others = (1..SERIES).map(|seed| if shared { first.clone() } else { sample(seed) });
    std::iter::once(first.clone()).chain(others).collect()
}

fn sums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("histogram/sum");
    group.throughput(Throughput::Elements(SERIES));
    for (name, shared) in [("one layout", true), ("many layouts and schemas", false)] {
        let histograms = fleet(shared);
        let mut sum = HistogramSum::new();
        group.bench_function(format!("compensated, {name}"), |bencher| {
            bencher.iter(|| {
                sum.clear();
                for histogram in &histograms {
                    // All are exponential.
                    let _ = sum.add(black_box(histogram.view()));
                }
                sum.merged()
            });
        });
        let mut mean = HistogramMean::new();
        group.bench_function(format!("mean, {name}"), |bencher| {
            bencher.iter(|| {
                mean.clear();
                for histogram in &histograms {
                    let _ = mean.add(black_box(histogram.view()));
                }
                mean.merged()
            });
        });
        group.bench_function(format!("plain, {name}"), |bencher| {
            let first = || histograms.first().cloned();
            let add_all = |sum: Option<FloatHistogram>| {
                let mut sum = sum?;
                for histogram in histograms.iter().skip(1) {
                    let _ = sum.add(black_box(histogram.view()));
                }
                Some(sum)
            };
            bencher.iter_batched(first, add_all, BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn resets(criterion: &mut Criterion) {
    let mut series = HistogramSeries::counter(1);
    (0..SAMPLES).for_each(|_| drop(series.next_sample()));
    let mut columns = HistogramColumns::default();
    for timestamp_ms in (0_i64..).step_by(15_000).take(SAMPLES) {
        columns.push(timestamp_ms, series.next_sample().to_float().view());
    }
    let mut group = criterion.benchmark_group("histogram/rate");
    group.throughput(Throughput::Elements(SAMPLES as u64));
    group.bench_function("resets between all samples", |bencher| {
        bencher.iter(|| {
            let pairs = columns.iter().zip(columns.iter().skip(1));
            pairs
                .filter(|((_, before), (_, now))| now.is_reset_since(before))
                .count()
        });
    });
    let mut result = FloatHistogram::empty(moheng_metrics::histogram::HistogramLayout::default());
    group.throughput(Throughput::Elements(1));
    group.bench_function("last less first", |bencher| {
        bencher.iter(|| {
            if let (Some(first), Some(last)) = (columns.get(0), columns.get(SAMPLES - 1)) {
                result.assign(last);
                let _ = result.subtract(first);
                result.divide(1_800.0);
            }
            result.count
        });
    });
    group.finish();
}

fn estimates(criterion: &mut Criterion) {
    let histograms = fleet(false);
    let mut group = criterion.benchmark_group("histogram/estimate");
    group.throughput(Throughput::Elements(SERIES));
    for quantile in [0.5, 0.99] {
        group.bench_function(format!("quantile {quantile}"), |bencher| {
            bencher.iter(|| {
                histograms
                    .iter()
                    .map(|one| one.view().quantile(black_box(quantile)))
                    .sum::<f64>()
            });
        });
    }
    group.bench_function("fraction", |bencher| {
        bencher.iter(|| {
            histograms
                .iter()
                .map(|one| one.view().fraction(black_box(0.0), 20.0))
                .sum::<f64>()
        });
    });
    group.bench_function("variance", |bencher| {
        bencher.iter(|| {
            histograms
                .iter()
                .map(|one| black_box(one.view()).variance())
                .sum::<f64>()
        });
    });
    group.finish();
}

criterion_group!(benches, sums, resets, estimates);
criterion_main!(benches);
