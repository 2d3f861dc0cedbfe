//! [`Stats`]: what the database counts, as plain numbers.

use std::time::Duration;

/// A picture of the database. Counters start at zero when it is opened.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What is in memory.
    pub head: HeadStats,
    /// What happened to appended samples.
    pub samples: SampleStats,
    /// Exemplars.
    pub exemplars: ExemplarStats,
    /// The write-ahead log.
    pub wal: WalStats,
    /// The log of late samples.
    pub late_log: WalStats,
    /// How the log was read when the database was opened.
    pub replay: ReplayStats,
    /// Blocks that were damaged when the database was opened. Their samples are not in answers.
    pub damaged_blocks: Vec<DamagedBlock>,
    /// What queries have found to be damaged since the database was opened.
    pub damage: DamageStats,
    /// The room on the disk.
    pub space: SpaceStats,
}

/// What queries have found to be damaged. They fail; nothing is moved or left out because of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamageStats {
    /// How often.
    pub count: u64,
    /// The blocks in use that are concerned, each with what was found first. [`verify`](crate::verify) finds the rest.
    pub blocks: Vec<DamagedBlock>,
}

/// The room on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpaceStats {
    /// The size of the disk in bytes, where it is known.
    pub total_bytes: Option<u64>,
    /// What is free of it, in bytes, where it is known.
    pub free_bytes: Option<u64>,
    /// The room that is reserved now, in bytes.
    pub reserve_bytes: u64,
    /// Whether appends are refused because a write found no room, until there is some.
    pub is_full: bool,
}

/// A block that was damaged when the database was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedBlock {
    /// The name of its directory.
    pub block: String,
    /// What is wrong with it.
    pub reason: String,
    /// Where it is now; `None` when the database is open read-only and nothing was moved.
    pub quarantine: Option<String>,
}

/// What is in memory.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HeadStats {
    /// Series with samples.
    pub series: u64,
    /// Series created since the database was opened, those of the log included.
    pub series_created: u64,
    /// Series removed since then: blocks hold all their samples.
    pub series_removed: u64,
    /// Chunks.
    pub chunks: u64,
    /// Chunks created since the database was opened, those of the log included.
    pub chunks_created: u64,
    /// Chunks removed since then: blocks hold them.
    pub chunks_removed: u64,
    /// Chunks moved to `chunks_head/` since then.
    pub chunks_mapped: u64,
    /// The size of the files in `chunks_head/`, in bytes.
    pub mapped_bytes: u64,
    /// The timestamp of the oldest sample in milliseconds.
    pub start_ms: Option<i64>,
    /// The timestamp of the newest sample in milliseconds.
    pub end_ms: Option<i64>,
    /// Distinct labels: pairs of a name and a value.
    pub labels: u64,
    /// Memory of the texts of label values, in bytes.
    pub label_text_bytes: u64,
}

/// What happened to appended samples, counted.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SampleStats {
    /// Batches.
    pub batches: u64,
    /// Stored.
    pub appended: u64,
    /// Accepted without effect: the newest sample of the series again.
    pub repeated: u64,
    /// Rejected: older than the newest sample of the series.
    pub out_of_order: u64,
    /// Rejected: the newest timestamp with another value.
    pub duplicate_timestamp: u64,
    /// Rejected: older than what memory still takes.
    pub out_of_bounds: u64,
    /// Of those stored: older than the newest sample of the series, within the window for late samples.
    pub late: u64,
    /// Rejected: older than the window for late samples.
    pub too_old: u64,
    /// Rejected: no such series reference.
    pub unknown_reference: u64,
    /// Rejected: no labels, or more or longer ones than allowed.
    pub invalid_labels: u64,
    /// Rejected: as many series as allowed.
    pub series_limit: u64,
}

/// Exemplars, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExemplarStats {
    /// Stored since the database was opened, those of the log included.
    pub appended: u64,
    /// Rejected: older than the newest exemplar of the series.
    pub out_of_order: u64,
    /// Stored now.
    pub stored: u64,
    /// Series with exemplars now.
    pub series: u64,
    /// How many may be stored.
    pub limit: u64,
    /// The timestamp of the one that was stored first of those stored now, in milliseconds.
    pub oldest_ms: Option<i64>,
}

/// The write-ahead log.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct WalStats {
    /// The number of the segment that is written to, or will be.
    pub current_segment: u32,
    /// The size of all segments in bytes.
    pub size_bytes: u64,
    /// Bytes written since the database was opened.
    pub written_bytes: u64,
    /// Batches that could not be written.
    pub failed_writes: u64,
    /// Syncs (`fdatasync`) since the database was opened.
    pub sync_count: u64,
    /// Time they took together.
    pub sync_time: Duration,
    /// Whether batches are taken: not closed, not read-only, no failed sync.
    pub is_writable: bool,
}

/// Which metrics, names and labels most series in memory have: the highest counts, highest first, equal ones by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cardinality {
    /// Distinct labels of series in memory: pairs of a name and a value.
    pub label_pairs: u64,
    /// Series by metric name.
    pub series_by_metric: Vec<(String, u64)>,
    /// Distinct values by label name.
    pub values_by_label: Vec<(String, u64)>,
    /// Memory by label name, in bytes: the texts of its values, each once, and eight bytes for each series with it.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Series by label, written `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
}

/// How the log was read when the database was opened.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ReplayStats {
    /// How long it took.
    pub duration: Duration,
    /// Segments read.
    pub segments: u64,
    /// Bytes of these segments.
    pub size_bytes: u64,
    /// Samples stored.
    pub samples: u64,
    /// Samples that were older than the newest of their series and were left out.
    pub out_of_order: u64,
    /// Late samples stored, of their own log; not among `samples`.
    pub late_samples: u64,
    /// Samples that blocks hold already.
    pub in_blocks: u64,
    /// Series that came from a chunk snapshot, so that the log before it was not read.
    pub restored_series: u64,
    /// Why a chunk snapshot was not used, so that all of the log was read. One that is damaged is set aside.
    pub refused_snapshot: Option<String>,
    /// Chunks of `chunks_head/` that were taken over.
    pub mapped_chunks: u64,
    /// Samples of the log that these chunks hold already.
    pub in_mapped_chunks: u64,
    /// Whether a part of `chunks_head/` could not be read. It is set aside; its samples came from the log.
    pub had_damaged_chunks: bool,
    /// Samples whose series the log does not name.
    pub unknown_references: u64,
    /// Exemplars, metadata and deletions of series that the log does not name.
    pub unknown_notes: u64,
    /// Places that could not be read: damaged records, missing segments. An unfinished last write is not one.
    pub corruptions: u64,
    /// Whether the last write was unfinished: the process or the machine died during it.
    pub had_unfinished_write: bool,
    /// Records of kinds that are not supported yet, by name, ascending. They stay in the log.
    pub skipped_records: Vec<(&'static str, u64)>,
}
