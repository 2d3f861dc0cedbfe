//! Blocks from elsewhere, and what others do to the directory.

use std::sync::Arc;

use moheng_metrics::SampleBuffer;
use moheng_metrics::testing::ManualClock;
use moheng_tsdb::block::{BlockMeta, BlockWriter, Ulid, list_blocks, remove_block};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Error, ImportOptions, WalSync};

use crate::support::{append, content, open, sample_count, series, settings};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// Writes a block with a sample of two series every ten minutes, and returns its name.
fn write_block(directory: &MemoryDirectory, number: u128, hours: std::ops::Range<i64>) -> String {
    let (start_ms, end_ms) = (hours.start * HOUR_MS, hours.end * HOUR_MS);
    let meta = BlockMeta::new(Ulid::new(1, number), start_ms, end_ms);
    let mut writer = BlockWriter::create(Arc::new(directory.clone()), meta).unwrap();
    for number in 0..2 {
        let mut samples = SampleBuffer::new();
        for time_ms in (start_ms..end_ms).step_by(600_000) {
            samples.floats.push(time_ms, number as f64);
        }
        writer.add_series(&series(number), &samples).unwrap();
    }
    writer.finish().unwrap().unwrap().ulid.to_string()
}

fn open_at(directory: &MemoryDirectory, hour: i64) -> Db {
    Db::builder(Arc::new(directory.clone()))
        .settings(settings(WalSync::Os))
        .clock(Arc::new(ManualClock::new(hour * HOUR_MS)))
        .without_worker()
        .open()
        .unwrap()
}

fn shared(directory: &MemoryDirectory) -> Arc<dyn Directory> {
    Arc::new(directory.clone())
}

fn import(db: &Db, from: &MemoryDirectory, block: &str) -> Result<BlockMeta, Error> {
    db.import_block(&shared(from), block, ImportOptions::default())
}

#[test]
fn a_block_is_taken_in() {
    let other = MemoryDirectory::new();
    let block = write_block(&other, 1, 0..2);
    let directory = MemoryDirectory::new();
    let db = open_at(&directory, 100);
    append(&db, &[(7, 50 * HOUR_MS, 1.0)]);
    let meta = import(&db, &other, &block).unwrap();
    assert_eq!((meta.ulid.to_string(), meta.hints.len()), (block.clone(), 0));
    let all = content(&db);
    assert_eq!(sample_count(&all), 25);
    db.verify().unwrap();
    let again = import(&db, &other, &block).unwrap_err().to_string();
    assert!(again.contains("already"), "{again}");
    drop(db);
    let db = open_at(&directory.after_power_cut(|_| 0), 100);
    assert_eq!(content(&db), all);
}

#[test]
fn overlaps_are_refused_unless_allowed_and_nothing_in_memory_is_lost() {
    let other = MemoryDirectory::new();
    let directory = MemoryDirectory::new();
    let db = open_at(&directory, 100);
    for step in 0..12 {
        append(&db, &[(7, 49 * HOUR_MS + step * 600_000, step as f64)]);
    }
    let first = write_block(&other, 1, 0..2);
    import(&db, &other, &first).unwrap();
    for (number, hours, place) in [(2, 1..3, first.as_str()), (3, 48..50, "memory")] {
        let block = write_block(&other, number, hours);
        let error = import(&db, &other, &block).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)));
        assert!(error.to_string().contains(place), "{error}");
        let mut options = ImportOptions::default();
        options.allow_overlap = true;
        db.import_block(&shared(&other), &block, options).unwrap();
    }
    // A block from the future.
    let future = write_block(&other, 4, 200..202);
    import(&db, &other, &future).unwrap();
    let all = content(&db);
    // Ten minutes are in two blocks.
    assert_eq!(sample_count(&all), 12 + 3 * 12 + 24 + 24);
    append(&db, &[(7, 60 * HOUR_MS, 0.0)]);
    drop(db);
    let db = open_at(&directory, 100);
    assert_eq!(sample_count(&content(&db)), sample_count(&all) + 1);
    append(&db, &[(8, 60 * HOUR_MS, 0.0)]);
    db.compact().unwrap();
    assert_eq!(sample_count(&content(&db)), sample_count(&all) + 2);
}

#[test]
fn what_is_damaged_or_replaced_is_refused() {
    let other = MemoryDirectory::new();
    let block = write_block(&other, 1, 0..2);
    other.flip_bit(&format!("{block}/chunks/000001"), 8 * 20);
    let directory = MemoryDirectory::new();
    let db = open_at(&directory, 100);
    let before = directory.files();
    assert!(matches!(import(&db, &other, &block), Err(Error::Corrupt { .. })));
    assert!(import(&db, &other, "missing").is_err());
    assert_eq!(directory.files(), before);
    let reader = Db::builder(Arc::new(directory)).read_only(true).open().unwrap();
    assert!(matches!(
        import(&reader, &other, &block),
        Err(Error::Unavailable(_))
    ));
}

#[test]
fn a_crash_leaves_the_block_whole_or_not_at_all() {
    let other = MemoryDirectory::new();
    let block = write_block(&other, 1, 0..2);
    for fault in [Fault::Crash, Fault::Full, Fault::Io] {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faulty = FaultDirectory::new(Arc::new(memory.clone()));
            let db = open(Arc::new(faulty.clone()), WalSync::Os);
            faulty.fail_at(faulty.operations() + at, fault, false);
            let outcome = import(&db, &other, &block);
            let is_done = faulty.fired() == 0;
            faulty.heal();
            drop(db);
            let db = open_at(&memory.after_power_cut(|_| 0), 100);
            let count = sample_count(&content(&db));
            assert!(
                count == 24 || (count == 0 && outcome.is_err()),
                "{fault:?} {at}: {count}"
            );
            assert!(db.stats().damaged_blocks.is_empty());
            if is_done {
                outcome.unwrap();
                break;
            }
        }
    }
}

#[test]
fn what_others_put_into_the_directory_or_take_out_is_noticed() {
    let directory = MemoryDirectory::new();
    let first = write_block(&directory, 1, 0..2);
    let writer = open_at(&directory, 100);
    let reader = Db::builder(Arc::new(directory.clone()))
        .read_only(true)
        .open()
        .unwrap();
    write_block(&directory, 2, 2..4);
    for db in [&writer, &reader] {
        assert_eq!(sample_count(&content(db)), 24);
        let reloaded = db.reload_blocks().unwrap();
        assert_eq!((reloaded.added, reloaded.removed), (1, 0));
        assert_eq!(sample_count(&content(db)), 48);
        assert_eq!(db.reload_blocks().unwrap().added, 0);
    }
    remove_block(&directory, list_blocks(&directory).unwrap().blocks[0].ulid).unwrap();
    for db in [&writer, &reader] {
        let reloaded = db.reload_blocks().unwrap();
        assert_eq!((reloaded.added, reloaded.removed), (0, 1));
        assert_eq!(sample_count(&content(db)), 24);
    }
    assert!(directory.list(&first).is_err());
}

#[test]
fn a_block_put_there_by_others_does_not_hide_memory() {
    let directory = MemoryDirectory::new();
    let db = open_at(&directory, 100);
    append(&db, &[(7, 98 * HOUR_MS, 1.0)]);
    write_block(&directory, 1, 90..91);
    write_block(&directory, 2, 98..100);
    directory.create_directory("01M84GESTCKFN8JDN0N2BBD9SY").unwrap();
    assert_eq!(db.reload_blocks().unwrap().added, 2);
    assert_eq!(db.reload_blocks().unwrap().added, 0);
    let all = content(&db);
    assert_eq!(sample_count(&all), 6 * 2 + 12 * 2 + 1);
    drop(db);
    let db = open_at(&directory, 100);
    assert_eq!(content(&db), all);
    let hints = |meta: &BlockMeta| meta.hints.len();
    let blocks = list_blocks(&directory).unwrap().blocks;
    assert_eq!(blocks.iter().map(hints).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn reading_needs_no_room() {
    let directory = MemoryDirectory::new();
    write_block(&directory, 1, 0..2);
    append(&open_at(&directory, 100), &[(0, 98 * HOUR_MS, 1.0)]);
    let before = directory.files();
    let faulty = FaultDirectory::new(Arc::new(directory.clone()));
    faulty.fail_at(0, Fault::Full, true);
    let reader = Db::builder(Arc::new(faulty.clone()))
        .read_only(true)
        .open()
        .unwrap();
    assert_eq!(sample_count(&content(&reader)), 25);
    reader.reload_blocks().unwrap();
    reader.run_maintenance().unwrap();
    drop(reader);
    assert_eq!((faulty.fired(), directory.files()), (0, before));
}

#[test]
fn a_directory_is_opened_read_only_whoever_has_it() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Db::open_read_only(directory.path().join("missing")).is_err());
    let db = Db::open(directory.path(), settings(WalSync::Os)).unwrap();
    append(&db, &[(0, 1000, 1.0)]);
    // What is damaged beside it is left out.
    std::fs::create_dir(directory.path().join("01M84GESTCKFN8JDN0N2BBD9SY")).unwrap();
    let names = || {
        let entries = std::fs::read_dir(directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let reader = Db::open_read_only(directory.path()).unwrap();
    assert_eq!(sample_count(&content(&reader)), 1);
    assert_eq!(reader.stats().damaged_blocks.len(), 1);
    drop(reader);
    assert_eq!(names(), before);
    let second = Db::open(directory.path(), settings(WalSync::Os)).unwrap_err();
    assert!(matches!(second, Error::Locked(_)), "{second}");
}
