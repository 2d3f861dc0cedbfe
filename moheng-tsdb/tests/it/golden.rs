//! A log written by an earlier version must open for ever, and other makers' logs as far as they are understood.

use std::sync::Arc;

use moheng_metrics::{AppendBatch, Exemplar, Labels, MetricKind, STALE_NAN, SampleSink, Select};
use moheng_tsdb::WalSync;
use moheng_tsdb::storage::{Directory, MemoryDirectory, OpenMode};

use crate::support::{append, content, open, sample_count, series};

/// The first segment that version 0.1.0 wrote for [`story`].
const SEGMENT_0_1_0: &str = "\
    09003b39091e2e5b0401000901980103085f5f6e616d655f5f02757008696e7374616e636506613a39313030036a6f62\
    046e6f6465092d080002037e2e0008026462090021ba625ce525040200090130010000018bcfe5680000003ff0091324\
    02003fe0000000000000090022f7a363d725040200090130010000018bcfe5a29800007ff00513280202018000000000\
    000000090016083bddb2170401000901380301076772c3b6c39f6504f09fa6800900173af22d431b04020009010403ff\
    090128fb00007fefffffffffffff";

fn story() -> Vec<Vec<(Labels, i64, f64)>> {
    let up = |job: &str| Labels::from_pairs([("__name__", "up"), ("instance", "a:9100"), ("job", job)]);
    vec![
        vec![
            (up("node"), 1_700_000_000_000, 1.0),
            (up("db"), 1_700_000_000_000, 0.5),
        ],
        vec![
            (up("node"), 1_700_000_015_000, STALE_NAN),
            (up("db"), 1_700_000_014_999, -0.0),
        ],
        vec![(
            Labels::from_pairs([("gr\u{f6}\u{df}e", "\u{1f980}")]),
            -5,
            f64::MAX,
        )],
    ]
}

fn tell(db: &dyn SampleSink) {
    for samples in story() {
        let mut batch = AppendBatch::new();
        for (labels, timestamp_ms, value) in &samples {
            batch.push_labels(labels, *timestamp_ms, *value);
        }
        assert_eq!(db.append(&batch).unwrap().accepted(), samples.len());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap())
        .collect()
}

fn write(directory: &MemoryDirectory, path: &str, bytes: &[u8]) {
    for (end, _) in path.match_indices('/') {
        directory.create_directory(&path[..end]).unwrap();
    }
    directory
        .open(path, OpenMode::Create)
        .unwrap()
        .append(bytes)
        .unwrap();
}

fn read(directory: &MemoryDirectory, path: &str) -> Vec<u8> {
    let file = directory.open(path, OpenMode::Read).unwrap();
    let mut bytes = vec![0; file.size_bytes().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn the_log_of_0_1_0_opens_and_is_still_written_the_same() {
    let today = MemoryDirectory::new();
    let db = open(Arc::new(today.clone()), WalSync::Os);
    tell(&db);
    assert_eq!(hex(&read(&today, "wal/00000000")), SEGMENT_0_1_0);

    let old = MemoryDirectory::new();
    write(&old, "wal/00000000", &unhex(SEGMENT_0_1_0));
    let again = open(Arc::new(old), WalSync::Os);
    assert_eq!(content(&again), content(&db));
    assert_eq!(again.stats().replay.corruptions, 0);
}

/// A record in a page, not compressed.
fn framed(record: &[u8]) -> Vec<u8> {
    let mut page = vec![1];
    page.extend((record.len() as u16).to_be_bytes());
    page.extend(crc32c(record).to_be_bytes());
    page.extend(record);
    page
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            }
        })
    })
}

fn series_record(reference: u8, job: &str) -> Vec<u8> {
    let mut record = vec![1, 0, 0, 0, 0, 0, 0, 0, reference, 1, 3];
    record.extend(b"job");
    record.push(job.len() as u8);
    record.extend(job.as_bytes());
    record
}

fn sample_record(reference: u8, timestamp_ms: u8, value: f64) -> Vec<u8> {
    let mut record = vec![
        2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        reference,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        timestamp_ms,
        0,
        0,
    ];
    record.extend(value.to_bits().to_be_bytes());
    record
}

/// An exemplar with the label `id="x"`.
fn exemplar_record(reference: u8, timestamp_ms: u8, value: f64) -> Vec<u8> {
    let mut record = sample_record(reference, timestamp_ms, value);
    record[0] = 4;
    record.extend(b"\x01\x02id\x01x");
    record
}

#[test]
fn a_checkpoint_is_read_before_the_segments_it_does_not_cover() {
    let memory = MemoryDirectory::new();
    let mut checkpoint = framed(&series_record(7, "a"));
    checkpoint.extend(framed(&sample_record(7, 10, 1.0)));
    write(&memory, "wal/checkpoint.00000003/00000000", &checkpoint);
    write(&memory, "wal/00000003", &framed(&sample_record(7, 99, 9.0)));
    let mut segment = framed(&sample_record(7, 20, 2.0));
    // The same series under a second reference, as after Prometheus forgot and met it again.
    segment.extend(framed(&series_record(9, "a")));
    segment.extend(framed(&sample_record(9, 30, 3.0)));
    segment.extend(framed(&sample_record(8, 30, 3.0)));
    segment.extend(framed(&exemplar_record(9, 31, 0.5)));
    segment.extend(framed(&exemplar_record(8, 31, 0.5)));
    segment.extend(framed(b"\x06\x09\x01\x03\x04UNIT\x01s\x03NEW\x01x\x04HELP\x02h."));
    segment.extend(framed(b"\x06\x08\x01\x00"));
    segment.extend(framed(&[5]));
    write(&memory, "wal/00000004", &segment);
    let db = open(Arc::new(memory.clone()), WalSync::Os);
    let labels = Labels::from_pairs([("job", "a")]);
    let expected = [(10, 1.0), (20, 2.0), (30, 3.0)].map(|(time, value): (i64, f64)| (time, value.to_bits()));
    assert_eq!(content(&db), [(labels.clone(), expected.to_vec())]);
    let replay = db.stats().replay;
    assert_eq!(replay.unknown_references, 1);
    assert_eq!(replay.unknown_notes, 2);
    assert_eq!(replay.skipped_records, [("mapped chunk markers", 1)]);
    assert_eq!(replay.corruptions, 0);
    assert_eq!(read(&memory, "wal/00000004"), segment, "skipped records stay");
    let everything = Select::new(vec![], i64::MIN, i64::MAX);
    let exemplar = Exemplar {
        labels: Labels::from_pairs([("id", "x")]),
        value: 0.5,
        timestamp_ms: Some(31),
    };
    assert_eq!(
        db.exemplars(std::slice::from_ref(&everything)),
        [(labels.clone(), vec![exemplar])]
    );
    let known = db.metadata(&everything);
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].0, labels);
    assert_eq!(known[0].1.kind, MetricKind::Counter);
    assert_eq!((&*known[0].1.unit, &*known[0].1.help), ("s", "h."));
    // The series goes on under a reference that the log knows; new ones do not take a used one.
    let mut batch = AppendBatch::new();
    batch.push_labels(&labels, 40, 4.0);
    db.append(&batch).unwrap();
    append(&db, &[(0, 1, 1.0)]);
    let before = content(&db);
    drop(db);
    assert_eq!(content(&open(Arc::new(memory), WalSync::Os)), before);
}

#[test]
fn deletions_of_a_log_are_applied() {
    let memory = MemoryDirectory::new();
    let mut segment = framed(&series_record(7, "a"));
    for time in [10, 20, 30, 40] {
        segment.extend(framed(&sample_record(7, time, 1.0)));
    }
    // Of series 7 the milliseconds -1 to 20 and, under its second reference, 40; of one that is not known all.
    segment.extend(framed(b"\x03\0\0\0\0\0\0\0\x07\x01\x28"));
    segment.extend(framed(&series_record(9, "a")));
    segment.extend(framed(
        b"\x03\0\0\0\0\0\0\0\x09\x50\x50\0\0\0\0\0\0\0\x08\x00\x50",
    ));
    segment.extend(framed(&sample_record(9, 50, 1.0)));
    write(&memory, "wal/00000000", &segment);
    let db = open(Arc::new(memory.clone()), WalSync::Os);
    let times: Vec<i64> = content(&db)[0].1.iter().map(|&(time, _)| time).collect();
    assert_eq!(times, [30, 50]);
    let replay = db.stats().replay;
    assert_eq!(
        (replay.samples, replay.unknown_notes, replay.corruptions),
        (5, 1, 0)
    );
}

#[test]
fn damage_inside_the_log_costs_only_itself_and_is_kept() {
    let memory = MemoryDirectory::new();
    let page = 32 * 1024;
    let mut segment = framed(&series_record(1, "a"));
    segment.extend(framed(&sample_record(1, 10, 1.0)));
    let damaged_at = segment.len();
    segment.extend(framed(&sample_record(1, 20, 2.0)));
    segment.resize(page, 0);
    segment.extend(framed(&sample_record(1, 30, 3.0)));
    segment[damaged_at + 10] ^= 1;
    write(&memory, "wal/00000000", &segment);
    write(&memory, "wal/00000001", &framed(&sample_record(1, 40, 4.0)));
    let reader = moheng_tsdb::Db::builder(Arc::new(memory.clone()))
        .read_only(true)
        .open()
        .unwrap();
    assert_eq!(sample_count(&content(&reader)), 3);
    assert_eq!(read(&memory, "wal/00000000"), segment, "a reader changes nothing");

    let db = open(Arc::new(memory.clone()), WalSync::Os);
    assert_eq!(db.stats().replay.corruptions, 1);
    assert_eq!(content(&db), content(&reader));
    let kept = memory.list("quarantine").unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(read(&memory, &format!("quarantine/{}", kept[0].name)), segment);
    drop(db);
    let again = open(Arc::new(memory.clone()), WalSync::Os);
    assert_eq!(again.stats().replay.corruptions, 0, "repaired once");
    assert_eq!(content(&again), content(&reader));
    assert_eq!(memory.list("quarantine").unwrap().len(), 1);
}

#[test]
fn a_missing_segment_and_a_senseless_record_are_counted() {
    let memory = MemoryDirectory::new();
    write(&memory, "wal/00000002", &framed(&series_record(1, "a")));
    let mut segment = framed(&sample_record(1, 10, 1.0));
    segment.extend(framed(&[77]));
    segment.extend(framed(&[1, 0]));
    write(&memory, "wal/00000004", &segment);
    let db = open(Arc::new(memory), WalSync::Os);
    assert_eq!(db.stats().replay.corruptions, 3);
    assert_eq!(sample_count(&content(&db)), 1);
    assert_eq!(db.stats().wal.current_segment, 5);
}

/// The series `{job="a"}` and its sample 2.5 at 1000, each record a zstd frame without compression: magic number, descriptor
/// of a single segment, content size, then one last raw block.
#[test]
fn logs_compressed_with_zstd_are_read() {
    let mut segment = Vec::new();
    let mut samples = vec![2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0xe8, 0, 0];
    samples.extend(2.5_f64.to_be_bytes());
    for record in [series_record(1, "a"), samples] {
        let length = record.len() as u8;
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, length, length << 3 | 1, 0, 0];
        frame.extend(record);
        let mut fragment = framed(&frame);
        fragment[0] |= 0b1_0000;
        segment.extend(fragment);
    }
    let memory = MemoryDirectory::new();
    write(&memory, "wal/00000000", &segment);
    let db = open(Arc::new(memory), WalSync::Os);
    assert_eq!(db.stats().replay.corruptions, 0);
    assert_eq!(
        content(&db),
        [(
            Labels::from_pairs([("job", "a")]),
            vec![(1000, 2.5_f64.to_bits())]
        )]
    );
}

#[test]
fn series_without_samples_are_not_found() {
    let memory = MemoryDirectory::new();
    write(&memory, "wal/00000000", &framed(&series_record(1, "a")));
    let db = open(Arc::new(memory), WalSync::Os);
    assert_eq!(
        (content(&db), db.time_range(), db.stats().head.series),
        (vec![], None, 0)
    );
    append(&db, &[(0, 1, 1.0)]);
    assert_eq!(content(&db)[0].0, series(0));
    db.verify().unwrap();
}
