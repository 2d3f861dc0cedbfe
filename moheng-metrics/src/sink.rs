//! The write seam: [`SampleSink`].

use thiserror::Error;

use crate::Labels;

/// The short name a [`SampleSink`] gives a series, for appending without labels.
///
/// References are only valid for the sink that handed them out. They are never reused for another series while the
/// sink is open, but a series that got no sample for long may be forgotten and its reference with it
/// ([`SampleError::UnknownReference`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(
    /// The number, at least 1.
    pub u64,
);

/// How an [`AppendEntry`] names its series.
#[derive(Clone, Copy, Debug)]
pub enum SeriesKey<'a> {
    /// By a reference the sink handed out before. The fast path: no labels are hashed.
    Reference(SeriesRef),
    /// By labels, creating the series when it does not exist.
    Labels(&'a Labels),
}

/// One float sample to append.
#[derive(Clone, Copy, Debug)]
pub struct AppendEntry<'a> {
    /// The series.
    pub series: SeriesKey<'a>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value, stored bit for bit.
    pub value: f64,
}

/// Samples that are appended together: typically all of one scrape.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AppendBatch<'a> {
    /// The float samples, in any order across series; of one series ascending by time.
    pub entries: Vec<AppendEntry<'a>>,
}

impl<'a> AppendBatch<'a> {
    /// A batch without samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sample of the series with these labels.
    pub fn push_labels(&mut self, labels: &'a Labels, timestamp_ms: i64, value: f64) {
        self.entries.push(AppendEntry {
            series: SeriesKey::Labels(labels),
            timestamp_ms,
            value,
        });
    }

    /// Adds a sample of a series that the sink already knows.
    pub fn push_reference(&mut self, reference: SeriesRef, timestamp_ms: i64, value: f64) {
        self.entries.push(AppendEntry {
            series: SeriesKey::Reference(reference),
            timestamp_ms,
            value,
        });
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Something samples are appended to.
///
/// # Contract
///
/// * **All or nothing.** When `append` returns an error, nothing of the batch was stored. When it returns `Ok`, every
///   sample whose outcome is `Ok` is stored and visible to every later `select`, all at once; the rejected ones are
///   not, and do not keep the others from being stored.
/// * **Order.** Samples of a series are appended ascending by time. A sample with the timestamp and the value bits of
///   the newest one is accepted and changes nothing; the same timestamp with another value is
///   [`SampleError::DuplicateTimestamp`], an older one [`SampleError::OutOfOrder`] unless the sink takes late samples.
/// * **References.** The outcome of an accepted sample is the reference of its series, for the next batch. On
///   [`SampleError::UnknownReference`] the caller appends that sample again by labels, in a batch of its own.
/// * **Labels.** Must have a metric name or at least one label; sinks reject the empty set.
/// * **Durability.** After `append` a crash of the process loses nothing of the batch. What survives a power failure
///   depends on the sink's policy; after [`SampleSink::sync`] returned, all that was appended before does.
/// * **Threads.** A sink is used from many threads at once. Batches of different threads that touch the same series
///   are ordered one way or the other.
pub trait SampleSink: Send + Sync {
    /// Appends a batch; the outcomes are parallel to its entries.
    ///
    /// # Errors
    ///
    /// See [`SinkError`]; nothing of the batch was stored.
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError>;

    /// Returns once everything appended before would survive a power failure, as far as the sink's policy promises
    /// that at all. Whoever acknowledges samples to a remote sender calls this first.
    ///
    /// # Errors
    ///
    /// See [`SinkError`]; what was appended may be lost by a power failure.
    fn sync(&self) -> Result<(), SinkError>;
}

/// What happened to one sample of a batch.
pub type SampleOutcome = Result<SeriesRef, SampleError>;

/// What happened to a batch.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Appended {
    /// Parallel to [`AppendBatch::entries`].
    pub outcomes: Vec<SampleOutcome>,
    /// How many series did not exist before.
    pub series_created: usize,
}

impl Appended {
    /// What happened to a batch whose outcomes are these.
    pub fn new(outcomes: Vec<SampleOutcome>, series_created: usize) -> Self {
        Self {
            outcomes,
            series_created,
        }
    }

    /// How many samples were accepted.
    pub fn accepted(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    }

    /// The first rejection with the index of its entry.
    pub fn first_error(&self) -> Option<(usize, SampleError)> {
        self.outcomes
            .iter()
            .enumerate()
            .find_map(|(index, outcome)| outcome.err().map(|error| (index, error)))
    }
}

/// Why one sample of a batch was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The series was forgotten: append again by labels.
    #[error("unknown series reference")]
    UnknownReference,
    /// Older than the newest sample of its series.
    #[error("out of order sample")]
    OutOfOrder,
    /// Older than anything the sink still takes.
    #[error("sample too old")]
    OutOfBounds,
    /// The newest sample of the series has this timestamp and another value.
    #[error("duplicate sample for timestamp")]
    DuplicateTimestamp,
    /// The label set is empty, or larger than the sink takes.
    #[error("invalid labels")]
    InvalidLabels,
    /// The sink has as many series as it is allowed to have.
    #[error("series limit reached")]
    SeriesLimit,
}

/// Why a batch was not stored, sorted by what the caller does next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// There is no room: free some, then append again.
    #[error("storage is full: {0}")]
    Full(String),
    /// The sink is closed, not ready, or refuses writes after a failed sync: reopen it.
    #[error("storage does not take samples: {0}")]
    Unavailable(String),
    /// The operating system failed; appending again may work.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path.
        context: String,
        /// The cause.
        source: std::io::Error,
    },
}
