//! Full chunks in files: what restarts, crashes and full disks make of them.

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Matcher, MemorySource, SampleBuffer, SampleSink, Select, SeriesSource, SourceError};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};
use moheng_tsdb::{Db, Error, WalSync};
use proptest::prelude::*;

use crate::support::{Content, append, content, sample_count, select, series, settings, try_append};

const MINUTE_MS: u64 = 60_000;

/// A database with a clock of its own, so that chunks are moved when the test says so.
struct Store {
    db: Db,
    clock: Arc<ManualClock>,
}

fn try_open(directory: Arc<dyn Directory>) -> Result<Store, Error> {
    let clock = Arc::new(ManualClock::new(0));
    let db = Db::builder(directory)
        .settings(settings(WalSync::Interval(Duration::from_secs(1))))
        .clock(clock.clone())
        .without_worker()
        .open()?;
    Ok(Store { db, clock })
}

fn open(directory: &MemoryDirectory) -> Store {
    try_open(Arc::new(directory.clone())).unwrap()
}

impl Store {
    fn map(&self) -> Result<(), Error> {
        self.clock.advance_ms(MINUTE_MS);
        self.db.run_maintenance()
    }
}

/// Batch `number` of three series, of which one gets many samples at once.
fn batch(number: i64) -> Vec<(usize, i64, f64)> {
    let of_series = |series: usize| {
        let count = if series == 3 { 100 } else { 10 };
        (0..count).map(move |step| {
            let timestamp_ms = (number * 100 + step) * 1000;
            (series, timestamp_ms, (timestamp_ms / 7) as f64 + series as f64)
        })
    };
    (1..4).flat_map(of_series).collect()
}

fn expected(batches: i64) -> Content {
    let source = MemorySource::new();
    for number in 0..batches {
        append(&source, &batch(number));
    }
    content(&source)
}

#[test]
fn full_chunks_leave_memory_and_are_there_after_a_restart() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    for number in 0..10 {
        append(&store.db, &batch(number));
    }
    let before = store.db.sample_memory_bytes();
    store.db.run_maintenance().unwrap();
    assert_eq!(store.db.stats().head.chunks_mapped, 0, "not due");
    store.map().unwrap();
    let stats = store.db.stats().head;
    assert_eq!(stats.chunks_mapped, stats.chunks - 3, "all but the open ones");
    assert!(stats.mapped_bytes > 0);
    assert!(store.db.sample_memory_bytes() < before / 2);
    assert!(content(&store.db) == expected(10));
    let part = Select::new(vec![Matcher::equal("__name__", "metric_3")], 300_000, 700_000);
    assert_eq!(sample_count(&select(&store.db, &part)), 401);
    let mut limited = Select::new(vec![], 300_000, 300_000);
    limited.limit = Some(2);
    assert_eq!(select(&store.db, &limited).len(), 2);
    store.db.verify().unwrap();
    let chunks = store.db.stats().head.chunks;
    store.db.close().unwrap();

    let again = open(&directory);
    assert!(content(&again.db) == expected(10));
    again.db.verify().unwrap();
    let stats = again.db.stats();
    assert_eq!(stats.head.chunks, chunks);
    assert_eq!(stats.replay.mapped_chunks, chunks - 3);
    assert_eq!(stats.replay.in_mapped_chunks + stats.replay.samples, 10 * 120);
    assert_eq!((stats.replay.out_of_order, stats.replay.corruptions), (0, 0));
    append(&again.db, &batch(10));
    again.map().unwrap();
    assert!(content(&again.db) == expected(11));
    drop(again);
    assert!(content(&open(&directory).db) == expected(11));
}

#[test]
fn what_is_lost_or_damaged_comes_from_the_log() {
    let directory = MemoryDirectory::new();
    for number in 0..6 {
        let store = open(&directory);
        append(&store.db, &batch(2 * number));
        append(&store.db, &batch(2 * number + 1));
        store.map().unwrap();
        store.db.close().unwrap();
    }
    let files = directory.list("chunks_head").unwrap();
    assert_eq!(files.len(), 6);
    for file in &files {
        for offset in [0, 8, 20, 40, file.size_bytes as usize - 1] {
            let copy = directory.after_process_crash();
            let path = format!("chunks_head/{}", file.name);
            let mut bytes = vec![0; file.size_bytes as usize];
            let open_file = copy.open(&path, OpenMode::Append).unwrap();
            open_file.read_at(&mut bytes, 0).unwrap();
            bytes[offset] ^= 0x10;
            open_file.truncate(0).unwrap();
            open_file.append(&bytes).unwrap();
            for attempt in 0..3 {
                let store = open(&copy);
                assert!(content(&store.db) == expected(12), "{path} byte {offset}");
                assert_eq!(store.db.stats().replay.had_damaged_chunks, attempt == 0);
                store.db.verify().unwrap();
                store.map().unwrap();
            }
            assert!(!copy.list("quarantine").unwrap().is_empty());
        }
        let copy = directory.after_process_crash();
        copy.remove(&format!("chunks_head/{}", file.name)).unwrap();
        let store = open(&copy);
        assert!(content(&store.db) == expected(12));
        store.map().unwrap();
        drop(store);
        assert!(content(&open(&copy).db) == expected(12));
    }
}

#[test]
fn damage_while_running_is_an_error_and_costs_nothing_after_a_restart() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    append(&store.db, &batch(0));
    append(&store.db, &batch(1));
    store.map().unwrap();
    let file = directory.open("chunks_head/000001", OpenMode::Append).unwrap();
    file.truncate(100).unwrap();
    let select = Select::new(vec![Matcher::equal("__name__", "metric_3")], i64::MIN, i64::MAX);
    let mut cursor = store.db.select(&select).unwrap();
    let mut first = cursor.next_series().unwrap().unwrap();
    let error = first.samples.read(&mut SampleBuffer::new()).unwrap_err();
    assert!(matches!(error, SourceError::Corrupt(_)), "{error}");
    drop(first);
    drop(cursor);
    assert!(store.db.verify().is_err());
    drop(store);
    let again = open(&directory);
    assert!(content(&again.db) == expected(2));
}

/// Appends, moves and restarts until something fails; returns the batches that were taken.
fn run(directory: &Arc<dyn Directory>) -> i64 {
    let mut taken = 0;
    for round in 0..3 {
        let Ok(store) = try_open(Arc::clone(directory)) else {
            return taken;
        };
        for number in 2 * round..2 * round + 2 {
            if try_append(&store.db, &batch(number)).is_err() {
                return taken;
            }
            taken = number + 1;
        }
        if store.map().is_err() || store.db.close().is_err() {
            return taken;
        }
    }
    taken
}

fn check_prefix(directory: &MemoryDirectory, least: i64, at: u64) {
    let store = open(directory);
    store.db.verify().unwrap();
    let found = content(&store.db);
    let batches = (0..=6).find(|&batches| expected(batches) == found);
    let batches = batches.unwrap_or_else(|| panic!("operation {at}: not a whole number of batches"));
    assert!(batches >= least, "operation {at}: {batches} of {least} batches");
    append(&store.db, &batch(batches));
    store.map().unwrap();
    drop(store);
    let again = open(directory);
    assert!(content(&again.db) == expected(batches + 1), "operation {at}");
    assert!(!again.db.stats().replay.had_damaged_chunks, "operation {at}");
}

#[test]
fn a_crash_at_any_operation_keeps_whole_batches() {
    for at in 0.. {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let directory: Arc<dyn Directory> = Arc::new(faults.clone());
        let taken = run(&directory);
        check_prefix(&memory.after_process_crash(), taken, at);
        for kept in [0, 100, usize::MAX] {
            check_prefix(&memory.after_power_cut(|unsynced| kept.min(unsynced)), 0, at);
        }
        if faults.fired() == 0 {
            break;
        }
    }
}

#[test]
fn a_full_disk_or_an_error_at_any_operation_loses_nothing() {
    for fault in [Fault::Full, Fault::Io] {
        for is_lasting in [false, true] {
            for at in 0.. {
                let memory = MemoryDirectory::new();
                let faults = FaultDirectory::new(Arc::new(memory.clone()));
                faults.fail_at(at, fault, is_lasting);
                let directory: Arc<dyn Directory> = Arc::new(faults.clone());
                let taken = run(&directory);
                check_prefix(&memory.after_process_crash(), taken, at);
                if faults.fired() == 0 {
                    break;
                }
            }
        }
    }
}

#[test]
fn moving_to_a_full_disk_is_tried_again() {
    for at in 0.. {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        let store = try_open(Arc::new(faults.clone())).unwrap();
        append(&store.db, &batch(0));
        append(&store.db, &batch(1));
        faults.fail_at(faults.operations() + at, Fault::Full, true);
        let is_refused = match store.map() {
            Ok(()) => false,
            Err(error) => {
                assert!(matches!(error, Error::Full(_)), "{error}");
                true
            }
        };
        faults.heal();
        assert!(content(&store.db) == expected(2), "reads go on");
        append(&store.db, &batch(2));
        store.map().unwrap();
        assert!(content(&store.db) == expected(3));
        drop(store);
        let again = open(&memory);
        assert!(content(&again.db) == expected(3), "operation {at}");
        let replay = again.db.stats().replay;
        assert!(replay.mapped_chunks > 0 && !replay.had_damaged_chunks);
        if !is_refused {
            break;
        }
    }
}

#[test]
fn files_go_when_blocks_hold_their_chunks() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    let hour_ms = 60 * MINUTE_MS as i64;
    let mut all = Vec::new();
    for hour in 0..8 {
        let samples: Vec<_> = (0..240)
            .map(|step| (step % 2, hour * hour_ms + step as i64 * 15_000, step as f64))
            .collect();
        append(&store.db, &samples);
        all.extend(samples);
        store.clock.set_ms((hour + 1) * hour_ms);
        store.map().unwrap();
        store.db.compact().unwrap();
    }
    let source = MemorySource::new();
    append(&source, &all);
    assert!(content(&store.db) == content(&source));
    let files = directory.list("chunks_head").unwrap();
    assert!(files[0].name != "000001", "{files:?}");
    drop(store);
    let again = open(&directory);
    assert!(content(&again.db) == content(&source));
    assert!(!again.db.stats().replay.had_damaged_chunks);
    again.db.verify().unwrap();
}

#[derive(Clone, Debug)]
enum Operation {
    /// (series, count of samples, step in milliseconds)
    Append(usize, i64, i64),
    Map,
    Reopen,
    PowerCut(usize),
    /// Cuts the file with this number, in the order they have, at this share of its size, or removes it.
    Damage(usize, u8),
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (0_usize..4, 1_i64..150, 1_i64..60_000).prop_map(|(series, count, step_ms)| Operation::Append(series, count, step_ms)),
        3 => Just(Operation::Map),
        1 => Just(Operation::Reopen),
        1 => (0_usize..5000).prop_map(Operation::PowerCut),
        1 => (0_usize..3, prop_oneof![Just(0), any::<u8>()]).prop_map(|(file, share)| Operation::Damage(file, share)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_like_the_model(operations in prop::collection::vec(any_operation(), 1..30)) {
        let mut directory = MemoryDirectory::new();
        let mut store = open(&directory);
        let model = MemorySource::new();
        let mut clock = 0;
        for operation in operations {
            match operation {
                Operation::Append(number, count, step_ms) => {
                    let samples: Vec<_> = (1..=count).map(|step| (number, clock + step * step_ms, step as f64 / 3.0)).collect();
                    clock += count * step_ms;
                    append(&store.db, &samples);
                    append(&model, &samples);
                }
                Operation::Map => store.map().unwrap(),
                Operation::Reopen => {
                    drop(store);
                    store = open(&directory);
                }
                Operation::PowerCut(kept) => {
                    store.db.sync().unwrap();
                    let samples = [(3, clock + 1, 1.0)];
                    append(&store.db, &samples);
                    directory = directory.after_power_cut(|unsynced| kept.min(unsynced));
                    store = open(&directory);
                    clock += 1;
                    if content(&store.db) != content(&model) {
                        append(&model, &samples);
                    }
                }
                Operation::Damage(file, share) => {
                    drop(store);
                    let files = directory.list("chunks_head").unwrap_or_default();
                    if let Some(file) = files.get(file).filter(|_| share == 0) {
                        directory.remove(&format!("chunks_head/{}", file.name)).unwrap();
                    } else if let Some(file) = files.get(file) {
                        let size_bytes = file.size_bytes * u64::from(share) / 256;
                        let path = format!("chunks_head/{}", file.name);
                        directory.open(&path, OpenMode::Append).unwrap().truncate(size_bytes).unwrap();
                    }
                    store = open(&directory);
                }
            }
            prop_assert!(content(&store.db) == content(&model));
        }
        store.db.verify().unwrap();
        drop(store);
        let again = open(&directory);
        prop_assert!(content(&again.db) == content(&model));
        prop_assert_eq!(again.db.stats().replay.out_of_order, 0);
        prop_assert_eq!(again.db.stats().head.series, content(&model).len() as u64);
    }
}

#[test]
fn a_reference_of_a_lost_series_is_not_given_again() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    let samples: Vec<_> = (0..200).map(|step| (0, step * 1000, 1.0)).collect();
    append(&store.db, &samples);
    store.map().unwrap();
    drop(store);
    for entry in directory.list("wal").unwrap() {
        directory.remove(&format!("wal/{}", entry.name)).unwrap();
    }
    let store = open(&directory);
    assert!(
        content(&store.db).is_empty(),
        "nobody knows whose chunks these are"
    );
    append(&store.db, &[(1, 900_000, 2.0)]);
    drop(store);
    let again = open(&directory);
    assert_eq!(
        content(&again.db),
        [(series(1), vec![(900_000, 2.0_f64.to_bits())])]
    );
}
