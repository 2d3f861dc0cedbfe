//! Locks, real directories, and directories of other makers.

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::{AppendBatch, Labels, SampleError, SampleSink, Select, SeriesSource, SinkError};
use moheng_tsdb::storage::{MemoryDirectory, RealDirectory};
use moheng_tsdb::{Db, Error, Settings, WalSync};

use crate::support::{append, content, errors, open, try_append, try_open};

#[test]
fn a_real_directory_is_locked_written_and_read_back() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/data");
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Interval(Duration::from_millis(1));
    let db = Db::open(&path, settings.clone()).unwrap();
    append(&db, &[(0, 1000, 1.0), (1, 1000, 2.0), (0, 2000, 1.5)]);
    let before = content(&db);
    assert!(matches!(Db::open(&path, settings.clone()), Err(Error::Locked(_))));
    let reader = Db::builder(Arc::new(RealDirectory::open(&path).unwrap()))
        .read_only(true)
        .open()
        .unwrap();
    assert_eq!(content(&reader), before, "readers need no lock");
    assert!(matches!(
        try_append(&reader, &[(0, 3000, 1.0)]),
        Err(SinkError::Unavailable(_))
    ));
    db.close().unwrap();
    assert!(matches!(
        try_append(&db, &[(0, 3000, 1.0)]),
        Err(SinkError::Unavailable(_))
    ));
    assert_eq!(content(&db), before, "queries go on after close");
    let again = Db::open(&path, settings).unwrap();
    assert_eq!(content(&again), before);
    again.verify().unwrap();
}

#[test]
fn a_killed_writer_loses_nothing() {
    let memory = MemoryDirectory::new();
    let db = open(Arc::new(memory.clone()), WalSync::Os);
    append(&db, &[(0, 1000, 1.0)]);
    let left = memory.after_process_crash();
    assert_eq!(content(&open(Arc::new(left), WalSync::Os)), content(&db));
    assert!(matches!(
        try_open(Arc::new(memory), WalSync::Os),
        Err(Error::Locked(_))
    ));
}

#[test]
fn settings_without_sense_are_refused() {
    let settings = {
        let mut settings = Settings::default();
        settings.wal_segment_bytes = 1000;
        settings
    };
    let error = Db::builder(Arc::new(MemoryDirectory::new()))
        .settings(settings)
        .open();
    assert!(matches!(error, Err(Error::Invalid(_))));
}

#[test]
fn limits_are_kept() {
    let mut settings = Settings::default();
    settings.limits.series = Some(3);
    settings.limits.labels_per_series = Some(2);
    settings.limits.label_name_bytes = Some(10);
    settings.limits.label_value_bytes = Some(10);
    let db = Db::builder(Arc::new(MemoryDirectory::new()))
        .settings(settings)
        .without_worker()
        .open()
        .unwrap();
    let outcome = |pairs: &[(&str, &str)]| {
        let labels = Labels::from_pairs(pairs.iter().copied());
        let mut batch = AppendBatch::new();
        batch.push_labels(&labels, 1000, 1.0);
        db.append(&batch).unwrap().outcomes[0].err()
    };
    assert_eq!(outcome(&[("a", "1")]), None);
    assert_eq!(outcome(&[]), Some(SampleError::InvalidLabels));
    assert_eq!(
        outcome(&[("a", "1"), ("b", "1"), ("c", "1")]),
        Some(SampleError::InvalidLabels)
    );
    assert_eq!(outcome(&[("a", "12345678901")]), Some(SampleError::InvalidLabels));
    assert_eq!(outcome(&[("a2345678901", "1")]), Some(SampleError::InvalidLabels));
    assert_eq!(outcome(&[("a", "2")]), None);
    assert_eq!(outcome(&[("a", "3"), ("b", "1")]), None);
    assert_eq!(outcome(&[("a", "4")]), Some(SampleError::SeriesLimit));
    assert_eq!(outcome(&[("a", "1")]), None, "known series go on");
    let stats = db.stats();
    assert_eq!((stats.samples.invalid_labels, stats.samples.series_limit), (4, 1));
    assert_eq!(stats.head.series, 3);
}

#[test]
fn samples_are_judged_one_by_one() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    let nan = f64::from_bits(0x7ff0_0000_0000_0002);
    let outcomes = append(
        &db,
        &[
            (0, 2000, 1.0),
            (0, 1000, 1.0),
            (0, 2000, 1.0),
            (0, 2000, 2.0),
            (0, 3000, nan),
            (0, 3000, nan),
            (1, 5000, -0.0),
            (1, 5000, 0.0),
        ],
    );
    assert_eq!(
        errors(&outcomes),
        [
            None,
            Some(SampleError::OutOfOrder),
            None,
            Some(SampleError::DuplicateTimestamp),
            None,
            None,
            None,
            Some(SampleError::DuplicateTimestamp)
        ]
    );
    let samples = db.stats().samples;
    assert_eq!((samples.appended, samples.repeated), (3, 2));
    assert_eq!((samples.out_of_order, samples.duplicate_timestamp), (1, 2));
    assert_eq!(db.time_range(), Some((2000, 5000)));
    assert_eq!(db.stats().head.chunks, 2);
}

#[test]
fn label_queries_know_the_range() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    append(&db, &[(0, 1000, 1.0), (7, 9000, 1.0)]);
    let values = |start_ms, end_ms| {
        let all = moheng_metrics::Matcher::not_equal("__name__", "");
        db.label_values("instance", &Select::new(vec![all], start_ms, end_ms))
            .unwrap()
    };
    assert_eq!(values(0, 10_000), ["host-0:9100", "host-1:9100"]);
    assert_eq!(values(0, 2000), ["host-0:9100"]);
    assert_eq!(values(20_000, 30_000), [""; 0]);
    let names = db.label_names(&Select::new(vec![], 0, 10_000)).unwrap();
    assert_eq!(names, ["__name__", "instance"]);
}

#[test]
fn cardinality_counts_what_has_samples() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    assert_eq!(db.cardinality(10), moheng_tsdb::Cardinality::default());
    let mut batch = AppendBatch::new();
    let all: Vec<Labels> = [
        ("up", "a", "1"),
        ("up", "b", "1"),
        ("down", "a", "22"),
        ("up", "c", "22"),
        ("x", "c", "22"),
    ]
    .into_iter()
    .map(|(metric, job, code)| Labels::from_pairs([("__name__", metric), ("job", job), ("code", code)]))
    .collect();
    for labels in &all {
        batch.push_labels(labels, 1000, 1.0);
    }
    db.append(&batch).unwrap();
    let found = db.cardinality(2);
    let owned = |expected: [(&str, u64); 2]| expected.map(|(text, count)| (text.to_owned(), count));
    assert_eq!(found.label_pairs, 8);
    assert_eq!(found.series_by_metric, owned([("up", 3), ("down", 1)]));
    assert_eq!(found.values_by_label, owned([("__name__", 3), ("job", 3)]));
    assert_eq!(found.bytes_by_label, owned([("__name__", 47), ("code", 43)]));
    assert_eq!(found.series_by_pair, owned([("__name__=up", 3), ("code=22", 3)]));
    assert_eq!(db.cardinality(0).series_by_pair, []);
    assert_eq!(db.cardinality(100).series_by_pair.len(), 8);
}
