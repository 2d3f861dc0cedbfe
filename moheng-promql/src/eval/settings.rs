//! What the engine is set to, and what it is asked.

use std::time::Duration;

use super::limits::CancelToken;
use crate::syntax::ParserOptions;

/// The settings of an [`crate::Engine`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineSettings {
    /// How far instant vector selectors look back for a sample, in milliseconds.
    pub lookback_delta_ms: i64,
    /// How many samples and intermediate values a query may hold at once.
    pub max_samples: u64,
    /// How long a query may take; queries may ask for less.
    pub timeout: Duration,
    /// The step of subqueries without one, in milliseconds.
    pub default_step_ms: i64,
    /// How many bytes of samples, columns and labels a query may hold at once, counted roughly.
    pub max_memory_bytes: u64,
    /// On how many threads the series of one selector are evaluated. With more than one, the engine starts threads for
    /// the time of a query. The results are the same.
    pub threads: usize,
    /// Takes counters to start at zero at the time their samples say they started, and knows `start_timestamp()`.
    pub use_start_timestamps: bool,
    /// Keeps metric names until the end of a query rather than dropping them at once.
    pub delayed_name_removal: bool,
    /// What of the language is allowed.
    pub parser: ParserOptions,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            lookback_delta_ms: 300_000,
            max_samples: 50_000_000,
            timeout: Duration::from_mins(2),
            default_step_ms: 60_000,
            max_memory_bytes: u64::MAX,
            threads: 1,
            use_start_timestamps: false,
            delayed_name_removal: false,
            parser: ParserOptions::default(),
        }
    }
}

/// A query for one time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstantQuery {
    /// The text.
    pub query: String,
    /// The time in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Replaces the engine's lookback, in milliseconds.
    pub lookback_delta_ms: Option<i64>,
    /// Lowers the engine's timeout.
    pub timeout: Option<Duration>,
    /// Cancels the query.
    pub cancel: CancelToken,
    /// Counts the samples that each step sees, which takes a little time.
    pub counts_samples_per_step: bool,
}

impl InstantQuery {
    /// A query with the engine's settings.
    pub fn new(query: impl Into<String>, time_ms: i64) -> Self {
        Self {
            query: query.into(),
            time_ms,
            lookback_delta_ms: None,
            timeout: None,
            cancel: CancelToken::new(),
            counts_samples_per_step: false,
        }
    }
}

/// A query for evenly spaced times.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RangeQuery {
    /// The text.
    pub query: String,
    /// The first time in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// No time lies behind this one.
    pub end_ms: i64,
    /// The milliseconds between two times, positive.
    pub step_ms: i64,
    /// Replaces the engine's lookback, in milliseconds.
    pub lookback_delta_ms: Option<i64>,
    /// Lowers the engine's timeout.
    pub timeout: Option<Duration>,
    /// Cancels the query.
    pub cancel: CancelToken,
    /// Counts the samples that each step sees, which takes a little time.
    pub counts_samples_per_step: bool,
}

impl RangeQuery {
    /// A query with the engine's settings.
    pub fn new(query: impl Into<String>, start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        Self {
            query: query.into(),
            start_ms,
            end_ms,
            step_ms,
            lookback_delta_ms: None,
            timeout: None,
            cancel: CancelToken::new(),
            counts_samples_per_step: false,
        }
    }
}
