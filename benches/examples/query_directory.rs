//! Fills a data directory for the comparison of queries, either in the write-ahead log only or compacted into blocks.
//!
//! `cargo run --release -p moheng-benches --example query_directory -- DIRECTORY head|blocks`
#![expect(clippy::print_stdout, reason = "it says what it made")]

use std::error::Error;

use moheng_metrics::testing::{HistogramSeries, Random};
use moheng_metrics::{AppendBatch, HistogramValue, Labels, SampleSink, SeriesKey, SeriesRef};
use moheng_tsdb::{Db, Settings, WalSync};

/// A border of two-hour blocks.
const START_MS: i64 = 1_700_006_400_000;
const INTERVAL_MS: i64 = 5000;
/// Two hours and 54 minutes: as much as a head holds without compacting it.
const STEPS: i64 = 2088;
/// The series of the instant queries have samples in the last ten minutes only.
const WIDE_STEPS: i64 = 10;
const WIDE_INTERVAL_MS: i64 = 60_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(mode)) = (arguments.next(), arguments.next()) else {
        return Err("expected DIRECTORY head|blocks".into());
    };
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    let db = Db::open(&path, settings)?;
    let mut random = Random::new(1);
    append_numbers(&db, &mut random)?;
    append_histograms(&db)?;
    append_wide(&db, &mut random)?;
    if mode == "blocks" {
        let marker = Labels::from_pairs([("__name__", "marker")]);
        let mut batch = AppendBatch::new();
        batch.push_labels(&marker, START_MS + STEPS * INTERVAL_MS + 4 * 3_600_000, 1.0);
        db.append(&batch)?;
        println!("{:?}", db.compact()?);
    }
    println!(
        "samples from {START_MS} to {}",
        START_MS + (STEPS - 1) * INTERVAL_MS
    );
    Ok(db.close()?)
}

/// Appends the first sample of each series and returns what they are called from then on.
fn register(db: &Db, series: &[Labels], timestamp_ms: i64) -> Result<Vec<SeriesRef>, Box<dyn Error>> {
    let mut batch = AppendBatch::new();
    for labels in series {
        batch.push_labels(labels, timestamp_ms, 0.0);
    }
    let outcomes = db.append(&batch)?.outcomes;
    Ok(outcomes.into_iter().collect::<Result<_, _>>()?)
}

fn append_numbers(db: &Db, random: &mut Random) -> Result<(), Box<dyn Error>> {
    let mut series = Vec::new();
    let mut add = |name: &str, labels: &[(&str, String)]| {
        let named = [("__name__", name)].into_iter();
        let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
        series.push(Labels::from_pairs(named.chain(labels)));
    };
    let instance = |number: u64| ("instance", format!("node-{number:03}"));
    for number in 0..1200 {
        let handler = ("handler", format!("/api/{}", number / 5 % 6));
        let code = ("code", (200 + number % 5).to_string());
        add("requests_total", &[instance(number / 30), handler, code]);
    }
    for number in 0..1200 {
        let le = [
            "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
        ];
        let bound = le.get(number as usize % 12).copied().unwrap_or_default();
        add(
            "latency_seconds_bucket",
            &[instance(number / 12), ("le", bound.to_owned())],
        );
    }
    for number in 0..1200 {
        add(
            "memory_bytes",
            &[instance(number / 30), ("area", format!("area-{}", number % 30))],
        );
    }
    for number in 0..40 {
        add(
            "machine_info",
            &[instance(number), ("zone", format!("zone-{}", number % 4))],
        );
    }
    let references = register(db, &series, START_MS)?;
    let mut counts = vec![0.0_f64; series.len()];
    for step in 1..STEPS {
        let mut batch = AppendBatch::new();
        let mut bucket = 0.0;
        for (number, (&reference, count)) in references.iter().zip(&mut counts).enumerate() {
            match number {
                0..1200 if random.below(2000) == 0 => *count = 0.0,
                0..1200 => *count += random.below(50) as f64,
                1200..2400 => {
                    // Cumulative over the bounds of an instance.
                    bucket = if number % 12 == 0 { 0.0 } else { bucket } + random.below(4) as f64;
                    *count += bucket;
                }
                2400..3600 => *count = (random.below(1 << 24) * 4096) as f64,
                _ => *count = 1.0,
            }
            batch.push_reference(reference, START_MS + step * INTERVAL_MS, *count);
        }
        db.append(&batch)?;
    }
    Ok(())
}

fn append_histograms(db: &Db) -> Result<(), Box<dyn Error>> {
    let labels: Vec<Labels> = (0..200)
        .map(|number| {
            Labels::from_pairs([
                ("__name__", "waits_seconds"),
                ("instance", &format!("node-{number:03}")),
            ])
        })
        .collect();
    let mut series: Vec<HistogramSeries> = (0..200).map(HistogramSeries::counter).collect();
    for step in 0..STEPS {
        let values: Vec<_> = series.iter_mut().map(HistogramSeries::next_sample).collect();
        let mut batch = AppendBatch::new();
        for (labels, value) in labels.iter().zip(&values) {
            let timestamp_ms = START_MS + step * INTERVAL_MS;
            batch.push_histogram(
                SeriesKey::Labels(labels),
                timestamp_ms,
                HistogramValue::Integer(value),
            );
        }
        db.append(&batch)?;
    }
    Ok(())
}

fn append_wide(db: &Db, random: &mut Random) -> Result<(), Box<dyn Error>> {
    let series: Vec<Labels> = (0..100_000)
        .map(|number| {
            let (instance, slot) = (
                format!("node-{:04}", number / 100),
                format!("slot-{:02}", number % 100),
            );
            Labels::from_pairs([("__name__", "wide"), ("instance", &instance), ("slot", &slot)])
        })
        .collect();
    let first_ms = START_MS + (STEPS - 1) * INTERVAL_MS - (WIDE_STEPS - 1) * WIDE_INTERVAL_MS;
    let references = register(db, &series, first_ms)?;
    for step in 1..WIDE_STEPS {
        let mut batch = AppendBatch::new();
        for &reference in &references {
            let value = random.below(1 << 20) as f64;
            batch.push_reference(reference, first_ms + step * WIDE_INTERVAL_MS, value);
        }
        db.append(&batch)?;
    }
    Ok(())
}
