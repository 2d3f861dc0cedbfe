//! Chunk snapshots: a start with one gives what a start without it gives, whatever happened before.

use std::sync::Arc;

use moheng_metrics::testing::{HistogramSeries, ManualClock, ReadSample, read_all_samples};
use moheng_metrics::{
    AppendBatch, Exemplar, ExemplarEntry, HistogramEntry, HistogramValue, Labels, Matcher, Metadata,
    MetadataEntry, MetricKind, SampleSink, Select, SeriesKey,
};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};
use moheng_tsdb::{Db, Error, WalSync};
use proptest::prelude::*;

use crate::support::{append, series, settings, try_append};

const HOUR_MS: i64 = 3_600_000;

struct Store {
    db: Db,
    clock: Arc<ManualClock>,
}

fn try_open(directory: Arc<dyn Directory>, snapshot_on_close: bool) -> Result<Store, Error> {
    let clock = Arc::new(ManualClock::new(0));
    let mut settings = settings(WalSync::Os);
    settings.snapshot_on_close = snapshot_on_close;
    settings.start_timestamps = true;
    settings.out_of_order_window_ms = HOUR_MS;
    settings.replay_threads = 2;
    let db = Db::builder(directory)
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()?;
    Ok(Store { db, clock })
}

fn open(directory: &MemoryDirectory) -> Store {
    try_open(Arc::new(directory.clone()), true).unwrap()
}

/// Everything a database knows.
#[derive(Debug, PartialEq)]
struct Known {
    samples: Vec<(Labels, Vec<ReadSample>)>,
    exemplars: Vec<(Labels, Vec<Exemplar>)>,
    metadata: Vec<(Labels, Metadata)>,
}

fn everything() -> Select {
    Select::new(vec![], i64::MIN, i64::MAX)
}

fn known(db: &Db) -> Known {
    db.verify().unwrap();
    Known {
        samples: read_all_samples(db, &everything()),
        exemplars: db.exemplars(&[everything()]),
        metadata: db
            .metadata(&everything())
            .into_iter()
            .map(|(labels, metadata)| (labels, (*metadata).clone()))
            .collect(),
    }
}

fn snapshots(directory: &dyn Directory) -> Vec<String> {
    let entries = directory.list("").unwrap().into_iter().map(|entry| entry.name);
    entries
        .filter(|name| name.starts_with("chunk_snapshot."))
        .collect()
}

fn without_snapshots(directory: &MemoryDirectory) -> MemoryDirectory {
    let copy = directory.after_process_crash();
    for snapshot in snapshots(&copy) {
        for file in copy.list(&snapshot).unwrap() {
            copy.remove(&format!("{snapshot}/{}", file.name)).unwrap();
        }
        copy.remove(&snapshot).unwrap();
    }
    copy
}

/// Opens a copy, and one without snapshots, and compares them.
fn check_same(directory: &MemoryDirectory, what: &str) -> Known {
    let with = open(&directory.after_process_crash());
    let without = open(&without_snapshots(directory));
    let found = known(&with.db);
    assert_eq!(found, known(&without.db), "{what}");
    assert_eq!(with.db.time_range(), without.db.time_range(), "{what}");
    let (with, without) = (with.db.stats(), without.db.stats());
    assert_eq!(with.head.series, without.head.series, "{what}");
    assert_eq!(with.replay.unknown_references, 0, "{what}");
    found
}

/// A step of all kinds: floats with and without start timestamps, histograms, exemplars, metadata; every seventh is late.
fn step_batch(db: &Db, step: i64) -> Result<(), moheng_metrics::SinkError> {
    let time_ms = step * 15_000;
    let names = ["started", "integer", "fractional"].map(|name| Labels::from_pairs([("__name__", name)]));
    let floats: Vec<Labels> = (0..3).map(series).collect();
    let mut source = HistogramSeries::counter_with_resets(7, 60);
    let integer = (0..=step % 50).map(|_| source.next_sample()).last().unwrap();
    let float = integer.to_float();
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("trace_id", step.to_string())]),
        value: step as f64,
        timestamp_ms: Some(time_ms),
    };
    let metadata = Metadata {
        kind: MetricKind::Counter,
        unit: String::new(),
        help: format!("Since {}.", step / 20),
    };
    let mut batch = AppendBatch::new();
    for (number, labels) in floats.iter().enumerate() {
        batch.push_labels(labels, time_ms, (step / (number as i64 + 1)) as f64);
        batch.exemplars.push(ExemplarEntry {
            series: SeriesKey::Labels(labels),
            timestamp_ms: time_ms,
            exemplar: &exemplar,
        });
        batch.metadata.push(MetadataEntry {
            series: SeriesKey::Labels(labels),
            metadata: &metadata,
        });
    }
    if step % 7 == 0 {
        batch.push_labels(&floats[1], time_ms - 100_000, 0.5);
    }
    batch.push_labels(&names[0], time_ms, step as f64);
    batch.set_start_timestamp_ms(1 + step / 30);
    for (labels, value) in names[1..]
        .iter()
        .zip([HistogramValue::Integer(&integer), HistogramValue::Float(&float)])
    {
        batch.histograms.push(HistogramEntry {
            series: SeriesKey::Labels(labels),
            timestamp_ms: time_ms,
            start_timestamp_ms: 1 + step / 40,
            value,
        });
    }
    db.append(&batch).map(|_| ())
}

#[test]
fn a_restart_with_a_snapshot_reads_no_log() {
    let directory = MemoryDirectory::new();
    for round in 0..4 {
        let store = open(&directory);
        let replay = store.db.stats().replay;
        if round > 0 {
            assert_eq!(replay.restored_series, 6, "round {round}: {replay:?}");
            assert_eq!((replay.samples, replay.corruptions), (0, 0), "{replay:?}");
            assert_eq!(replay.refused_snapshot, None);
        }
        for step in round * 150..(round + 1) * 150 {
            step_batch(&store.db, step).unwrap();
        }
        let name = Matcher::equal("__name__", "metric_1");
        store
            .db
            .delete(&[name], round * 2_000_000, round * 2_000_000 + 90_000)
            .unwrap();
        let before = known(&store.db);
        store.db.close().unwrap();
        assert_eq!(snapshots(&directory).len(), 1);
        assert_eq!(check_same(&directory, "closed"), before, "round {round}");
    }
}

#[test]
fn a_crash_behind_a_snapshot_reads_the_log_behind_it() {
    let directory = MemoryDirectory::new();
    for round in 0..3 {
        let store = open(&directory);
        for step in round * 200..round * 200 + 100 {
            step_batch(&store.db, step).unwrap();
        }
        store.db.close().unwrap();
        let store = open(&directory);
        for step in round * 200 + 100..(round + 1) * 200 {
            step_batch(&store.db, step).unwrap();
        }
        // Chunks behind the snapshot are in files, too.
        store.clock.advance_ms(60_000);
        store.db.run_maintenance().unwrap();
        let before = known(&store.db);
        let crashed = directory.after_process_crash();
        assert_eq!(check_same(&crashed, "crashed"), before);
        assert_eq!(open(&crashed).db.stats().replay.restored_series, 6);
    }
}

#[test]
fn the_same_place_is_not_written_twice_and_older_snapshots_go() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    step_batch(&store.db, 0).unwrap();
    store.db.close().unwrap();
    let first = snapshots(&directory);
    let faults = FaultDirectory::new(Arc::new(directory.clone()));
    let store = try_open(Arc::new(faults.clone()), true).unwrap();
    let before = faults.operations();
    store.db.close().unwrap();
    assert!(faults.operations() - before < 5, "nothing is written");
    assert_eq!(snapshots(&directory), first);
    let store = try_open(Arc::new(directory.clone()), false).unwrap();
    step_batch(&store.db, 1).unwrap();
    store.db.close().unwrap();
    assert_eq!(
        snapshots(&directory),
        first,
        "not asked for; the one there is good"
    );
    check_same(&directory, "behind an old snapshot");
    let store = open(&directory);
    store.db.close().unwrap();
    assert_eq!(snapshots(&directory).len(), 1);
    assert_ne!(snapshots(&directory), first);
    check_same(&directory, "a new snapshot");
    let read_only = Db::builder(Arc::new(directory.clone()))
        .read_only(true)
        .open()
        .unwrap();
    assert_eq!(read_only.stats().replay.restored_series, 6);
    read_only.close().unwrap();
}

/// A directory with a snapshot, chunks in files and an older start.
fn with_snapshot() -> MemoryDirectory {
    let directory = MemoryDirectory::new();
    for round in 0..2 {
        let store = open(&directory);
        for step in round * 70..(round + 1) * 70 {
            step_batch(&store.db, step).unwrap();
        }
        store.db.close().unwrap();
    }
    directory
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_all_comes_from_the_log() {
    let directory = with_snapshot();
    let expected = check_same(&directory, "whole");
    let snapshot = snapshots(&directory).remove(0);
    for file in directory.list(&snapshot).unwrap() {
        let path = format!("{snapshot}/{}", file.name);
        let size_bytes = file.size_bytes;
        for at in (0..size_bytes).step_by(149).chain([size_bytes - 1, size_bytes]) {
            for is_cut in [false, true] {
                let copy = directory.after_process_crash();
                if is_cut && at < size_bytes {
                    copy.open(&path, OpenMode::Append).unwrap().truncate(at).unwrap();
                } else if at < size_bytes {
                    copy.flip_bit(&path, at * 8 + at % 8);
                } else if file.name != "supplement" {
                    copy.remove(&path).unwrap();
                } else {
                    continue;
                }
                let store = open(&copy);
                let what = format!("{path}, byte {at}, cut: {is_cut}");
                let replay = store.db.stats().replay;
                assert_eq!(
                    (replay.restored_series, replay.refused_snapshot.is_some()),
                    (0, true),
                    "{what}"
                );
                assert!(snapshots(&copy).is_empty(), "{what}");
                let aside = copy.list("quarantine").unwrap();
                assert!(
                    aside.iter().any(|entry| entry.name.starts_with(&snapshot)),
                    "{what}"
                );
                assert_eq!(known(&store.db), expected, "{what}");
                store.db.close().unwrap();
                assert_eq!(snapshots(&copy), std::slice::from_ref(&snapshot), "{what}");
            }
        }
    }
    // As if Prometheus had written it: the log says what it has no words for.
    let copy = directory.after_process_crash();
    copy.remove(&format!("{snapshot}/supplement")).unwrap();
    let store = open(&copy);
    assert_eq!(store.db.stats().replay.restored_series, 6);
    assert_eq!(known(&store.db), expected);
}

#[test]
fn a_snapshot_that_does_not_fit_the_rest_is_not_used() {
    let directory = with_snapshot();
    let expected = check_same(&directory, "whole");
    let check = |change: &dyn Fn(&MemoryDirectory), is_kept: bool| {
        let copy = directory.after_process_crash();
        change(&copy);
        let store = open(&copy);
        let replay = store.db.stats().replay;
        assert_eq!(
            (replay.restored_series, replay.refused_snapshot.is_some()),
            (0, true),
            "{replay:?}"
        );
        assert!(snapshots(&copy).is_empty());
        assert_eq!(copy.list("quarantine").is_ok(), is_kept);
        known(&store.db)
    };
    let chunks = directory.list("chunks_head").unwrap();
    let last = format!("chunks_head/{}", chunks.last().unwrap().name);
    let found = check(&|copy| copy.remove(&last).unwrap(), false);
    assert_eq!(found, expected, "a file of chunks is gone");
    let size_bytes = chunks.last().unwrap().size_bytes;
    let shorten = |copy: &MemoryDirectory| {
        copy.open(&last, OpenMode::Append)
            .unwrap()
            .truncate(size_bytes - 1)
            .unwrap();
    };
    assert_eq!(check(&shorten, true), expected, "a file of chunks is shorter");
    let log = directory.list("wal").unwrap();
    let segment = format!("wal/{}", log.last().unwrap().name);
    check(&|copy| copy.remove(&segment).unwrap(), true);
}

#[test]
fn a_checkpoint_that_reaches_further_makes_a_snapshot_useless() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    append(&store.db, &[(0, 0, 1.0)]);
    store.db.close().unwrap();
    assert_eq!(snapshots(&directory).len(), 1);
    let store = try_open(Arc::new(directory.clone()), false).unwrap();
    for hour in 0..8 {
        for step in 0..240 {
            let time_ms = hour * HOUR_MS + step * 15_000 + 1;
            let samples: Vec<_> = (0..40)
                .map(|series| (series, time_ms, (step * 7919 % 1000) as f64 / 7.0))
                .collect();
            append(&store.db, &samples);
        }
        store.clock.set_ms((hour + 1) * HOUR_MS);
        store.db.run_maintenance().unwrap();
        store.db.compact().unwrap();
        check_same(&directory, "behind blocks");
    }
    drop(store);
    let names = directory.list("wal").unwrap();
    assert!(names.iter().any(|entry| entry.name.starts_with("checkpoint.")));
    let store = open(&directory);
    assert!(snapshots(&directory).is_empty());
    assert_eq!(store.db.stats().replay.refused_snapshot, None);
    store.db.close().unwrap();
    check_same(&directory, "a new snapshot");
}

#[test]
fn a_reference_of_a_series_that_is_gone_is_not_given_again() {
    let directory = MemoryDirectory::new();
    let store = open(&directory);
    let fill = |store: &Store, number, from: i64| {
        let samples: Vec<_> = (0..500).map(|step| (number, from + step * 15_000, 1.0)).collect();
        append(&store.db, &samples);
    };
    fill(&store, 0, 0);
    fill(&store, 1, 1);
    fill(&store, 0, 5 * HOUR_MS);
    store.clock.set_ms(8 * HOUR_MS);
    store.db.run_maintenance().unwrap();
    store.db.compact().unwrap();
    assert_eq!(store.db.stats().head.series, 1, "the other one is in blocks");
    store.db.close().unwrap();
    let store = open(&directory);
    assert_eq!(store.db.stats().replay.restored_series, 1);
    fill(&store, 2, 6 * HOUR_MS);
    store.clock.set_ms(9 * HOUR_MS);
    store.db.run_maintenance().unwrap();
    let expected = known(&store.db);
    drop(store);
    assert_eq!(check_same(&directory, "a new series"), expected);
}

/// So many steps are in a batch.
const STEPS: i64 = 100;

fn steps(from: i64) -> Vec<(usize, i64, f64)> {
    let of_step = |step: i64| [(0, step * 15_000, 1.0), (1, step * 15_000, step as f64)];
    (from..from + STEPS).flat_map(of_step).collect()
}

/// Appends, closes and opens until something fails; returns the steps that were taken.
fn run(directory: &Arc<dyn Directory>) -> i64 {
    let mut taken = 0;
    for _ in 0..2 {
        let Ok(store) = try_open(Arc::clone(directory), true) else {
            return taken;
        };
        for _ in 0..2 {
            if try_append(&store.db, &steps(taken)).is_err() {
                return taken;
            }
            taken += STEPS;
        }
        if store.db.close().is_err() {
            return taken;
        }
    }
    taken
}

fn check_prefix(directory: &MemoryDirectory, least: i64, what: &str) {
    let found = check_same(directory, what);
    let found_steps = |known: &Known| {
        known
            .samples
            .first()
            .map_or(0, |(_, samples)| samples.len() as i64)
    };
    let has_all = |known: &Known| {
        let mut lengths = known.samples.iter().map(|(_, samples)| samples.len() as i64);
        lengths.all(|length| length == found_steps(known))
    };
    let before = found_steps(&found);
    assert!(has_all(&found) && before >= least, "{what}: {before} of {least}");
    let store = open(directory);
    append(&store.db, &steps(before));
    store.db.close().unwrap();
    assert_eq!(snapshots(directory).len(), 1, "{what}");
    let again = known(&open(directory).db);
    assert!(has_all(&again) && found_steps(&again) == before + STEPS, "{what}");
}

#[test]
fn a_crash_at_any_operation_keeps_all() {
    for at in 0.. {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let directory: Arc<dyn Directory> = Arc::new(faults.clone());
        let taken = run(&directory);
        check_prefix(&memory.after_process_crash(), taken, &format!("operation {at}"));
        for kept in [0, usize::MAX] {
            let cut = memory.after_power_cut(|unsynced| kept.min(unsynced));
            check_prefix(&cut, 0, &format!("operation {at}, power"));
        }
        if faults.fired() == 0 {
            break;
        }
    }
}

#[test]
fn a_full_disk_or_an_error_at_any_operation_loses_nothing() {
    for (fault, is_lasting) in [(Fault::Full, true), (Fault::Io, false)] {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            faults.fail_at(at, fault, is_lasting);
            let directory: Arc<dyn Directory> = Arc::new(faults.clone());
            let taken = run(&directory);
            check_prefix(&memory.after_process_crash(), taken, &format!("{fault:?} {at}"));
            if faults.fired() == 0 {
                break;
            }
        }
    }
    let memory = with_snapshot();
    let faults = FaultDirectory::new(Arc::new(memory.clone()));
    faults.fail_at(0, Fault::ShortRead, true);
    let store = try_open(Arc::new(faults), true).unwrap();
    assert_eq!(store.db.stats().replay.restored_series, 6);
    assert_eq!(known(&store.db), check_same(&memory, "short reads"));
}

#[derive(Clone, Debug)]
enum Operation {
    Steps(i64),
    Churn(usize),
    Delete(i64, i64),
    Maintain,
    Close(bool),
    Crash,
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => (1_i64..60).prop_map(Operation::Steps),
        1 => (3_usize..30).prop_map(Operation::Churn),
        1 => (0_i64..9_000_000, 0_i64..300_000).prop_map(|(from, length)| Operation::Delete(from, length)),
        2 => Just(Operation::Maintain),
        3 => any::<bool>().prop_map(Operation::Close),
        1 => Just(Operation::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_start_with_a_snapshot_is_like_one_without(operations in prop::collection::vec(any_operation(), 1..16)) {
        let mut directory = MemoryDirectory::new();
        let mut store = open(&directory);
        let (mut step, mut now_ms) = (0, 0);
        for operation in operations {
            match operation {
                Operation::Steps(count) => {
                    for number in step..step + count {
                        step_batch(&store.db, number).unwrap();
                    }
                    step += count;
                    now_ms = step * 15_000;
                }
                Operation::Churn(number) => {
                    append(&store.db, &[(number, now_ms, 1.0)]);
                }
                Operation::Delete(from, length) => {
                    store.db.delete(&[], from, from + length).unwrap();
                }
                Operation::Maintain => {
                    store.clock.set_ms(now_ms.max(60_000));
                    store.db.run_maintenance().unwrap();
                    store.db.compact().unwrap();
                }
                Operation::Close(snapshot_on_close) => {
                    store.db.close().unwrap();
                    drop(store);
                    let known = check_same(&directory, "closed");
                    store = try_open(Arc::new(directory.clone()), snapshot_on_close).unwrap();
                    prop_assert_eq!(self::known(&store.db), known);
                }
                Operation::Crash => {
                    let before = known(&store.db);
                    directory = directory.after_process_crash();
                    let known = check_same(&directory, "crashed");
                    prop_assert_eq!(known, before);
                    store = open(&directory);
                }
            }
        }
    }
}
