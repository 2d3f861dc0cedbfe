//! [`ScrapeStats`]: what scraping counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{FetchError, PassReport, ScrapeError};

/// Counters since the start of a manager, and its present size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrapeStats {
    /// Active targets by job, ascending.
    pub targets: Vec<(String, usize)>,
    /// Targets that could not be made of what a job says, in the last reload.
    pub invalid_targets: usize,
    /// How often jobs were applied.
    pub reloads: u64,
    /// Scrapes, failed ones included.
    pub scrapes: u64,
    /// Failed scrapes by reason.
    pub failures: FailureCounts,
    /// Samples exposed by targets.
    pub samples_scraped: u64,
    /// Samples appended, without reports and stale markers.
    pub samples_appended: u64,
    /// Stale markers appended.
    pub stale_markers: u64,
    /// Samples not taken because their series had one at that time already.
    pub samples_duplicate: u64,
    /// Samples not taken because they are older than the newest of their series.
    pub samples_out_of_order: u64,
    /// Samples not taken because they are too old, or too far in the future.
    pub samples_out_of_bounds: u64,
    /// Samples not taken because the sink limits series or labels.
    pub samples_refused: u64,
}

/// Failed scrapes by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailureCounts {
    /// No connection, a broken one, or an answer that is not HTTP.
    pub connection: u64,
    /// The timeout was exceeded.
    pub timeout: u64,
    /// The answer was not 200.
    pub status: u64,
    /// A content type or encoding that cannot be read.
    pub format: u64,
    /// The body size limit was exceeded.
    pub body_size_limit: u64,
    /// The exposition does not follow its format.
    pub parse: u64,
    /// The sample limit was exceeded.
    pub sample_limit: u64,
    /// One of the label limits was exceeded.
    pub label_limit: u64,
    /// The job has too many targets.
    pub target_limit: u64,
    /// An in-process source failed.
    pub source: u64,
    /// The sink did not take the batch.
    pub storage: u64,
}

impl FailureCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.connection
            + self.timeout
            + self.status
            + self.format
            + self.body_size_limit
            + self.parse
            + self.sample_limit
            + self.label_limit
            + self.target_limit
            + self.source
            + self.storage
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    reloads: AtomicU64,
    scrapes: AtomicU64,
    failures: [AtomicU64; REASONS],
    samples_scraped: AtomicU64,
    samples_appended: AtomicU64,
    stale_markers: AtomicU64,
    samples_duplicate: AtomicU64,
    samples_out_of_order: AtomicU64,
    samples_out_of_bounds: AtomicU64,
    samples_refused: AtomicU64,
}

const REASONS: usize = 11;

impl Counters {
    pub(super) fn count_reload(&self) {
        add(&self.reloads, 1);
    }

    pub(super) fn count_stale_markers(&self, count: usize) {
        add(&self.stale_markers, count);
    }

    pub(super) fn count(&self, report: &PassReport) {
        add(&self.scrapes, 1);
        if let Some(error) = &report.error {
            add(&self.failures[reason(error)], 1);
        }
        add(&self.samples_scraped, report.samples_scraped);
        add(&self.samples_appended, report.samples_appended);
        add(&self.stale_markers, report.stale_markers);
        add(&self.samples_duplicate, report.duplicates);
        add(&self.samples_out_of_order, report.out_of_order);
        add(&self.samples_out_of_bounds, report.out_of_bounds);
        add(&self.samples_refused, report.refused);
    }

    pub(super) fn snapshot(&self) -> ScrapeStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [
            connection,
            timeout,
            status,
            format,
            body_size_limit,
            parse,
            sample_limit,
            label_limit,
            target_limit,
            source,
            storage,
        ] = self.failures.each_ref().map(get);
        ScrapeStats {
            targets: Vec::new(),
            invalid_targets: 0,
            reloads: get(&self.reloads),
            scrapes: get(&self.scrapes),
            failures: FailureCounts {
                connection,
                timeout,
                status,
                format,
                body_size_limit,
                parse,
                sample_limit,
                label_limit,
                target_limit,
                source,
                storage,
            },
            samples_scraped: get(&self.samples_scraped),
            samples_appended: get(&self.samples_appended),
            stale_markers: get(&self.stale_markers),
            samples_duplicate: get(&self.samples_duplicate),
            samples_out_of_order: get(&self.samples_out_of_order),
            samples_out_of_bounds: get(&self.samples_out_of_bounds),
            samples_refused: get(&self.samples_refused),
        }
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// The place of an error in [`Counters::failures`], which is in the order of [`FailureCounts`].
fn reason(error: &ScrapeError) -> usize {
    match error {
        ScrapeError::Fetch(FetchError::Connect { .. } | FetchError::Protocol { .. }) => 0,
        ScrapeError::Fetch(FetchError::Timeout(_)) => 1,
        ScrapeError::Fetch(FetchError::Status(_)) => 2,
        ScrapeError::Fetch(FetchError::Format(_) | FetchError::Unsupported(_)) => 3,
        ScrapeError::Fetch(FetchError::BodyTooLarge { .. }) => 4,
        ScrapeError::Parse(_) | ScrapeError::InvalidSeries(_) => 5,
        ScrapeError::SampleLimit { .. } => 6,
        ScrapeError::LabelLimit(_) => 7,
        ScrapeError::TargetLimit { .. } => 8,
        ScrapeError::Fetch(FetchError::Source(_)) => 9,
        ScrapeError::Storage(_) => 10,
    }
}
