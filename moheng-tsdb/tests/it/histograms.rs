//! Histograms and start timestamps survive a restart, and logs with them are read whoever wrote them.

use std::sync::Arc;

use moheng_metrics::testing::{HistogramSeries, read_all};
use moheng_metrics::{
    AppendBatch, HistogramEntry, HistogramValue, Labels, SampleBuffer, SampleSink, Select, SeriesKey,
    SeriesSource,
};
use moheng_tsdb::storage::MemoryDirectory;
use moheng_tsdb::{Db, WalSync};

use crate::support::settings;

const START_MS: i64 = 1_700_006_400_000;

fn open(directory: &MemoryDirectory, start_timestamps: bool) -> Db {
    let mut settings = settings(WalSync::Os);
    settings.start_timestamps = start_timestamps;
    Db::builder(Arc::new(directory.clone()))
        .settings(settings)
        .without_worker()
        .open()
        .unwrap()
}

/// Everything as text, series by series.
fn content(db: &Db) -> Vec<String> {
    let mut cursor = db.select(&Select::new(vec![], i64::MIN, i64::MAX)).unwrap();
    let mut found = Vec::new();
    while let Some(mut series) = cursor.next_series().unwrap() {
        let mut samples = SampleBuffer::new();
        while series.samples.read(&mut samples).unwrap() {}
        let floats = &samples.floats;
        for index in 0..floats.len() {
            let start_ms = floats.start_timestamp_ms(index);
            let (timestamp_ms, value) = (floats.timestamps_ms[index], floats.values[index]);
            found.push(format!("{} {timestamp_ms} {start_ms} {value}", series.labels));
        }
        for (index, (timestamp_ms, view)) in samples.histograms.iter().enumerate() {
            let start_ms = samples.histograms.start_timestamp_ms(index);
            found.push(format!("{} {timestamp_ms} {start_ms} {view:?}", series.labels));
        }
    }
    found
}

/// Batches of two histogram series, one of each flavour, and a float series.
fn fill(db: &Db, steps: i64) {
    let labels = ["integer", "float", "plain"].map(|name| Labels::from_pairs([("__name__", name)]));
    let mut series = HistogramSeries::counter_with_resets(7, 60);
    for step in 0..steps {
        let timestamp_ms = START_MS + step * 15_000;
        let start_timestamp_ms = START_MS - 1000 + step / 50;
        let integer = series.next_sample();
        let float = integer.to_float();
        let mut batch = AppendBatch::new();
        batch.push_labels(&labels[2], timestamp_ms, step as f64);
        batch.set_start_timestamp_ms(start_timestamp_ms);
        let values = [HistogramValue::Integer(&integer), HistogramValue::Float(&float)];
        for (labels, value) in labels.iter().zip(values) {
            batch.histograms.push(HistogramEntry {
                series: SeriesKey::Labels(labels),
                timestamp_ms,
                start_timestamp_ms,
                value,
            });
        }
        assert_eq!(db.append(&batch).unwrap().accepted(), 3, "{step}");
    }
}

#[test]
fn a_restart_changes_nothing() {
    for start_timestamps in [false, true] {
        let directory = MemoryDirectory::new();
        let db = open(&directory, start_timestamps);
        fill(&db, 200);
        db.verify().unwrap();
        let before = content(&db);
        assert_eq!(before.len(), 600);
        let with_start = before.iter().filter(|line| line.contains(" 1700006399")).count();
        assert_eq!(with_start, if start_timestamps { 600 } else { 0 });
        drop(db);
        // Whatever the setting now, what was stored is served.
        for now in [false, true] {
            let db = open(&directory, now);
            assert_eq!(db.stats().replay.samples, 600);
            assert_eq!(content(&db), before);
            db.verify().unwrap();
        }
    }
}

#[test]
fn floats_alone_are_found_among_histograms() {
    let directory = MemoryDirectory::new();
    let db = open(&directory, false);
    fill(&db, 5);
    let plain = moheng_metrics::Matcher::equal("__name__", "plain");
    let found = read_all(&db, &Select::new(vec![plain], START_MS, START_MS + 30_000));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.len(), 3);
}
