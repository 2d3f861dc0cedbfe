//! The write seam: [`SampleSink`].

use thiserror::Error;

use crate::histogram::{FloatHistogram, IntegerHistogram};
use crate::{Exemplar, Labels, Metadata};

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

/// One native histogram to append.
#[derive(Clone, Copy, Debug)]
pub struct HistogramEntry<'a> {
    /// The series.
    pub series: SeriesKey<'a>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When the histogram started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub start_timestamp_ms: i64,
    /// The value.
    pub value: HistogramValue<'a>,
}

/// A native histogram of either flavour.
#[derive(Clone, Copy, Debug)]
pub enum HistogramValue<'a> {
    /// Counts in whole numbers.
    Integer(&'a IntegerHistogram),
    /// Fractional counts.
    Float(&'a FloatHistogram),
}

/// One exemplar to append to a series that exists or is in the same batch.
#[derive(Clone, Copy, Debug)]
pub struct ExemplarEntry<'a> {
    /// The series.
    pub series: SeriesKey<'a>,
    /// Milliseconds since the Unix epoch: the exemplar's own time, or else that of the sample it came with.
    pub timestamp_ms: i64,
    /// The exemplar.
    pub exemplar: &'a Exemplar,
}

/// What is known about the metric of a series that exists or is in the same batch.
#[derive(Clone, Copy, Debug)]
pub struct MetadataEntry<'a> {
    /// The series.
    pub series: SeriesKey<'a>,
    /// Its type, unit and help text.
    pub metadata: &'a Metadata,
}

/// Samples that are appended together: typically all of one scrape.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AppendBatch<'a> {
    /// The float samples, in any order across series; of one series ascending by time.
    pub entries: Vec<AppendEntry<'a>>,
    /// When each of `entries` started to count, in milliseconds since the Unix epoch, 0 where that is not known. Those
    /// beyond the end of this list are not known either, so it is empty when none is.
    pub start_timestamps_ms: Vec<i64>,
    /// The native histograms, ordered as `entries` are. Of a series that has both in one batch, the histograms are later.
    pub histograms: Vec<HistogramEntry<'a>>,
    /// The exemplars; of one series ascending by time.
    pub exemplars: Vec<ExemplarEntry<'a>>,
    /// What was learned about metrics.
    pub metadata: Vec<MetadataEntry<'a>>,
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

    /// Adds a native histogram whose start is not known.
    pub fn push_histogram(&mut self, series: SeriesKey<'a>, timestamp_ms: i64, value: HistogramValue<'a>) {
        self.histograms.push(HistogramEntry {
            series,
            timestamp_ms,
            start_timestamp_ms: 0,
            value,
        });
    }

    /// States when the sample added last started to count, in milliseconds since the Unix epoch.
    pub fn set_start_timestamp_ms(&mut self, start_timestamp_ms: i64) {
        let Some(last) = self.entries.len().checked_sub(1) else {
            return;
        };
        self.start_timestamps_ms.resize(last, 0);
        self.start_timestamps_ms.push(start_timestamp_ms);
    }

    /// When the float sample at `index` started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub fn start_timestamp_ms(&self, index: usize) -> i64 {
        self.start_timestamps_ms.get(index).copied().unwrap_or_default()
    }

    /// The number of samples of both kinds.
    pub fn len(&self) -> usize {
        self.entries.len() + self.histograms.len()
    }

    /// Whether there is nothing to append: no sample, exemplar or metadata.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.exemplars.is_empty() && self.metadata.is_empty()
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
    /// Parallel to [`AppendBatch::histograms`].
    pub histogram_outcomes: Vec<SampleOutcome>,
    /// Parallel to [`AppendBatch::exemplars`].
    pub exemplar_outcomes: Vec<SampleOutcome>,
    /// Parallel to [`AppendBatch::metadata`].
    pub metadata_outcomes: Vec<SampleOutcome>,
    /// How many series did not exist before.
    pub series_created: usize,
}

impl Appended {
    /// What happened to a batch of float samples whose outcomes are these.
    pub fn new(outcomes: Vec<SampleOutcome>, series_created: usize) -> Self {
        Self {
            outcomes,
            series_created,
            ..Self::default()
        }
    }

    /// Rejects whatever of `batch` is not a float sample, for sinks that store nothing else.
    #[must_use]
    pub fn with_floats_only(mut self, batch: &AppendBatch<'_>) -> Self {
        let unsupported = |length| vec![Err(SampleError::Unsupported); length];
        self.histogram_outcomes = unsupported(batch.histograms.len());
        self.exemplar_outcomes = unsupported(batch.exemplars.len());
        self.metadata_outcomes = unsupported(batch.metadata.len());
        self
    }

    /// How many samples of both kinds were accepted.
    pub fn accepted(&self) -> usize {
        let outcomes = self.outcomes.iter().chain(&self.histogram_outcomes);
        outcomes.filter(|outcome| outcome.is_ok()).count()
    }

    /// The first rejection of a float sample with the index of its entry.
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
    /// The histogram contradicts itself, such as a count that is less than its buckets.
    #[error("invalid histogram")]
    InvalidHistogram,
    /// The exemplar's labels are longer than the sink takes.
    #[error("invalid exemplar")]
    InvalidExemplar,
    /// The sink does not store samples of this kind.
    #[error("samples of this kind are not supported")]
    Unsupported,
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
