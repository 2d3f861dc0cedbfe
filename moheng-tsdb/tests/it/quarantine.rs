//! Damaged blocks are set aside when a database is opened, and never deleted.

use std::sync::Arc;

use moheng_metrics::SampleBuffer;
use moheng_tsdb::block::{BlockMeta, BlockWriter, Ulid};
use moheng_tsdb::storage::{Directory, MemoryDirectory, OpenMode};
use moheng_tsdb::{Db, WalSync};

use crate::support::{content, open, sample_count, series};

/// Writes two blocks of one sample each and returns the name of the older one.
fn two_blocks(directory: &MemoryDirectory) -> String {
    for number in 0..2 {
        let meta = BlockMeta::new(Ulid::new(number, 1), number * 1000, (number + 1) * 1000);
        let mut writer = BlockWriter::create(Arc::new(directory.clone()), meta).unwrap();
        let mut samples = SampleBuffer::new();
        samples.floats.push(number * 1000, 1.0);
        writer.add_series(&series(0), &samples).unwrap();
        writer.finish().unwrap();
    }
    Ulid::new(0, 1).to_string()
}

fn check(damage: impl Fn(&MemoryDirectory, &str)) {
    let directory = MemoryDirectory::new();
    let name = two_blocks(&directory);
    damage(&directory, &name);
    let before = directory.files();
    let reader = Db::builder(Arc::new(directory.clone()))
        .read_only(true)
        .open()
        .unwrap();
    assert_eq!(sample_count(&content(&reader)), 1);
    assert_eq!(reader.stats().damaged_blocks[0].quarantine, None);
    assert_eq!(directory.files(), before);

    let db = open(Arc::new(directory.clone()), WalSync::Os);
    assert_eq!(sample_count(&content(&db)), 1);
    let stats = db.stats();
    assert_eq!(stats.damaged_blocks.len(), 1);
    assert_eq!(stats.damaged_blocks[0].block, name);
    let target = format!("quarantine/{name}");
    assert_eq!(stats.damaged_blocks[0].quarantine.as_ref(), Some(&target));
    drop(db);
    let moved = |path: &String| path.replacen(&name, &target, 1);
    for (path, size_bytes) in &before {
        let found = directory.after_power_cut(|_| 0).files();
        assert!(found.contains(&(moved(path), *size_bytes)), "{path}");
    }
    let again = open(Arc::new(directory), WalSync::Os);
    assert!(again.stats().damaged_blocks.is_empty());
    assert_eq!(sample_count(&content(&again)), 1);
}

#[test]
fn a_damaged_block_costs_only_itself() {
    check(|directory, name| {
        let path = format!("{name}/meta.json");
        directory
            .open(&path, OpenMode::Append)
            .unwrap()
            .truncate(5)
            .unwrap();
        directory.open(&path, OpenMode::Append).unwrap().sync().unwrap();
    });
    check(|directory, name| directory.flip_bit(&format!("{name}/index"), 0));
    check(|directory, name| {
        directory.remove(&format!("{name}/index")).unwrap();
        directory.sync_directory(name).unwrap();
    });
}

#[test]
fn what_is_not_described_yet_or_by_a_later_version_is_left_where_it_is() {
    let directory = MemoryDirectory::new();
    let name = two_blocks(&directory);
    let path = format!("{name}/meta.json");
    directory.remove(&path).unwrap();
    directory.sync_directory(&name).unwrap();
    let before = directory.files();
    let db = open(Arc::new(directory.clone()), WalSync::Os);
    assert_eq!(db.stats().damaged_blocks[0].quarantine, None);
    assert_eq!(sample_count(&content(&db)), 1);
    drop(db);
    assert!(before.iter().all(|file| directory.files().contains(file)));

    let file = directory.open(&path, OpenMode::Create).unwrap();
    let ulid = &name;
    let text = format!(
        r#"{{"ulid":"{ulid}","minTime":0,"maxTime":1,"stats":{{}},"compaction":{{"level":1}},"version":9}}"#
    );
    file.append(text.as_bytes()).unwrap();
    let error = Db::builder(Arc::new(directory.clone())).open().unwrap_err();
    let expected = format!("version 9 of {path}, only 1 is known");
    assert!(error.to_string().contains(&expected), "{error}");
}
