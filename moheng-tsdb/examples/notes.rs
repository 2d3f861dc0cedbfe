//! Exemplars and deletions of a Prometheus data directory.
//!
//!     cargo run -p moheng-tsdb --example notes -- fill DIR START          appends ten minutes with exemplars and metadata
//!     cargo run -p moheng-tsdb --example notes -- show DIR                prints all samples, then all exemplars
//!     cargo run -p moheng-tsdb --example notes -- delete DIR NAME START END   deletes samples of a metric
//!     cargo run -p moheng-tsdb --example notes -- clean DIR               gives back the space of what is deleted in blocks
//!
//! Times are in milliseconds.

use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::sync::Arc;

use moheng_metrics::{
    AppendBatch, Exemplar, ExemplarEntry, Labels, Matcher, Metadata, MetadataEntry, MetricKind, SampleBuffer,
    SampleSink, Select, SeriesKey, SeriesSource, format_float,
};
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["fill", path, start_ms] => fill(&Db::open(path, Settings::default())?, start_ms.parse()?),
        ["show", path] => {
            let directory = Arc::new(RealDirectory::open(path)?);
            show(&Db::builder(directory).read_only(true).open()?)
        }
        ["delete", path, name, start_ms, end_ms] => {
            let db = Db::open(path, Settings::default())?;
            let matcher = Matcher::equal("__name__", *name);
            db.delete(&[matcher], start_ms.parse()?, end_ms.parse()?)?;
            Ok(db.close()?)
        }
        ["clean", path] => {
            let db = Db::open(path, Settings::default())?;
            db.clean_tombstones()?;
            Ok(db.close()?)
        }
        _ => Err("what to do? see the head of the source".into()),
    }
}

fn fill(db: &Db, start_ms: i64) -> Result<(), Box<dyn Error>> {
    let series = |number: usize| {
        let name = format!("filled_{}_total", number % 3);
        Labels::from_pairs([("__name__", name), ("instance", format!("host-{number}"))])
    };
    let all: Vec<Labels> = (0..9).map(series).collect();
    let metadata = Metadata {
        kind: MetricKind::Counter,
        unit: String::new(),
        help: "Filled by an example.".to_owned(),
    };
    for step in 0..40_i64 {
        let timestamp_ms = start_ms + step * 15_000;
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", format!("trace-{step}"))]),
            value: step as f64 / 8.0,
            timestamp_ms: None,
        };
        let mut batch = AppendBatch::new();
        for labels in &all {
            batch.push_labels(labels, timestamp_ms, step as f64);
            let series = SeriesKey::Labels(labels);
            if step % 3 == 0 {
                batch.exemplars.push(ExemplarEntry {
                    series,
                    timestamp_ms,
                    exemplar: &exemplar,
                });
            }
            batch.metadata.push(MetadataEntry {
                series,
                metadata: &metadata,
            });
        }
        let appended = db.append(&batch)?;
        if appended.accepted() < all.len() {
            return Err(format!("refused: {:?}", appended.first_error()).into());
        }
    }
    Ok(db.close()?)
}

fn show(db: &Db) -> Result<(), Box<dyn Error>> {
    let everything = Select::new(vec![], i64::MIN, i64::MAX);
    let mut out = BufWriter::new(stdout().lock());
    let mut text = String::new();
    let mut cursor = db.select(&everything)?;
    let mut samples = SampleBuffer::new();
    while let Some(mut series) = cursor.next_series()? {
        samples.clear();
        while series.samples.read(&mut samples)? {}
        let floats = &samples.floats;
        for (time_ms, &value) in floats.timestamps_ms.iter().zip(&floats.values) {
            text.clear();
            format_float(value, &mut text);
            writeln!(out, "sample {} {text} {time_ms}", series.labels)?;
        }
    }
    for (labels, exemplars) in db.exemplars(std::slice::from_ref(&everything)) {
        for exemplar in exemplars {
            text.clear();
            format_float(exemplar.value, &mut text);
            let time_ms = exemplar.timestamp_ms.unwrap_or_default();
            writeln!(out, "exemplar {labels} {} {text} {time_ms}", exemplar.labels)?;
        }
    }
    Ok(out.flush()?)
}
