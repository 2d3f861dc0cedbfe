//! Snapshots of running databases, verification and restore.

use std::io::Read;
use std::sync::Arc;

use moheng_metrics::SystemClock;
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory, OpenMode};
use moheng_tsdb::{Db, Error, WalSync, backup};

use crate::support::{Content, append, content, open, sample_count, try_open};

fn batch(number: i64) -> Vec<(usize, i64, f64)> {
    (0..50)
        .map(|series| (series, number * 15_000, number as f64))
        .collect()
}

fn restored(destination: &MemoryDirectory) -> Content {
    let target = Arc::new(MemoryDirectory::new());
    backup::restore(destination, &*target).unwrap();
    // Durable as soon as restore returns.
    let db = open(Arc::new(target.after_power_cut(|_| 0)), WalSync::Os);
    assert_eq!(db.stats().replay.corruptions, 0);
    content(&db)
}

#[test]
fn a_snapshot_of_a_running_database_is_what_it_held() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for number in 0..300 {
        append(&db, &batch(number));
    }
    let before = content(&db);
    let snapshot = db.snapshot().unwrap();
    for number in 300..600 {
        append(&db, &batch(number));
    }
    let destination = MemoryDirectory::new();
    snapshot.write_to(&destination).unwrap();
    let manifest = backup::verify(&destination).unwrap();
    assert_eq!(&manifest, snapshot.manifest());
    assert_eq!((manifest.series_count, manifest.sample_count), (50, 15_000));
    assert_eq!(
        (manifest.start_ms, manifest.end_ms),
        (Some(0), Some(299 * 15_000))
    );
    assert!(manifest.files.len() > 1);
    assert_eq!(restored(&destination), before);
    // The same through the streams.
    for file in &manifest.files {
        let mut bytes = Vec::new();
        snapshot.open_file(file).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, file.size_bytes);
    }
    assert!(matches!(snapshot.write_to(&destination), Err(Error::Invalid(_))));
}

#[test]
fn what_is_removed_meanwhile_is_in_the_backup_all_the_same() {
    let directory = MemoryDirectory::new();
    let db = open(Arc::new(directory.clone()), WalSync::Os);
    let fill = |hours: std::ops::Range<i64>| {
        for step in hours.start * 20..hours.end * 20 {
            let value = |series: usize| (step * 7919 % 1013) as f64 * 0.1 + series as f64;
            let sample = |series| (series, step * 180_000, value(series));
            let samples: Vec<_> = (0..50).map(sample).collect();
            append(&db, &samples);
            if step % 40 == 39 {
                db.compact().unwrap();
            }
        }
    };
    fill(0..8);
    let before = content(&db);
    let snapshot = db.snapshot().unwrap();
    let foreign = backup::read_directory(Arc::new(directory.clone()), &SystemClock::new()).unwrap();
    let is_gone = |path: &str| directory.files().iter().all(|(found, _)| found != path);
    fill(8..40);
    db.delete(&[], 0, 3_600_000).unwrap();
    db.clean_tombstones().unwrap();
    for (snapshot, is_own) in [(snapshot, true), (foreign, false)] {
        let files = &snapshot.manifest().files;
        for part in ["/index", "/chunks/000001", "/meta.json", "wal/00000000"] {
            let removed = |path: &String| path.contains(part) && is_gone(path);
            assert!(files.iter().any(|file| removed(&file.path)), "{part}: {files:?}");
        }
        let destination = MemoryDirectory::new();
        snapshot.write_to(&destination).unwrap();
        backup::verify(&destination).unwrap();
        assert_eq!(restored(&destination), before, "{is_own}");
    }
}

#[test]
fn a_directory_is_read_without_its_lock_while_it_is_written() {
    let directory = Arc::new(MemoryDirectory::new());
    let db = open(directory.clone(), WalSync::Os);
    append(&db, &batch(0));
    append(&db, &batch(1));
    // In the middle of a write.
    let segment = directory.open("wal/00000000", OpenMode::Append).unwrap();
    segment.append(&[1, 0, 200, 1, 2, 3, 4, 5, 6]).unwrap();
    let snapshot = backup::read_directory(directory.clone(), &SystemClock::new()).unwrap();
    assert_eq!(snapshot.manifest().sample_count, 100);
    let destination = MemoryDirectory::new();
    snapshot.write_to(&destination).unwrap();
    backup::verify(&destination).unwrap();
    assert_eq!(sample_count(&restored(&destination)), 100);
    let reader = Db::builder(directory).read_only(true).open().unwrap();
    assert_eq!(content(&reader), content(&db));
}

#[test]
fn an_empty_database_has_a_backup_too() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    let destination = MemoryDirectory::new();
    db.snapshot().unwrap().write_to(&destination).unwrap();
    assert_eq!(backup::verify(&destination).unwrap().files, []);
    assert_eq!(restored(&destination), []);
}

#[test]
fn damage_of_a_backup_is_found() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for number in 0..3 {
        append(&db, &batch(number));
    }
    let snapshot = db.snapshot().unwrap();
    let check = |damage: &dyn Fn(&MemoryDirectory), expected: &str| {
        let destination = MemoryDirectory::new();
        snapshot.write_to(&destination).unwrap();
        damage(&destination);
        let error = backup::verify(&destination).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let replace = |directory: &MemoryDirectory, path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let file = directory.open(path, OpenMode::Append).unwrap();
        let mut bytes = vec![0; file.size_bytes().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        change(&mut bytes);
        file.truncate(0).unwrap();
        file.append(&bytes).unwrap();
    };
    let segment = "wal/00000000";
    check(
        &|backup| backup.remove("manifest.json").unwrap(),
        "there is no manifest.json",
    );
    check(
        &|backup| backup.remove(segment).unwrap(),
        "wal/00000000 is damaged: it is missing",
    );
    check(
        &|backup| replace(backup, segment, &|bytes| bytes[100] ^= 1),
        "checksum",
    );
    check(
        &|backup| replace(backup, segment, &|bytes| bytes.truncate(50)),
        "50 bytes",
    );
    check(
        &|backup| drop(backup.open("wal/00000009", OpenMode::Create).unwrap()),
        "wal/00000009 is damaged: it is not in the manifest",
    );
    let edit = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replacen(from, to, 1).into_bytes();
        }
    };
    check(
        &|backup| {
            replace(
                backup,
                "manifest.json",
                &edit("\"sample_count\": 150", "\"sample_count\": 151"),
            );
        },
        "150",
    );
    check(
        &|backup| replace(backup, "manifest.json", &edit("wal/", "../wal/")),
        "not a file of a database",
    );
}

#[test]
fn a_damaged_backup_is_not_restored_as_if_it_were_whole() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    append(&db, &batch(0));
    let destination = MemoryDirectory::new();
    db.snapshot().unwrap().write_to(&destination).unwrap();
    let segment = destination.open("wal/00000000", OpenMode::Append).unwrap();
    let size = segment.size_bytes().unwrap();
    segment.truncate(size - 1).unwrap();
    segment.append(&[0x55]).unwrap();
    let target = Arc::new(MemoryDirectory::new());
    assert!(matches!(
        backup::restore(&destination, &*target),
        Err(Error::Corrupt { .. })
    ));
    let error = try_open(target.clone(), WalSync::Os).unwrap_err().to_string();
    assert!(error.contains("has not finished"), "{error}");
    let error = backup::restore(&destination, &*target).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
}

#[test]
fn a_crash_at_any_operation_leaves_a_whole_backup_or_none() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    for number in 0..3 {
        append(&db, &batch(number));
    }
    let snapshot = db.snapshot().unwrap();
    let whole = MemoryDirectory::new();
    snapshot.write_to(&whole).unwrap();
    for at in 0.. {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let written = snapshot.write_to(&faults);
        for survivor in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
            let has_manifest = survivor.open("manifest.json", OpenMode::Read).is_ok();
            assert!(has_manifest || written.is_err(), "operation {at}");
            if has_manifest {
                backup::verify(&survivor).unwrap();
            }
        }
        let memory = MemoryDirectory::new();
        let restore_faults = FaultDirectory::new(Arc::new(memory.clone()));
        restore_faults.fail_at(at, Fault::Crash, true);
        let done = backup::restore(&whole, &restore_faults);
        for survivor in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
            match try_open(Arc::new(survivor), WalSync::Os) {
                Ok(db) => assert!(
                    content(&db).is_empty() || content(&db).len() == 50,
                    "operation {at}"
                ),
                Err(error) => assert!(done.is_err(), "operation {at}: {error}"),
            }
        }
        if faults.fired() == 0 && restore_faults.fired() == 0 {
            written.unwrap();
            done.unwrap();
            break;
        }
    }
}
