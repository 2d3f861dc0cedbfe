//! A full disk: what is asked goes on, what is appended is refused, and with room it goes on.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Matcher, SinkError};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Error, WalSync};

use crate::support::{append, content, open, sample_count, series, settings, try_append};

const HOUR_MS: i64 = 60 * 60 * 1000;
const RESERVE_BYTES: u64 = 256 << 10;

fn open_reserved(directory: Arc<dyn Directory>, clock: &Arc<ManualClock>) -> Result<Db, Error> {
    let mut settings = settings(WalSync::Always);
    settings.reserve_bytes = RESERVE_BYTES;
    Db::builder(directory)
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()
}

/// Fills the disk with samples of ten minutes each and returns how many were taken.
fn fill(db: &Db, clock: &ManualClock) -> usize {
    for step in 0..10_000 {
        let time_ms = step * 10 * 60 * 1000;
        clock.set_ms(time_ms);
        let samples: Vec<_> = (0..50)
            .map(|number| (number, time_ms, step as f64 * 1.1 + number as f64))
            .collect();
        match try_append(db, &samples) {
            Ok(_) => {}
            Err(SinkError::Full(message)) => {
                assert!(message.contains("wal/"), "{message}");
                return step as usize * 50;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the disk is never full")
}

fn has_reserve(directory: &MemoryDirectory) -> bool {
    directory.files().contains(&("reserve".to_owned(), RESERVE_BYTES))
}

#[test]
fn queries_go_on_and_appends_when_there_is_room() {
    let memory = MemoryDirectory::new();
    memory.set_capacity(RESERVE_BYTES + (96 << 10));
    let clock = Arc::new(ManualClock::new(0));
    let db = open_reserved(Arc::new(memory.clone()), &clock).unwrap();
    assert!(has_reserve(&memory));
    let taken = fill(&db, &clock);
    assert_eq!(sample_count(&content(&db)), taken);
    let space = db.stats().space;
    assert!(space.is_full && space.reserve_bytes == 0 && space.free_bytes >= Some(RESERVE_BYTES));
    assert!(!has_reserve(&memory));
    let before = memory.files();
    let refused = try_append(&db, &[(0, i64::MAX / 2, 1.0)]).unwrap_err();
    assert!(refused.to_string().contains("bytes are free"), "{refused}");
    assert!(!db.check_space());
    assert_eq!(memory.files(), before);

    // Deletions and compaction have the room of the reserve.
    let deleted = db.delete(
        &[Matcher::equal("instance", series(0).get("instance").unwrap())],
        0,
        1,
    );
    assert!(deleted.unwrap().in_memory > 0);
    assert!(db.compact().unwrap().head_blocks > 0);
    let kept = content(&db);
    assert!(sample_count(&kept) < taken);

    memory.set_capacity(4 << 20);
    assert!(db.check_space());
    assert!(has_reserve(&memory) && !db.stats().space.is_full);
    let time_ms = clock_ms(&db);
    append(&db, &[(0, time_ms + 1, 1.0)]);
    let all = content(&db);
    assert_eq!(sample_count(&all), sample_count(&kept) + 1);
    db.close().unwrap();
    drop(db);
    let again = open_reserved(Arc::new(memory), &clock).unwrap();
    assert_eq!(content(&again), all);
    again.verify().unwrap();
}

fn clock_ms(db: &Db) -> i64 {
    db.stats().head.end_ms.unwrap()
}

#[test]
fn a_full_database_closes_and_opens() {
    let memory = MemoryDirectory::new();
    memory.set_capacity(RESERVE_BYTES + (32 << 10));
    let clock = Arc::new(ManualClock::new(0));
    let db = open_reserved(Arc::new(memory.clone()), &clock).unwrap();
    let taken = fill(&db, &clock);
    db.close().unwrap();
    drop(db);
    // There is room for a reserve, and then for nothing else.
    let again = open_reserved(Arc::new(memory.clone()), &clock).unwrap();
    assert_eq!(sample_count(&content(&again)), taken);
    drop(again);
    // Without room for a reserve it works on without one.
    memory.remove("reserve").unwrap();
    memory.set_capacity(
        memory
            .files()
            .iter()
            .map(|(_, size_bytes)| size_bytes)
            .sum::<u64>()
            + 40_000,
    );
    let again = open_reserved(Arc::new(memory.clone()), &clock).unwrap();
    assert!(!has_reserve(&memory) && !again.stats().space.is_full);
    append(&again, &[(0, 100 * 24 * HOUR_MS, 1.0)]);
    drop(again);
    // Without the setting, and without changes when read-only, there is none.
    memory.set_capacity(1 << 20);
    drop(open_reserved(Arc::new(memory.clone()), &clock).unwrap());
    assert!(has_reserve(&memory));
    let files = memory.files();
    let reader = Db::builder(Arc::new(memory.clone())).read_only(true);
    drop(reader.open().unwrap());
    assert_eq!(memory.files(), files);
    drop(open(Arc::new(memory.clone()), WalSync::Os));
    assert!(!has_reserve(&memory));
}

/// One hour of a life, with everything that writes; returns how many appends were taken.
fn live(db: &Db, clock: &ManualClock) -> usize {
    let mut taken = 0;
    for step in 0..30_i64 {
        let time_ms = step * 10 * 60 * 1000;
        clock.set_ms(time_ms);
        let samples: Vec<_> = (0..5).map(|number| (number, time_ms, step as f64)).collect();
        match try_append(db, &samples) {
            Ok(outcomes) => taken += outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            Err(SinkError::Full(_)) => {}
            Err(error) => panic!("{error}"),
        }
        if step % 7 == 6 {
            match db.compact() {
                Ok(_) | Err(Error::Full(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if step == 25 {
            match db.snapshot_blocks(true) {
                Ok(_) | Err(Error::Full(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if step % 7 == 5 {
            assert_eq!(sample_count(&content(db)), taken, "step {step}");
        }
    }
    taken
}

#[test]
fn whichever_write_finds_no_room_nothing_is_lost() {
    let clock = Arc::new(ManualClock::new(0));
    let run = |at: Option<u64>| {
        clock.set_ms(0);
        let memory = MemoryDirectory::new();
        memory.set_capacity(64 << 20);
        let faulty = FaultDirectory::new(Arc::new(memory.clone()));
        let db = open_reserved(Arc::new(faulty.clone()), &clock).unwrap();
        if let Some(at) = at {
            faulty.fail_at(at, Fault::Full, true);
        }
        let taken = live(&db, &clock);
        faulty.heal();
        assert!(db.check_space(), "{at:?}");
        append(&db, &[(9, 30 * 10 * 60 * 1000, 1.0)]);
        db.compact().unwrap();
        let all = content(&db);
        assert_eq!(sample_count(&all), taken + 1, "{at:?}");
        db.verify().unwrap();
        drop(db);
        let again = open_reserved(Arc::new(memory.after_power_cut(|_| 0)), &clock).unwrap();
        assert_eq!(content(&again), all, "{at:?}");
        faulty.operations()
    };
    let operations = run(None);
    for at in (10..operations).step_by(17) {
        run(Some(at));
    }
}
