//! Many threads at once: all or nothing of a batch, and every acknowledged sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use moheng_metrics::{AppendBatch, Labels, Matcher, SampleSink, Select, SeriesRef};
use moheng_tsdb::WalSync;
use moheng_tsdb::storage::MemoryDirectory;

use crate::support::{content, open, sample_count, select, series};

/// Enough for ten pages, so that a batch is published in ten steps.
const SERIES: usize = 2500;

#[test]
fn a_query_sees_all_of_a_batch_or_nothing() {
    let directory = Arc::new(MemoryDirectory::new());
    let db = open(directory.clone(), WalSync::Os);
    let labels: Vec<Labels> = (0..SERIES).map(series).collect();
    let acknowledged = AtomicI64::new(-1);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut references: Vec<SeriesRef> = Vec::new();
            for round in 0..150 {
                let mut batch = AppendBatch::new();
                for (index, labels) in labels.iter().enumerate() {
                    match references.get(index) {
                        Some(&reference) => batch.push_reference(reference, round * 1000, round as f64),
                        None => batch.push_labels(labels, round * 1000, round as f64),
                    }
                }
                let appended = db.append(&batch).unwrap();
                references = appended.outcomes.iter().map(|outcome| outcome.unwrap()).collect();
                acknowledged.store(round, Ordering::SeqCst);
            }
            is_done.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let found = select(&db, &Select::new(vec![], 0, i64::MAX).in_any_order());
                    let Some((_, first)) = found.first() else {
                        assert_eq!(least, -1);
                        continue;
                    };
                    assert_eq!(found.len(), SERIES);
                    assert!(first.len() as i64 > least, "acknowledged samples are visible");
                    for (labels, samples) in &found {
                        assert_eq!(samples.len(), first.len(), "{labels}");
                    }
                }
            });
        }
    });
    db.verify().unwrap();
    assert_eq!(sample_count(&content(&db)), SERIES * 150);
}

#[test]
fn writers_of_the_same_and_of_different_series_all_get_through() {
    let directory = Arc::new(MemoryDirectory::new());
    let db = open(directory.clone(), WalSync::Always);
    thread::scope(|scope| {
        for writer in 0..4_usize {
            let db = &db;
            scope.spawn(move || {
                for round in 0..100_i64 {
                    // Each writer has its own series, and all fight over one.
                    let own: Vec<Labels> = (0..20).map(|number| series(writer * 1000 + number)).collect();
                    let shared = Labels::from_pairs([("__name__", "shared")]);
                    let mut batch = AppendBatch::new();
                    for labels in &own {
                        batch.push_labels(labels, round * 1000, writer as f64);
                    }
                    batch.push_labels(&shared, round * 10 + writer as i64, 1.0);
                    let appended = db.append(&batch).unwrap();
                    assert_eq!(
                        appended.outcomes[..20]
                            .iter()
                            .filter(|outcome| outcome.is_ok())
                            .count(),
                        20
                    );
                }
            });
        }
    });
    db.verify().unwrap();
    let before = content(&db);
    assert_eq!(before.len(), 81);
    let shared = select(
        &db,
        &Select::new(vec![Matcher::equal("__name__", "shared")], 0, i64::MAX),
    );
    let accepted = db.stats().samples.appended as usize;
    assert_eq!(accepted, 8000 + shared[0].1.len());
    drop(db);
    let again = open(directory, WalSync::Always);
    assert_eq!(content(&again), before, "the log has the order of memory");
}

#[test]
fn appends_share_syncs() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Always);
    thread::scope(|scope| {
        for writer in 0..4_usize {
            let db = &db;
            scope.spawn(move || {
                for round in 0..50_i64 {
                    let labels = series(writer * 5000);
                    let mut batch = AppendBatch::new();
                    batch.push_labels(&labels, round, 1.0);
                    db.append(&batch).unwrap();
                }
            });
        }
    });
    let stats = db.stats();
    assert!(stats.wal.sync_count >= 1 && stats.wal.sync_count <= 200);
    assert_eq!(stats.samples.appended, 200);
}
