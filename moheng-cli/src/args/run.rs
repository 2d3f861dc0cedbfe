//! Flags of `run`, under Prometheus's names.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use moheng_tsdb::{WalCompression, WalSync};

use super::engine::EngineArgs;
use super::values::{parse_duration, parse_duration_or_zero, parse_positive, parse_size_bytes};

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Configuration file in the format of prometheus.yml. Without it this host and moheng itself are collected every
    /// 15 s.
    #[arg(long = "config.file", env = "MOHENG_CONFIG_FILE", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) storage: StorageArgs,

    #[command(flatten)]
    pub(crate) web: WebArgs,

    #[command(flatten)]
    pub(crate) query: QueryLimitArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Where and how safely samples are stored.
#[derive(Args, Debug)]
pub(crate) struct StorageArgs {
    /// Directory of the database.
    #[arg(
        long = "storage.tsdb.path",
        env = "MOHENG_STORAGE_TSDB_PATH",
        value_name = "DIR",
        default_value = "data/"
    )]
    pub(crate) path: PathBuf,

    /// When written samples are forced to the disk: `always`, `interval=DURATION`, or `os`.
    #[arg(
        long = "storage.wal-sync",
        env = "MOHENG_STORAGE_WAL_SYNC",
        value_name = "POLICY",
        default_value = "interval=1s"
    )]
    pub(crate) wal_sync: WalSync,

    /// Whether records of the write-ahead log are compressed.
    #[arg(
        long = "storage.tsdb.wal-compression",
        env = "MOHENG_STORAGE_TSDB_WAL_COMPRESSION",
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = ArgAction::Set,
        overrides_with = "no_wal_compression"
    )]
    wal_compression: bool,

    #[arg(long = "no-storage.tsdb.wal-compression", hide = true)]
    no_wal_compression: bool,

    /// How records of the write-ahead log are compressed: `snappy` or `zstd`, which Prometheus 2.42 does not read.
    #[arg(
        long = "storage.tsdb.wal-compression-type",
        env = "MOHENG_STORAGE_TSDB_WAL_COMPRESSION_TYPE",
        value_name = "NAME",
        default_value = "snappy"
    )]
    wal_compression_type: WalCompression,

    /// How large a segment of the write-ahead log becomes, such as 128MB; at least 32KB.
    #[arg(
        long = "storage.tsdb.wal-segment-size",
        env = "MOHENG_STORAGE_TSDB_WAL_SEGMENT_SIZE",
        value_name = "SIZE",
        default_value = "128MB",
        value_parser = parse_size_bytes
    )]
    pub(crate) wal_segment_bytes: u64,

    /// How long samples are kept, such as 30d or 1y; 0 keeps them for ever.
    #[arg(
        long = "storage.tsdb.retention.time",
        env = "MOHENG_STORAGE_TSDB_RETENTION_TIME",
        value_name = "DURATION",
        default_value = "15d",
        value_parser = parse_duration_or_zero
    )]
    pub(crate) retention_time: Duration,

    /// How much space samples may take, such as 512MB or 20GB (powers of 1024); 0 is no limit.
    #[arg(
        long = "storage.tsdb.retention.size",
        env = "MOHENG_STORAGE_TSDB_RETENTION_SIZE",
        value_name = "SIZE",
        default_value = "0",
        value_parser = parse_size_bytes
    )]
    pub(crate) retention_size_bytes: u64,

    /// Room that a file in the directory keeps for the day when the disk is full, such as 64MB; 0 keeps none. When a write finds no
    /// room it is given back, so that queries, retention and deletions go on while samples are refused.
    #[arg(
        long = "storage.reserve-size",
        env = "MOHENG_STORAGE_RESERVE_SIZE",
        value_name = "SIZE",
        default_value = "64MB",
        value_parser = parse_size_bytes
    )]
    pub(crate) reserve_bytes: u64,

    /// Write what is in memory to a chunk snapshot when the server ends, so that the next start does not read the log.
    #[arg(
        long = "storage.snapshot-on-shutdown",
        env = "MOHENG_STORAGE_SNAPSHOT_ON_SHUTDOWN",
        value_name = "BOOL",
        default_value_t = true,
        action = ArgAction::Set
    )]
    pub(crate) snapshot_on_shutdown: bool,
}

impl StorageArgs {
    /// How the records of the write-ahead log are compressed.
    pub(crate) fn wal_compression(&self) -> WalCompression {
        if self.wal_compression && !self.no_wal_compression {
            self.wal_compression_type
        } else {
            WalCompression::None
        }
    }
}

/// Who may reach the server, and what they may do.
#[derive(Args, Debug)]
pub(crate) struct WebArgs {
    /// Address to listen on; can be given several times.
    #[arg(
        long = "web.listen-address",
        env = "MOHENG_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS:PORT",
        value_delimiter = ',',
        default_value = "127.0.0.1:9090"
    )]
    pub(crate) listen_addresses: Vec<String>,

    /// File with TLS, users and headers, in the format that Prometheus and its exporters share.
    #[arg(long = "web.config.file", env = "MOHENG_WEB_CONFIG_FILE", value_name = "FILE")]
    pub(crate) web_config_file: Option<PathBuf>,

    /// Offer the admin API: whoever reaches the server can then read a full copy of the data, and delete series.
    #[arg(long = "web.enable-admin-api", env = "MOHENG_WEB_ENABLE_ADMIN_API")]
    pub(crate) enable_admin_api: bool,

    /// Offer POST /-/quit: whoever reaches the server can then stop it.
    #[arg(long = "web.enable-lifecycle", env = "MOHENG_WEB_ENABLE_LIFECYCLE")]
    pub(crate) enable_lifecycle: bool,

    /// Connections that are open at the same time; further ones wait.
    #[arg(
        long = "web.max-connections",
        env = "MOHENG_WEB_MAX_CONNECTIONS",
        value_name = "COUNT",
        default_value = "512",
        value_parser = parse_positive
    )]
    pub(crate) max_connections: usize,

    /// How long a client may take to send a request.
    #[arg(
        long = "web.read-timeout",
        env = "MOHENG_WEB_READ_TIMEOUT",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_duration
    )]
    pub(crate) read_timeout: Duration,
}

/// How many queries are answered at once.
#[derive(Args, Debug)]
pub(crate) struct QueryLimitArgs {
    /// How many queries run at the same time; further ones wait.
    #[arg(
        long = "query.max-concurrency",
        env = "MOHENG_QUERY_MAX_CONCURRENCY",
        value_name = "COUNT",
        default_value = "20",
        value_parser = parse_positive
    )]
    pub(crate) max_concurrency: usize,
}

/// What is logged to standard error, and how.
#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// The least severe messages that are logged.
    #[arg(
        long = "log.level",
        env = "MOHENG_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub(crate) level: LogLevel,

    /// How messages are written.
    #[arg(
        long = "log.format",
        env = "MOHENG_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt"
    )]
    pub(crate) format: LogFormat,
}

/// Severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Ways to write messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// `time=... level=... msg="..." key=value`
    Logfmt,
    /// One JSON object per line.
    Json,
}
