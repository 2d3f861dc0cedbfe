//! Blocks made of samples in any order hold what memory would, whatever the memory allowed; and what analysis says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{Labels, SampleBuffer};
use moheng_tsdb::block::{Block, BlockBuilder, BlockMeta, BlockSet, BlockWriter, Ulid};
use moheng_tsdb::storage::{Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Error, WalSync};
use proptest::prelude::*;

use crate::support::{Content, content, open, series};

const RANGE_MS: i64 = 1000;

/// Builds blocks of samples `(series, time, value)` and returns them.
fn build(
    directory: &MemoryDirectory,
    memory_bytes: usize,
    samples: &[(usize, i64, f64)],
) -> Result<Vec<BlockMeta>, Error> {
    let clock = Arc::new(ManualClock::new(1 << 40));
    let mut builder = BlockBuilder::new(Arc::new(directory.clone()), clock)
        .with_range_ms(RANGE_MS)
        .with_memory_bytes(memory_bytes);
    for &(number, timestamp_ms, value) in samples {
        builder.push(&series(number), timestamp_ms, value)?;
    }
    let mut told = Vec::new();
    let blocks = builder.finish(|block| told.push(block.clone()))?;
    assert_eq!(told, blocks);
    Ok(blocks)
}

fn open_all(directory: &MemoryDirectory, blocks: &[BlockMeta]) -> BlockSet {
    let open = |meta: &BlockMeta| Block::open(Arc::new(directory.clone()), &meta.ulid.to_string()).unwrap();
    let blocks: Vec<Block> = blocks.iter().map(open).collect();
    for block in &blocks {
        assert_eq!(block.verify().unwrap().problems, []);
    }
    BlockSet::new(blocks)
}

/// What is expected: the last value pushed for each time of each series.
fn expected(samples: &[(usize, i64, f64)]) -> Content {
    let mut all: BTreeMap<Labels, BTreeMap<i64, u64>> = BTreeMap::new();
    for &(number, timestamp_ms, value) in samples {
        let of_series = all.entry(series(number)).or_default();
        of_series.insert(timestamp_ms, value.to_bits());
    }
    let in_order = |samples: BTreeMap<i64, u64>| samples.into_iter().collect();
    all.into_iter()
        .map(|(labels, samples)| (labels, in_order(samples)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn samples_in_any_order_become_blocks(
        samples in prop::collection::vec((0_usize..9, -3000_i64..6000, -1e9_f64..1e9), 0..300),
        memory_bytes in prop::sample::select(vec![0, 500, 4000, 1 << 20]),
    ) {
        let directory = MemoryDirectory::new();
        let blocks = build(&directory, memory_bytes, &samples).unwrap();
        for block in &blocks {
            let start_ms = block.start_ms.div_euclid(RANGE_MS);
            prop_assert_eq!(start_ms, (block.end_ms - 1).div_euclid(RANGE_MS));
        }
        prop_assert!(blocks.is_sorted_by(|a, b| a.end_ms <= b.start_ms));
        prop_assert_eq!(content(&open_all(&directory, &blocks)), expected(&samples));
        prop_assert!(directory.files().iter().all(|(path, _)| !path.starts_with("backfill")));
    }
}

#[test]
fn blocks_of_the_present_say_nothing_of_where_memory_begins() {
    let directory = MemoryDirectory::new();
    let now_ms = 1_i64 << 40;
    let blocks = build(
        &directory,
        1 << 20,
        &[(0, now_ms - 1000, 1.0), (0, now_ms - 20_000_000, 2.0)],
    )
    .unwrap();
    assert_eq!(blocks[0].hints.len(), 0);
    assert_eq!(blocks[1].hints, ["from-out-of-order"]);
    assert_eq!(
        (blocks[1].start_ms, blocks[1].end_ms),
        (now_ms - 1000, now_ms - 999)
    );
    let db = open(Arc::new(directory), WalSync::Os);
    assert_eq!(db.time_range(), Some((now_ms - 20_000_000, now_ms - 1000)));
}

#[test]
fn what_cannot_be_is_refused() {
    let directory = MemoryDirectory::new();
    let clock = Arc::new(ManualClock::new(0));
    let mut builder = BlockBuilder::new(Arc::new(directory.clone()), clock);
    assert!(matches!(
        builder.push(&Labels::empty(), 0, 0.0),
        Err(Error::Invalid(_))
    ));
    builder.push(&series(0), i64::MIN, 0.0).unwrap();
    builder.push(&series(0), i64::MAX, 0.0).unwrap();
    assert!(matches!(builder.finish(|_| {}), Err(Error::Invalid(_))));
    let files = directory.files();
    assert!(
        files.iter().all(|(path, _)| !path.starts_with("backfill")),
        "{files:?}"
    );
}

#[test]
fn a_failing_disk_leaves_whole_blocks_or_none() {
    let samples: Vec<_> = (0..200)
        .map(|number| (number % 5, number as i64 * 20, 1.0))
        .collect();
    for fault in [Fault::Io, Fault::Full] {
        for at in 0.. {
            let memory = MemoryDirectory::new();
            let faulty = FaultDirectory::new(Arc::new(memory.clone()));
            faulty.fail_at(at, fault, false);
            let clock = Arc::new(ManualClock::new(1 << 40));
            let mut builder = BlockBuilder::new(Arc::new(faulty.clone()), clock)
                .with_range_ms(RANGE_MS)
                .with_memory_bytes(2000);
            let pushed = samples.iter().try_for_each(|&(number, timestamp_ms, value)| {
                builder.push(&series(number), timestamp_ms, value)
            });
            let outcome = pushed.and_then(|()| builder.finish(|_| {}));
            if faulty.fired() == 0 {
                assert_eq!(outcome.unwrap().len(), 4);
                break;
            }
            let left = moheng_tsdb::block::list_blocks(&memory.after_power_cut(|_| 0)).unwrap();
            assert!(left.damaged.is_empty(), "{at}");
            let found = content(&open_all(&memory, &left.blocks));
            let whole = expected(&samples);
            for (labels, samples) in &found {
                let of_series = whole.iter().find(|(other, _)| other == labels).unwrap();
                assert!(samples.iter().all(|sample| of_series.1.contains(sample)), "{at}");
            }
        }
    }
}

#[test]
fn analysis_counts_labels() {
    let directory = MemoryDirectory::new();
    let meta = BlockMeta::new(Ulid::new(1, 1), 0, 1000);
    let mut writer = BlockWriter::create(Arc::new(directory.clone()), meta).unwrap();
    // Three series that are there half of the time, and one that always is.
    for (zone, end_ms) in [("a", 500), ("b", 500), ("cc", 500), ("d", 1000)] {
        let mut samples = SampleBuffer::new();
        for time_ms in (0..end_ms).step_by(100).chain([end_ms - 1]) {
            samples.floats.push(time_ms, 1.0);
        }
        let metric = if zone == "d" { "steady" } else { "passing" };
        let labels = Labels::from_pairs([("__name__", metric), ("zone", zone)]);
        writer.add_series(&labels, &samples).unwrap();
    }
    let meta = writer.finish().unwrap().unwrap();
    let block = Block::open(Arc::new(directory), &meta.ulid.to_string()).unwrap();
    let analysis = block.analyze(2).unwrap();
    assert_eq!((analysis.series, analysis.label_names), (4, 2));
    assert_eq!((analysis.label_pairs, analysis.labels_of_series), (6, 8));
    assert!((analysis.samples_per_chunk - 29.0 / 4.0).abs() < 1e-9);
    let list = |entries: &[(&str, u64)]| -> Vec<(String, u64)> {
        let owned = |&(name, count): &(&str, u64)| (name.to_owned(), count);
        entries.iter().map(owned).collect()
    };
    assert_eq!(analysis.churn_by_pair, list(&[("__name__=passing", 1)]));
    assert_eq!(analysis.churn_by_name, list(&[("__name__", 1), ("zone", 1)]));
    assert_eq!(
        analysis.series_by_pair,
        list(&[("__name__=passing", 3), ("__name__=steady", 1)])
    );
    assert_eq!(
        analysis.value_bytes_by_name,
        list(&[("__name__", 13), ("zone", 5)])
    );
    assert_eq!(analysis.values_by_name, list(&[("zone", 4), ("__name__", 2)]));
    assert_eq!(analysis.series_by_metric, list(&[("passing", 3), ("steady", 1)]));
}
