//! Works on the blocks of a Prometheus data directory.
//!
//!     cargo run -p moheng-tsdb --example blocks -- dump DIR      prints all samples, as `promtool tsdb dump` does
//!     cargo run -p moheng-tsdb --example blocks -- verify DIR    checks every byte of all blocks
//!     cargo run -p moheng-tsdb --example blocks -- compact DIR   joins all blocks into one
//!     cargo run -p moheng-tsdb --example blocks -- delete DIR NAME START END   deletes samples of a metric
//!     cargo run -p moheng-tsdb --example blocks -- write DIR SERIES SAMPLES    writes a block of made-up samples

use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::sync::Arc;

use moheng_metrics::{Clock, Labels, Matcher, SampleBuffer, Select, SeriesSource, SystemClock, format_float};
use moheng_tsdb::block::{Block, BlockMeta, BlockSet, BlockWriter, Ulid, list_blocks, remove_block};
use moheng_tsdb::compact::compact_blocks;
use moheng_tsdb::storage::{Directory, RealDirectory};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["dump", path] => dump(&open(path)?),
        ["verify", path] => verify(&open(path)?),
        ["compact", path] => compact(path),
        ["delete", path, name, start_ms, end_ms] => {
            let matcher = Matcher::equal("__name__", *name);
            for block in open(path)?.blocks() {
                block.delete(std::slice::from_ref(&matcher), start_ms.parse()?, end_ms.parse()?)?;
            }
            Ok(())
        }
        ["write", path, series, samples] => write(path, series.parse()?, samples.parse()?),
        _ => Err("what to do? see the head of the source".into()),
    }
}

fn open(path: &str) -> Result<BlockSet, Box<dyn Error>> {
    let directory: Arc<dyn Directory> = Arc::new(RealDirectory::open(path)?);
    let listing = list_blocks(&*directory)?;
    if let Some((name, error)) = listing.damaged.into_iter().next() {
        return Err(format!("{name}: {error}").into());
    }
    let blocks = listing.blocks.iter();
    let blocks = blocks.map(|meta| Block::open(Arc::clone(&directory), &meta.ulid.to_string()));
    Ok(BlockSet::new(blocks.collect::<Result<_, _>>()?))
}

fn dump(blocks: &BlockSet) -> Result<(), Box<dyn Error>> {
    let mut cursor = blocks.select(&Select::new(vec![], i64::MIN, i64::MAX))?;
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

fn verify(blocks: &BlockSet) -> Result<(), Box<dyn Error>> {
    let mut is_whole = true;
    for block in blocks.blocks() {
        let report = block.verify()?;
        writeln!(stdout(), "{} {:?}", block.meta().ulid, report.stats)?;
        for problem in &report.problems {
            is_whole = false;
            writeln!(stdout(), "  {problem}")?;
        }
    }
    if is_whole {
        Ok(())
    } else {
        Err("there is damage".into())
    }
}

fn compact(path: &str) -> Result<(), Box<dyn Error>> {
    let directory: Arc<dyn Directory> = Arc::new(RealDirectory::open(path)?);
    let blocks = open(path)?;
    let clock = SystemClock::new();
    let begin = clock.monotonic();
    let meta = compact_blocks(&directory, blocks.blocks(), Ulid::new(clock.now_ms(), 1))?;
    let duration = clock.monotonic().saturating_sub(begin);
    for block in blocks.blocks() {
        remove_block(&*directory, block.meta().ulid)?;
    }
    writeln!(stdout(), "{meta:?} in {duration:?}")?;
    Ok(())
}

fn write(path: &str, series_count: usize, sample_count: i64) -> Result<(), Box<dyn Error>> {
    let directory = Arc::new(RealDirectory::create(path)?);
    let meta = BlockMeta::new(
        Ulid::new(sample_count, series_count as u128),
        0,
        sample_count * 15_000,
    );
    let mut all: Vec<Labels> = (0..series_count)
        .map(|number| {
            Labels::from_pairs([
                ("__name__".to_owned(), format!("metric_{}", number % 100)),
                (
                    "instance".to_owned(),
                    format!("host-{}:9100", number / 100 % 1000),
                ),
                ("job".to_owned(), "node".to_owned()),
                ("number".to_owned(), number.to_string()),
            ])
        })
        .collect();
    all.sort();
    let mut writer = BlockWriter::create(directory, meta)?;
    let mut samples = SampleBuffer::new();
    for (number, labels) in all.iter().enumerate() {
        samples.clear();
        for step in 0..sample_count {
            let value = (number as i64 * 7 + step * (number as i64 % 5)) as f64 / 4.0;
            samples.floats.push(step * 15_000, value);
        }
        writer.add_series(labels, &samples)?;
    }
    writer.finish()?;
    Ok(())
}
