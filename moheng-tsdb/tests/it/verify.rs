//! Verification finds what is damaged, changes nothing, and has nothing to say of what is whole.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, SampleSink, Select, SeriesSource};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};
use moheng_tsdb::verify::{Report, Severity, list_quarantine, verify_directory};
use moheng_tsdb::{Db, Error, WalSync};

use crate::support::{append, content, open, sample_count, series, settings};

const MINUTE_MS: i64 = 60 * 1000;
const SERIES: usize = 100;

/// A database with a block in which samples are deleted, a log with a checkpoint, late samples and mapped chunks.
fn fill(directory: Arc<dyn Directory>) -> Db {
    let clock = Arc::new(ManualClock::new(0));
    let mut settings = settings(WalSync::Os);
    settings.wal_segment_bytes = 32 << 10;
    settings.out_of_order_window_ms = 24 * 60 * MINUTE_MS;
    let db = Db::builder(directory)
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()
        .unwrap();
    for minute in 0..400_i64 {
        clock.advance_ms(MINUTE_MS as u64);
        let samples: Vec<_> = (0..SERIES)
            .map(|number| {
                (
                    number,
                    minute * MINUTE_MS,
                    (minute * 7919 % 1013) as f64 * 0.37 + number as f64,
                )
            })
            .collect();
        append(&db, &samples);
        if minute % 50 == 49 {
            db.run_maintenance().unwrap();
            db.compact().unwrap();
            append(&db, &[(0, minute * MINUTE_MS - 500, 1.0)]);
        }
    }
    db.delete(&[], 0, 10 * MINUTE_MS).unwrap();
    db.run_maintenance().unwrap();
    db
}

/// A copy of a directory that was filled once.
fn filled() -> MemoryDirectory {
    static FILLED: OnceLock<MemoryDirectory> = OnceLock::new();
    let filled = FILLED.get_or_init(|| {
        let directory = MemoryDirectory::new();
        drop(fill(Arc::new(directory.clone())));
        directory
    });
    filled.after_process_crash()
}

fn shared(directory: &MemoryDirectory) -> Arc<dyn Directory> {
    Arc::new(directory.clone())
}

fn verify(directory: &MemoryDirectory) -> Report {
    let mut done_bytes = 0;
    verify_directory(&shared(directory), |progress| {
        assert!(progress.done_bytes >= done_bytes && progress.done_bytes <= progress.total_bytes);
        done_bytes = progress.done_bytes;
        ControlFlow::Continue(())
    })
    .unwrap()
}

fn copy_without_locks(directory: &MemoryDirectory) -> MemoryDirectory {
    directory.after_process_crash()
}

#[test]
fn what_is_whole_has_no_damage() {
    let directory = MemoryDirectory::new();
    let db = fill(Arc::new(directory.clone()));
    let before = directory.files();
    let kinds = ["wal/checkpoint.", "wbl/", "chunks_head/", "tombstones"];
    for kind in kinds {
        assert!(
            before.iter().any(|(path, _)| path.contains(kind)),
            "{kind}: {before:?}"
        );
    }
    // A live directory, and the same when the process is gone.
    for directory in [directory.clone(), copy_without_locks(&directory)] {
        let report = verify(&directory);
        let damage = report
            .problems
            .iter()
            .filter(|problem| problem.severity == Severity::Damage);
        assert_eq!(damage.count(), 0, "{:?}", report.problems);
        assert!(report.is_complete && !report.is_damaged());
        assert_eq!(directory.files(), before);
        let counts = report.counts;
        let series = SERIES as u64;
        assert!(counts.blocks >= 2);
        assert!((series * 240..series * 241).contains(&counts.block_samples));
        assert_eq!(counts.log_series, series);
        assert!(counts.mapped_chunks >= series && counts.log_samples > series * 160);
        let size_bytes: u64 = before.iter().map(|(_, size_bytes)| size_bytes).sum();
        assert!(counts.bytes <= size_bytes && counts.bytes > size_bytes / 2);
    }
    drop(db);
    assert!(!verify(&directory).is_damaged());
}

#[test]
fn a_turned_bit_is_found_in_any_file() {
    let directory = filled();
    for (path, size_bytes) in directory.files() {
        if path == "lock" || path.ends_with("/meta.json") {
            continue;
        }
        for step in 0..2 {
            let place = (size_bytes * step / 2 + step + 9) % size_bytes.max(1);
            let damaged = copy_without_locks(&directory);
            let mut byte = [0];
            let file = damaged.open(&path, OpenMode::Read).unwrap();
            file.read_at(&mut byte, place).unwrap();
            if byte == [0] {
                // Padding is covered by no checksum.
                continue;
            }
            damaged.flip_bit(&path, place * 8 + step % 8);
            let report = verify(&damaged);
            let block = path.split('/').next().unwrap();
            let is_about = |found: &str| found == path || (block.len() == 26 && found.starts_with(block));
            assert!(
                report.problems.iter().any(|problem| is_about(&problem.path)),
                "{path} at {place}: {:?}",
                report.problems
            );
        }
    }
}

#[track_caller]
fn check(change: impl Fn(&MemoryDirectory, &str), expected: &str) {
    let directory = filled();
    let files = directory.files();
    let (block, _) = files[0].0.split_once('/').unwrap();
    change(&directory, block);
    let report = verify(&directory);
    let told: Vec<String> = report
        .problems
        .iter()
        .map(|problem| format!("{:?} {problem}", problem.severity))
        .collect();
    assert!(
        told.iter()
            .any(|line| line.replace(block, "BLOCK").starts_with(expected)),
        "{expected} is not in {told:#?}"
    );
    let is_damage = expected.starts_with("Damage");
    assert_eq!(report.is_damaged(), is_damage, "{told:#?}");
}

#[test]
fn problems_are_named() {
    let remove = |path: &'static str| {
        move |directory: &MemoryDirectory, block: &str| {
            directory.remove(&path.replace("BLOCK", block)).unwrap();
        }
    };
    let write = |path: &'static str, content: &'static [u8]| {
        move |directory: &MemoryDirectory, block: &str| {
            let path = path.replace("BLOCK", block);
            let _ = directory.remove(&path);
            let file = directory.open(&path, OpenMode::Create).unwrap();
            file.append(content).unwrap();
        }
    };
    check(remove("BLOCK/index"), "Damage BLOCK: opening BLOCK/index");
    check(
        remove("BLOCK/chunks/000001"),
        "Damage BLOCK/chunks/000001: at byte 8",
    );
    check(remove("BLOCK/meta.json"), "Note BLOCK: there is no meta.json");
    check(write("BLOCK/meta.json", b"{"), "Damage BLOCK/meta.json: ");
    check(
        write("BLOCK/meta.json", b"{\"version\": 9}"),
        "Damage BLOCK/meta.json: ",
    );
    check(
        write("chunks_head/000099", b"\x01\x30\xbc\x91\x01\0\0\0"),
        "Damage chunks_head/000099: a file before",
    );
    check(
        write("restore.incomplete", b""),
        "Damage restore.incomplete: a restore",
    );
    check(write("manifest.json", b"{}"), "Damage manifest.json: ");
    check(
        |directory, block| {
            let name = format!("{block}.tmp-for-creation");
            directory.create_directory(&name).unwrap();
        },
        "Note BLOCK.tmp-for-creation: a block",
    );
    check(
        |directory, _| {
            let files = directory.files();
            let is_segment = |path: &&String| path.starts_with("wal/0");
            let segments: Vec<_> = files.iter().map(|(path, _)| path).filter(is_segment).collect();
            directory.remove(segments[1]).unwrap();
        },
        "Damage wal/0000000",
    );
    check(
        |directory, _| {
            directory
                .create_directory("chunk_snapshot.000001.0000000005")
                .unwrap();
            let path = "chunk_snapshot.000001.0000000005/00000000";
            let file = directory.open(path, OpenMode::Create).unwrap();
            file.append(b"\x01\x00\x05hello").unwrap();
        },
        "Damage chunk_snapshot.000001.0000000005/00000000: at byte 0",
    );
}

#[test]
fn what_is_set_aside_is_listed() {
    let directory = filled();
    assert_eq!(list_quarantine(&directory).unwrap(), []);
    let (path, _) = directory.files().swap_remove(0);
    let block = path.split('/').next().unwrap();
    let size_of_block = || {
        let files = directory.files();
        let of_block = files.iter().filter(|(path, _)| path.contains(block));
        of_block.map(|(_, size_bytes)| size_bytes).sum::<u64>()
    };
    directory.flip_bit(&format!("{block}/index"), 3);
    let size_bytes = size_of_block();
    drop(open(Arc::new(directory.clone()), WalSync::Os));
    let report = verify(&directory);
    assert_eq!(report.quarantine.len(), 1);
    assert_eq!(report.quarantine[0].path, format!("quarantine/{block}"));
    assert_eq!(
        (report.quarantine[0].is_directory, report.quarantine[0].size_bytes),
        (true, size_bytes)
    );
}

#[test]
fn it_can_be_broken_off_and_fails_with_the_disk() {
    let directory = filled();
    let mut calls = 0;
    let report = verify_directory(&shared(&directory), |_| {
        calls += 1;
        if calls == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .unwrap();
    assert_eq!((calls, report.is_complete), (3, false));
    for at in 0..200 {
        let faulty = FaultDirectory::new(Arc::new(directory.clone()));
        faulty.fail_at(at, Fault::Io, false);
        let faulty_directory: Arc<dyn Directory> = Arc::new(faulty.clone());
        let outcome = verify_directory(&faulty_directory, |_| ControlFlow::Continue(()));
        match outcome {
            Err(Error::Io { .. }) => {}
            Ok(_) if faulty.fired() == 0 => break,
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[test]
fn damage_that_a_query_finds_is_counted() {
    let directory = MemoryDirectory::new();
    let db = open(Arc::new(directory.clone()), WalSync::Os);
    for step in 0..30_i64 {
        let mut batch = AppendBatch::new();
        let labels = series(0);
        batch.push_labels(&labels, step * 10 * MINUTE_MS, step as f64);
        db.append(&batch).unwrap();
    }
    assert_eq!(db.compact().unwrap().head_blocks, 1);
    let all = content(&db);
    assert_eq!(sample_count(&all), 30);
    assert_eq!(db.stats().damage.count, 0);
    let block = directory.list("").unwrap().swap_remove(0).name;
    directory.flip_bit(&format!("{block}/chunks/000001"), 8 * 20);
    let select = Select::new(vec![], i64::MIN, i64::MAX);
    for _ in 0..2 {
        let mut cursor = db.select(&select).unwrap();
        let mut samples = moheng_metrics::SampleBuffer::new();
        let mut series = cursor.next_series().unwrap().unwrap();
        let outcome = (0..100).try_for_each(|_| series.samples.read(&mut samples).map(|_| ()));
        assert!(outcome.is_err());
    }
    let damage = db.stats().damage;
    assert!(damage.count >= 2);
    assert_eq!((damage.blocks.len(), &damage.blocks[0].block), (1, &block));
    assert!(damage.blocks[0].reason.contains("000001"), "{damage:?}");
}
