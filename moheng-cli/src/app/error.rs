//! Why the server cannot run.

use std::path::PathBuf;

use moheng_collect::{HostError, JobError};
use thiserror::Error;

/// Why the server cannot run.
#[derive(Debug, Error)]
pub(crate) enum AppError {
    /// Another program has the address, or it is not one.
    #[error("cannot listen on {address}: {source}")]
    Bind { address: String, source: std::io::Error },
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(std::io::Error),
    /// The data directory cannot be made.
    #[error("{path}: {source}")]
    Directory { path: PathBuf, source: std::io::Error },
    /// The database cannot be opened.
    #[error("{path}: {source}")]
    Open {
        path: PathBuf,
        source: moheng_tsdb::Error,
    },
    /// The database cannot be closed.
    #[error(transparent)]
    Close(moheng_tsdb::Error),
    /// The scrape jobs cannot be run.
    #[error(transparent)]
    Jobs(#[from] JobError),
    /// The host cannot be collected from.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The server's own instruments do not fit each other.
    #[error(transparent)]
    Instruments(#[from] moheng_metrics::instrument::RegisterError),
    /// A thread ended early.
    #[error("a task failed: {0}")]
    Task(String),
}
