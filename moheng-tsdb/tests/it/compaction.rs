//! Samples move from memory into blocks, and nobody notices: not queries, not restarts, not crashes.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, MemorySource, SampleSink, Select, SeriesSource};
use moheng_tsdb::compact::Retention;
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Error, Settings, WalSync, backup};

use crate::support::{Content, content, series, settings};

const HOUR_MS: i64 = 60 * 60 * 1000;
const STEP_MS: i64 = 10 * 60 * 1000;
const STEPS: i64 = 90;

struct Story {
    db: Db,
    clock: Arc<ManualClock>,
}

impl Story {
    fn open(directory: Arc<dyn Directory>, clock: &Arc<ManualClock>) -> Result<Self, Error> {
        Self::open_with(directory, clock, settings(WalSync::Always))
    }

    fn open_with(
        directory: Arc<dyn Directory>,
        clock: &Arc<ManualClock>,
        mut settings: Settings,
    ) -> Result<Self, Error> {
        // So small that the log is cut often.
        settings.wal_segment_bytes = 32 << 10;
        let db = Db::builder(directory)
            .settings(settings)
            .clock(clock.clone())
            .without_worker()
            .open()?;
        Ok(Self {
            db,
            clock: clock.clone(),
        })
    }

    /// Appends the samples of one step to the database and to what it is compared with.
    fn append(&self, step: i64, reference: &MemorySource) -> bool {
        self.clock.set_ms(step * STEP_MS);
        let samples = samples(step);
        let labels: Vec<_> = samples.iter().map(|&(number, _)| series(number)).collect();
        let mut batch = AppendBatch::new();
        for (labels, &(_, value)) in labels.iter().zip(&samples) {
            batch.push_labels(labels, step * STEP_MS, value);
        }
        if self.db.append(&batch).is_err() {
            return false;
        }
        reference.append(&batch).unwrap();
        true
    }
}

/// Some series are always there, some for a while only, some come back.
fn samples(step: i64) -> Vec<(usize, f64)> {
    let is_there = |number: usize| match number {
        0..10 => true,
        10..20 => step / 7 % 10 == number as i64 - 10,
        _ => step / 20 % 2 == 0,
    };
    let value = |number: usize| (step * 31 + number as i64) as f64 / 8.0;
    (0..30)
        .filter(|&number| is_there(number))
        .map(|number| (number, value(number)))
        .collect()
}

fn blocks(directory: &MemoryDirectory) -> usize {
    moheng_tsdb::block::list_blocks(directory).unwrap().blocks.len()
}

#[test]
fn nothing_changes_for_queries_and_restarts() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let expected = MemorySource::new();
    let mut story = Story::open(Arc::new(memory.clone()), &clock).unwrap();
    for step in 0..STEPS {
        assert!(story.append(step, &expected));
        if step % 5 == 0 {
            story.db.compact().unwrap();
        }
        if step % 13 == 12 {
            story.db.close().unwrap();
            story = Story::open(Arc::new(memory.clone()), &clock).unwrap();
        }
        if step % 9 == 0 {
            assert_eq!(content(&story.db), content(&expected), "step {step}");
            story.db.verify().unwrap();
        }
    }
    assert_eq!(
        blocks(&memory),
        4,
        "6, 12, 14 hours: two joined ones, one written last"
    );
    let stats = story.db.stats();
    assert!(stats.head.series_removed > 0);
    for (start_ms, end_ms) in [(0, HOUR_MS), (HOUR_MS, 9 * HOUR_MS), (12 * HOUR_MS, 13 * HOUR_MS)] {
        let select = Select::new(vec![], start_ms, end_ms);
        assert_eq!(
            crate::support::select(&story.db, &select),
            crate::support::select(&expected, &select)
        );
    }
}

#[test]
fn labels_come_from_memory_and_blocks() {
    let clock = Arc::new(ManualClock::new(0));
    let story = Story::open(Arc::new(MemoryDirectory::new()), &clock).unwrap();
    let expected = MemorySource::new();
    for step in 0..STEPS {
        assert!(story.append(step, &expected));
    }
    story.db.compact().unwrap();
    let all = Select::new(vec![], i64::MIN, i64::MAX);
    assert_eq!(
        story.db.label_names(&all).unwrap(),
        expected.label_names(&all).unwrap()
    );
    let values = |source: &dyn SeriesSource, limit| {
        let select = all.clone().with_limit(limit);
        source.label_values("instance", &select).unwrap()
    };
    for limit in [0, 2, 100] {
        assert_eq!(values(&story.db, limit), values(&expected, limit));
    }
}

#[test]
fn the_log_is_cut_and_named_series_stay_named() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let expected = MemorySource::new();
    let mut story = Story::open(Arc::new(memory.clone()), &clock).unwrap();
    for step in 0..600 {
        assert!(story.append(step, &expected));
        story.db.compact().unwrap();
        if step % 97 == 96 {
            story.db.close().unwrap();
            story = Story::open(Arc::new(memory.clone()), &clock).unwrap();
            assert_eq!(story.db.stats().replay.unknown_references, 0);
        }
    }
    let entries = memory.list("wal").unwrap();
    assert!(
        entries.iter().any(|entry| entry.name.starts_with("checkpoint.")),
        "{entries:?}"
    );
    assert!(
        entries.iter().all(|entry| entry.name != "00000000"),
        "{entries:?}"
    );
    assert_eq!(content(&story.db), content(&expected));
}

#[test]
fn backups_hold_blocks_too() {
    let clock = Arc::new(ManualClock::new(0));
    let story = Story::open(Arc::new(MemoryDirectory::new()), &clock).unwrap();
    let expected = MemorySource::new();
    for step in 0..STEPS {
        assert!(story.append(step, &expected));
        story.db.compact().unwrap();
    }
    let backup = MemoryDirectory::new();
    story.db.snapshot().unwrap().write_to(&backup).unwrap();
    let manifest = backup::verify(&backup).unwrap();
    assert_eq!(
        (manifest.start_ms, manifest.end_ms),
        (Some(0), Some((STEPS - 1) * STEP_MS))
    );
    let target = Arc::new(MemoryDirectory::new());
    backup::restore(&backup, &*target).unwrap();
    let restored = Story::open(Arc::new(target.after_power_cut(|_| 0)), &clock).unwrap();
    assert_eq!(content(&restored.db), content(&expected));
}

#[test]
fn old_blocks_go_when_retention_says_so() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let mut settings = settings(WalSync::Os);
    settings.retention = Retention {
        time_ms: Some(5 * HOUR_MS),
        ..Retention::default()
    };
    let story = Story::open_with(Arc::new(memory), &clock, settings).unwrap();
    let all = MemorySource::new();
    for step in 0..STEPS {
        assert!(story.append(step, &all));
        story.db.compact().unwrap();
    }
    let (start_ms, end_ms) = story.db.time_range().unwrap();
    assert_eq!(end_ms, (STEPS - 1) * STEP_MS);
    assert!((6 * HOUR_MS..10 * HOUR_MS).contains(&start_ms), "{start_ms}");
    let kept = Select::new(vec![], start_ms, end_ms);
    assert_eq!(content(&story.db), crate::support::select(&all, &kept));
}

#[test]
fn a_sample_from_the_future_shuts_out_nothing() {
    let clock = Arc::new(ManualClock::new(0));
    let story = Story::open(Arc::new(MemoryDirectory::new()), &clock).unwrap();
    let expected = MemorySource::new();
    assert!(story.append(0, &expected));
    let labels = series(99);
    let mut batch = AppendBatch::new();
    batch.push_labels(&labels, 1000 * HOUR_MS, 1.0);
    story.db.append(&batch).unwrap();
    story.db.compact().unwrap();
    assert!(story.append(1, &expected));
    assert_eq!(story.db.append(&batch).unwrap().accepted(), 1);
}

/// Appends and compacts until something fails; returns how many steps were acknowledged.
fn run(directory: Arc<dyn Directory>) -> (i64, MemorySource) {
    let clock = Arc::new(ManualClock::new(0));
    let reference = MemorySource::new();
    let Ok(story) = Story::open(directory, &clock) else {
        return (0, reference);
    };
    for step in 0..CRASH_STEPS {
        if !story.append(step, &reference) {
            return (step, reference);
        }
        if step % 12 == 11 && story.db.compact().is_err() {
            return (step + 1, reference);
        }
    }
    (CRASH_STEPS, reference)
}

const CRASH_STEPS: i64 = 60;

/// All that was acknowledged, and perhaps the step that was not.
fn check(directory: Arc<dyn Directory>, steps: i64, reference: &MemorySource, at: u64) {
    let clock = Arc::new(ManualClock::new(CRASH_STEPS * STEP_MS));
    let story = Story::open(directory, &clock).unwrap_or_else(|error| panic!("operation {at}: {error}"));
    story
        .db
        .verify()
        .unwrap_or_else(|error| panic!("operation {at}: {error}"));
    let before: Content = content(reference);
    let found = content(&story.db);
    if found != before {
        let one_more = MemorySource::new();
        for step in 0..=steps {
            let labels: Vec<_> = samples(step).iter().map(|&(number, _)| series(number)).collect();
            let mut batch = AppendBatch::new();
            for (labels, (_, value)) in labels.iter().zip(samples(step)) {
                batch.push_labels(labels, step * STEP_MS, value);
            }
            one_more.append(&batch).unwrap();
        }
        assert_eq!(found, content(&one_more), "operation {at}");
    }
    story
        .db
        .compact()
        .unwrap_or_else(|error| panic!("operation {at}: {error}"));
    assert_eq!(content(&story.db), found, "operation {at}: after compaction");
}

#[test]
fn a_crash_at_any_operation_loses_nothing() {
    let mut at = 0;
    loop {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let (steps, reference) = run(Arc::new(faults.clone()));
        let is_done = faults.fired() == 0;
        check(Arc::new(memory.after_process_crash()), steps, &reference, at);
        check(Arc::new(memory.after_power_cut(|_| 0)), steps, &reference, at);
        if is_done {
            break;
        }
        // Appends are tested elsewhere: here every operation of compactions counts.
        at += if steps % 12 == 0 && steps > 0 { 1 } else { 9 };
    }
}

#[test]
fn a_full_disk_or_failing_operation_is_survived() {
    for fault in [Fault::Full, Fault::Io] {
        let mut at = 200;
        loop {
            let memory = MemoryDirectory::new();
            let faults = FaultDirectory::new(Arc::new(memory.clone()));
            faults.fail_at(at, fault, false);
            let (steps, reference) = run(Arc::new(faults.clone()));
            if faults.fired() == 0 {
                break;
            }
            check(Arc::new(memory.after_process_crash()), steps, &reference, at);
            at += 7;
        }
    }
}
