//! [`CollectError`] and [`HostError`]: why a collector has nothing to say, and why collecting cannot start.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use moheng_metrics::PatternError;
use thiserror::Error;

/// Why a collector failed. The kinds say what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectError {
    /// This machine or kernel does not have it. Normal; nothing to do.
    #[error("{path}: not on this machine")]
    NoData {
        /// The file or directory that is missing.
        path: PathBuf,
    },
    /// The process may not read it: run as another user, or switch the collector off.
    #[error("{path}: permission denied")]
    Denied {
        /// The file or directory that could not be read.
        path: PathBuf,
    },
    /// A file does not look as its kernel documentation says. Worth a report.
    #[error("{path}:{line}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 where the file as a whole is meant.
        line: usize,
        /// What was expected.
        message: String,
    },
    /// It took too long, in this collection or in an earlier one that has not come back yet. It is tried again when it has.
    #[error("no answer within {} s", limit.as_secs_f64())]
    TimedOut {
        /// The time it was given.
        limit: Duration,
    },
    /// Reading failed in another way.
    #[error("{what}: {source}")]
    Io {
        /// The file or system call.
        what: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The collector panicked; a bug of the collector.
    #[error("the collector panicked")]
    Panicked,
}

impl CollectError {
    /// Sorts an error of the operating system about `path` into its kind.
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path_buf = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NoData { path: path_buf },
            io::ErrorKind::PermissionDenied => Self::Denied { path: path_buf },
            _ => Self::Io {
                what: path.display().to_string(),
                source,
            },
        }
    }

    /// Whether the error only says that there is nothing to collect here.
    pub fn is_no_data(&self) -> bool {
        matches!(self, Self::NoData { .. })
    }
}

/// Why [`HostCollectors`](crate::HostCollectors) could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// A pattern of directories is not valid.
    #[error("collector {collector}: invalid pattern {pattern:?}: {source}")]
    Glob {
        /// The collector it is an option of.
        collector: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// Host metrics are only collected on Linux, macOS and Windows.
    #[error("host metrics are not supported on {system}; only on Linux, macOS and Windows")]
    Unsupported {
        /// The operating system of this process.
        system: &'static str,
    },
    /// There is no collector of this name.
    #[error("no collector is called {name:?}; there are {known}")]
    UnknownCollector {
        /// The name as it was given.
        name: String,
        /// All names.
        known: String,
    },
    /// A filter is not a regular expression.
    #[error("collector {collector}: {source}")]
    Pattern {
        /// The collector the filter belongs to.
        collector: &'static str,
        /// What is wrong with it.
        source: PatternError,
    },
}
