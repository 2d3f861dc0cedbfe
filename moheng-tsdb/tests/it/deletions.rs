//! What is deleted stays deleted: in memory and in blocks, through restarts, compactions and crashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use moheng_metrics::testing::{HistogramSeries, ManualClock, read_all_samples};
use moheng_metrics::{
    AppendBatch, HistogramValue, Labels, MatchOp, Matcher, MemorySource, SampleSink, Select, SeriesKey,
    SeriesSource,
};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, DeletedSeries, Error, WalSync};
use proptest::prelude::*;

use crate::support::{Content, content, open, series, settings};

const STEP_MS: i64 = 10 * 60 * 1000;
const SERIES: usize = 9;

fn open_with(directory: Arc<dyn Directory>, clock: &Arc<ManualClock>) -> Result<Db, Error> {
    let mut settings = settings(WalSync::Always);
    settings.wal_segment_bytes = 32 << 10;
    let db = Db::builder(directory).settings(settings);
    db.clock(clock.clone()).without_worker().open()
}

/// Appends one sample of each series; every third one is missing now and then.
fn append_step(sink: &dyn SampleSink, step: i64) -> bool {
    let labels: Vec<Labels> = (0..SERIES).map(series).collect();
    let mut batch = AppendBatch::new();
    for (number, labels) in labels.iter().enumerate() {
        if number % 3 != 0 || step % 7 != 0 {
            batch.push_labels(labels, step * STEP_MS, (step * 10 + number as i64) as f64);
        }
    }
    sink.append(&batch).is_ok()
}

fn metric(name: &str) -> Vec<Matcher> {
    vec![Matcher::equal("__name__", name)]
}

/// Series that have samples.
fn visible(source: &dyn SeriesSource) -> Content {
    let mut content = content(source);
    content.retain(|(_, samples)| !samples.is_empty());
    content
}

#[derive(Clone, Debug)]
enum Operation {
    Append(i64),
    /// (matchers, first and last step)
    Delete(Vec<Matcher>, i64, i64),
    Compact,
    Map,
    Clean,
    Reopen,
    Select(Vec<Matcher>, i64, i64, Option<usize>),
}

fn any_matchers() -> impl Strategy<Value = Vec<Matcher>> {
    prop_oneof![
        Just(Vec::new()),
        (0..7_usize).prop_map(|number| metric(&format!("metric_{number}"))),
        Just(vec![Matcher::equal("instance", "host-1:9100")]),
        Just(vec![
            Matcher::new(MatchOp::Regex, "__name__", "metric_[0-3]").unwrap()
        ]),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (1_i64..12).prop_map(Operation::Append),
        3 => (any_matchers(), 0_i64..80, 0_i64..30)
            .prop_map(|(matchers, start, length)| Operation::Delete(matchers, start, start + length)),
        2 => Just(Operation::Compact),
        2 => Just(Operation::Map),
        1 => Just(Operation::Clean),
        1 => Just(Operation::Reopen),
        2 => (any_matchers(), 0_i64..80, 0_i64..30, prop::option::of(0_usize..5)).prop_map(
            |(matchers, start, length, limit)| Operation::Select(matchers, start, start + length, limit)
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_like_the_model(operations in prop::collection::vec(any_operation(), 1..40)) {
        let clock = Arc::new(ManualClock::new(0));
        let memory = MemoryDirectory::new();
        let mut db = open_with(Arc::new(memory.clone()), &clock).unwrap();
        let model = MemorySource::new();
        let mut step = 0;
        for operation in operations {
            match operation {
                Operation::Append(steps) => for _ in 0..steps {
                    step += 1;
                    clock.set_ms(step * STEP_MS);
                    prop_assert!(append_step(&db, step) && append_step(&model, step));
                },
                Operation::Delete(matchers, start, end) => {
                    db.delete(&matchers, start * STEP_MS, end * STEP_MS).unwrap();
                    model.delete(&matchers, start * STEP_MS, end * STEP_MS);
                }
                Operation::Compact => {
                    db.compact().unwrap();
                }
                // Full chunks leave memory.
                Operation::Map => {
                    clock.advance_ms(60_000);
                    db.run_maintenance().unwrap();
                }
                Operation::Clean => {
                    db.clean_tombstones().unwrap();
                }
                Operation::Reopen => {
                    drop(db);
                    db = open_with(Arc::new(memory.clone()), &clock).unwrap();
                }
                Operation::Select(matchers, start, end, limit) => {
                    let mut select = Select::new(matchers, start * STEP_MS, end * STEP_MS);
                    select.limit = limit;
                    let found = crate::support::select(&db, &select);
                    let expected = crate::support::select(&model, &select);
                    let visible: Content = found.into_iter().filter(|(_, samples)| !samples.is_empty()).collect();
                    prop_assert_eq!(visible, expected);
                }
            }
            prop_assert_eq!(visible(&db), content(&model));
        }
        db.verify().unwrap();
        drop(db);
        let again = open_with(Arc::new(memory.clone()), &clock).unwrap();
        prop_assert_eq!(visible(&again), content(&model));
        let names = again.label_values("__name__", &Select::new(vec![], i64::MIN, i64::MAX)).unwrap();
        let visible_names = model.label_values("__name__", &Select::new(vec![], i64::MIN, i64::MAX)).unwrap();
        prop_assert!(visible_names.iter().all(|name| names.contains(name)));
    }
}

#[test]
fn deleting_hides_what_is_there_and_nothing_later() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for step in 0..10 {
        append_step(&db, step);
    }
    let before = visible(&db);
    let deleted = db.delete(&metric("metric_1"), 0, i64::MAX).unwrap();
    assert_eq!((deleted.in_memory, deleted.in_blocks), (2, 0));
    append_step(&db, 10);
    let after = visible(&db);
    assert_eq!(after.len(), SERIES, "the series goes on");
    for (labels, samples) in &after {
        let is_deleted = labels.get("__name__") == Some("metric_1");
        let old = before.iter().find(|(other, _)| other == labels).unwrap();
        assert_eq!(samples.len(), if is_deleted { 1 } else { old.1.len() + 1 });
    }
    let again = db.delete(&metric("metric_none"), 0, i64::MAX).unwrap();
    assert_eq!(again, DeletedSeries::default());
    let error = db.delete(&[], 2, 1).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}

#[test]
fn a_running_query_goes_on_as_it_was() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for step in 0..10 {
        append_step(&db, step);
    }
    let everything = Select::new(vec![], i64::MIN, i64::MAX);
    let expected = content(&db);
    let mut cursor = db.select(&everything).unwrap();
    db.delete(&[], i64::MIN, i64::MAX).unwrap();
    let mut found = 0;
    let mut buffer = moheng_metrics::SampleBuffer::new();
    while let Some(mut series) = cursor.next_series().unwrap() {
        while series.samples.read(&mut buffer).unwrap() {}
        found += 1;
    }
    assert_eq!(found, expected.len());
    assert_eq!(
        buffer.len(),
        expected.iter().map(|(_, samples)| samples.len()).sum::<usize>()
    );
    assert_eq!(visible(&db), []);
}

#[test]
fn backups_hold_deletions_and_none_that_came_later() {
    let story = Story::new();
    let memory = story.fresh();
    let db = open_with(Arc::new(memory.clone()), &story.clock).unwrap();
    db.delete(&metric("metric_1"), i64::MIN, i64::MAX).unwrap();
    let snapshot = db.snapshot().unwrap();
    db.delete(&[], i64::MIN, i64::MAX).unwrap();
    let copy = MemoryDirectory::new();
    snapshot.write_to(&copy).unwrap();
    let restored = MemoryDirectory::new();
    moheng_tsdb::backup::restore(&copy, &restored).unwrap();
    let again = open_with(Arc::new(restored), &story.clock).unwrap();
    assert!(visible(&again) == story.expected[1]);
    again.verify().unwrap();
    assert!(visible(&db).is_empty());
}

#[test]
fn deletions_while_others_append_and_query() {
    /// Enough for several pages, so that batches are published, and deletions made, in steps.
    const MANY: usize = 1500;
    const ROUNDS: i64 = 60;
    let memory = MemoryDirectory::new();
    let db = open(Arc::new(memory.clone()), WalSync::Os);
    let labels: Vec<Labels> = (0..MANY).map(series).collect();
    let is_done = AtomicBool::new(false);
    let check = |db: &Db| {
        let found = visible(db);
        let Some((_, first)) = found.first() else {
            return;
        };
        assert_eq!(found.len(), MANY);
        assert!(
            found.iter().all(|(_, samples)| samples == first),
            "a part of a batch"
        );
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let mut batch = AppendBatch::new();
                for labels in &labels {
                    batch.push_labels(labels, round * 1000, round as f64);
                }
                assert_eq!(db.append(&batch).unwrap().accepted(), MANY);
            }
            is_done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            for start_ms in 0.. {
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
                db.delete(&[], start_ms, i64::MAX).unwrap();
            }
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                check(&db);
            }
        });
    });
    check(&db);
    let before = visible(&db);
    db.close().unwrap();
    drop(db);
    assert!(visible(&open(Arc::new(memory), WalSync::Os)) == before);
}

#[test]
fn a_read_only_database_deletes_nothing() {
    let memory = MemoryDirectory::new();
    append_step(&open(Arc::new(memory.clone()), WalSync::Os), 1);
    let db = Db::builder(Arc::new(memory)).read_only(true).open().unwrap();
    for outcome in [
        db.delete(&[], 0, i64::MAX).map(|_| ()),
        db.clean_tombstones().map(|_| ()),
    ] {
        assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    }
    assert_eq!(visible(&db).len(), SERIES);
}

/// What a reset hint says compares a histogram with the one before, which must not be a deleted one.
#[test]
fn resets_hidden_by_a_deletion_are_still_seen() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let db = open_with(Arc::new(memory.clone()), &clock).unwrap();
    let labels = series(0);
    let mut generator = HistogramSeries::counter(1);
    let minutes = 9 * 60;
    for minute in 0..minutes {
        clock.set_ms(minute * 60_000);
        let histogram = generator.next_sample();
        let mut batch = AppendBatch::new();
        let value = HistogramValue::Integer(&histogram);
        batch.push_histogram(SeriesKey::Labels(&labels), minute * 60_000, value);
        assert_eq!(db.append(&batch).unwrap().accepted(), 1);
    }
    let everything = Select::new(vec![], i64::MIN, i64::MAX);
    // Whether a histogram that is said not to be reset is none compared with the visible one before.
    let check = |db: &Db, expected: usize| {
        let found = read_all_samples(db, &everything);
        let samples = &found[0].1;
        assert_eq!(samples.len(), expected);
        for pair in samples.windows(2) {
            let gap = pair[1].timestamp_ms - pair[0].timestamp_ms;
            if gap > 60_000 {
                assert!(!format!("{:?}", pair[1]).contains("NotReset"), "{:?}", pair[1]);
            }
        }
    };
    check(&db, minutes as usize);
    for start in [30, 130, 250, 430] {
        db.delete(&[], start * 60_000, (start + 9) * 60_000).unwrap();
    }
    check(&db, minutes as usize - 40);
    db.compact().unwrap();
    check(&db, minutes as usize - 40);
    db.delete(&[], 5 * 60_000, 6 * 60_000).unwrap();
    check(&db, minutes as usize - 42);
    assert_eq!(db.clean_tombstones().unwrap(), 1);
    check(&db, minutes as usize - 42);
    db.verify().unwrap();
}

/// A day of a sample a minute: the log is shortened again and again, and what is deleted in what is left of it stays deleted.
#[test]
fn checkpoints_keep_deletions() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let mut db = open_with(Arc::new(memory.clone()), &clock).unwrap();
    let model = MemorySource::new();
    let labels: Vec<Labels> = (0..30).map(series).collect();
    let mut checkpoints = 0;
    for minute in 0..24 * 60 {
        clock.set_ms(minute * 60_000);
        let mut batch = AppendBatch::new();
        for (number, labels) in labels.iter().enumerate() {
            let value = (minute * 7919 + number as i64) as f64 / 17.0;
            batch.push_labels(labels, minute * 60_000, value);
        }
        assert_eq!(db.append(&batch).unwrap().accepted(), labels.len());
        model.append(&batch).unwrap();
        if minute % 47 == 46 {
            let matchers = metric(&format!("metric_{}", minute % 7));
            let (start_ms, end_ms) = ((minute - 200) * 60_000, (minute - minute % 30) * 60_000);
            db.delete(&matchers, start_ms, end_ms).unwrap();
            model.delete(&matchers, start_ms, end_ms);
        }
        db.run_maintenance().unwrap();
        if minute % 90 == 89 {
            db.compact().unwrap();
        }
        if minute % 200 == 199 {
            drop(db);
            let entries = memory.list("wal").unwrap();
            checkpoints += entries.iter().filter(|entry| entry.is_directory).count();
            db = open_with(Arc::new(memory.clone()), &clock).unwrap();
            assert!(visible(&db) == content(&model), "minute {minute}");
        }
    }
    assert!(checkpoints > 4, "{checkpoints}");
    assert!(visible(&db) == content(&model));
}

#[test]
fn cleaning_gives_space_back() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let db = open_with(Arc::new(memory.clone()), &clock).unwrap();
    for step in 0..60 {
        clock.set_ms(step * STEP_MS);
        append_step(&db, step);
    }
    let blocks = || moheng_tsdb::block::list_blocks(&memory).unwrap().blocks;
    db.compact().unwrap();
    let before = blocks();
    assert!(before.len() > 1);
    let samples = |blocks: &[moheng_tsdb::block::BlockMeta]| -> u64 {
        blocks.iter().map(|block| block.stats.samples).sum()
    };
    assert_eq!(db.clean_tombstones().unwrap(), 0);
    let end_ms = before[0].end_ms - 1;
    db.delete(&[], i64::MIN, end_ms).unwrap();
    db.delete(&metric("metric_2"), i64::MIN, i64::MAX).unwrap();
    let expected = visible(&db);
    let dropped = before.len() as u64;
    assert_eq!(db.clean_tombstones().unwrap(), dropped);
    assert_eq!(visible(&db), expected);
    let after = blocks();
    assert_eq!(after.len(), before.len() - 1, "an empty block is gone");
    assert!(after.iter().all(|block| block.stats.tombstones == 0));
    assert!(samples(&after) < samples(&before));
    assert_eq!(db.clean_tombstones().unwrap(), 0);
    db.verify().unwrap();
}

/// Two blocks and memory, and what is left of it after so much of [`delete_and_clean`].
struct Story {
    filled: MemoryDirectory,
    clock: Arc<ManualClock>,
    expected: Vec<Content>,
}

impl Story {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(0));
        let filled = MemoryDirectory::new();
        let db = open_with(Arc::new(filled.clone()), &clock).unwrap();
        for step in 0..40 {
            clock.set_ms(step * STEP_MS);
            append_step(&db, step);
        }
        db.compact().unwrap();
        let mut expected = vec![visible(&db)];
        db.close().unwrap();
        drop(db);
        let mut story = Self {
            filled,
            clock,
            expected: Vec::new(),
        };
        let db = open_with(Arc::new(story.fresh()), &story.clock).unwrap();
        db.delete(&metric("metric_1"), i64::MIN, i64::MAX).unwrap();
        expected.extend([visible(&db), visible(&db)]);
        db.delete(&[], 10 * STEP_MS, 35 * STEP_MS).unwrap();
        expected.push(visible(&db));
        story.expected = expected;
        story
    }

    /// A copy.
    fn fresh(&self) -> MemoryDirectory {
        self.filled.after_process_crash()
    }

    /// What is acknowledged is gone, and nothing more than what was to be deleted next.
    fn check(&self, db: &Db, acknowledged: usize, at: u64) {
        let found = visible(db);
        assert!(is_part(&found, &self.expected[acknowledged]), "operation {at}");
        let next = (acknowledged + 1).min(3);
        assert!(is_part(&self.expected[next], &found), "operation {at}");
    }

    fn check_left(&self, directory: MemoryDirectory, acknowledged: usize, at: u64) {
        let db = open_with(Arc::new(directory), &self.clock)
            .unwrap_or_else(|error| panic!("operation {at}: cannot open: {error}"));
        db.verify().unwrap();
        self.check(&db, acknowledged, at);
        assert_eq!(delete_and_clean(&db), 3);
        assert!(visible(&db) == self.expected[3], "operation {at}");
    }
}

/// Deletes in blocks and in memory, cleans, deletes again. Returns how much of it was acknowledged.
fn delete_and_clean(db: &Db) -> usize {
    let all = (i64::MIN, i64::MAX);
    if db.delete(&metric("metric_1"), all.0, all.1).is_err() {
        return 0;
    }
    if db.clean_tombstones().is_err() {
        return 1;
    }
    if db.delete(&[], 10 * STEP_MS, 35 * STEP_MS).is_err() {
        return 2;
    }
    3
}

/// Every sample of `few` is one of `many`.
fn is_part(few: &Content, many: &Content) -> bool {
    few.iter().all(|(labels, samples)| {
        let all = many.iter().find(|(other, _)| other == labels);
        all.is_some_and(|(_, all)| samples.iter().all(|sample| all.contains(sample)))
    })
}

#[test]
fn a_crash_at_any_operation_of_a_deletion() {
    let story = Story::new();
    for at in 0.. {
        let memory = story.fresh();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        let db = open_with(Arc::new(faults.clone()), &story.clock).unwrap();
        faults.fail_at(faults.operations() + at, Fault::Crash, true);
        let acknowledged = delete_and_clean(&db);
        let is_done = faults.fired() == 0;
        story.check_left(memory.after_process_crash(), acknowledged, at);
        story.check_left(memory.after_power_cut(|_| 0), acknowledged, at);
        if is_done {
            assert_eq!(acknowledged, 3);
            break;
        }
    }
}

#[test]
fn an_io_error_at_any_operation_of_a_deletion() {
    let story = Story::new();
    for at in 0.. {
        let memory = story.fresh();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        let db = open_with(Arc::new(faults.clone()), &story.clock).unwrap();
        faults.fail_at(faults.operations() + at, Fault::Io, false);
        let first = delete_and_clean(&db);
        let is_done = faults.fired() == 0;
        faults.heal();
        story.check(&db, first, at);
        // It goes on unless a sync failed.
        let acknowledged = first.max(delete_and_clean(&db));
        story.check(&db, acknowledged, at);
        story.check_left(memory.after_process_crash(), acknowledged, at);
        story.check_left(memory.after_power_cut(|_| 0), acknowledged, at);
        if is_done {
            assert_eq!(acknowledged, 3);
            break;
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_of_a_deletion() {
    let story = Story::new();
    for at in 0.. {
        let memory = story.fresh();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        let db = open_with(Arc::new(faults.clone()), &story.clock).unwrap();
        faults.fail_at(faults.operations() + at, Fault::Full, true);
        story.check(&db, delete_and_clean(&db), at);
        let is_done = faults.fired() == 0;
        faults.heal();
        assert_eq!(delete_and_clean(&db), 3, "operation {at}: there is room again");
        assert!(visible(&db) == story.expected[3], "operation {at}");
        drop(db);
        let again = open_with(Arc::new(memory), &story.clock).unwrap();
        assert!(visible(&again) == story.expected[3], "operation {at}");
        if is_done {
            break;
        }
    }
}
