//! The read seam: [`SeriesSource`].

use std::fmt::Debug;

use thiserror::Error;

use crate::columns::{FloatColumns, HistogramColumns};
use crate::{Labels, Matcher};

/// What to select: series by matchers, samples by time.
///
/// ```
/// use moheng_metrics::{Matcher, Select};
///
/// let select = Select::new(vec![Matcher::equal("job", "node")], 0, 300_000).with_limit(100);
/// assert_eq!(select.limit, Some(100));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Select {
    /// All of them must hold for a series to be selected. No matcher selects every series.
    pub matchers: Vec<Matcher>,
    /// First millisecond of interest, inclusive.
    pub start_ms: i64,
    /// Last millisecond of interest, inclusive.
    pub end_ms: i64,
    /// The order in which series are wanted.
    pub order: SeriesOrder,
    /// Hand out at most this many series (or label names, or values).
    pub limit: Option<usize>,
    /// The step between evaluations in milliseconds, 0 for an instant query. A hint: sources may ignore it.
    pub step_ms: i64,
    /// The range function that will read the samples, such as `rate`. A hint: sources may ignore it.
    pub function: Option<String>,
    /// Whether the buckets of native histograms will be read, or only their count and sum. A hint: sources may hand out the
    /// buckets all the same, or histograms whose layout has none.
    pub with_buckets: bool,
}

impl Select {
    /// A selection of all samples with `start_ms <= t <= end_ms` of the series that all `matchers` match, ordered by
    /// labels and without a limit.
    pub fn new(matchers: Vec<Matcher>, start_ms: i64, end_ms: i64) -> Self {
        Self {
            matchers,
            start_ms,
            end_ms,
            order: SeriesOrder::ByLabels,
            limit: None,
            step_ms: 0,
            function: None,
            with_buckets: true,
        }
    }

    /// Hands out at most `limit` series.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Lets the source hand out series in any order, which saves it a sort.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.order = SeriesOrder::Any;
        self
    }

    /// Whether every matcher holds for `labels`.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

/// The order in which a [`SeriesCursor`] hands out series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeriesOrder {
    /// Ascending by [`Labels`].
    #[default]
    ByLabels,
    /// Whatever is cheapest.
    Any,
}

/// Something that series can be selected from: a database, a remote server, a test fixture.
///
/// # Contract
///
/// * **Consistency.** A cursor sees the source as it was when `select` returned: what is appended later does not
///   appear, and of a batch that was being appended it sees all samples or none.
/// * **Completeness.** Every series that all matchers match and that has a sample in the range is handed out exactly
///   once. A source may also hand out matching series whose cursor then has no sample, so callers skip empty ones.
/// * **Order.** Series come ascending by labels unless [`SeriesOrder::Any`] was asked for. Samples of a series come
///   strictly ascending by time, at most one per timestamp, and never outside the range. Stale markers are handed out
///   like any other value.
/// * **Threads.** A source is used from many threads at once. A cursor is moved between threads but used by one at a
///   time; the [`SelectedSeries`] it hands out are independent of it and of each other, so each can be read on a
///   thread of its own.
/// * **Errors.** After an error the cursor is not used again. What was handed out before stays right.
pub trait SeriesSource: Send + Sync {
    /// Starts a selection.
    ///
    /// # Errors
    ///
    /// See [`SourceError`]; nothing was read.
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError>;

    /// The names of all labels of the series that `select` matches, ascending, without duplicates.
    ///
    /// The time range may be rounded outwards: a name whose series have no sample in the range can appear.
    ///
    /// # Errors
    ///
    /// See [`SourceError`].
    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError>;

    /// The values that the label `name` has in the series that `select` matches, ascending, without duplicates.
    ///
    /// The time range may be rounded outwards, as for [`SeriesSource::label_names`].
    ///
    /// # Errors
    ///
    /// See [`SourceError`].
    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError>;
}

/// Hands out the series of a selection one after the other. See [`SeriesSource`] for the contract.
pub trait SeriesCursor<'a>: Send {
    /// The next series, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// See [`SourceError`]; the cursor is not used again.
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError>;

    /// How many series are left at most, where the source knows. Used to size buffers.
    fn remaining_hint(&self) -> Option<usize> {
        None
    }
}

/// One selected series: who it is, and a cursor over its samples in the range.
pub struct SelectedSeries<'a> {
    /// The labels, metric name included.
    pub labels: Labels,
    /// The samples in the selected range.
    pub samples: Box<dyn SampleCursor + 'a>,
}

impl Debug for SelectedSeries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelectedSeries")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

/// Decodes the samples of one series, a batch at a time (typically one chunk).
pub trait SampleCursor: Send {
    /// Appends the next batch to `buffer` and returns `true`, or returns `false` when no sample is left.
    ///
    /// A batch is never empty. What `buffer` already holds stays, so a caller reads a whole series into contiguous
    /// columns by calling until `false`, or clears the buffer between calls to use little memory.
    ///
    /// # Errors
    ///
    /// See [`SourceError`]; the cursor is not used again and the buffer holds what was decoded before.
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError>;
}

/// Samples in columns: the reusable target of [`SampleCursor::read`].
///
/// A series may hold samples of both kinds. Each kind is ascending by time, no timestamp is in both, and
/// whoever needs them in one order merges the two by time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SampleBuffer {
    /// The float samples.
    pub floats: FloatColumns,
    /// The native histograms.
    pub histograms: HistogramColumns,
}

impl SampleBuffer {
    /// A buffer without samples.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.floats.clear();
        self.histograms.clear();
    }

    /// The number of samples of all kinds.
    pub fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    /// Whether no sample of any kind is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a [`SeriesSource`] could not answer, sorted by what the caller does next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The request cannot be answered by this source, ever: change it.
    #[error("{0}")]
    Invalid(String),
    /// Stored data is damaged; what is named cannot be read.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// A limit of the source was reached: ask for less.
    #[error("{0}")]
    LimitExceeded(String),
    /// The source is closed or not ready: try again later.
    #[error("storage is not available: {0}")]
    Unavailable(String),
    /// The operating system or the network failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path or address.
        context: String,
        /// The cause.
        source: std::io::Error,
    },
}
