//! Random operations on a database whose disk fails now and then, compared with the obvious implementation.

#![expect(clippy::expect_used, reason = "a panic is how a target reports what it found")]
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use moheng_metrics::testing::assert_same;
use moheng_metrics::{AppendBatch, Labels, Matcher, MemorySource, SampleSink, Select};
use moheng_tsdb::storage::{Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Settings, WalSync};

fn open(memory: &MemoryDirectory) -> (FaultDirectory, Db) {
    let directory = FaultDirectory::new(Arc::new(memory.clone()));
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    settings.wal_segment_bytes = 32 << 10;
    let builder = Db::builder(Arc::new(directory.clone()))
        .settings(settings)
        .without_worker();
    let db = builder.open().expect("opens without a fault");
    (directory, db)
}

fuzz_target!(|bytes: &[u8]| {
    let mut memory = MemoryDirectory::new();
    let (mut faults, mut db) = open(&memory);
    let model = MemorySource::new();
    let mut clock = 0_i64;
    for operation in bytes.chunks(8) {
        let argument = |index: usize| operation.get(index).copied().unwrap_or(0);
        match argument(0) % 8 {
            0 => {
                db.close().expect("closes without a fault");
                drop(db);
                (faults, db) = open(&memory);
            }
            1 => {
                let survivor = memory.after_process_crash();
                drop(db);
                memory = survivor;
                (faults, db) = open(&memory);
            }
            2 => faults.fail_at(
                faults.operations() + u64::from(argument(1) % 4),
                Fault::Full,
                false,
            ),
            3 => {
                let name = format!("host-{}", argument(1) % 8);
                let matcher = if argument(2) % 2 == 0 {
                    Matcher::equal("host", name)
                } else {
                    Matcher::not_equal("host", name)
                };
                let start_ms = clock - i64::from(argument(3)) * 1000;
                assert_same(&db, &model, &Select::new(vec![matcher], start_ms, clock));
            }
            _ => {
                let labels: Vec<Labels> = operation
                    .iter()
                    .map(|byte| {
                        Labels::from_pairs([
                            ("__name__", "m"),
                            ("host", &format!("host-{}", byte % 8)),
                            ("n", &format!("{}", byte / 16)),
                        ])
                    })
                    .collect();
                let mut batch = AppendBatch::new();
                for (labels, byte) in labels.iter().zip(operation) {
                    clock += i64::from(byte % 4) * 5000;
                    batch.push_labels(labels, clock, f64::from(byte % 3));
                }
                match db.append(&batch) {
                    Ok(appended) => {
                        let expected = model.append(&batch).expect("memory has room");
                        for (left, right) in appended.outcomes.iter().zip(&expected.outcomes) {
                            assert_eq!(left.err(), right.err());
                        }
                    }
                    Err(_) => assert!(faults.fired() > 0, "only a fault makes an append fail"),
                }
            }
        }
    }
    faults.heal();
    db.verify().expect("fits together");
    let everything = Select::new(Vec::new(), i64::MIN, i64::MAX);
    assert_same(&db, &model, &everything);
    drop(db);
    assert_same(&open(&memory).1, &model, &everything);
});
