//! Remote write beside prost: reading and writing requests of 2000 series with eight labels and one sample each.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{CountingAllocator, allocations_of};
use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
use moheng_metrics::remote_write::{
    OutgoingHistogram, OutgoingSeries, WriteDecoder, WriteEncoder, WriteItem, WriteMessage, WriteSample,
};
use moheng_metrics::{HistogramValue, Labels, ValidationScheme, decode_snappy_into, encode_snappy};
use prost::Message;
use std::hint::black_box;

#[path = "../../moheng-metrics/tests/it/messages.rs"]
mod messages;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SERIES: usize = 2000;

fn series() -> Vec<Labels> {
    let series = |number: usize| {
        Labels::from_pairs([
            ("__name__", "container_network_receive_bytes_total".to_owned()),
            ("container", format!("backend-{}", number % 40)),
            ("id", format!("/docker/{:016x}", number * 7_919)),
            ("image", "registry.example.com/backend:1.27.3".to_owned()),
            ("instance", format!("node-{:02}:8080", number % 20)),
            ("interface", format!("eth{}", number % 4)),
            ("job", "containers".to_owned()),
            ("zone", "eu-central-1a".to_owned()),
        ])
    };
    (0..SERIES).map(series).collect()
}

fn encode(message: WriteMessage, series: &[Labels], encoder: &mut WriteEncoder) -> usize {
    encoder.clear();
    for (number, labels) in series.iter().enumerate() {
        let sample = WriteSample {
            timestamp_ms: 1_790_000_000_000 + number as i64 % 15_000,
            value: number as f64 * 1.5,
            start_timestamp_ms: i64::from(message == WriteMessage::V2) * 1_789_000_000_000,
        };
        encoder.push(&OutgoingSeries {
            samples: &[sample],
            ..OutgoingSeries::new(labels)
        });
    }
    encoder.finish().len()
}

fn request(message: WriteMessage) -> Vec<u8> {
    let mut encoder = WriteEncoder::new(message);
    encode(message, &series(), &mut encoder);
    encoder.finish().to_vec()
}

/// Looks at every label and every sample.
fn decode(message: WriteMessage, request: &[u8]) -> Option<(usize, f64)> {
    let (mut bytes, mut sum) = (0, 0.0);
    let mut decoder = WriteDecoder::new(message, request).ok()?;
    while let Some(item) = decoder.next_item().ok()? {
        if let WriteItem::Series(series) = item {
            for (name, value) in &series.labels {
                bytes += name.len() + value.len();
            }
            for sample in &series.samples {
                sum += sample.value;
            }
            for histogram in series.histograms() {
                black_box(histogram);
            }
        }
    }
    Some((bytes, sum))
}

fn decode_with_labels(message: WriteMessage, request: &[u8]) -> Option<()> {
    let mut decoder = WriteDecoder::new(message, request).ok()?;
    while let Some(item) = decoder.next_item().ok()? {
        if let WriteItem::Series(series) = item {
            black_box(series.to_labels(ValidationScheme::Utf8).ok()?);
        }
    }
    Some(())
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("remote_write/decode");
    group.throughput(Throughput::Elements(SERIES as u64));
    for (name, message) in [("1.0", WriteMessage::V1), ("2.0", WriteMessage::V2)] {
        let request = request(message);
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(message, black_box(&request)));
        });
        group.bench_function(format!("{name} with label sets"), |bencher| {
            bencher.iter(|| decode_with_labels(message, black_box(&request)));
        });
        let allocations = allocations_of(|| _ = black_box(decode(message, &request)));
        print_amounts(name, request.len(), allocations);
        let block = encode_snappy(&request).unwrap_or_default();
        let mut decoded = Vec::new();
        group.bench_function(format!("{name} with snappy"), |bencher| {
            bencher.iter(|| {
                decode_snappy_into(black_box(&block), 32 << 20, &mut decoded).ok()?;
                decode(message, &decoded)
            });
        });
    }
    prost_reading(&mut group);
    histograms(&mut group);
    group.finish();
}

fn prost_reading(group: &mut BenchmarkGroup<'_, WallTime>) {
    let (v1, v2) = (request(WriteMessage::V1), request(WriteMessage::V2));
    group.bench_function("1.0 by prost", |bencher| {
        bencher.iter(|| messages::v1::Request::decode(black_box(v1.as_slice())));
    });
    group.bench_function("2.0 by prost", |bencher| {
        bencher.iter(|| messages::v2::Request::decode(black_box(v2.as_slice())));
    });
}

/// Series with a native histogram of forty buckets each.
fn histograms(group: &mut BenchmarkGroup<'_, WallTime>) {
    let layout = HistogramLayout {
        positive: vec![BucketSpan {
            offset: -10,
            length: 40,
        }],
        ..HistogramLayout::exponential(3, 1e-128)
    };
    let histogram = FloatHistogram {
        count: 820.0,
        sum: 1234.5,
        positive: (1..=40).map(f64::from).collect(),
        ..FloatHistogram::empty(layout)
    };
    let mut encoder = WriteEncoder::new(WriteMessage::V2);
    for labels in &series() {
        encoder.push(&OutgoingSeries {
            histograms: &[OutgoingHistogram {
                timestamp_ms: 1_790_000_000_000,
                start_timestamp_ms: 0,
                value: HistogramValue::Float(&histogram),
            }],
            ..OutgoingSeries::new(labels)
        });
    }
    let request = encoder.finish();
    group.bench_function("2.0 of histograms", |bencher| {
        bencher.iter(|| decode(WriteMessage::V2, black_box(request)));
    });
    let allocations = allocations_of(|| _ = black_box(decode(WriteMessage::V2, request)));
    print_amounts("2.0 of histograms", request.len(), allocations);
}

fn writing(criterion: &mut Criterion) {
    let series = series();
    let mut group = criterion.benchmark_group("remote_write/encode");
    group.throughput(Throughput::Elements(SERIES as u64));
    for (name, message) in [("1.0", WriteMessage::V1), ("2.0", WriteMessage::V2)] {
        let mut encoder = WriteEncoder::new(message);
        group.bench_function(name, |bencher| {
            bencher.iter(|| encode(message, black_box(&series), &mut encoder));
        });
        let allocations = allocations_of(|| {
            black_box(encode(message, &series, &mut encoder));
        });
        print_amounts(&format!("{name} encoded"), encoder.finish().len(), allocations);
    }
    let request = messages::v1::Request::decode(request(WriteMessage::V1).as_slice()).unwrap_or_default();
    let mut out = Vec::new();
    group.bench_function("1.0 by prost", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&request).encode(&mut out).map(|()| out.len())
        });
    });
    group.finish();
}

#[expect(clippy::print_stdout, reason = "what a bench is for")]
fn print_amounts(name: &str, bytes: usize, allocations: u64) {
    println!("remote_write {name}: {SERIES} series, {bytes} bytes, {allocations} allocations in all");
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
