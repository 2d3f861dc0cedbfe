//! Any bytes as a segment of the log, and as the log of a database that is opened, repaired and opened again.

#![expect(clippy::expect_used, reason = "a panic is how a target reports what it found")]
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use moheng_tsdb::Db;
use moheng_tsdb::storage::{Directory, MemoryDirectory, OpenMode};
use moheng_tsdb::testing::{frame_record, read_segment};

fuzz_target!(|bytes: &[u8]| {
    let mut segment = bytes.to_vec();
    check(&segment);
    // A checksum is never met by chance: the same bytes as the content of a fragment.
    let before = segment.len() as u64;
    frame_record(bytes, before, &mut segment);
    check(&segment);
    segment.clear();
    frame_record(bytes, 0, &mut segment);
    let (records, damages) = read_segment(&segment).expect("memory can be read");
    assert_eq!((records.as_slice(), damages), (&[bytes.to_vec()][..], 0));
    check(&segment);
});

fn check(segment: &[u8]) {
    let directory = MemoryDirectory::new();
    directory.create_directory("wal").expect("memory has room");
    let file = directory
        .open("wal/00000000", OpenMode::Create)
        .expect("memory has room");
    file.append(segment).expect("memory has room");
    let open = || Db::builder(Arc::new(directory.clone())).without_worker().open();
    let Ok(db) = open() else {
        return;
    };
    db.verify().expect("what was read fits together");
    let first = (db.stats().head.series, db.stats().replay.samples, db.time_range());
    drop(db);
    let again = open().expect("what was opened opens again");
    let second = (
        again.stats().head.series,
        again.stats().replay.samples,
        again.time_range(),
    );
    assert_eq!(first, second, "a repair changes nothing that was read");
}
