//! What the simulation found: the shortest way to each fault, so that none comes back.

use std::sync::Arc;

use moheng_metrics::SampleError;
use moheng_metrics::testing::ManualClock;
use moheng_tsdb::compact::Retention;
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, Injection, MemoryDirectory};
use moheng_tsdb::{Db, Settings, WalSync};

use crate::support::{Content, append, content, errors, series, settings, try_append};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn late_settings() -> Settings {
    let mut settings = settings(WalSync::Always);
    settings.out_of_order_window_ms = 100 * HOUR_MS;
    settings
}

fn open(directory: Arc<dyn Directory>, settings: &Settings) -> Db {
    let db = Db::builder(directory).settings(settings.clone());
    // Names of blocks are made of the time.
    let clock = Arc::new(ManualClock::new(1000 * HOUR_MS));
    db.clock(clock).without_worker().open().unwrap()
}

fn open_memory(directory: &MemoryDirectory, settings: &Settings) -> Db {
    open(Arc::new(directory.clone()), settings)
}

fn of(samples: &[(usize, i64, f64)]) -> Content {
    let mut found = Content::new();
    for &(number, time_ms, value) in samples {
        let labels = series(number);
        match found.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, list)) => list.push((time_ms, value.to_bits())),
            None => found.push((labels, vec![(time_ms, value.to_bits())])),
        }
    }
    found.sort();
    found
}

#[test]
fn late_samples_of_a_series_that_the_log_lost_do_not_get_into_another_one() {
    let directory = MemoryDirectory::new();
    let db = open_memory(&directory, &late_settings());
    append(&db, &[(0, HOUR_MS, 1.0)]);
    append(&db, &[(0, MINUTE_MS, 2.0)]);
    drop(db);
    directory.remove("wal/00000000").unwrap();
    for _ in 0..2 {
        let db = open_memory(&directory, &late_settings());
        append(&db, &[(1, HOUR_MS, 3.0)]);
        assert_eq!(content(&db), of(&[(1, HOUR_MS, 3.0)]));
    }
}

#[test]
fn closing_makes_the_series_durable_that_a_killed_process_named() {
    let directory = MemoryDirectory::new();
    let settings = settings(WalSync::Os);
    let faults = FaultDirectory::new(Arc::new(directory.clone()));
    let db = open(Arc::new(faults.clone()), &settings);
    append(&db, &[(0, 1000, 1.0)]);
    faults.crash();
    drop(db);
    let db = open_memory(&directory, &settings);
    append(&db, &[(0, 2000, 2.0)]);
    db.close().unwrap();
    let left = directory.after_power_cut(|_| 0);
    let expected = of(&[(0, 1000, 1.0), (0, 2000, 2.0)]);
    assert_eq!(content(&open_memory(&left, &settings)), expected);
}

#[test]
fn what_a_failed_batch_left_keeps_nothing_out_after_a_restart() {
    let directory = MemoryDirectory::new();
    let settings = settings(WalSync::Always);
    let faults = FaultDirectory::new(Arc::new(directory.clone()));
    let db = open(Arc::new(faults.clone()), &settings);
    append(&db, &[(1, 1000, 1.0)]);
    faults.inject(Injection {
        at: faults.operations(),
        fault: Fault::Io,
        count: 2,
        written_percent: 100,
    });
    assert!(try_append(&db, &[(0, 9000, 1.0)]).is_err());
    append(&db, &[(0, 2000, 2.0)]);
    drop(db);
    let expected = of(&[(0, 2000, 2.0), (1, 1000, 1.0)]);
    assert_eq!(content(&open_memory(&directory, &settings)), expected);
}

#[test]
fn of_samples_with_one_timestamp_the_one_in_order_counts_wherever_they_are() {
    let directory = MemoryDirectory::new();
    let settings = late_settings();
    let mut db = open_memory(&directory, &settings);
    let mut expected = Vec::new();
    for minute in 0..200 {
        append(&db, &[(0, minute * MINUTE_MS, 1.0)]);
        expected.push((0, minute * MINUTE_MS, 1.0));
    }
    let late = |minute: i64, value| (0, minute * MINUTE_MS, value);
    append(&db, &[late(10, 2.0), late(150, 2.0), late(199, 1.0)]);
    append(&db, &[(1, 200 * MINUTE_MS, 1.0), (1, MINUTE_MS, 4.0)]);
    let refused = errors(&append(&db, &[late(150, 3.0), (1, MINUTE_MS, 5.0)]));
    assert_eq!(refused, [Some(SampleError::DuplicateTimestamp); 2]);
    expected.extend([(1, MINUTE_MS, 4.0), (1, 200 * MINUTE_MS, 1.0)]);
    assert_eq!(content(&db), of(&expected));
    // Late samples of two ranges are in blocks now, of which one has its samples in order still in memory.
    assert_eq!(db.compact().unwrap().late_blocks, 2);
    assert_eq!(content(&db), of(&expected));
    // Of late ones the first counts, though memory does not know it any more.
    assert_eq!(errors(&append(&db, &[(1, MINUTE_MS, 6.0)])), [None]);
    assert_eq!(content(&db), of(&expected));
    drop(db);
    db = open_memory(&directory, &settings);
    assert_eq!(content(&db), of(&expected));
    for minute in 201..700 {
        append(&db, &[(0, minute * MINUTE_MS, 1.0)]);
        expected.push((0, minute * MINUTE_MS, 1.0));
    }
    let compacted = db.compact().unwrap();
    assert!(
        compacted.late_blocks > 0 && compacted.joined_blocks > 0,
        "{compacted:?}"
    );
    expected.sort_by_key(|&(number, time_ms, _)| (number, time_ms));
    assert_eq!(content(&db), of(&expected));
}

#[test]
fn deleted_chunks_in_files_stay_deleted_when_no_block_takes_their_place() {
    let directory = MemoryDirectory::new();
    let settings = settings(WalSync::Always);
    let db = open_memory(&directory, &settings);
    let mut expected = Vec::new();
    for step in 0..2000_i64 {
        let time_ms = step * MINUTE_MS / 8;
        // Enough for several segments of the log, so that it is shortened.
        let batch: Vec<_> = (0..40)
            .map(|number| (number, time_ms, 1.0 / (step + 1) as f64))
            .collect();
        append(&db, &batch);
        if time_ms >= 2 * HOUR_MS {
            expected.extend(batch);
        }
    }
    db.run_maintenance().unwrap();
    db.delete(&[], 0, 2 * HOUR_MS - 1).unwrap();
    db.compact().unwrap();
    expected.sort_by_key(|&(number, time_ms, _)| (number, time_ms));
    let expected = of(&expected);
    assert_eq!(content(&db), expected);
    drop(db);
    let left = directory.after_power_cut(|_| 0);
    assert_eq!(content(&open_memory(&left, &settings)), expected);
}

/// Appends eight hours of two series, deletes some of the newest block, and loses that block.
fn check_deletions_without_the_newest_block(settings: &Settings, lose: impl Fn(&MemoryDirectory, &Db)) {
    let directory = MemoryDirectory::new();
    let db = open_memory(&directory, settings);
    for minute in 0..480 {
        append(&db, &[(0, minute * MINUTE_MS, 1.0)]);
        if minute < 300 {
            append(&db, &[(1, minute * MINUTE_MS, 1.0)]);
        }
    }
    db.compact().unwrap();
    db.delete(&[], 5 * HOUR_MS - 10 * MINUTE_MS, 5 * HOUR_MS + 10 * MINUTE_MS)
        .unwrap();
    let before = content(&db);
    db.clean_tombstones().unwrap();
    lose(&directory, &db);
    drop(db);
    let found = content(&open_memory(&directory, settings));
    assert!(!found.is_empty());
    for (labels, samples) in &found {
        let known = before.iter().find(|(other, _)| other == labels);
        let known = known.map(|(_, known)| known.as_slice()).unwrap_or_default();
        assert!(samples.iter().all(|sample| known.contains(sample)), "{labels}");
    }
}

#[test]
fn deletions_outlive_the_newest_block() {
    check_deletions_without_the_newest_block(&settings(WalSync::Always), |directory, _| {
        let mut indexes = directory.files();
        indexes.retain(|(path, _)| path.ends_with("/index"));
        for (path, _) in indexes {
            directory.flip_bit(&path, 0);
        }
    });
    let mut small = settings(WalSync::Always);
    small.retention = Retention {
        size_bytes: Some(1),
        ..Retention::default()
    };
    check_deletions_without_the_newest_block(&small, |_, db| {
        db.compact().unwrap();
    });
}

#[test]
fn late_samples_are_deleted_once_and_those_after_that_are_kept() {
    let directory = MemoryDirectory::new();
    let settings = late_settings();
    let db = open_memory(&directory, &settings);
    append(&db, &[(0, 2 * HOUR_MS, 1.0)]);
    append(&db, &[(0, HOUR_MS, 2.0), (0, HOUR_MS + 5, 2.0)]);
    db.delete(&[], HOUR_MS, HOUR_MS + 9).unwrap();
    append(&db, &[(0, HOUR_MS + 5, 3.0)]);
    let expected = of(&[(0, HOUR_MS + 5, 3.0), (0, 2 * HOUR_MS, 1.0)]);
    assert_eq!(content(&db), expected);
    drop(db);
    let db = open_memory(&directory, &settings);
    assert_eq!(content(&db), expected);
}

#[test]
fn the_log_of_late_samples_is_removed_for_good() {
    let directory = MemoryDirectory::new();
    let settings = late_settings();
    let faults = FaultDirectory::new(Arc::new(directory.clone()));
    let db = open(Arc::new(faults.clone()), &settings);
    append(&db, &[(0, 2 * HOUR_MS, 1.0)]);
    append(&db, &[(0, HOUR_MS, 2.0)]);
    let begin = faults.operations();
    // Whichever operation fails, the second attempt finishes.
    for at in 0..200 {
        faults.fail_at(begin + at, Fault::Io, false);
        let is_deleted = db.delete(&[], HOUR_MS, HOUR_MS).is_ok();
        faults.heal();
        if is_deleted {
            break;
        }
    }
    db.delete(&[], HOUR_MS, HOUR_MS).unwrap();
    db.clean_tombstones().unwrap();
    let expected = of(&[(0, 2 * HOUR_MS, 1.0)]);
    assert_eq!(content(&db), expected);
    db.close().unwrap();
    let left = directory.after_power_cut(|_| 0);
    assert_eq!(content(&open_memory(&left, &settings)), expected);
}

#[test]
fn recent_late_samples_are_kept_however_small_the_disk_space() {
    let directory = MemoryDirectory::new();
    let mut settings = late_settings();
    settings.retention.size_bytes = Some(1);
    let db = open_memory(&directory, &settings);
    append(&db, &[(0, 2 * HOUR_MS, 1.0)]);
    append(&db, &[(0, HOUR_MS, 2.0), (0, HOUR_MS + 5, 2.0)]);
    // That moves late samples to a block.
    db.delete(&[], HOUR_MS, HOUR_MS).unwrap();
    assert_eq!(db.compact().unwrap().expired_blocks, 0);
    assert_eq!(content(&db), of(&[(0, HOUR_MS + 5, 2.0), (0, 2 * HOUR_MS, 1.0)]));
}

#[test]
fn deleted_chunks_in_files_stay_deleted_through_a_chunk_snapshot() {
    let directory = MemoryDirectory::new();
    let mut settings = settings(WalSync::Always);
    settings.snapshot_on_close = true;
    let db = open_memory(&directory, &settings);
    let mut expected = Vec::new();
    for minute in 0..400 {
        append(&db, &[(0, minute * MINUTE_MS, minute as f64)]);
        if minute >= 120 {
            expected.push((0, minute * MINUTE_MS, minute as f64));
        }
    }
    db.run_maintenance().unwrap();
    db.delete(&[], 0, 2 * HOUR_MS - 1).unwrap();
    db.compact().unwrap();
    db.close().unwrap();
    drop(db);
    assert_eq!(content(&open_memory(&directory, &settings)), of(&expected));
}

#[test]
fn labels_that_only_a_chunk_snapshot_knew_are_logged_again() {
    let crashing = settings(WalSync::Always);
    let mut closing = crashing.clone();
    closing.snapshot_on_close = true;
    for closed in 1..9 {
        let directory = MemoryDirectory::new();
        for minute in 0..closed {
            let db = open_memory(&directory, &closing);
            append(&db, &[(0, minute * MINUTE_MS, 1.0)]);
            db.close().unwrap();
        }
        let db = open_memory(&directory, &crashing);
        append(&db, &[(1, 8 * HOUR_MS, 2.0)]);
        // The log is shortened, and without the series that is only in a block now.
        db.compact().unwrap();
        drop(db);
        let db = open_memory(&directory, &crashing);
        append(&db, &[(0, 8 * HOUR_MS, 3.0)]);
        let all = content(&db);
        drop(db);
        remove_snapshots(&directory);
        assert_eq!(content(&open_memory(&directory, &crashing)), all, "{closed}");
    }
}

fn remove_snapshots(directory: &MemoryDirectory) {
    let entries = directory.list("").unwrap().into_iter();
    for snapshot in entries.filter(|entry| entry.name.starts_with("chunk_snapshot")) {
        for file in directory.list(&snapshot.name).unwrap() {
            directory
                .remove(&format!("{}/{}", snapshot.name, file.name))
                .unwrap();
        }
        directory.remove(&snapshot.name).unwrap();
    }
}
