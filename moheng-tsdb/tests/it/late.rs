//! Samples that come after newer ones of their series: what is taken, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{SampleError, Select};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Error, WalSync, backup};
use proptest::prelude::*;

use crate::support::{Content, append, content, errors, select, series, settings, try_append};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn try_open(directory: Arc<dyn Directory>, clock: &Arc<ManualClock>, window_ms: i64) -> Result<Db, Error> {
    let mut settings = settings(WalSync::Always);
    settings.out_of_order_window_ms = window_ms;
    Db::builder(directory)
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()
}

fn open(directory: &MemoryDirectory, clock: &Arc<ManualClock>, window_ms: i64) -> Db {
    try_open(Arc::new(directory.clone()), clock, window_ms).unwrap()
}

/// A clock at the end of all tests.
fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(1000 * HOUR_MS))
}

fn segments(directory: &MemoryDirectory) -> usize {
    directory.list("wbl").map_or(0, |entries| entries.len())
}

#[test]
fn what_is_late_is_taken_within_the_window() {
    let directory = MemoryDirectory::new();
    let db = open(&directory, &clock(), 0);
    append(&db, &[(0, 100_000, 1.0), (1, 60_000, 1.0)]);
    let refused = errors(&append(&db, &[(0, 90_000, 2.0)]));
    assert_eq!(refused, [Some(SampleError::OutOfOrder)]);
    assert!(
        !directory
            .list("")
            .unwrap()
            .iter()
            .any(|entry| entry.name == "wbl")
    );
    db.set_out_of_order_window_ms(30_000).unwrap();
    let outcomes = append(
        &db,
        &[
            (0, 90_000, 2.0),
            (0, 90_000, 2.0),
            (0, 90_000, 3.0),
            (0, 70_000, 4.0),
            (0, 69_999, 5.0),
            (0, 100_000, 6.0),
            (0, 110_000, 7.0),
            // The window is that of the batch's beginning.
            (1, 59_000, 8.0),
            (2, 1000, 9.0),
        ],
    );
    let (duplicate, old) = (SampleError::DuplicateTimestamp, SampleError::OutOfBounds);
    assert_eq!(
        errors(&outcomes),
        [
            None,
            None,
            Some(duplicate),
            None,
            Some(old),
            Some(duplicate),
            None,
            Some(old),
            None
        ]
    );
    let expected = [(70_000, 4.0), (90_000, 2.0), (100_000, 1.0), (110_000, 7.0)];
    let check = |db: &Db| {
        let found = content(db);
        let (_, samples) = found.iter().find(|(labels, _)| *labels == series(0)).unwrap();
        assert_eq!(
            *samples,
            expected.map(|(time_ms, value)| (time_ms, f64::to_bits(value)))
        );
        db.verify().unwrap();
    };
    check(&db);
    assert_eq!(errors(&append(&db, &[(0, 90_000, 2.0)])), [None], "once more");
    let samples = db.stats().samples;
    assert_eq!((samples.late, samples.too_old, samples.repeated), (2, 2, 2));
    let before = content(&db);
    drop(db);
    let again = open(&directory, &clock(), 0);
    check(&again);
    assert_eq!(content(&again), before);
    assert_eq!(again.stats().replay.late_samples, 2);
}

#[test]
fn late_samples_move_to_blocks() {
    let directory = MemoryDirectory::new();
    let db = open(&directory, &clock(), 10 * HOUR_MS);
    for minute in 0..400 {
        append(&db, &[(0, minute * MINUTE_MS + 1, 1.0)]);
        if minute % 3 == 0 {
            append(
                &db,
                &[
                    (0, (minute - 200) * MINUTE_MS, 2.0),
                    (1, (minute - 300) * MINUTE_MS, 3.0),
                ],
            );
        }
    }
    let before = content(&db);
    assert!(db.stats().late_log.size_bytes > 0);
    let compacted = db.compact().unwrap();
    assert!(
        compacted.head_blocks > 2 && compacted.late_blocks >= 4 && compacted.joined_blocks > 0,
        "{compacted:?}"
    );
    assert_eq!(content(&db), before);
    assert_eq!((segments(&directory), db.stats().late_log.size_bytes), (0, 0));
    db.verify().unwrap();
    append(&db, &[(0, 5 * HOUR_MS, 4.0), (1, 7, 5.0)]);
    let before = content(&db);
    drop(db);
    let again = open(&directory, &clock(), 0);
    assert_eq!(content(&again), before);
    again.verify().unwrap();
    assert_eq!(again.stats().replay.unknown_references, 0);
}

#[test]
fn backups_hold_late_samples() {
    let directory = MemoryDirectory::new();
    let db = open(&directory, &clock(), HOUR_MS);
    append(&db, &[(0, HOUR_MS, 1.0)]);
    append(&db, &[(0, 1000, 2.0), (1, 2000, 3.0)]);
    let snapshot = db.snapshot().unwrap();
    let before = content(&db);
    append(&db, &[(0, 3000, 4.0)]);
    let (copy, restored) = (MemoryDirectory::new(), MemoryDirectory::new());
    snapshot.write_to(&copy).unwrap();
    assert_eq!(backup::verify(&copy).unwrap().sample_count, 3);
    backup::restore(&copy, &restored).unwrap();
    assert_eq!(content(&open(&restored, &clock(), 0)), before);
}

#[test]
fn what_is_deleted_stays_deleted() {
    let directory = MemoryDirectory::new();
    let db = open(&directory, &clock(), 10 * HOUR_MS);
    append(&db, &[(0, 4 * HOUR_MS, 1.0)]);
    append(&db, &[(0, 1000, 2.0), (0, 2000, 3.0)]);
    db.delete(&[], 0, 1500).unwrap();
    let expected: Content = vec![(
        series(0),
        vec![(2000, 3.0_f64.to_bits()), (4 * HOUR_MS, 1.0_f64.to_bits())],
    )];
    assert_eq!(content(&db), expected);
    drop(db);
    let db = open(&directory, &clock(), 10 * HOUR_MS);
    assert_eq!(content(&db), expected);
}

/// Batches of which each second one has late samples, and others, too, when they are `mixed`.
fn batch(number: i64, is_mixed: bool) -> Vec<(usize, i64, f64)> {
    let value = number as f64;
    if number % 2 == 0 {
        return vec![(0, number * MINUTE_MS, value), (1, number * MINUTE_MS, value)];
    }
    let first = (0..20).map(|step| (0, (number - 1) * MINUTE_MS - step - 1, value));
    first
        .chain(is_mixed.then_some((2, number * 1000, value)))
        .collect()
}

const BATCHES: i64 = 6;

/// What there is after so many batches.
fn expected(batches: i64, is_mixed: bool) -> Content {
    let db = open(&MemoryDirectory::new(), &clock(), HOUR_MS);
    for number in 0..batches {
        append(&db, &batch(number, is_mixed));
    }
    content(&db)
}

#[test]
fn a_failure_at_any_operation_keeps_what_was_promised() {
    // A crash between the writes to the two logs leaves a part of a batch that was not acknowledged.
    for (fault, is_mixed) in [(Fault::Crash, false), (Fault::Io, false), (Fault::Full, true)] {
        let contents: Vec<Content> = (0..=BATCHES).map(|batches| expected(batches, is_mixed)).collect();
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            faults.fail_at(at, fault, true);
            let mut appended = 0;
            if let Ok(db) = try_open(Arc::new(faults.clone()), &clock(), HOUR_MS) {
                for number in 0..BATCHES {
                    if try_append(&db, &batch(number, is_mixed)).is_err() {
                        break;
                    }
                    appended = number + 1;
                }
            }
            let is_done = faults.fired() == 0;
            for left in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
                let db = open(&left, &clock(), HOUR_MS);
                db.verify().unwrap();
                let found = content(&db);
                let batches = contents.iter().position(|content| *content == found);
                let batches = batches.unwrap_or_else(|| panic!("{fault:?} at {at}: half a batch"));
                assert!(
                    batches as i64 >= appended,
                    "{fault:?} at {at}: {batches} of {appended}"
                );
            }
            if is_done {
                assert_eq!(appended, BATCHES);
                break;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    /// (series, minutes before the newest)
    Append(Vec<(usize, i64)>),
    Advance(i64),
    Compact,
    Reopen,
    Select(i64, i64, Option<usize>),
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => prop::collection::vec((0_usize..4, 0_i64..500), 1..60).prop_map(Operation::Append),
        4 => (1_i64..90).prop_map(Operation::Advance),
        2 => Just(Operation::Compact),
        1 => Just(Operation::Reopen),
        3 => (-600_i64..2000, 0_i64..600, prop::option::of(0_usize..5))
            .prop_map(|(start, length, limit)| Operation::Select(start, start + length, limit)),
    ]
}

/// The value that a series has at a time, so that it does not matter which of two samples counts.
fn value(series: usize, minute: i64) -> f64 {
    (minute * 7 + series as i64) as f64
}

fn selected(model: &BTreeMap<usize, BTreeMap<i64, u64>>, wanted: &Select) -> Content {
    let mut found = Content::new();
    for (&number, samples) in model {
        let range = samples.range(wanted.start_ms..=wanted.end_ms);
        let samples: Vec<(i64, u64)> = range.map(|(&time_ms, &bits)| (time_ms, bits)).collect();
        if !samples.is_empty() {
            found.push((series(number), samples));
        }
    }
    found.sort();
    found.truncate(wanted.limit.unwrap_or(usize::MAX));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_like_a_sorted_map(operations in prop::collection::vec(any_operation(), 1..40)) {
        let (directory, clock) = (MemoryDirectory::new(), clock());
        let window = 400;
        let mut db = open(&directory, &clock, window * MINUTE_MS);
        let mut model: BTreeMap<usize, BTreeMap<i64, u64>> = BTreeMap::new();
        let mut newest = 0;
        append(&db, &[(9, 0, 0.0)]);
        model.entry(9).or_default().insert(0, 0.0_f64.to_bits());
        for operation in operations {
            match operation {
                Operation::Append(samples) => {
                    let batch: Vec<_> = samples
                        .iter()
                        .map(|&(series, age)| (series, (newest - age) * MINUTE_MS, value(series, newest - age)))
                        .collect();
                    for (outcome, &(series, time_ms, value)) in append(&db, &batch).iter().zip(&batch) {
                        let is_taken = time_ms >= (newest - window) * MINUTE_MS;
                        // Of a series without newer samples older ones are taken while memory begins before them.
                        if is_taken || outcome.is_ok() {
                            prop_assert!(outcome.is_ok(), "{:?}", outcome);
                            model.entry(series).or_default().insert(time_ms, value.to_bits());
                        }
                    }
                }
                Operation::Advance(minutes) => {
                    newest += minutes;
                    append(&db, &[(9, newest * MINUTE_MS, 1.0)]);
                    model.entry(9).or_default().insert(newest * MINUTE_MS, 1.0_f64.to_bits());
                }
                Operation::Compact => {
                    db.compact().unwrap();
                }
                Operation::Reopen => {
                    drop(db);
                    // Names of blocks are made of the time.
                    clock.advance_ms(1);
                    db = open(&directory, &clock, window * MINUTE_MS);
                }
                Operation::Select(start, end, limit) => {
                    let mut wanted = Select::new(vec![], start * MINUTE_MS, end * MINUTE_MS);
                    wanted.limit = limit;
                    prop_assert_eq!(select(&db, &wanted), selected(&model, &wanted));
                }
            }
            db.verify().unwrap();
        }
        let all = Select::new(vec![], i64::MIN, i64::MAX);
        prop_assert_eq!(content(&db), selected(&model, &all));
        db.close().unwrap();
        drop(db);
        let again = open(&directory, &clock, 0);
        prop_assert_eq!(content(&again), selected(&model, &all));
        prop_assert_eq!(again.stats().replay.corruptions, 0);
        again.verify().unwrap();
    }
}
