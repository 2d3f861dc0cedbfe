//! Writes a data directory with histograms in every place a log has for them, and prints what is in it as lines of JSON, for
//! `tests/peers/codecs.py` to compare with what Prometheus finds there.
//!
//! `cargo run -p moheng-tsdb --features testing --example codecs DIRECTORY`

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, ResetHint};
use moheng_metrics::{Exemplar, HistogramValue, Labels, Metadata, MetricKind};
use moheng_tsdb::testing::{
    ChunkBuilder, ChunkEncoding, annotation_records, deletion_record, frame_record, histogram_record,
    mapped_chunk_file, series_record,
};
use serde_json::{Value, json};

const START_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 15_000;
const SAMPLES: i64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("name a directory")?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory.join("wal"))?;
    fs::create_dir_all(directory.join("chunks_head"))?;
    let mut log = Vec::new();
    let mut add = |record: &[u8]| {
        let before = log.len() as u64;
        frame_record(record, before, &mut log);
    };
    let mut chunks = Vec::new();
    for (reference, is_gauge) in [
        (1, false),
        (2, true),
        (3, false),
        (4, true),
        (5, false),
        (6, true),
    ] {
        let name = format!("histogram_{reference}");
        add(&series_record(
            reference,
            &Labels::from_pairs([("__name__", name.as_str())]),
        ));
        let samples = story(reference, is_gauge);
        match reference {
            1 | 2 => log_integers(reference, &samples, &mut add),
            3 | 4 => {
                for (timestamp_ms, sample) in &samples {
                    let float = to_float(sample);
                    let value = HistogramValue::Float(&float);
                    add(&histogram_record(&[(reference, *timestamp_ms, 0, value)], false));
                }
            }
            5 => chunks.extend(map_integers(reference, &samples)),
            _ => chunks.extend(map_floats(reference, &samples)),
        }
        print(&name, &samples);
    }
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", "abc")]),
        value: 0.5,
        timestamp_ms: Some(START_MS),
    };
    let metadata = Metadata {
        kind: MetricKind::Histogram,
        unit: "seconds".to_owned(),
        help: "How long.".to_owned(),
    };
    for record in annotation_records(1, &exemplar, &metadata) {
        add(&record);
    }
    // A series of which nothing is left.
    add(&series_record(7, &Labels::from_pairs([("__name__", "deleted")])));
    log_integers(7, &story(7, false), &mut add);
    add(&deletion_record(7, i64::MIN, i64::MAX));
    fs::write(directory.join("wal/00000000"), log)?;
    fs::write(directory.join("chunks_head/000001"), mapped_chunk_file(&chunks))?;
    Ok(())
}

type Sample = (i64, IntegerHistogram);

/// Buckets that come and go, counts that grow and (gauges only) shrink, a stale marker and a reset.
fn story(seed: u64, is_gauge: bool) -> Vec<Sample> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut buckets = [0_u64; 20];
    let mut zero_count = 0;
    let mut samples = Vec::new();
    for step in 0..SAMPLES {
        let timestamp_ms = START_MS + step * STEP_MS + (random(3) as i64 - 1) * 7;
        if step == 60 {
            samples.push((timestamp_ms, IntegerHistogram::stale()));
            continue;
        }
        if step == 80 || (is_gauge && step % 9 == 0) {
            buckets = buckets.map(|count| count / 3);
            zero_count /= 2;
        }
        for _ in 0..random(5) {
            let bits = random(12);
            buckets[random(4 + step as u64 / 8) as usize] += random(1 << bits);
            zero_count += random(2);
        }
        samples.push((timestamp_ms, histogram(&buckets, zero_count, is_gauge)));
    }
    samples
}

/// Even buckets are positive, odd ones negative; only those that are not 0 are there.
fn histogram(buckets: &[u64; 20], zero_count: u64, is_gauge: bool) -> IntegerHistogram {
    let mut sides = [
        (Vec::<BucketSpan>::new(), Vec::new(), 0_i32),
        (Vec::new(), Vec::new(), 0),
    ];
    for (index, &count) in buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (spans, counts, next) = &mut sides[index % 2];
        let number = index as i32 / 2 - 3;
        match spans.last_mut() {
            Some(last) if *next == number => last.length += 1,
            _ => spans.push(BucketSpan {
                offset: number - *next,
                length: 1,
            }),
        }
        *next = number + 1;
        counts.push(count);
    }
    let [(positive_spans, positive, _), (negative_spans, negative, _)] = sides;
    let layout = HistogramLayout {
        positive: positive_spans,
        negative: negative_spans,
        ..HistogramLayout::exponential(2, 0.001)
    };
    IntegerHistogram {
        reset_hint: if is_gauge {
            ResetHint::Gauge
        } else {
            ResetHint::Unknown
        },
        count: buckets.iter().sum::<u64>() + zero_count,
        sum: buckets.iter().map(|&count| count as f64 * 0.3).sum(),
        zero_count,
        positive,
        negative,
        ..IntegerHistogram::empty(layout)
    }
}

fn to_float(histogram: &IntegerHistogram) -> FloatHistogram {
    let floats = |counts: &[u64]| counts.iter().map(|&count| count as f64).collect();
    FloatHistogram {
        layout: Arc::clone(&histogram.layout),
        reset_hint: histogram.reset_hint,
        count: histogram.count as f64,
        sum: histogram.sum,
        zero_count: histogram.zero_count as f64,
        positive: floats(&histogram.positive),
        negative: floats(&histogram.negative),
    }
}

/// Three samples a record.
fn log_integers(reference: u64, samples: &[Sample], add: &mut impl FnMut(&[u8])) {
    for samples in samples.chunks(3) {
        let entries: Vec<_> = samples
            .iter()
            .map(|(timestamp_ms, sample)| (reference, *timestamp_ms, 0, HistogramValue::Integer(sample)))
            .collect();
        add(&histogram_record(&entries, false));
    }
}

type Chunk = (u64, (i64, i64), ChunkEncoding, Vec<u8>);

fn map_integers(reference: u64, samples: &[Sample]) -> Vec<Chunk> {
    let encoding = ChunkEncoding::Histogram;
    let mut builder = ChunkBuilder::new(encoding);
    map(reference, encoding, samples, |timestamp_ms, sample, chunk| {
        let mut is_new = false;
        if !builder.push_integer(timestamp_ms, 0, sample) {
            builder.restart(sample);
            assert!(builder.push_integer(timestamp_ms, 0, sample));
            is_new = true;
        }
        chunk.clear();
        builder.write_to(chunk);
        is_new
    })
}

fn map_floats(reference: u64, samples: &[Sample]) -> Vec<Chunk> {
    let encoding = ChunkEncoding::FloatHistogram;
    let mut builder = ChunkBuilder::new(encoding);
    map(reference, encoding, samples, |timestamp_ms, sample, chunk| {
        let sample = to_float(sample);
        let mut is_new = false;
        if !builder.push_float(timestamp_ms, 0, &sample) {
            builder.clear();
            assert!(builder.push_float(timestamp_ms, 0, &sample));
            is_new = true;
        }
        chunk.clear();
        builder.write_to(chunk);
        is_new
    })
}

/// `push(timestamp, sample, out)` adds a sample, writes the chunk to `out` and returns whether it is a new one.
fn map(
    reference: u64,
    encoding: ChunkEncoding,
    samples: &[Sample],
    mut push: impl FnMut(i64, &IntegerHistogram, &mut Vec<u8>) -> bool,
) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (timestamp_ms, sample) in samples {
        let mut bytes = Vec::new();
        let is_new = push(*timestamp_ms, sample, &mut bytes);
        match chunks.last_mut() {
            Some(last) if !is_new => {
                last.1.1 = *timestamp_ms;
                last.3 = bytes;
            }
            _ => chunks.push((reference, (*timestamp_ms, *timestamp_ms), encoding, bytes)),
        }
    }
    chunks
}

#[expect(clippy::print_stdout, reason = "the script reads it")]
fn print(name: &str, samples: &[Sample]) {
    let samples: Vec<Value> = samples
        .iter()
        .filter(|(_, sample)| !sample.is_stale())
        .map(|(timestamp_ms, sample)| {
            let spans = |spans: &[BucketSpan]| -> Vec<(i32, u32)> {
                spans.iter().map(|span| (span.offset, span.length)).collect()
            };
            json!({
                "timestamp_ms": timestamp_ms,
                "count": sample.count,
                "sum": sample.sum,
                "zero_count": sample.zero_count,
                "schema": sample.layout.schema,
                "positive_spans": spans(&sample.layout.positive),
                "negative_spans": spans(&sample.layout.negative),
                "positive": sample.positive,
                "negative": sample.negative,
            })
        })
        .collect();
    println!("{}", json!({ "name": name, "samples": samples }));
}
