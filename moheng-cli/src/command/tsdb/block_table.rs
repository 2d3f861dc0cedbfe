//! Blocks in the columns of `promtool tsdb list`.

use jiff::Timestamp;
use moheng_tsdb::block::BlockMeta;

/// A block and how much room its files take.
pub(super) struct SizedBlock {
    pub(super) meta: BlockMeta,
    pub(super) size_bytes: u64,
}

const HEADER: [&str; 8] = [
    "BLOCK ULID",
    "MIN TIME",
    "MAX TIME",
    "DURATION",
    "NUM SAMPLES",
    "NUM CHUNKS",
    "NUM SERIES",
    "SIZE",
];

/// Columns are at least this wide, two blanks between them included.
const COLUMN_WIDTH: usize = 13;

/// The table, with times and sizes for people or as numbers.
pub(super) fn block_table(blocks: &[SizedBlock], is_for_people: bool) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for SizedBlock { meta, size_bytes } in blocks {
        let time = |time_ms: i64| {
            if is_for_people {
                calendar_time(time_ms)
            } else {
                time_ms.to_string()
            }
        };
        rows.push([
            meta.ulid.to_string(),
            time(meta.start_ms),
            time(meta.end_ms),
            duration(meta.end_ms.saturating_sub(meta.start_ms)),
            meta.stats.samples.to_string(),
            meta.stats.chunks.to_string(),
            meta.stats.series.to_string(),
            if is_for_people {
                size(*size_bytes)
            } else {
                size_bytes.to_string()
            },
        ]);
    }
    columns(&rows)
}

fn columns(rows: &[[String; 8]]) -> String {
    let width_of = |column: usize| {
        let lengths = rows.iter().filter_map(|row| row.get(column)).map(String::len);
        (lengths.max().unwrap_or_default() + 2).max(COLUMN_WIDTH)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width_of).collect();
    let mut text = String::new();
    for row in rows {
        for (field, width) in row.iter().zip(&widths) {
            text.push_str(field);
            text.extend(std::iter::repeat_n(' ', width - field.len()));
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// Whole seconds in UTC, in the notation of Go's `Time.String`.
fn calendar_time(time_ms: i64) -> String {
    match Timestamp::from_second(time_ms / 1000) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => time_ms.to_string(),
    }
}

/// A duration in the notation of Go's `Duration.String`.
pub(super) fn duration(duration_ms: i64) -> String {
    let sign = if duration_ms < 0 { "-" } else { "" };
    let all_ms = duration_ms.unsigned_abs();
    if all_ms == 0 {
        return "0s".to_owned();
    }
    if all_ms < 1000 {
        return format!("{sign}{all_ms}ms");
    }
    let (hours, minutes) = (all_ms / 3_600_000, all_ms / 60_000 % 60);
    let mut seconds = format!("{}.{:03}", all_ms / 1000 % 60, all_ms % 1000);
    seconds.truncate(seconds.trim_end_matches('0').trim_end_matches('.').len());
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A size as a sum of whole units, each 1024 of the next: `1KiB524B`.
fn size(size_bytes: u64) -> String {
    let mut text = String::new();
    for (unit, shift) in [
        ("PiB", 50),
        ("TiB", 40),
        ("GiB", 30),
        ("MiB", 20),
        ("KiB", 10),
        ("B", 0),
    ] {
        let count = if unit == "PiB" {
            size_bytes >> shift
        } else {
            size_bytes >> shift & 1023
        };
        if count > 0 {
            text.extend([count.to_string().as_str(), unit]);
        }
    }
    if text.is_empty() { "0B".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use moheng_tsdb::block::Ulid;

    use super::*;

    #[test]
    fn durations_and_sizes() {
        for (duration_ms, expected) in [
            (0, "0s"),
            (7, "7ms"),
            (1000, "1s"),
            (10_000, "10s"),
            (60_001, "1m0.001s"),
            (7_200_000, "2h0m0s"),
            (7_140_001, "1h59m0.001s"),
            (-1500, "-1.5s"),
        ] {
            assert_eq!(duration(duration_ms), expected);
        }
        for (size_bytes, expected) in [
            (0, "0B"),
            (1548, "1KiB524B"),
            (1 << 20, "1MiB"),
            (5 << 60, "5120PiB"),
        ] {
            assert_eq!(size(size_bytes), expected);
        }
        assert_eq!(calendar_time(1_795_377_540_001), "2026-11-22 19:59:00 +0000 UTC");
    }

    #[test]
    fn tables() {
        let header = "BLOCK ULID   MIN TIME     MAX TIME     DURATION     NUM SAMPLES  NUM CHUNKS   NUM SERIES   SIZE\n";
        assert_eq!(block_table(&[], false), header);
        let block = SizedBlock {
            meta: BlockMeta::new(Ulid::new(0, 1), 0, 7_200_000),
            size_bytes: 2000,
        };
        assert_eq!(
            block_table(&[block], true),
            "BLOCK ULID                  MIN TIME                       MAX TIME                       DURATION     \
             NUM SAMPLES  NUM CHUNKS   NUM SERIES   SIZE\n\
             00000000000000000000000001  1970-01-01 00:00:00 +0000 UTC  1970-01-01 02:00:00 +0000 UTC  2h0m0s       \
             0            0            0            1KiB976B\n"
        );
    }
}
