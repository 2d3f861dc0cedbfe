//! What can go wrong: with a job, with fetching, with a scrape.

use std::time::Duration;

use moheng_metrics::{ParseError, SinkError};
use thiserror::Error;

/// Why jobs are refused. Nothing was changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobError {
    /// A job cannot be run as it is: change it.
    #[error("scrape job {job_name:?}: {message}")]
    Invalid {
        /// The job.
        job_name: String,
        /// What is wrong with it.
        message: String,
    },
    /// Two jobs have this name: rename one.
    #[error("found more than one scrape job with the name {0:?}")]
    DuplicateName(String),
    /// The manager was started outside of a tokio runtime: enter one.
    #[error("scraping needs a tokio runtime")]
    NoRuntime,
    /// The manager was shut down: start another.
    #[error("scraping was shut down")]
    Closed,
}

/// Why an exposition could not be fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Where to.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Connecting, waiting and reading took longer than allowed.
    #[error("scrape timeout of {0:?} exceeded")]
    Timeout(Duration),
    /// The peer does not follow HTTP, or the connection broke.
    #[error("{context}: {message}")]
    Protocol {
        /// What was being done.
        context: &'static str,
        /// What happened.
        message: String,
    },
    /// The answer is not 200.
    #[error("server returned HTTP status {0}")]
    Status(String),
    /// The body, compressed or not, is larger than allowed.
    #[error("body size limit of {limit_bytes} bytes exceeded")]
    BodyTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The answer is in a format or encoding that cannot be read.
    #[error("{0}")]
    Format(String),
    /// What is asked for is not supported yet.
    #[error("{0}")]
    Unsupported(String),
    /// An in-process source failed or is still busy with the last scrape.
    #[error("{0}")]
    Source(String),
}

/// Why a scrape failed: nothing it exposed was appended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The exposition was not fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The exposition does not follow its format.
    #[error("invalid exposition: {0}")]
    Parse(#[from] ParseError),
    /// A series has no metric name after relabelling.
    #[error("{0}")]
    InvalidSeries(String),
    /// More samples than allowed are left after relabelling.
    #[error("sample limit of {limit} exceeded: {samples} samples")]
    SampleLimit {
        /// The limit.
        limit: usize,
        /// How many there are.
        samples: usize,
    },
    /// A series has too many labels, or too long ones.
    #[error("{0}")]
    LabelLimit(String),
    /// The job has more targets than allowed, so that all of them fail.
    #[error("target limit of {limit} exceeded: {targets} targets")]
    TargetLimit {
        /// The limit.
        limit: usize,
        /// How many there are.
        targets: usize,
    },
    /// The sink did not take the samples.
    #[error(transparent)]
    Storage(#[from] SinkError),
}
