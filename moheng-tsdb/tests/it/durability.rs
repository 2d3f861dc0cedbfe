//! What survives crashes, power cuts, full disks and I/O errors, at every single operation.

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{SampleSink, SinkError};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};
use moheng_tsdb::{Db, Error, WalCompression, WalSync};

use crate::support::{
    Content, append, content, newest, open, sample_count, series, settings, try_append, try_open,
};

const POLICIES: [WalSync; 3] = [
    WalSync::Always,
    WalSync::Interval(Duration::from_secs(1)),
    WalSync::Os,
];

/// One batch of the story that the tests tell: 40 series, some new in each batch.
fn batch(number: i64) -> Vec<(usize, i64, f64)> {
    (0..20 + number as usize)
        .map(|series| (series, number * 15_000, number as f64 + series as f64 / 64.0))
        .collect()
}

/// What the database holds after the first `batches` batches.
fn expected(batches: i64) -> Content {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for number in 0..batches {
        append(&db, &batch(number));
    }
    content(&db)
}

/// How the story went until something failed.
#[derive(Debug, Default)]
struct Progress {
    /// Batches that were acknowledged.
    appended: i64,
    /// Batches that were acknowledged before a successful sync.
    synced: i64,
}

const BATCHES: i64 = 6;

/// Opens, appends batches with a sync after each second one, closes.
fn run(directory: Arc<dyn Directory>, policy: WalSync) -> Progress {
    let mut progress = Progress::default();
    let Ok(db) = try_open(directory, policy) else {
        return progress;
    };
    for number in 0..BATCHES {
        if try_append(&db, &batch(number)).is_err() {
            break;
        }
        progress.appended = number + 1;
        if policy == WalSync::Always {
            progress.synced = progress.appended;
        }
        if number % 2 == 1 && policy != WalSync::Os && db.sync().is_ok() {
            progress.synced = progress.appended;
        }
    }
    if progress.appended == BATCHES && db.close().is_ok() {
        progress.synced = BATCHES;
    }
    progress
}

/// The content must be that after some number of whole batches, at least `least`.
fn check_prefix(directory: Arc<dyn Directory>, least: i64, at: u64) {
    let db = try_open(directory, WalSync::Always).unwrap_or_else(|error| panic!("operation {at}: {error}"));
    db.verify().unwrap();
    let found = content(&db);
    let batches = (0..=BATCHES).find(|&batches| expected(batches) == found);
    let batches = batches.unwrap_or_else(|| panic!("operation {at}: not a whole number of batches"));
    assert!(
        batches >= least,
        "operation {at}: {batches} batches, at least {least} promised"
    );
    // And it goes on.
    append(&db, &batch(BATCHES));
    assert_eq!(
        newest(&content(&db), &series(0)).unwrap().timestamp_ms,
        BATCHES * 15_000
    );
}

#[test]
fn a_crash_at_any_operation_keeps_what_was_promised() {
    for policy in POLICIES {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            faults.fail_at(at, Fault::Crash, true);
            let progress = run(Arc::new(faults.clone()), policy);
            let is_done = faults.fired() == 0;
            check_prefix(Arc::new(memory.after_process_crash()), progress.appended, at);
            for kept in [0, 1, 7, 300, usize::MAX] {
                let left = memory.after_power_cut(|unsynced| kept.min(unsynced));
                check_prefix(Arc::new(left), progress.synced, at);
            }
            if is_done {
                assert_eq!(progress.synced, BATCHES);
                break;
            }
        }
    }
}

/// A directory whose last write is torn, in a damaged segment, for tests of what opening does.
fn torn() -> MemoryDirectory {
    let memory = MemoryDirectory::new();
    for _ in 0..2 {
        run(Arc::new(memory.clone()), WalSync::Always);
    }
    let file = memory.open("wal/00000000", OpenMode::Append).unwrap();
    file.truncate(file.size_bytes().unwrap() - 5).unwrap();
    file.sync().unwrap();
    memory.after_power_cut(|_| 0)
}

#[test]
fn a_crash_at_any_operation_of_a_repair_loses_nothing_more() {
    let whole = open(Arc::new(torn()), WalSync::Always);
    let left = content(&whole);
    assert_eq!(left, expected(BATCHES - 1));
    for at in 0.. {
        let memory = torn();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let opened = try_open(Arc::new(faults.clone()), WalSync::Always);
        for survivor in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
            let db = open(Arc::new(survivor.clone()), WalSync::Always);
            assert_eq!(content(&db), left, "operation {at}");
            let kept = survivor.list("quarantine").unwrap();
            assert!(!kept.is_empty(), "operation {at}: the cut bytes are kept");
        }
        if faults.fired() == 0 {
            opened.unwrap();
            break;
        }
    }
}

#[test]
fn an_io_error_at_any_operation_is_reported_and_loses_nothing_promised() {
    for is_lasting in [false, true] {
        for policy in POLICIES {
            for at in 0.. {
                let memory = MemoryDirectory::new();
                let faults = FaultDirectory::new(Arc::new(memory.clone()));
                faults.fail_at(at, Fault::Io, is_lasting);
                let progress = run(Arc::new(faults.clone()), policy);
                let fired = faults.fired();
                check_prefix(Arc::new(memory.after_process_crash()), progress.appended, at);
                check_prefix(Arc::new(memory.after_power_cut(|_| 0)), progress.synced, at);
                if fired == 0 {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_stops_appends_until_there_is_room() {
    for policy in POLICIES {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            faults.fail_at(at, Fault::Full, true);
            let db = match try_open(Arc::new(faults.clone()), policy) {
                Ok(db) => db,
                Err(error) => {
                    assert!(matches!(error, Error::Full(_)), "{error}");
                    faults.heal();
                    open(Arc::new(faults.clone()), policy)
                }
            };
            let mut refused = 0;
            for number in 0..BATCHES {
                let before = content(&db);
                if let Err(error) = try_append(&db, &batch(number)) {
                    assert!(matches!(error, SinkError::Full(_)), "{error}");
                    refused += 1;
                    assert_eq!(
                        content(&db),
                        before,
                        "nothing of the batch is stored, and reads go on"
                    );
                    db.verify().unwrap();
                    faults.heal();
                    append(&db, &batch(number));
                }
            }
            assert_eq!(content(&db), expected(BATCHES));
            db.close().unwrap();
            drop(db);
            let survivor = memory.after_power_cut(|_| 0);
            let again = open(Arc::new(survivor), policy);
            assert_eq!(content(&again), expected(BATCHES), "operation {at}");
            assert_eq!(again.stats().replay.corruptions, 0);
            assert!(
                !again.stats().replay.had_unfinished_write,
                "the torn write was cut back"
            );
            if refused == 0 && faults.fired() == 0 {
                break;
            }
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_written() {
    let memory = MemoryDirectory::new();
    let faults = FaultDirectory::new(Arc::new(memory));
    let db = open(
        Arc::new(faults.clone()),
        WalSync::Interval(Duration::from_secs(1)),
    );
    append(&db, &batch(0));
    faults.fail_at(faults.operations(), Fault::Io, false);
    assert!(matches!(db.sync(), Err(SinkError::Unavailable(_))));
    let error = try_append(&db, &batch(1)).unwrap_err();
    assert!(matches!(error, SinkError::Unavailable(_)), "{error}");
    assert!(
        error.to_string().contains("sync of the write-ahead log failed"),
        "{error}"
    );
    assert!(
        db.sync().is_err() && db.close().is_err(),
        "a later sync proves nothing"
    );
    assert_eq!(content(&db), expected(1), "reads go on");
    assert!(!db.stats().wal.is_writable);
}

#[test]
fn a_write_that_cannot_be_cut_back_is_cut_before_the_next_one() {
    let memory = MemoryDirectory::new();
    let faults = FaultDirectory::new(Arc::new(memory.clone()));
    let db = open(Arc::new(faults.clone()), WalSync::Os);
    append(&db, &batch(0));
    faults.fail_at(faults.operations(), Fault::Io, true);
    assert!(try_append(&db, &batch(1)).is_err());
    assert!(try_append(&db, &batch(1)).is_err());
    faults.heal();
    append(&db, &batch(1));
    assert_eq!(db.stats().wal.current_segment, 0);
    drop(db);
    let again = open(Arc::new(memory), WalSync::Os);
    assert_eq!(content(&again), expected(2));
    assert_eq!(again.stats().replay.corruptions, 0);
}

#[test]
fn segments_are_ended_before_they_are_too_large() {
    let memory = MemoryDirectory::new();
    let db = open(Arc::new(memory.clone()), WalSync::Always);
    for number in 0..200 {
        let samples: Vec<_> = (0..500)
            .map(|series| {
                (
                    series,
                    number * 1000,
                    f64::from_bits((number as u64) << 40 | series as u64),
                )
            })
            .collect();
        append(&db, &samples);
    }
    let before = content(&db);
    assert_eq!(sample_count(&before), 100_000);
    let stats = db.stats();
    drop(db);
    let segments = memory.list("wal").unwrap();
    assert!(segments.len() > 5);
    assert_eq!(segments.len() as u32, stats.wal.current_segment + 1);
    let limit = settings(WalSync::Os).wal_segment_bytes;
    assert!(segments.iter().all(|segment| segment.size_bytes <= limit));
    assert_eq!(
        segments.iter().map(|segment| segment.size_bytes).sum::<u64>(),
        stats.wal.size_bytes
    );
    let again = open(Arc::new(memory), WalSync::Os);
    assert_eq!(content(&again), before);
    again.verify().unwrap();
}

#[test]
fn maintenance_syncs_when_the_interval_is_over() {
    let memory = MemoryDirectory::new();
    let clock = Arc::new(ManualClock::new(0));
    let db = Db::builder(Arc::new(memory.clone()))
        .settings(settings(WalSync::Interval(Duration::from_secs(1))))
        .clock(clock.clone())
        .without_worker()
        .open()
        .unwrap();
    let after_power_cut = || content(&open(Arc::new(memory.after_power_cut(|_| 0)), WalSync::Os));
    clock.advance_ms(1000);
    append(&db, &batch(0));
    db.run_maintenance().unwrap();
    assert_eq!(after_power_cut(), expected(1));
    append(&db, &batch(1));
    clock.advance_ms(999);
    db.run_maintenance().unwrap();
    assert_eq!(after_power_cut(), expected(1), "not due");
    clock.advance_ms(1);
    db.run_maintenance().unwrap();
    assert_eq!(after_power_cut(), expected(2));
    let count = db.stats().wal.sync_count;
    clock.advance_ms(5000);
    db.run_maintenance().unwrap();
    assert_eq!(db.stats().wal.sync_count, count, "nothing to sync");
}

#[test]
fn logs_of_every_compression_are_read() {
    let everything: Vec<_> = (0..BATCHES).flat_map(batch).collect();
    let directory = Arc::new(MemoryDirectory::new());
    let mut sizes = Vec::new();
    for (step, compression) in [WalCompression::None, WalCompression::Snappy, WalCompression::Zstd]
        .into_iter()
        .enumerate()
    {
        let mut settings = settings(WalSync::Os);
        settings.wal_compression = compression;
        let db = Db::builder(Arc::clone(&directory) as Arc<dyn Directory>).settings(settings);
        let db = db.without_worker().open().unwrap();
        assert_eq!(
            sample_count(&content(&db)),
            step * everything.len(),
            "{compression}"
        );
        for chunk in everything.chunks(30) {
            let moved = |&(series, time_ms, value): &(usize, i64, f64)| {
                (series, time_ms + step as i64 * BATCHES * 15_000, value)
            };
            append(&db, &chunk.iter().map(moved).collect::<Vec<_>>());
        }
        sizes.push(db.stats().wal.written_bytes);
        db.close().unwrap();
    }
    assert!(sizes.is_sorted_by(|before, after| before > after), "{sizes:?}");
    assert_eq!(
        sample_count(&content(&open(directory, WalSync::Os))),
        3 * everything.len()
    );
}
