//! Encoding and decoding XOR chunks: samples per second, and bytes per sample printed beside it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use moheng_benches::{STEPS, fleet};
use moheng_metrics::FloatColumns;
use moheng_metrics::testing::NodeWorkload;
use moheng_tsdb::testing::{ChunkBuilder, decode_chunk};

fn chunks(criterion: &mut Criterion) {
    let fleet = fleet(1);
    let all: Vec<usize> = (0..fleet.series().len()).collect();
    let moving: Vec<usize> = all
        .iter()
        .copied()
        .filter(|&series| moves(&fleet, series))
        .collect();
    for (name, series) in [("all series", &all), ("series that move", &moving)] {
        let columns: Vec<FloatColumns> = series.iter().map(|&one| column(&fleet, one)).collect();
        let encoded: Vec<Vec<u8>> = columns.iter().map(encode).collect();
        let samples = STEPS * series.len() as u64;
        let bytes: usize = encoded.iter().map(Vec::len).sum();
        report(name, bytes as f64 / samples as f64);

        let mut group = criterion.benchmark_group("chunk/xor");
        group.throughput(Throughput::Elements(samples));
        let mut builder = ChunkBuilder::default();
        let mut chunk = Vec::new();
        group.bench_function(format!("encode {name}"), |bencher| {
            bencher.iter(|| {
                for column in &columns {
                    builder.clear();
                    for (timestamp_ms, value) in column.timestamps_ms.iter().zip(&column.values) {
                        builder.push(*timestamp_ms, *value);
                    }
                    chunk.clear();
                    builder.write_to(&mut chunk);
                    black_box(&chunk);
                }
            });
        });
        let mut floats = FloatColumns::default();
        group.bench_function(format!("decode {name}"), |bencher| {
            bencher.iter(|| {
                for chunk in &encoded {
                    floats.clear();
                    assert!(decode_chunk(black_box(chunk), &mut floats));
                }
            });
        });
        group.finish();
    }
}

#[expect(clippy::print_stdout, reason = "a figure that criterion has no place for")]
fn report(name: &str, bytes_per_sample: f64) {
    println!("chunk/xor {name}: {bytes_per_sample:.3} bytes per sample");
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

fn encode(column: &FloatColumns) -> Vec<u8> {
    let mut builder = ChunkBuilder::default();
    for (timestamp_ms, value) in column.timestamps_ms.iter().zip(&column.values) {
        builder.push(*timestamp_ms, *value);
    }
    let mut chunk = Vec::new();
    builder.write_to(&mut chunk);
    chunk
}

criterion_group!(benches, chunks);
criterion_main!(benches);
