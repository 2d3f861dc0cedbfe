//! Encoding and decoding chunks of every encoding: samples per second, and bytes per sample printed beside it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{STEPS, fleet};
use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram};
use moheng_metrics::testing::NodeWorkload;
use moheng_metrics::{FloatColumns, SampleBuffer};
use moheng_tsdb::testing::{ChunkBuilder, ChunkEncoding, decode_chunk};

fn floats(criterion: &mut Criterion) {
    let fleet = fleet(1);
    let all: Vec<usize> = (0..fleet.series().len()).collect();
    let moving: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&series| moves(&fleet, series))
        .collect();
    let cases = [
        ("xor", ChunkEncoding::Xor, 0),
        ("xor2", ChunkEncoding::Xor2, 0),
        (
            "xor2 with starts",
            ChunkEncoding::Xor2,
            fleet.timestamp_ms(0) - 3_600_000,
        ),
    ];
    for (encoding_name, encoding, start_ms) in cases {
        for (name, series) in [("all series", &all), ("series that move", &moving)] {
            let columns: Vec<FloatColumns> = series.iter().map(|&one| column(&fleet, one)).collect();
            let encode = |builder: &mut ChunkBuilder, column: &FloatColumns, chunk: &mut Vec<u8>| {
                builder.clear();
                for (timestamp_ms, value) in column.timestamps_ms.iter().zip(&column.values) {
                    builder.push_with_start(*timestamp_ms, start_ms, *value);
                }
                chunk.clear();
                builder.write_to(chunk);
            };
            bench(criterion, (encoding_name, name), encoding, &columns, encode);
        }
    }
}

/// The samples of this many histogram series make a chunk each.
const HISTOGRAM_SERIES: u64 = 50;
const HISTOGRAM_SAMPLES: u64 = 60;
const BUCKETS: u64 = 40;

fn histograms(criterion: &mut Criterion) {
    let series: Vec<Vec<IntegerHistogram>> = (0..HISTOGRAM_SERIES).map(latencies).collect();
    let floats: Vec<Vec<FloatHistogram>> = series
        .iter()
        .map(|samples| samples.iter().map(to_float).collect())
        .collect();
    let start_ms = fleet(1).timestamp_ms(0) - 3_600_000;
    for encoding in [ChunkEncoding::Histogram, ChunkEncoding::HistogramWithStarts] {
        bench(
            criterion,
            ("integer histogram", "40 buckets"),
            encoding,
            &series,
            |builder, samples, chunk| {
                builder.clear();
                for (timestamp_ms, sample) in (start_ms..).step_by(15_000).zip(samples) {
                    assert!(builder.push_integer(timestamp_ms, start_ms, sample));
                }
                chunk.clear();
                builder.write_to(chunk);
            },
        );
    }
    for encoding in [
        ChunkEncoding::FloatHistogram,
        ChunkEncoding::FloatHistogramWithStarts,
    ] {
        bench(
            criterion,
            ("float histogram", "40 buckets"),
            encoding,
            &floats,
            |builder, samples, chunk| {
                builder.clear();
                for (timestamp_ms, sample) in (start_ms..).step_by(15_000).zip(samples) {
                    assert!(builder.push_float(timestamp_ms, start_ms, sample));
                }
                chunk.clear();
                builder.write_to(chunk);
            },
        );
    }
}

trait Samples {
    fn count(&self) -> u64;
}

impl Samples for FloatColumns {
    fn count(&self) -> u64 {
        self.len() as u64
    }
}

impl<T> Samples for Vec<T> {
    fn count(&self) -> u64 {
        self.len() as u64
    }
}

fn bench<T: Samples>(
    criterion: &mut Criterion,
    (encoding_name, name): (&str, &str),
    encoding: ChunkEncoding,
    columns: &[T],
    encode: impl Fn(&mut ChunkBuilder, &T, &mut Vec<u8>),
) {
    let samples: u64 = columns.iter().map(Samples::count).sum();
    let mut builder = ChunkBuilder::new(encoding);
    let encoded: Vec<Vec<u8>> = columns
        .iter()
        .map(|column| {
            let mut chunk = Vec::new();
            encode(&mut builder, column, &mut chunk);
            chunk
        })
        .collect();
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    let code = encoding.code();
    report(
        &format!("{code} {encoding_name}, {name}"),
        bytes as f64 / samples as f64,
    );

    let mut group = criterion.benchmark_group(format!("chunk/{code} {encoding_name}"));
    group.throughput(Throughput::Elements(samples));
    let mut chunk = Vec::new();
    group.bench_function(format!("encode {name}"), |bencher| {
        bencher.iter(|| {
            for column in columns {
                encode(&mut builder, column, &mut chunk);
                black_box(&chunk);
            }
        });
    });
    let mut buffer = SampleBuffer::new();
    group.bench_function(format!("decode {name}"), |bencher| {
        bencher.iter(|| {
            for chunk in &encoded {
                buffer.clear();
                assert!(decode_chunk(encoding, black_box(chunk), &mut buffer));
            }
        });
    });
    group.finish();
}

#[expect(clippy::print_stdout, reason = "a figure that criterion has no place for")]
fn report(name: &str, bytes_per_sample: f64) {
    println!("chunk/{name}: {bytes_per_sample:.3} bytes per sample");
}

fn moves(fleet: &NodeWorkload, series: usize) -> bool {
    (1..STEPS).any(|step| fleet.value(series, step) != fleet.value(series, 0))
}

fn column(fleet: &NodeWorkload, series: usize) -> FloatColumns {
    let mut column = FloatColumns::default();
    for step in 0..STEPS {
        column.push(fleet.timestamp_ms(step), fleet.value(series, step));
    }
    column
}

/// A histogram of latencies that grows: a third of its buckets moves between two samples.
fn latencies(seed: u64) -> Vec<IntegerHistogram> {
    let layout = HistogramLayout {
        positive: vec![BucketSpan {
            offset: -10,
            length: BUCKETS as u32,
        }],
        ..HistogramLayout::exponential(3, 2.0_f64.powi(-128))
    };
    let mut now = IntegerHistogram::empty(layout);
    now.positive = vec![0; BUCKETS as usize];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut samples = Vec::new();
    for _ in 0..HISTOGRAM_SAMPLES {
        for _ in 0..BUCKETS / 3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Two of a kind are added: most observations are in the middle.
            let bucket = (state % (BUCKETS / 2) + (state >> 32) % (BUCKETS / 2)) as usize;
            let count = (state >> 48) % 20;
            if let Some(bucket) = now.positive.get_mut(bucket) {
                *bucket += count;
            }
            now.count += count;
            now.sum += count as f64 * 0.01;
        }
        samples.push(now.clone());
    }
    samples
}

fn to_float(histogram: &IntegerHistogram) -> FloatHistogram {
    FloatHistogram {
        count: histogram.count as f64,
        sum: histogram.sum,
        positive: histogram.positive.iter().map(|&count| count as f64).collect(),
        ..FloatHistogram::empty(HistogramLayout::clone(&histogram.layout))
    }
}

criterion_group!(benches, floats, histograms);
criterion_main!(benches);
