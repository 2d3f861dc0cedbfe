//! Moheng's side of the comparisons under `benches/peers`: fills directories, and reports what work costs in processor time.
//!
//!     cargo run --release -p moheng-benches --example peer -- COMMAND
//!
//! * `list INSTANCES`: the label sets as `promtool tsdb bench write` reads them
//! * `append DIR INSTANCES SCRAPES COMPRESSION`: by reference, values and batches as `promtool tsdb bench write` has them, its log
//!   compressed by `none` or `snappy`
//! * `labels DIR INSTANCES SCRAPES`: the same by labels
//! * `fill DIR INSTANCES SCRAPES START_MS`: a log whose samples are in no block yet
//! * `blocks DIR INSTANCES SCRAPES START_MS COUNT`: blocks of two hours
//! * `compact DIR`: all that is due
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::NodeWorkload;
use moheng_metrics::{AppendBatch, Labels, SampleBuffer, SampleSink, SeriesRef};
use moheng_tsdb::block::{BlockMeta, BlockWriter, Ulid};
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings, WalCompression, WalSync};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome = Result<(), Box<dyn Error>>;

/// What `promtool tsdb bench write` does: so many series a batch, a value that climbs, a time that steps.
const BATCH_SERIES: usize = 1000;
const FIRST_VALUE: f64 = 123_456_789.0;
const VALUE_STEP: f64 = 1000.0;
const TIME_STEP_MS: i64 = 30_000;

const BLOCK_MS: i64 = 7_200_000;

const FILLED_SEGMENT_BYTES: u64 = 8 << 20;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list", instances] => {
            list(instances.parse()?);
            Ok(())
        }
        ["append", path, instances, scrapes, compression] => {
            append(path, instances.parse()?, scrapes.parse()?, compression.parse()?)
        }
        ["labels", path, instances, scrapes] => append_labels(path, instances.parse()?, scrapes.parse()?),
        ["fill", path, instances, scrapes, start_ms] => {
            let workload = NodeWorkload::new(instances.parse()?).with_times(start_ms.parse()?, 15_000);
            fill(path, &workload, scrapes.parse()?)
        }
        ["blocks", path, instances, scrapes, start_ms, count] => {
            let (start_ms, scrapes): (i64, u64) = (start_ms.parse()?, scrapes.parse()?);
            for number in 0..count.parse()? {
                write_block(path, instances.parse()?, scrapes, start_ms + number * BLOCK_MS)?;
            }
            Ok(())
        }
        ["compact", path] => compact(path),
        _ => Err("what to do? see the head of the source".into()),
    }
}

fn list(instances: usize) {
    for labels in NodeWorkload::new(instances).series() {
        // The reader knows no quoting: it splits at commas and colons.
        let plain = |text: &str| text.replace([',', ':', '"', '{', '}'], "_");
        let pairs = labels
            .iter()
            .map(|(name, value)| format!("\"{}\":\"{}\"", plain(name), plain(value)));
        println!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
    }
}

/// A database that syncs as Prometheus does, so that the same work is compared.
fn open(path: &str) -> Result<Db, Box<dyn Error>> {
    open_with(path, Settings::default())
}

fn open_with(path: &str, mut settings: Settings) -> Result<Db, Box<dyn Error>> {
    settings.wal_sync = WalSync::Os;
    let directory = Arc::new(RealDirectory::create(path)?);
    Ok(Db::builder(directory)
        .settings(settings)
        .without_worker()
        .open()?)
}

fn append(path: &str, instances: usize, scrapes: i64, compression: WalCompression) -> Outcome {
    let workload = NodeWorkload::new(instances);
    let mut settings = Settings::default();
    settings.wal_compression = compression;
    let db = open_with(path, settings)?;
    let begin = processor_time();
    let mut references: Vec<Vec<SeriesRef>> = Vec::new();
    for series in workload.series().chunks(BATCH_SERIES) {
        let mut batch = AppendBatch::new();
        for labels in series {
            batch.push_labels(labels, TIME_STEP_MS, FIRST_VALUE);
        }
        let outcomes = db.append(&batch)?.outcomes;
        references.push(outcomes.into_iter().collect::<Result<_, _>>()?);
    }
    report("create", since(begin), workload.series().len());
    let begin = processor_time();
    let mut value = FIRST_VALUE;
    for scrape in 1..scrapes {
        value += VALUE_STEP;
        for series in &references {
            let mut batch = AppendBatch::new();
            batch.entries.reserve_exact(series.len());
            for &reference in series {
                batch.push_reference(reference, (scrape + 1) * TIME_STEP_MS, value);
            }
            db.append(&batch)?;
        }
    }
    report(
        "append",
        since(begin),
        workload.series().len() * (scrapes - 1) as usize,
    );
    println!("log_bytes {}", db.stats().wal.written_bytes);
    Ok(())
}

fn append_labels(path: &str, instances: usize, scrapes: i64) -> Outcome {
    let workload = NodeWorkload::new(instances);
    let db = open(path)?;
    let mut spent = Duration::ZERO;
    for scrape in 0..=scrapes {
        let begin = processor_time();
        for series in workload.series().chunks(BATCH_SERIES) {
            let mut batch = AppendBatch::new();
            for labels in series {
                let value = FIRST_VALUE + scrape as f64 * VALUE_STEP;
                batch.push_labels(labels, (scrape + 1) * TIME_STEP_MS, value);
            }
            db.append(&batch)?;
        }
        if scrape > 0 {
            spent += since(begin);
        }
    }
    report("labels", spent, workload.series().len() * scrapes as usize);
    Ok(())
}

fn fill(path: &str, workload: &NodeWorkload, scrapes: u64) -> Outcome {
    let mut settings = Settings::default();
    // Prometheus shortens a log only when it has several segments.
    settings.wal_segment_bytes = FILLED_SEGMENT_BYTES;
    let db = open_with(path, settings)?;
    for step in 0..scrapes {
        let batch = workload.batch(step);
        if db.append(&batch)?.outcomes.iter().any(Result::is_err) {
            return Err("a sample was refused".into());
        }
    }
    db.close()?;
    println!("series {}", workload.series().len());
    Ok(())
}

fn write_block(path: &str, instances: usize, scrapes: u64, start_ms: i64) -> Outcome {
    let workload = NodeWorkload::new(instances).with_times(start_ms, BLOCK_MS / scrapes as i64);
    let first_step = start_ms as u64 / 15_000;
    let directory = Arc::new(RealDirectory::create(path)?);
    let meta = BlockMeta::new(Ulid::new(start_ms, 1), start_ms, start_ms + BLOCK_MS);
    let mut writer = BlockWriter::create(directory, meta)?;
    let mut order: Vec<(&Labels, usize)> = workload.series().iter().zip(0..).collect();
    order.sort_unstable();
    let mut samples = SampleBuffer::new();
    for (labels, series) in order {
        samples.clear();
        for step in 0..scrapes {
            let value = workload.value(series, first_step + step);
            samples.floats.push(workload.timestamp_ms(step), value);
        }
        writer.add_series(labels, &samples)?;
    }
    writer.finish()?;
    println!("series {}", workload.series().len());
    Ok(())
}

fn compact(path: &str) -> Outcome {
    let db = open(path)?;
    let begin = processor_time();
    let compacted = db.compact()?;
    report("compact", since(begin), 1);
    println!("{compacted:?}");
    Ok(())
}

fn report(what: &str, spent: Duration, count: usize) {
    println!(
        "{what} {count} {} {:.1}",
        spent.as_nanos(),
        spent.as_nanos() as f64 / count as f64
    );
}

/// How long the threads of this process have been on processors, where the system tells.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn since(begin: Duration) -> Duration {
    processor_time().saturating_sub(begin)
}
