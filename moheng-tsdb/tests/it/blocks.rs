//! Blocks: what is written is read, selected, merged, compacted and deleted as the obvious implementation does it.

use std::sync::Arc;

use moheng_metrics::testing::{Random, assert_same};
use moheng_metrics::{
    AppendBatch, Labels, MatchOp, Matcher, MemorySource, SampleBuffer, SampleSink, Select, SeriesSource,
};
use moheng_tsdb::block::{Block, BlockMeta, BlockSet, BlockWriter, Ulid, list_blocks, remove_block};
use moheng_tsdb::compact::compact_blocks;
use moheng_tsdb::storage::{Directory, MemoryDirectory, RealDirectory};

use crate::support::{Content, content};

const RANGE_MS: i64 = 10_000;

/// Series with enough values of one label that the index keeps only some in memory.
fn labels(number: usize) -> Labels {
    Labels::from_pairs([
        ("__name__".to_owned(), format!("metric_{}", number % 5)),
        ("instance".to_owned(), format!("host-{number:03}")),
        (
            "job".to_owned(),
            if number.is_multiple_of(3) {
                String::new()
            } else {
                "node".to_owned()
            },
        ),
        ("zone".to_owned(), "é".repeat(number % 40)),
    ])
}

/// Series with samples in `0..3 * RANGE_MS`, most of them regular.
fn workload(random: &mut Random, series_count: usize) -> Content {
    let mut content: Content = (0..series_count)
        .map(|number| {
            let step_ms = 1 + random.below(200) as i64;
            let mut time_ms = random.below(20_000) as i64;
            let mut samples = Vec::new();
            while time_ms < 3 * RANGE_MS && samples.len() < 400 {
                let value = [0.0, -1.5, f64::NAN, 1e300][random.below(4) as usize] + random.below(100) as f64;
                samples.push((time_ms, value.to_bits()));
                time_ms += step_ms + random.below(3) as i64;
            }
            (labels(number), samples)
        })
        .filter(|(_, samples)| !samples.is_empty())
        .collect();
    content.sort();
    content
}

fn oracle(content: &Content) -> MemorySource {
    let source = MemorySource::new();
    for (labels, samples) in content {
        let mut batch = AppendBatch::new();
        for &(time_ms, bits) in samples {
            batch.push_labels(labels, time_ms, f64::from_bits(bits));
        }
        source.append(&batch).unwrap();
    }
    source
}

/// Writes the samples of `start_ms..end_ms` that `keep` keeps.
fn write(
    directory: &Arc<dyn Directory>,
    number: i64,
    content: &Content,
    (start_ms, end_ms): (i64, i64),
    mut keep: impl FnMut() -> bool,
) -> Option<Block> {
    let meta = BlockMeta::new(Ulid::new(number, 7), start_ms, end_ms);
    let mut writer = BlockWriter::create(Arc::clone(directory), meta).unwrap();
    for (labels, samples) in content {
        let mut buffer = SampleBuffer::new();
        for &(time_ms, bits) in samples {
            if (start_ms..end_ms).contains(&time_ms) && keep() {
                buffer.floats.push(time_ms, f64::from_bits(bits));
            }
        }
        writer.add_series(labels, &buffer).unwrap();
    }
    let meta = writer.finish().unwrap()?;
    let block = Block::open(Arc::clone(directory), &meta.ulid.to_string()).unwrap();
    assert_eq!(block.meta(), meta);
    assert_whole(&block);
    Some(block)
}

fn assert_whole(block: &Block) {
    let report = block.verify().unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.stats, block.meta().stats);
}

fn in_memory() -> Arc<dyn Directory> {
    Arc::new(MemoryDirectory::new())
}

fn selections() -> Vec<Select> {
    let matcher = |op, name: &str, value: &str| Matcher::new(op, name, value).unwrap();
    let conditions = [
        vec![],
        vec![matcher(MatchOp::Equal, "__name__", "metric_1")],
        vec![matcher(MatchOp::Equal, "instance", "host-017")],
        vec![matcher(MatchOp::Equal, "instance", "host-")],
        vec![matcher(MatchOp::Equal, "instance", "zzz")],
        vec![matcher(MatchOp::Equal, "nothing", "x")],
        vec![
            matcher(MatchOp::Regex, "instance", "host-0[1-3].*"),
            matcher(MatchOp::Equal, "job", "node"),
        ],
        vec![matcher(MatchOp::Regex, "instance", "host-(000|003|005|x)")],
        vec![matcher(MatchOp::Regex, "instance", ".*7")],
        vec![
            matcher(MatchOp::Regex, "zone", ".+"),
            matcher(MatchOp::Regex, "instance", "host-00."),
        ],
        vec![
            matcher(MatchOp::Regex, "__name__", "metric_[0-2]"),
            matcher(MatchOp::Regex, "instance", "host-0[1-6].*"),
        ],
        vec![
            matcher(MatchOp::Regex, "job", "n.+"),
            matcher(MatchOp::Regex, "instance", "host-(00|11)."),
            matcher(MatchOp::Regex, "__name__", "metric_[01]"),
            matcher(MatchOp::NotEqual, "zone", ""),
        ],
        vec![
            matcher(MatchOp::NotEqual, "job", ""),
            matcher(MatchOp::Regex, "zone", "é{1,20}"),
            matcher(MatchOp::Regex, "nothing", "x.+"),
        ],
        vec![matcher(MatchOp::Equal, "job", "")],
        vec![matcher(MatchOp::NotEqual, "job", "")],
        vec![
            matcher(MatchOp::NotEqual, "job", "node"),
            matcher(MatchOp::NotRegex, "instance", "host-0.*"),
        ],
        vec![
            matcher(MatchOp::NotRegex, "__name__", "metric_[0-3]"),
            matcher(MatchOp::Regex, "job", "node|"),
        ],
        vec![
            matcher(MatchOp::Regex, "job", ".*"),
            matcher(MatchOp::NotRegex, "zone", "é{3,9}"),
        ],
        vec![matcher(MatchOp::Equal, "", "x")],
        vec![matcher(MatchOp::Regex, "", ".+")],
        vec![
            matcher(MatchOp::NotEqual, "", "x"),
            matcher(MatchOp::Equal, "instance", "host-001"),
        ],
    ];
    let ranges = [
        (i64::MIN, i64::MAX),
        (5000, 5100),
        (9_999, 10_000),
        (20_000, 50_000),
        (-5, -1),
    ];
    let mut selections = Vec::new();
    for matchers in conditions {
        for (start_ms, end_ms) in ranges {
            selections.push(Select::new(matchers.clone(), start_ms, end_ms));
        }
        selections.push(Select::new(matchers.clone(), 100, 12_000).with_limit(3));
        selections.push(Select::new(matchers, 5000, 5003).with_limit(2));
    }
    selections
}

fn assert_answers(source: &dyn SeriesSource, expected: &Content) {
    let oracle = oracle(expected);
    for select in selections() {
        assert_same(source, &oracle, &select);
    }
}

#[test]
fn one_block_answers_as_memory_does() {
    let mut random = Random::new(1);
    let root = tempfile::tempdir().unwrap();
    let real: Arc<dyn Directory> = Arc::new(RealDirectory::create(root.path().join("data")).unwrap());
    for (directory, series_count) in [(in_memory(), 1), (in_memory(), 130), (real, 60)] {
        let content = workload(&mut random, series_count);
        let block = write(&directory, 1, &content, (0, 3 * RANGE_MS), || true).unwrap();
        assert_answers(&block, &content);
        assert_eq!(list_blocks(&*directory).unwrap().blocks, [block.meta()]);
    }
}

#[test]
fn several_blocks_answer_as_one_and_so_does_their_compaction() {
    let mut random = Random::new(2);
    for _ in 0..2 {
        let directory = in_memory();
        let all = workload(&mut random, 60);
        let ranges = [
            (0, RANGE_MS),
            (RANGE_MS, 2 * RANGE_MS),
            (2 * RANGE_MS, 3 * RANGE_MS),
            (RANGE_MS / 2, 2 * RANGE_MS + 77),
        ];
        // The last one overlaps the others and repeats some of their samples.
        let blocks: Vec<Block> = ranges
            .into_iter()
            .zip(1..)
            .map(|(range, number)| {
                let keep = || number < 4 || random.below(3) == 0;
                write(&directory, number, &all, range, keep).unwrap()
            })
            .collect();
        let set = BlockSet::new(blocks);
        assert_answers(&set, &all);

        let ulid = Ulid::new(100, 0);
        let meta = compact_blocks(&directory, set.blocks(), ulid).unwrap().unwrap();
        assert_eq!((meta.level, meta.sources.len(), meta.parents.len()), (2, 4, 4));
        assert_eq!(list_blocks(&*directory).unwrap().obsolete().len(), 4);
        for parent in &meta.parents {
            remove_block(&*directory, parent.ulid).unwrap();
        }
        let compacted = Block::open(Arc::clone(&directory), &ulid.to_string()).unwrap();
        assert_whole(&compacted);
        assert_eq!(
            compacted.meta().stats.samples as usize,
            crate::support::sample_count(&all)
        );
        assert_answers(&compacted, &all);
        // Queries may still use what was removed.
        assert_eq!(content(&set), all);
    }
}

#[test]
fn deletions_hide_samples_until_compaction_drops_them() {
    let mut random = Random::new(3);
    let directory = in_memory();
    let mut expected = workload(&mut random, 100);
    let mut block = write(&directory, 1, &expected, (0, 3 * RANGE_MS), || true).unwrap();
    for round in 0..12 {
        let start_ms = random.below(30_000) as i64;
        let end_ms = if round == 11 {
            i64::MAX
        } else {
            start_ms + random.below(9000) as i64
        };
        let start_ms = if round == 10 { i64::MIN } else { start_ms };
        let matcher = match round % 3 {
            0 => Matcher::equal("__name__", format!("metric_{}", round % 5)),
            1 => Matcher::new(MatchOp::Regex, "instance", "host-0[0-4].").unwrap(),
            _ => Matcher::not_equal("job", "node"),
        };
        block
            .delete(std::slice::from_ref(&matcher), start_ms, end_ms)
            .unwrap();
        for (labels, samples) in &mut expected {
            if matcher.matches(labels) {
                samples.retain(|(time_ms, _)| !(start_ms..=end_ms).contains(time_ms));
            }
        }
        let kept: Content = expected
            .iter()
            .filter(|(_, samples)| !samples.is_empty())
            .cloned()
            .collect();
        assert_eq!(content(&block), kept);
        let limited = Select::new(vec![], 0, 8000).with_limit(4);
        assert_same(&block, &oracle(&kept), &limited);
        let again = Block::open(Arc::clone(&directory), &block.meta().ulid.to_string()).unwrap();
        assert_eq!(content(&again), kept);
        assert_eq!(again.meta(), block.meta());
        assert!(again.meta().stats.tombstones > 0);
        assert_whole(&again);
        if round % 4 == 3 {
            let ulid = Ulid::new(10 + round, 0);
            compact_blocks(&directory, &[block], ulid).unwrap().unwrap();
            block = Block::open(Arc::clone(&directory), &ulid.to_string()).unwrap();
            assert_whole(&block);
            assert_eq!(block.meta().stats.tombstones, 0);
            assert_answers(&block, &kept);
        }
    }
    block.delete(&[], i64::MIN, i64::MAX).unwrap();
    assert_eq!(
        compact_blocks(&directory, &[block], Ulid::new(99, 0)).unwrap(),
        None
    );
    assert!(list_blocks(&*directory).unwrap().temporary.is_empty());
}

#[test]
fn wrong_input_is_refused_and_leaves_nothing() {
    let directory = in_memory();
    let mut samples = SampleBuffer::new();
    samples.floats.push(5, 1.0);
    let check = |add: &dyn Fn(&mut BlockWriter) -> Result<(), moheng_tsdb::Error>, expected: &str| {
        let meta = BlockMeta::new(Ulid::new(1, 1), 0, 10);
        let mut writer = BlockWriter::create(Arc::clone(&directory), meta).unwrap();
        let error = add(&mut writer).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        drop(writer);
        assert!(directory.list("").unwrap().is_empty());
    };
    check(
        &|writer| {
            writer.add_series(&labels(2), &samples)?;
            writer.add_series(&labels(1), &samples)
        },
        "label order",
    );
    check(
        &|writer| writer.add_series(&Labels::empty(), &samples),
        "needs labels",
    );
    let mut late = SampleBuffer::new();
    late.floats.push(10, 1.0);
    check(&|writer| writer.add_series(&labels(1), &late), "do not belong");
    let mut twice = samples.clone();
    twice.floats.push(5, 1.0);
    check(&|writer| writer.add_series(&labels(1), &twice), "ascend");
    assert!(BlockWriter::create(Arc::clone(&directory), BlockMeta::new(Ulid::new(1, 1), 5, 5)).is_err());
    assert!(compact_blocks(&directory, &[], Ulid::new(1, 1)).is_err());
}
