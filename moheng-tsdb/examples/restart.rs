//! Fills a data directory as scrapes would, opens it again, and says what that took.
//!
//!     cargo run --release -p moheng-tsdb --example restart -- fill DIR SERIES SAMPLES   dies without closing
//!     cargo run --release -p moheng-tsdb --example restart -- close DIR                 opens, and closes with a chunk snapshot
//!     cargo run --release -p moheng-tsdb --example restart -- open DIR                  prints times and memory as JSON
//!     cargo run --release -p moheng-tsdb --example restart -- dump DIR                  prints all samples
#![expect(clippy::print_stdout, reason = "it is a report")]

use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    AppendBatch, Clock, Labels, SampleBuffer, SampleSink, Select, SeriesRef, SeriesSource, SystemClock,
    format_float,
};
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings, WalSync};

const INTERVAL_MS: i64 = 15_000;
const SERIES_PER_TARGET: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["fill", path, series, samples] => fill(path, series.parse()?, samples.parse()?),
        ["open", path] => open(path),
        ["close", path] => close(path),
        ["dump", path] => dump(path),
        _ => Err("what to do? see the head of the source".into()),
    }
}

/// Six labels, as most series have; each target has the same metrics.
fn labels(number: usize) -> Labels {
    let (target, metric) = (number / SERIES_PER_TARGET, number % SERIES_PER_TARGET);
    Labels::from_pairs([
        (
            "__name__".to_owned(),
            format!("some_metric_number_{}_total", metric / 4),
        ),
        ("cluster".to_owned(), "production".to_owned()),
        ("device".to_owned(), format!("device{}", metric % 4)),
        ("instance".to_owned(), format!("host-{target}.example.org:9100")),
        ("job".to_owned(), "node".to_owned()),
        ("region".to_owned(), format!("region-{}", target % 5)),
    ])
}

fn fill(path: &str, series: usize, samples: i64) -> Result<(), Box<dyn Error>> {
    let now_ms = SystemClock::new().now_ms();
    let start_ms = now_ms - now_ms.rem_euclid(INTERVAL_MS) - samples * INTERVAL_MS;
    let clock = Arc::new(ManualClock::new(start_ms));
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    let db = Db::builder(Arc::new(RealDirectory::create(path)?))
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()?;
    let all: Vec<Labels> = (0..series).map(labels).collect();
    let mut references: Vec<SeriesRef> = Vec::with_capacity(series);
    for step in 0..samples {
        let timestamp_ms = start_ms + step * INTERVAL_MS;
        for target in 0..series.div_ceil(SERIES_PER_TARGET) {
            let numbers = target * SERIES_PER_TARGET..series.min((target + 1) * SERIES_PER_TARGET);
            let mut batch = AppendBatch::new();
            for number in numbers {
                // A third moves.
                let value = match number % 3 {
                    0 => (step * (number % 100) as i64) as f64 / 7.0,
                    _ => number as f64,
                };
                match references.get(number) {
                    Some(&reference) => batch.push_reference(reference, timestamp_ms, value),
                    None => batch.push_labels(&all[number], timestamp_ms, value),
                }
            }
            let appended = db.append(&batch)?;
            if step == 0 {
                references.extend(appended.outcomes.into_iter().flatten());
            }
        }
        clock.advance(Duration::from_millis(INTERVAL_MS as u64));
        db.run_maintenance()?;
    }
    let stats = db.stats();
    println!(
        r#"{{"resident": {}, "chunks": {}, "chunks_mapped": {}, "sample_memory": {}}}"#,
        resident_bytes(),
        stats.head.chunks,
        stats.head.chunks_mapped,
        db.sample_memory_bytes()
    );
    stdout().flush()?;
    // As if it were killed: nothing is closed.
    std::process::abort();
}

fn open(path: &str) -> Result<(), Box<dyn Error>> {
    let clock = SystemClock::new();
    let begin = clock.monotonic();
    let db = Db::open(path, Settings::default())?;
    let wall = clock.monotonic().saturating_sub(begin);
    let stats = db.stats();
    let (cpu, resident) = (processor_seconds(), resident_bytes());
    let begin = clock.monotonic();
    let mut cursor = db.select(&Select::new(vec![], i64::MIN, i64::MAX))?;
    let mut samples = SampleBuffer::new();
    let mut count = 0;
    while let Some(mut series) = cursor.next_series()? {
        samples.clear();
        while series.samples.read(&mut samples)? {}
        count += samples.len();
    }
    let read = clock.monotonic().saturating_sub(begin);
    println!(
        r#"{{"wall": {}, "cpu": {}, "resident": {}, "series": {}, "restored": {}, "samples": {}, "mapped": {}, "read_ns": {:.1}}}"#,
        wall.as_secs_f64(),
        cpu,
        resident,
        stats.head.series,
        stats.replay.restored_series,
        stats.replay.samples,
        stats.replay.in_mapped_chunks,
        read.as_nanos() as f64 / count as f64,
    );
    Ok(())
}

/// Leaves a chunk snapshot, and says how long that took.
fn close(path: &str) -> Result<(), Box<dyn Error>> {
    let mut settings = Settings::default();
    settings.snapshot_on_close = true;
    let db = Db::open(path, settings)?;
    let clock = SystemClock::new();
    let (begin, cpu) = (clock.monotonic(), processor_seconds());
    db.close()?;
    let wall = clock.monotonic().saturating_sub(begin).as_secs_f64();
    println!(r#"{{"wall": {wall}, "cpu": {}}}"#, processor_seconds() - cpu);
    Ok(())
}

fn dump(path: &str) -> Result<(), Box<dyn Error>> {
    let db = Db::builder(Arc::new(RealDirectory::open(path)?))
        .read_only(true)
        .open()?;
    let mut cursor = db.select(&Select::new(vec![], i64::MIN, i64::MAX))?;
    let mut out = BufWriter::new(stdout().lock());
    let mut samples = SampleBuffer::new();
    let mut text = String::new();
    while let Some(mut series) = cursor.next_series()? {
        samples.clear();
        while series.samples.read(&mut samples)? {}
        let floats = &samples.floats;
        for (time_ms, &value) in floats.timestamps_ms.iter().zip(&floats.values) {
            text.clear();
            format_float(value, &mut text);
            writeln!(out, "{} {text} {time_ms}", series.labels)?;
        }
    }
    Ok(out.flush()?)
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// What all threads of this process spent on processors, in seconds.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
