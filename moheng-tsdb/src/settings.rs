//! [`Settings`]: what users tune, with defaults.

use std::fmt;
use std::num::NonZero;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use moheng_metrics::{format_duration, parse_duration_ms};

use crate::Error;
use crate::compact::Retention;
use crate::format::wal_page::Compression as WalCompression;

/// What users tune.
///
/// ```
/// use moheng_tsdb::{Settings, WalSync};
///
/// let mut settings = Settings::default();
/// settings.wal_sync = "interval=250ms".parse()?;
/// assert_eq!(settings.wal_sync.to_string(), "interval=250ms");
/// assert!("sometimes".parse::<WalSync>().is_err());
/// # Ok::<(), moheng_tsdb::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// When the write-ahead log is made durable.
    pub wal_sync: WalSync,
    /// A segment of the write-ahead log is ended before it grows beyond this. Default 128 MiB, as in Prometheus.
    pub wal_segment_bytes: u64,
    /// How the records of the write-ahead log, of its checkpoints and of chunk snapshots are compressed. Any is read.
    pub wal_compression: WalCompression,
    /// How long and how much is kept. Everything by default.
    pub retention: Retention,
    /// What is too much. No limits by default.
    pub limits: Limits,
    /// How many exemplars are kept in memory, of all series together; the newest stay. 100 000 by default, as in Prometheus
    /// once they are switched on there; with 0 they are refused.
    pub max_exemplars: usize,
    /// Whether start timestamps are stored. Without, the default, they are left out, and Prometheus 2 can read the data
    /// directory; with, it takes Prometheus 3.11, and 3.14 where histograms have start timestamps. What is stored stays
    /// readable here either way.
    pub start_timestamps: bool,
    /// How much older than the newest sample of all series a sample may be, in milliseconds, when its series has newer ones. 0,
    /// the default: each series must be in order. [`Db::set_out_of_order_window_ms`](crate::Db::set_out_of_order_window_ms)
    /// changes it later.
    ///
    /// Where a series has several samples with the same timestamp, the one that came in order counts, and of late ones the first;
    /// the youngest late samples of a series refuse another value for their timestamps.
    pub out_of_order_window_ms: i64,
    /// Room that a file of this size keeps for the day when the disk is full, in bytes. When a write finds no room the file is removed
    /// and appends are refused, so that compaction, retention and deletions have room to work; when twice this is free the file comes
    /// back and appends go on. 0, the default: no such file, and each append tries for itself.
    pub reserve_bytes: u64,
    /// Whether closing writes what is in memory to a chunk snapshot, so that the next start does not read the log up to there. It
    /// takes disk space of about the size of memory. Not by default. Snapshots that are there are used either way.
    pub snapshot_on_close: bool,
    /// How many threads rebuild memory when the database is opened; 0, the default: as many as there are processors.
    pub replay_threads: usize,
}

impl Settings {
    /// How many threads rebuild memory when the database is opened, at least one.
    pub(crate) fn replay_threads(&self) -> usize {
        match self.replay_threads {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wal_sync: WalSync::default(),
            wal_segment_bytes: 128 << 20,
            wal_compression: WalCompression::Snappy,
            retention: Retention::default(),
            limits: Limits::default(),
            max_exemplars: 100_000,
            start_timestamps: false,
            out_of_order_window_ms: 0,
            reserve_bytes: 0,
            snapshot_on_close: false,
            replay_threads: 0,
        }
    }
}

/// What is too much; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Series in memory.
    pub series: Option<usize>,
    /// Labels of one series, the metric name included.
    pub labels_per_series: Option<usize>,
    /// Bytes of one label name.
    pub label_name_bytes: Option<usize>,
    /// Bytes of one label value.
    pub label_value_bytes: Option<usize>,
}

/// When the write-ahead log is made durable, that is, what a power cut can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalSync {
    /// An append returns after its batch is durable; appends of several threads share a sync.
    Always,
    /// In the background; a power cut takes at most the samples of this long. A crash of the process takes nothing.
    Interval(Duration),
    /// When a segment is full and on close; otherwise when the operating system likes to, as in Prometheus.
    Os,
}

impl Default for WalSync {
    fn default() -> Self {
        Self::Interval(Duration::from_secs(1))
    }
}

impl fmt::Display for WalSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Interval(interval) => {
                write!(f, "interval={}", format_duration(interval.as_millis() as i64))
            }
            Self::Os => f.write_str("os"),
        }
    }
}

impl FromStr for WalSync {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            Error::Invalid(format!(
                "{text:?} is not a sync policy: {why}; expected \"always\", \"interval=DURATION\" or \"os\""
            ))
        };
        match text {
            "always" => Ok(Self::Always),
            "os" => Ok(Self::Os),
            _ => {
                let duration = text
                    .strip_prefix("interval=")
                    .ok_or_else(|| refuse("unknown word"))?;
                let interval_ms = parse_duration_ms(duration).map_err(|error| refuse(&error.to_string()))?;
                if interval_ms <= 0 {
                    return Err(refuse("the interval is zero"));
                }
                Ok(Self::Interval(Duration::from_millis(interval_ms as u64)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_policies_are_read_as_written() {
        for (text, expected) in [
            ("always", WalSync::Always),
            ("os", WalSync::Os),
            ("interval=1s", WalSync::Interval(Duration::from_secs(1))),
            ("interval=100ms", WalSync::Interval(Duration::from_millis(100))),
        ] {
            assert_eq!(text.parse::<WalSync>().unwrap(), expected);
            assert_eq!(expected.to_string(), text);
        }
        for text in [
            "",
            "Always",
            "interval",
            "interval=",
            "interval=x",
            "interval=0s",
            "1s",
        ] {
            let error = text.parse::<WalSync>().unwrap_err().to_string();
            assert!(error.contains("expected \"always\""), "{error}");
        }
    }
}
