//! [`plan`]: which blocks to compact next, from their descriptions alone.

use std::collections::BTreeMap;

use crate::block::{BlockMeta, FROM_OUT_OF_ORDER, Ulid};

const HOUR_MS: i64 = 3_600_000;

/// Each level covers so many times what the one below does.
const LEVEL_FACTOR: i64 = 3;

/// A block is compacted alone when this part of its series has deletions.
const TOMBSTONES_PER_SERIES_MAX: f64 = 0.05;

/// Finds blocks to compact among those with the same hints, ascending by time.
type Step = fn(&[&BlockMeta], ranges_ms: &[i64]) -> Vec<Ulid>;

/// How far blocks are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionSettings {
    /// What the blocks of each level cover, in milliseconds, ascending; the first is that of blocks written from the head.
    pub ranges_ms: Vec<i64>,
}

impl CompactionSettings {
    /// Levels of `first_ms` times 1, 3, 9, ... milliseconds up to `max_ms`; the first is there in any case.
    pub fn up_to(first_ms: i64, max_ms: i64) -> Self {
        let mut ranges_ms = vec![first_ms.max(1)];
        while let Some(next_ms) = ranges_ms
            .last()
            .and_then(|last_ms| last_ms.checked_mul(LEVEL_FACTOR))
            && next_ms <= max_ms
        {
            ranges_ms.push(next_ms);
        }
        Self { ranges_ms }
    }

    /// The levels for a retention time in milliseconds: up to a tenth of it and at most 31 days, as in Prometheus.
    pub fn for_retention(retention_ms: Option<i64>) -> Self {
        let month_ms = 31 * 24 * HOUR_MS;
        let max_ms = retention_ms.map_or(month_ms, |retention_ms| (retention_ms / 10).min(month_ms));
        Self::up_to(2 * HOUR_MS, max_ms)
    }
}

impl Default for CompactionSettings {
    /// Levels of 2, 6, 18, 54, 162 and 486 hours.
    fn default() -> Self {
        Self::for_retention(None)
    }
}

/// Which blocks to compact into one next; none when nothing is to be done.
///
/// Blocks that overlap come first. Then blocks that fill a range of a level, or lie in one that is over, the newest block
/// aside: what is written next may belong beside it. Then a block of which many series have deletions. Blocks whose
/// compaction failed are left alone, and blocks with unlike hints are not joined.
pub fn plan(blocks: &[BlockMeta], settings: &CompactionSettings) -> Vec<Ulid> {
    let mut classes: BTreeMap<Vec<&str>, Vec<&BlockMeta>> = BTreeMap::new();
    for block in blocks.iter().filter(|block| !block.is_deletable) {
        let mut class: Vec<&str> = block.hints.iter().map(String::as_str).collect();
        // Blocks of late samples are joined with the others; that is what they are for.
        class.retain(|&hint| hint != FROM_OUT_OF_ORDER);
        class.sort_unstable();
        classes.entry(class).or_default().push(block);
    }
    for class in classes.values_mut() {
        class.sort_by_key(|block| (block.start_ms, block.ulid));
    }
    let steps: [Step; 3] = [overlapping, filling_a_range, with_tombstones];
    for step in steps {
        for class in classes.values() {
            let found = step(class, &settings.ranges_ms);
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}

/// The first blocks that overlap, each with one before it.
fn overlapping(blocks: &[&BlockMeta], _: &[i64]) -> Vec<Ulid> {
    let mut found: Vec<Ulid> = Vec::new();
    let mut end_ms = i64::MIN;
    let mut previous: Option<&BlockMeta> = None;
    for block in blocks.iter().filter(|block| !block.is_failed) {
        if block.start_ms < end_ms {
            if found.is_empty() {
                found.extend(previous.map(|block| block.ulid));
            }
            found.push(block.ulid);
        } else if !found.is_empty() {
            break;
        }
        if block.end_ms > end_ms {
            end_ms = block.end_ms;
            // What overlaps later overlaps the one that reaches furthest.
            previous = Some(block);
        }
    }
    found
}

/// Blocks that fill a range of a level or lie in one that is over.
fn filling_a_range(blocks: &[&BlockMeta], ranges_ms: &[i64]) -> Vec<Ulid> {
    let Some((newest, older)) = blocks.split_last() else {
        return Vec::new();
    };
    let newest_start_ms = older.last().map_or(newest.start_ms, |block| block.start_ms);
    for &range_ms in ranges_ms.iter().skip(1) {
        for part in older.chunk_by(|a, b| window(a, range_ms) == window(b, range_ms)) {
            let Some((first, last)) = part.first().zip(part.last()) else {
                continue;
            };
            let fits = window(first, range_ms).is_some();
            let has_failed = part.iter().any(|block| block.is_failed);
            let is_full = last.end_ms.saturating_sub(first.start_ms) == range_ms;
            if fits && !has_failed && part.len() > 1 && (is_full || last.end_ms <= newest_start_ms) {
                return part.iter().map(|block| block.ulid).collect();
            }
        }
    }
    Vec::new()
}

/// The number of the aligned range the block lies in; `None` when it crosses a border.
fn window(block: &BlockMeta, range_ms: i64) -> Option<i64> {
    let number = block.start_ms.div_euclid(range_ms.max(1));
    let end_ms = number.checked_add(1)?.checked_mul(range_ms)?;
    (block.end_ms <= end_ms).then_some(number)
}

/// The newest large block of which many series have deletions, or any block all of whose series have.
fn with_tombstones(blocks: &[&BlockMeta], ranges_ms: &[i64]) -> Vec<Ulid> {
    let large_ms = ranges_ms.get(ranges_ms.len() / 2).copied().unwrap_or_default();
    let older = blocks.split_last().map_or(&[][..], |(_, older)| older);
    for block in older.iter().rev().filter(|block| !block.is_failed) {
        let stats = &block.stats;
        let is_large = block.end_ms.saturating_sub(block.start_ms) >= large_ms;
        let is_gone = stats.tombstones > 0 && stats.tombstones >= stats.series;
        let has_many = stats.tombstones as f64 / (stats.series + 1) as f64 > TOMBSTONES_PER_SERIES_MAX;
        if is_gone || is_large && has_many {
            return vec![block.ulid];
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: i64, start_h: i64, end_h: i64) -> BlockMeta {
        let mut meta = BlockMeta::new(Ulid::new(number, 0), start_h * HOUR_MS, end_h * HOUR_MS);
        meta.stats.series = 100;
        meta
    }

    /// `ranges`: hours covered by the blocks; `expected`: their indices.
    fn check(ranges: &[(i64, i64)], expected: &[i64]) {
        check_with(ranges, |_| {}, expected);
    }

    fn check_with(ranges: &[(i64, i64)], change: impl FnOnce(&mut [BlockMeta]), expected: &[i64]) {
        let numbered = ranges.iter().zip(0..);
        let mut blocks: Vec<BlockMeta> = numbered
            .map(|(&(start_h, end_h), number)| block(number, start_h, end_h))
            .collect();
        change(&mut blocks);
        let expected: Vec<Ulid> = expected.iter().map(|&number| Ulid::new(number, 0)).collect();
        assert_eq!(
            plan(&blocks, &CompactionSettings::default()),
            expected,
            "{ranges:?}"
        );
        blocks.reverse();
        assert_eq!(
            plan(&blocks, &CompactionSettings::default()),
            expected,
            "the order given matters"
        );
    }

    #[test]
    fn levels_triple() {
        let hours = |settings: CompactionSettings| -> Vec<i64> {
            settings
                .ranges_ms
                .iter()
                .map(|range_ms| range_ms / HOUR_MS)
                .collect()
        };
        assert_eq!(hours(CompactionSettings::default()), [2, 6, 18, 54, 162, 486]);
        assert_eq!(
            hours(CompactionSettings::for_retention(Some(15 * 24 * HOUR_MS))),
            [2, 6, 18]
        );
        assert_eq!(hours(CompactionSettings::for_retention(Some(1))), [2]);
    }

    #[test]
    fn full_ranges_are_joined_without_the_newest_block() {
        check(&[], &[]);
        check(&[(0, 2)], &[]);
        check(&[(0, 2), (2, 4), (4, 6)], &[]);
        check(&[(0, 2), (2, 4), (4, 6), (6, 8)], &[0, 1, 2]);
        check(&[(2, 4), (4, 6), (6, 8), (8, 10)], &[0, 1]);
        check(&[(0, 6), (6, 12), (12, 18), (18, 20)], &[0, 1, 2]);
        check(&[(-6, -4), (-4, -2), (-2, 0), (0, 2)], &[0, 1, 2]);
    }

    #[test]
    fn gaps_are_joined_once_time_has_passed() {
        check(&[(0, 2), (4, 6), (6, 8)], &[0, 1]);
        check(&[(0, 2), (2, 4), (6, 8)], &[]);
        check(&[(0, 2), (2, 4), (6, 8), (8, 10)], &[0, 1]);
        check(&[(0, 2), (20, 22), (22, 24)], &[]);
        // One that crosses a border is left out.
        check(&[(0, 2), (5, 7), (8, 10), (12, 14)], &[]);
    }

    #[test]
    fn overlaps_come_first() {
        check(&[(0, 2), (2, 4), (4, 6), (6, 8), (7, 9)], &[3, 4]);
        check(&[(0, 6), (1, 2), (3, 4), (6, 8), (7, 8)], &[0, 1, 2]);
        check(&[(0, 2), (0, 2)], &[0, 1]);
        let late = |blocks: &mut [BlockMeta]| blocks[1].hints.push(FROM_OUT_OF_ORDER.to_owned());
        check_with(&[(0, 2), (0, 2)], late, &[0, 1]);
        let stale = |blocks: &mut [BlockMeta]| blocks[1].hints.push("from-stale-series".to_owned());
        check_with(&[(0, 2), (0, 2)], stale, &[]);
    }

    #[test]
    fn failed_blocks_are_left_alone() {
        let fail = |blocks: &mut [BlockMeta]| blocks[1].is_failed = true;
        check_with(&[(0, 2), (2, 4), (4, 6), (6, 8)], fail, &[]);
        check_with(&[(0, 2), (0, 2)], fail, &[]);
        let delete = |blocks: &mut [BlockMeta]| blocks[1].is_deletable = true;
        check_with(&[(0, 2), (0, 2)], delete, &[]);
    }

    #[test]
    fn deletions_are_carried_out() {
        let some = |blocks: &mut [BlockMeta]| blocks[0].stats.tombstones = 6;
        check_with(&[(0, 54), (54, 56)], some, &[0]);
        check_with(&[(0, 2), (54, 56)], some, &[]);
        let few = |blocks: &mut [BlockMeta]| blocks[0].stats.tombstones = 5;
        check_with(&[(0, 54), (54, 56)], few, &[]);
        let all = |blocks: &mut [BlockMeta]| blocks[0].stats.tombstones = 100;
        check_with(&[(0, 2), (54, 56)], all, &[0]);
    }
}
