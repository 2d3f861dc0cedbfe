//! Measures the database on this machine: append, memory, select, replay. Times are those the main thread spent on a
//! processor, so that other programs disturb them little.
//!
//! `cargo run --release -p moheng-tsdb --example throughput -- [INSTANCES] [STEPS] [DIRECTORY]`
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use moheng_metrics::testing::NodeWorkload;
use moheng_metrics::{AppendBatch, Matcher, SampleBuffer, SampleSink, Select, SeriesRef, SeriesSource};
use moheng_tsdb::{Db, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let instances: usize = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let steps: u64 = arguments.next().map_or(Ok(240), |text| text.parse())?;
    let path = arguments.next().map_or_else(
        || std::env::temp_dir().join(format!("moheng-throughput-{}", std::process::id())),
        PathBuf::from,
    );
    let workload = NodeWorkload::new(instances);
    let series = workload.series().len();
    println!(
        "{instances} instances, {series} series, {steps} samples each, in {}",
        path.display()
    );

    let memory_before = resident_bytes();
    let db = Db::open(&path, Settings::default())?;
    let begin = processor_time();
    let references = create(&db, &workload)?;
    report("new series", since(begin), series);
    println!(
        "memory: {} B/series",
        (resident_bytes() - memory_before) / series as u64
    );

    let mut spent = Duration::ZERO;
    let per_instance = workload.series_per_instance();
    for step in 1..steps {
        let values: Vec<f64> = (0..series).map(|index| workload.value(index, step)).collect();
        let timestamp_ms = workload.timestamp_ms(step);
        let begin = processor_time();
        for instance in references.chunks(per_instance).zip(values.chunks(per_instance)) {
            let mut batch = AppendBatch::new();
            for (&reference, &value) in instance.0.iter().zip(instance.1) {
                batch.push_reference(reference, timestamp_ms, value);
            }
            db.append(&batch)?;
        }
        spent += since(begin);
    }
    let samples = series * steps as usize;
    report("append by reference", spent, samples - series);
    let stats = db.stats();
    println!(
        "log: {:.2} B/sample, {} syncs in {:?}",
        stats.wal.size_bytes as f64 / samples as f64,
        stats.wal.sync_count,
        stats.wal.sync_time
    );
    println!(
        "memory: {} B/series with {:.2} B/sample in chunks ({} chunks)",
        (resident_bytes() - memory_before) / series as u64,
        db.sample_memory_bytes() as f64 / samples as f64,
        stats.head.chunks,
    );
    select(&db, "select everything", vec![])?;
    let matchers = vec![Matcher::equal("__name__", "node_cpu_seconds_total")];
    select(&db, "select one metric", matchers)?;
    let begin = processor_time();
    db.close()?;
    println!("close: {:?}", since(begin));
    drop(db);

    let begin = processor_time();
    let again = Db::open(&path, Settings::default())?;
    let replay = again.stats().replay;
    report("replay", since(begin), replay.samples as usize);
    println!("replay on the clock: {:?}", replay.duration);
    drop(again);
    std::fs::remove_dir_all(&path)?;
    Ok(())
}

fn create(db: &Db, workload: &NodeWorkload) -> Result<Vec<SeriesRef>, Box<dyn Error>> {
    let mut references = Vec::new();
    for (index, labels) in workload
        .series()
        .chunks(workload.series_per_instance())
        .enumerate()
    {
        let mut batch = AppendBatch::new();
        for (offset, labels) in labels.iter().enumerate() {
            let value = workload.value(index * workload.series_per_instance() + offset, 0);
            batch.push_labels(labels, workload.timestamp_ms(0), value);
        }
        for outcome in db.append(&batch)?.outcomes {
            references.push(outcome?);
        }
    }
    Ok(references)
}

fn select(db: &Db, name: &str, matchers: Vec<Matcher>) -> Result<(), Box<dyn Error>> {
    let begin = processor_time();
    let mut cursor = db.select(&Select::new(matchers, i64::MIN, i64::MAX))?;
    let captured = processor_time();
    let mut buffer = SampleBuffer::new();
    let (mut series, mut samples) = (0, 0);
    while let Some(mut selected) = cursor.next_series()? {
        series += 1;
        buffer.clear();
        while selected.samples.read(&mut buffer)? {}
        samples += buffer.len();
    }
    report(&format!("{name}: find"), captured.saturating_sub(begin), series);
    report(&format!("{name}: decode"), since(captured), samples);
    Ok(())
}

fn report(what: &str, spent: Duration, count: usize) {
    println!(
        "{what}: {count} in {spent:?}, {:.1} ns each, {:.2} M/s",
        spent.as_nanos() as f64 / count as f64,
        count as f64 / spent.as_secs_f64() / 1e6
    );
}

/// How long this thread has been on a processor, where the system tells.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let spent = text.split(' ').next().and_then(|spent| spent.parse().ok());
    Duration::from_nanos(spent.unwrap_or(0))
}

fn since(begin: Duration) -> Duration {
    processor_time().saturating_sub(begin)
}

/// The memory of this process, where the system tells.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}
