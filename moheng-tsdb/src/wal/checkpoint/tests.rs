//! What is kept, what is left out, and what a crash or a full disk leaves.

use std::sync::Arc;

use moheng_metrics::histogram::{HistogramLayout, IntegerHistogram};
use moheng_metrics::{HistogramValue, Labels, Metadata};

use super::*;
use crate::format::wal_page::{Compression, write_record};
use crate::format::wal_record::{LoggedDeletion, LoggedMappedChunk, put_mapped_chunk};
use crate::format::wal_samples::{LoggedPlace, LoggedSample};
use crate::storage::{Fault, FaultDirectory, MemoryDirectory, OpenMode};

fn samples(list: &[(u64, i64)]) -> Vec<u8> {
    let mut encoder = SamplesEncoder::default();
    for &(reference, timestamp_ms) in list {
        encoder.push(LoggedSample {
            reference,
            timestamp_ms,
            value: 1.5,
        });
    }
    encoder.record().to_vec()
}

fn started_samples(list: &[(u64, i64)]) -> Vec<u8> {
    let mut encoder = StartedSamplesEncoder::default();
    for &(reference, timestamp_ms) in list {
        let place = LoggedPlace {
            reference,
            timestamp_ms,
            start_ms: 7,
        };
        encoder.push(place, 1.5);
    }
    encoder.record().to_vec()
}

fn histograms(list: &[(u64, i64)]) -> Vec<u8> {
    let mut encoder = HistogramsEncoder::new(RecordKind::Histograms);
    let histogram = IntegerHistogram::empty(HistogramLayout::exponential(0, 0.5));
    for &(reference, timestamp_ms) in list {
        let place = LoggedPlace {
            reference,
            timestamp_ms,
            start_ms: 0,
        };
        encoder.push(place, HistogramValue::Integer(&histogram));
    }
    encoder.record().to_vec()
}

fn exemplars(list: &[(u64, i64)]) -> Vec<u8> {
    let mut encoder = ExemplarsEncoder::default();
    for &(reference, timestamp_ms) in list {
        encoder.push(reference, timestamp_ms, 0.5, &Labels::from_pairs([("a", "b")]));
    }
    encoder.record().to_vec()
}

fn series(references: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for &reference in references {
        put_series(&mut out, reference, [("job", "node")].into_iter());
    }
    out
}

fn deletions(list: &[(u64, i64)]) -> Vec<u8> {
    let mut out = Vec::new();
    for &(reference, end_ms) in list {
        let start_ms = 0;
        put_deletion(
            &mut out,
            LoggedDeletion {
                reference,
                start_ms,
                end_ms,
            },
        );
    }
    out
}

fn metadata(reference: u64, help: &str) -> Vec<u8> {
    let metadata = Metadata {
        help: help.to_owned(),
        ..Metadata::default()
    };
    let mut out = Vec::new();
    put_metadata(&mut out, reference, &metadata);
    out
}

fn write_segment(directory: &dyn Directory, path: &str, records: &[Vec<u8>]) {
    let mut bytes = Vec::new();
    for record in records {
        let before = bytes.len() as u64;
        write_record(record, Compression::None, before, &mut bytes);
    }
    let file = directory.open(path, OpenMode::Create).unwrap();
    file.append(&bytes).unwrap();
    file.sync().unwrap();
}

/// The records of the log in the order they are read.
fn records(directory: &dyn Directory) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for segment in LogFiles::list(directory).unwrap().in_order() {
        let mut reader = SegmentReader::open(directory, &segment.path, u64::MAX).unwrap();
        loop {
            match reader.next_event().unwrap() {
                SegmentEvent::Record(record) => found.push(record.to_vec()),
                SegmentEvent::Damage(damage) => panic!("{damage:?}"),
                SegmentEvent::End => break,
            }
        }
    }
    found
}

/// Segments 0 to 3 with everything there is; only series 1 and 3, and times from 100 on, are needed.
fn log() -> MemoryDirectory {
    let directory = MemoryDirectory::new();
    directory.create_directory(names::WAL).unwrap();
    directory.sync_directory("").unwrap();
    let mut markers = Vec::new();
    put_mapped_chunk(
        &mut markers,
        LoggedMappedChunk {
            reference: 1,
            chunk: 8,
        },
    );
    let segments = [
        vec![
            series(&[1, 2]),
            metadata(1, "old"),
            metadata(2, "gone"),
            samples(&[(1, 99), (2, 98)]),
        ],
        vec![
            samples(&[(1, 100), (1, 99)]),
            started_samples(&[(1, 99), (3, 101)]),
            series(&[3]),
        ],
        vec![
            histograms(&[(1, 99), (3, 100)]),
            exemplars(&[(1, 99), (3, 100)]),
            deletions(&[(1, 99), (3, 100), (2, 100)]),
            metadata(1, "new"),
            markers,
        ],
        vec![samples(&[(2, 1)]), metadata(3, "later")],
    ];
    for (number, records) in segments.iter().enumerate() {
        write_segment(&directory, &format!("wal/{number:08}"), records);
    }
    directory.sync_directory(names::WAL).unwrap();
    directory
}

fn checkpoint(directory: &dyn Directory, last: u32) -> Result<CheckpointCounts, Error> {
    let files = LogFiles::list(directory).map_err(Error::io("listing"))?;
    let keep = Keep {
        series: &|reference| reference != 2,
        start_ms: 100,
        deletions_start_ms: 100,
    };
    let shape = SegmentShape {
        size_bytes: 1 << 20,
        compression: Compression::Snappy,
    };
    let counts = write_checkpoint(directory, &files, last, shape, &keep)?;
    remove_before(directory, last)?;
    Ok(counts)
}

fn kept() -> Vec<Vec<u8>> {
    vec![
        series(&[1]),
        samples(&[(1, 100)]),
        started_samples(&[(3, 101)]),
        series(&[3]),
        histograms(&[(3, 100)]),
        exemplars(&[(3, 100)]),
        deletions(&[(3, 100)]),
        metadata(1, "new"),
    ]
}

#[test]
fn only_what_is_needed_is_kept() {
    let directory = log();
    let counts = checkpoint(&directory, 2).unwrap();
    let mut expected = kept();
    expected.extend([samples(&[(2, 1)]), metadata(3, "later")]);
    assert_eq!(records(&directory), expected);
    assert_eq!((counts.kept_series, counts.dropped_series), (2, 1));
    assert_eq!(
        (counts.kept_samples, counts.dropped_samples, counts.damages),
        (3, 5, 0)
    );
    let names: Vec<String> = directory
        .list(names::WAL)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    assert_eq!(names, ["00000003", "checkpoint.00000002"]);
    // The next one takes over from it.
    checkpoint(&directory, 3).unwrap();
    let mut expected = kept();
    expected.push([metadata(1, "new"), metadata(3, "later")[1..].to_vec()].concat());
    expected.remove(7);
    assert_eq!(records(&directory), expected);
}

#[test]
fn damage_is_set_aside_and_the_rest_kept() {
    let directory = log();
    let file = directory.open("wal/00000001", OpenMode::Append).unwrap();
    file.append(b"\x01\x00\x01\0\0\0\0x").unwrap();
    let before = file.size_bytes().unwrap();
    let counts = checkpoint(&directory, 2).unwrap();
    assert_eq!(counts.damages, 1);
    assert_eq!(records(&directory)[..8], kept());
    let quarantine = directory.list(names::QUARANTINE).unwrap();
    assert_eq!(quarantine.len(), 1);
    assert_eq!(quarantine[0].size_bytes, before);
}

#[test]
fn a_crash_at_any_operation_leaves_the_old_log_or_the_new_one() {
    let whole = records(&log());
    let mut new = kept();
    new.extend([samples(&[(2, 1)]), metadata(3, "later")]);
    let (mut old_count, mut new_count) = (0, 0);
    for operation in 0.. {
        let memory = log();
        let faulty = FaultDirectory::new(Arc::new(memory.clone()));
        faulty.fail_at(operation, Fault::Crash, true);
        let is_done = checkpoint(&faulty, 2).is_ok();
        for after in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
            let found = records(&after);
            if found == new {
                new_count += 1;
            } else {
                old_count += 1;
                assert_eq!(found, whole, "{operation}");
            }
            remove_unfinished(&after).unwrap();
            checkpoint(&after, 2).unwrap();
            assert_eq!(records(&after), new, "{operation}");
        }
        if is_done {
            break;
        }
    }
    assert!(old_count > 4 && new_count > 2, "{old_count} {new_count}");
}
