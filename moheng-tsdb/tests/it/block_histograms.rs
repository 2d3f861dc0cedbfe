//! Histograms and start timestamps in blocks.

use std::sync::Arc;

use moheng_metrics::histogram::{BucketSpan, HistogramLayout, ResetHint};
use moheng_metrics::{HistogramView, Labels, SampleBuffer, Select, SeriesSource};
use moheng_tsdb::block::{Block, BlockMeta, BlockSet, BlockWriter, Ulid};
use moheng_tsdb::compact::compact_blocks;
use moheng_tsdb::storage::{Directory, MemoryDirectory};

fn labels() -> Labels {
    Labels::from_pairs([("__name__", "request_seconds")])
}

/// Floats until 1000, then histograms of growing counts, integer ones until 3000 and float ones after.
fn push(buffer: &mut SampleBuffer, time_ms: i64) {
    if time_ms < 1000 {
        buffer.floats.push(time_ms, time_ms as f64);
        buffer.floats.set_start_timestamp_ms(7);
        return;
    }
    let layout = Arc::new(HistogramLayout {
        positive: vec![BucketSpan { offset: 0, length: 2 }],
        ..HistogramLayout::exponential(0, 0.001)
    });
    let counts = [time_ms as f64, (time_ms / 2) as f64];
    let view = HistogramView {
        layout: &layout,
        reset_hint: ResetHint::Unknown,
        is_integer: time_ms < 3000,
        count: counts[0] + counts[1],
        sum: 0.5,
        zero_count: 0.0,
        positive: &counts,
        negative: &[],
    };
    buffer.histograms.push(time_ms, view);
    buffer.histograms.set_start_timestamp_ms(7);
}

fn write(
    directory: &Arc<dyn Directory>,
    number: i64,
    times: impl Iterator<Item = i64>,
    has_starts: bool,
) -> Block {
    let meta = BlockMeta::new(Ulid::new(number, 0), 0, 10_000);
    let mut writer = BlockWriter::create(Arc::clone(directory), meta).unwrap();
    if has_starts {
        writer = writer.with_start_timestamps();
    }
    let mut buffer = SampleBuffer::new();
    times.for_each(|time_ms| push(&mut buffer, time_ms));
    writer.add_series(&labels(), &buffer).unwrap();
    let meta = writer.finish().unwrap().unwrap();
    let block = Block::open(Arc::clone(directory), &meta.ulid.to_string()).unwrap();
    assert_whole(&block);
    block
}

fn assert_whole(block: &Block) {
    let report = block.verify().unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.stats, block.meta().stats);
}

/// Every sample that [`push`] adds for these times is there, and no other.
fn check(source: &dyn SeriesSource, range: (i64, i64), times: impl Iterator<Item = i64>, has_starts: bool) {
    let select = Select::new(vec![], range.0, range.1);
    let mut cursor = source.select(&select).unwrap();
    let mut found = SampleBuffer::new();
    let mut series = cursor.next_series().unwrap().unwrap();
    while series.samples.read(&mut found).unwrap() {}
    let mut expected = SampleBuffer::new();
    times.for_each(|time_ms| push(&mut expected, time_ms));
    assert_eq!(found.floats.timestamps_ms, expected.floats.timestamps_ms);
    assert_eq!(found.floats.values, expected.floats.values);
    assert_eq!(found.histograms.timestamps_ms, expected.histograms.timestamps_ms);
    for index in 0..expected.histograms.len() {
        let view = found.histograms.get(index).unwrap();
        let reset_hint = ResetHint::Unknown;
        let expected = expected.histograms.get(index).unwrap();
        assert_eq!(HistogramView { reset_hint, ..view }, expected, "sample {index}");
        assert_ne!(view.reset_hint, ResetHint::Reset, "no count shrinks at {index}");
    }
    let start_ms = if has_starts { 7 } else { 0 };
    for index in 0..found.floats.len() {
        assert_eq!(found.floats.start_timestamp_ms(index), start_ms);
    }
    for index in 0..found.histograms.len() {
        assert_eq!(found.histograms.start_timestamp_ms(index), start_ms);
    }
}

fn check_all(has_starts: bool) {
    let directory: Arc<dyn Directory> = Arc::new(MemoryDirectory::new());
    let all = || (0..5000).step_by(10);
    let whole = write(&directory, 1, all(), has_starts);
    let stats = whole.meta().stats;
    assert_eq!(
        (stats.samples, stats.float_samples, stats.histogram_samples),
        (500, 100, 400)
    );
    check(&whole, (i64::MIN, i64::MAX), all(), has_starts);
    check(
        &whole,
        (905, 3105),
        all().filter(|time| (905..=3105).contains(time)),
        has_starts,
    );

    // Two blocks with every other sample each.
    let even = write(&directory, 2, (0..5000).step_by(20), has_starts);
    let odd = write(&directory, 3, (10..5000).step_by(20), has_starts);
    let both = BlockSet::new(vec![even, odd]);
    check(&both, (i64::MIN, i64::MAX), all(), has_starts);
    let meta = compact_blocks(&directory, both.blocks(), Ulid::new(4, 0))
        .unwrap()
        .unwrap();
    assert_eq!(meta.stats.samples, 500);
    let compacted = Block::open(Arc::clone(&directory), &meta.ulid.to_string()).unwrap();
    assert_whole(&compacted);
    check(&compacted, (i64::MIN, i64::MAX), all(), has_starts);

    compacted.delete(&[], 500, 3500).unwrap();
    let is_kept = |time: &i64| !(500..=3500).contains(time);
    check(
        &compacted,
        (i64::MIN, i64::MAX),
        all().filter(is_kept),
        has_starts,
    );
    let meta = compact_blocks(&directory, &[compacted], Ulid::new(5, 0))
        .unwrap()
        .unwrap();
    let cleaned = Block::open(Arc::clone(&directory), &meta.ulid.to_string()).unwrap();
    assert_whole(&cleaned);
    check(&cleaned, (i64::MIN, i64::MAX), all().filter(is_kept), has_starts);
}

#[test]
fn histograms_survive_merging_and_compaction() {
    check_all(false);
}

#[test]
fn start_timestamps_are_kept_where_wanted() {
    check_all(true);
}
