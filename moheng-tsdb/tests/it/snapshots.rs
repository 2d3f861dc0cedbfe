//! Snapshots of blocks: whole, independent of what happens later, or not there.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_tsdb::compact::Retention;
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, Subdirectory};
use moheng_tsdb::{Db, Error, WalSync};

use crate::support::{Content, append, content, open, sample_count, settings, try_open};

const STEP_MS: i64 = 10 * 60 * 1000;

/// Four hours of samples; the first two are in a block.
fn fill(db: &Db) -> Content {
    for step in 0..24 {
        let samples: Vec<_> = (0..5)
            .map(|number| (number, step * STEP_MS, step as f64))
            .collect();
        append(db, &samples);
    }
    assert_eq!(db.compact().unwrap().head_blocks, 1);
    content(db)
}

fn snapshot(directory: &MemoryDirectory, name: &str) -> Db {
    let path = format!("snapshots/{name}");
    let part = Subdirectory::new(Arc::new(directory.after_power_cut(|_| 0)), &path).unwrap();
    open(Arc::new(part), WalSync::Os)
}

#[test]
fn a_snapshot_holds_blocks_and_memory() {
    let directory = MemoryDirectory::new();
    let db = open(Arc::new(directory.clone()), WalSync::Os);
    let all = fill(&db);
    let with_head = db.snapshot_blocks(true).unwrap();
    let without_head = db.snapshot_blocks(false).unwrap();
    assert_ne!(with_head, without_head);
    assert_eq!((with_head.len(), with_head.as_bytes()[8]), (33, b'T'));
    assert_eq!(content(&db), all);
    let copy = snapshot(&directory, &with_head);
    assert_eq!(content(&copy), all);
    copy.verify().unwrap();
    assert_eq!(sample_count(&content(&snapshot(&directory, &without_head))), 60);

    // Neither what is deleted nor what is removed later is missing from it.
    append(&db, &[(0, 25 * STEP_MS, 1.0)]);
    db.delete(&[], 0, 12 * STEP_MS).unwrap();
    db.clean_tombstones().unwrap();
    assert_eq!(content(&snapshot(&directory, &with_head)), all);
}

#[test]
fn a_snapshot_takes_no_room_for_blocks() {
    let directory = MemoryDirectory::new();
    let db = open(Arc::new(directory.clone()), WalSync::Os);
    fill(&db);
    directory.set_capacity(1 << 30);
    let free_bytes = || directory.space().unwrap().free_bytes;
    let before = free_bytes();
    db.snapshot_blocks(false).unwrap();
    assert!(before - free_bytes() < 1000, "{}", before - free_bytes());
}

#[test]
fn a_snapshot_that_breaks_off_is_not_there() {
    for fault in [Fault::Crash, Fault::Io, Fault::Full] {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faulty = FaultDirectory::new(Arc::new(memory.clone()));
            let db = open(Arc::new(faulty.clone()), WalSync::Always);
            let all = fill(&db);
            let begin = faulty.operations();
            faulty.fail_at(begin + at, fault, fault == Fault::Full);
            let outcome = db.snapshot_blocks(true);
            if faulty.fired() == 0 {
                assert!(at > 20, "{at}");
                outcome.unwrap();
                break;
            }
            if fault != Fault::Crash {
                faulty.heal();
                assert_eq!(content(&db), all);
                db.snapshot_blocks(true).unwrap();
                continue;
            }
            drop(db);
            let left = memory.after_power_cut(|_| 0);
            let again = try_open(Arc::new(left.clone()), WalSync::Always).unwrap();
            assert_eq!(content(&again), all, "{at}");
            let entries = left.list("snapshots").unwrap_or_default();
            for entry in entries {
                assert!(!entry.name.ends_with(".tmp-for-creation"), "{at}: {entry:?}");
                assert_eq!(content(&snapshot(&left, &entry.name)), all, "{at}");
            }
        }
    }
}

#[test]
fn read_only_databases_take_none() {
    let directory = Arc::new(MemoryDirectory::new());
    fill(&open(directory.clone(), WalSync::Os));
    let reader = Db::builder(directory).read_only(true).open().unwrap();
    let outcome = reader.snapshot_blocks(true);
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}

#[test]
fn blocks_go_when_they_take_too_much_of_the_disk() {
    let directory = MemoryDirectory::new();
    let clock = Arc::new(ManualClock::new(100 * STEP_MS));
    let mut settings = settings(WalSync::Os);
    settings.retention = Retention {
        disk_percentage: Some(50.0),
        ..Retention::default()
    };
    let db = Db::builder(Arc::new(directory.clone()))
        .settings(settings)
        .clock(clock)
        .without_worker()
        .open()
        .unwrap();
    // Nobody knows the size of the disk.
    let all = fill(&db);
    assert_eq!(db.compact().unwrap().expired_blocks, 0);
    let used: u64 = directory.files().iter().map(|(_, size_bytes)| size_bytes).sum();
    directory.set_capacity(3 * used);
    assert_eq!(db.compact().unwrap().expired_blocks, 0);
    assert_eq!(content(&db), all);
    directory.set_capacity(used + used / 2);
    assert_eq!(db.compact().unwrap().expired_blocks, 0, "the newest block stays");
    directory.set_capacity(9 * used);
    for step in 24..36 {
        append(&db, &[(0, step * STEP_MS, step as f64)]);
    }
    assert_eq!(db.compact().unwrap().head_blocks, 1);
    let used: u64 = directory.files().iter().map(|(_, size_bytes)| size_bytes).sum();
    directory.set_capacity(used + used / 2);
    assert_eq!(db.compact().unwrap().expired_blocks, 1);
    assert_eq!(sample_count(&content(&db)), 72);
}
