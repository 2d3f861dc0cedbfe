//! What the tests share.

use std::sync::Arc;

use moheng_metrics::testing::read_all;
use moheng_metrics::{
    AppendBatch, Labels, Sample, SampleError, SampleOutcome, SampleSink, Select, SeriesSource,
};
use moheng_tsdb::storage::Directory;
use moheng_tsdb::{Db, Settings, WalSync};

/// Series with their samples, in the order they came.
pub(crate) type Content = Vec<(Labels, Vec<(i64, u64)>)>;

pub(crate) fn series(number: usize) -> Labels {
    Labels::from_pairs([
        ("__name__".to_owned(), format!("metric_{}", number % 7)),
        ("instance".to_owned(), format!("host-{}:9100", number / 7)),
    ])
}

pub(crate) fn settings(wal_sync: WalSync) -> Settings {
    let mut settings = Settings::default();
    settings.wal_sync = wal_sync;
    // Small, so that tests see many segments.
    settings.wal_segment_bytes = 64 << 10;
    settings
}

pub(crate) fn open(directory: Arc<dyn Directory>, wal_sync: WalSync) -> Db {
    try_open(directory, wal_sync).unwrap()
}

pub(crate) fn try_open(directory: Arc<dyn Directory>, wal_sync: WalSync) -> Result<Db, moheng_tsdb::Error> {
    Db::builder(directory)
        .settings(settings(wal_sync))
        .without_worker()
        .open()
}

/// Appends by labels.
pub(crate) fn append(db: &dyn SampleSink, samples: &[(usize, i64, f64)]) -> Vec<SampleOutcome> {
    try_append(db, samples).unwrap()
}

pub(crate) fn try_append(
    db: &dyn SampleSink,
    samples: &[(usize, i64, f64)],
) -> Result<Vec<SampleOutcome>, moheng_metrics::SinkError> {
    let labels: Vec<Labels> = samples.iter().map(|&(number, _, _)| series(number)).collect();
    let mut batch = AppendBatch::new();
    for (labels, &(_, timestamp_ms, value)) in labels.iter().zip(samples) {
        batch.push_labels(labels, timestamp_ms, value);
    }
    db.append(&batch).map(|appended| appended.outcomes)
}

pub(crate) fn errors(outcomes: &[SampleOutcome]) -> Vec<Option<SampleError>> {
    outcomes.iter().map(|outcome| outcome.err()).collect()
}

/// Everything, by labels.
pub(crate) fn content(source: &dyn SeriesSource) -> Content {
    select(source, &Select::new(vec![], i64::MIN, i64::MAX))
}

pub(crate) fn select(source: &dyn SeriesSource, select: &Select) -> Content {
    read_all(source, select)
}

pub(crate) fn sample_count(content: &Content) -> usize {
    content.iter().map(|(_, samples)| samples.len()).sum()
}

/// The newest sample of a series.
pub(crate) fn newest(content: &Content, labels: &Labels) -> Option<Sample> {
    let (_, samples) = content.iter().find(|(candidate, _)| candidate == labels)?;
    samples.last().map(|&(timestamp_ms, bits)| Sample {
        timestamp_ms,
        value: f64::from_bits(bits),
    })
}
