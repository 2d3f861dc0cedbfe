//! [`Retention`]: which blocks are too old or too much, from their descriptions and sizes alone.

use crate::block::{BlockMeta, Ulid};

/// How long and how much is kept; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retention {
    /// A block goes when the newest one ends so many milliseconds after it or later.
    pub time_ms: Option<i64>,
    /// Blocks go, oldest first, while everything together is larger than so many bytes.
    pub size_bytes: Option<u64>,
    /// Blocks go, oldest first, while everything together is more than this percentage of the disk.
    pub disk_percentage: Option<f64>,
}

/// What takes space beside the blocks, and how much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// The size of the write-ahead log and of the head's chunks in bytes. Counted, never removed.
    pub other_bytes: u64,
    /// The size of the disk in bytes, 0 when it is not known.
    pub disk_bytes: u64,
}

impl Retention {
    /// The blocks to remove, of `blocks` with their sizes in bytes.
    pub fn expired(&self, blocks: &[(BlockMeta, u64)], disk: DiskUse) -> Vec<Ulid> {
        let mut newest_first: Vec<&(BlockMeta, u64)> = blocks.iter().collect();
        newest_first.sort_by_key(|(block, _)| std::cmp::Reverse((block.end_ms, block.ulid)));
        let kept = self
            .kept_by_time(&newest_first)
            .min(self.kept_by_size(&newest_first, disk));
        let expired = newest_first.get(kept..).unwrap_or_default();
        expired.iter().map(|(block, _)| block.ulid).collect()
    }

    fn kept_by_time(&self, newest_first: &[&(BlockMeta, u64)]) -> usize {
        // A block of late samples may reach beyond the newest one.
        let reached = newest_first.iter().map(|(block, _)| {
            if block.is_late() {
                block.start_ms
            } else {
                block.end_ms
            }
        });
        let Some((limit_ms, newest_ms)) = self.time_ms.zip(reached.max()) else {
            return newest_first.len();
        };
        newest_first.partition_point(|(block, _)| newest_ms.saturating_sub(block.end_ms) < limit_ms)
    }

    fn kept_by_size(&self, newest_first: &[&(BlockMeta, u64)], disk: DiskUse) -> usize {
        let percentage = self.disk_percentage.filter(|_| disk.disk_bytes > 0);
        let by_percentage = percentage.map(|percentage| (disk.disk_bytes as f64 * percentage / 100.0) as u64);
        let Some(limit_bytes) = by_percentage.into_iter().chain(self.size_bytes).min() else {
            return newest_first.len();
        };
        let mut total_bytes = disk.other_bytes;
        let fits = |(_, size_bytes): &&&(BlockMeta, u64)| {
            total_bytes = total_bytes.saturating_add(*size_bytes);
            total_bytes <= limit_bytes
        };
        newest_first.iter().take_while(fits).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks 0 to 3 cover 10 ms each, 3 the newest, and take 100 bytes each.
    fn check(retention: Retention, disk: DiskUse, expected: &[i64]) {
        let block = |number: i64| BlockMeta::new(Ulid::new(number, 0), 10 * number, 10 * (number + 1));
        let blocks: Vec<(BlockMeta, u64)> = (0..4).map(|number| (block(number), 100)).collect();
        let mut expired = retention.expired(&blocks, disk);
        expired.sort();
        let expected: Vec<Ulid> = expected.iter().map(|&number| Ulid::new(number, 0)).collect();
        assert_eq!(expired, expected, "{retention:?}");
    }

    #[test]
    fn a_late_block_does_not_say_what_time_it_is() {
        let block = |number: i64| BlockMeta::new(Ulid::new(number, 0), 10 * number, 10 * (number + 1));
        let mut late = block(3);
        late.hints.push("from-out-of-order".to_owned());
        let blocks: Vec<(BlockMeta, u64)> = [block(0), block(1), block(2), late]
            .map(|block| (block, 1))
            .into();
        let expired = |time_ms| {
            let time_ms = Some(time_ms);
            let retention = Retention {
                time_ms,
                ..Retention::default()
            };
            retention.expired(&blocks, DiskUse::default()).len()
        };
        assert_eq!((expired(21), expired(20), expired(10)), (0, 1, 2));
    }

    #[test]
    fn what_is_too_old_or_too_much_goes() {
        let none = Retention::default();
        let disk = DiskUse {
            other_bytes: 50,
            disk_bytes: 1000,
        };
        let time = |time_ms| Retention {
            time_ms: Some(time_ms),
            ..none
        };
        let size = |size_bytes| Retention {
            size_bytes: Some(size_bytes),
            ..none
        };
        let percentage = |disk_percentage| Retention {
            disk_percentage: Some(disk_percentage),
            ..none
        };
        check(none, disk, &[]);
        check(time(31), disk, &[]);
        check(time(30), disk, &[0]);
        check(time(11), disk, &[0, 1]);
        check(time(1), disk, &[0, 1, 2]);
        check(size(450), disk, &[]);
        check(size(449), disk, &[0]);
        check(size(149), disk, &[0, 1, 2, 3]);
        check(percentage(45.0), disk, &[]);
        check(percentage(25.0), disk, &[0, 1]);
        check(percentage(1.0), DiskUse::default(), &[]);
        let both = Retention {
            time_ms: Some(30),
            size_bytes: Some(250),
            disk_percentage: Some(40.0),
        };
        check(both, disk, &[0, 1]);
    }
}
