//! [`Error`]: why the database could not do something.

use std::io;

use moheng_metrics::{SinkError, SourceError};
use thiserror::Error;

/// Why the database could not do something, sorted by what the caller does next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or setting makes no sense: change it.
    #[error("{0}")]
    Invalid(String),
    /// The directory holds something this version cannot read. Nothing was changed: use another directory or version.
    #[error("not supported yet: {0}; nothing was changed")]
    Unsupported(String),
    /// Another process writes to the directory: stop it, or open read-only.
    #[error("the data directory is in use by another process (its file \"{0}\" is locked)")]
    Locked(String),
    /// What is named is damaged: restore it from a backup.
    #[error("{path} is damaged: {message}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// There is no room: free some, then do it again.
    #[error("storage is full: {0}")]
    Full(String),
    /// The database is closed, read-only, or refuses writes after a failed sync: reopen it.
    #[error("the database does not take this: {0}")]
    Unavailable(String),
    /// The operating system failed; doing it again may work.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// Wraps an I/O error, telling a full disk from the rest.
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full(format!("{context}: {source}"))
            }
            _ => Self::Io { context, source },
        }
    }
}

impl From<Error> for SinkError {
    fn from(error: Error) -> Self {
        match error {
            Error::Full(message) => Self::Full(message),
            Error::Io { context, source } => Self::Io { context, source },
            Error::Unavailable(message) => Self::Unavailable(message),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { context, source } => Self::Io { context, source },
            Error::Corrupt { .. } => Self::Corrupt(error.to_string()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}
