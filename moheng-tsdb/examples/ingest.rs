//! Fills a data directory with the samples that standard input names, as a database that ran all that time would.
//!
//!     cargo run -p moheng-tsdb --example ingest -- DIR < LINES
//!
//! A line `series`, tab, name, tab, value, tab, name … begins a series; each line `TIME`, tab, `BITS` behind it is one of its
//! samples: milliseconds, and the bits of the float as 16 hexadecimal digits, so that stale markers can be told. Blocks are written
//! as time goes on.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, Clock, Labels, SampleSink};
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings, WalSync};

/// Time between two looks whether blocks are due, in milliseconds.
const SLICE_MS: i64 = 600_000;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which directory?")?;
    let mut all: Vec<Labels> = Vec::new();
    let mut samples: Vec<(i64, usize, f64)> = Vec::new();
    for line in stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["series", pairs @ ..] => all.push(labels(pairs)),
            [time_ms, bits] => {
                let series = all
                    .len()
                    .checked_sub(1)
                    .ok_or("a sample before the first series")?;
                let value = f64::from_bits(u64::from_str_radix(bits, 16)?);
                samples.push((time_ms.parse()?, series, value));
            }
            _ => return Err(format!("neither series nor sample: {line:?}").into()),
        }
    }
    samples.sort_by_key(|&(time_ms, series, _)| (time_ms, series));
    fill(&path, &all, &samples)
}

fn labels(pairs: &[&str]) -> Labels {
    let pairs = pairs.chunks_exact(2);
    Labels::from_pairs(pairs.filter_map(|pair| match pair {
        [name, value] => Some((*name, *value)),
        _ => None,
    }))
}

fn fill(path: &str, all: &[Labels], samples: &[(i64, usize, f64)]) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(ManualClock::new(samples.first().map_or(0, |sample| sample.0)));
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    let db = Db::builder(Arc::new(RealDirectory::create(path)?))
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()?;
    let is_same_slice = |left: &(i64, usize, f64), right: &(i64, usize, f64)| {
        left.0.div_euclid(SLICE_MS) == right.0.div_euclid(SLICE_MS)
    };
    for slice in samples.chunk_by(is_same_slice) {
        let mut batch = AppendBatch::new();
        for &(time_ms, series, value) in slice {
            let labels = all.get(series).ok_or("no such series")?;
            batch.push_labels(labels, time_ms, value);
        }
        let appended = db.append(&batch)?;
        if let Some((index, error)) = appended.first_error() {
            return Err(format!("sample {index} of a slice: {error}").into());
        }
        let last_ms = slice.last().map_or(0, |sample| sample.0);
        clock.advance(Duration::from_millis((last_ms - clock.now_ms()).max(0) as u64));
        db.run_maintenance()?;
        db.compact()?;
    }
    db.close()?;
    writeln!(stdout(), "{} series, {} samples", all.len(), samples.len())?;
    Ok(())
}
