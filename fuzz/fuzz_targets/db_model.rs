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

fn matcher(host: u8, kind: u8) -> Matcher {
    let name = format!("host-{}", host % 8);
    if kind.is_multiple_of(2) {
        Matcher::equal("host", name)
    } else {
        Matcher::not_equal("host", name)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut memory = MemoryDirectory::new();
    let (mut faults, mut db) = open(&memory);
    let model = MemorySource::new();
    let mut clock = 0_i64;
    // Labels of series all of whose samples are deleted may still be listed; they are compared over all time only.
    let mut end_ms_max = i64::MAX;
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
                let matcher = matcher(argument(1), argument(2));
                let start_ms = clock - i64::from(argument(3)) * 1000;
                assert_same(&db, &model, &Select::new(vec![matcher], start_ms, clock));
            }
            4 => {
                let matchers = [matcher(argument(1), argument(2))];
                let start_ms = clock - i64::from(argument(3)) * 1000;
                let end_ms = start_ms + i64::from(argument(4)) * 1000;
                match db.delete(&matchers, start_ms, end_ms) {
                    Ok(_) => {
                        model.delete(&matchers, start_ms, end_ms);
                        end_ms_max = i64::MAX - 1;
                    }
                    Err(_) => assert!(faults.fired() > 0, "only a fault makes a deletion fail"),
                }
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
    let everything = Select::new(Vec::new(), i64::MIN, end_ms_max);
    assert_same(&db, &model, &everything);
    drop(db);
    assert_same(&open(&memory).1, &model, &everything);
});
