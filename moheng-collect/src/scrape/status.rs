//! What is known of targets from outside: [`TargetStatus`] and its like.

use std::sync::Arc;

use moheng_metrics::Labels;

use super::MetricMetadata;

/// Whether the last scrape of a target succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetHealth {
    /// Not scraped yet.
    #[default]
    Unknown,
    /// It did.
    Up,
    /// It did not.
    Down,
}

impl TargetHealth {
    /// The word Prometheus's API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// A target that is scraped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TargetStatus {
    /// The labels before relabelling.
    pub discovered_labels: Labels,
    /// The labels every series of the target gets.
    pub labels: Labels,
    /// The job.
    pub scrape_pool: String,
    /// Where it is fetched from.
    pub scrape_url: String,
    /// Whether the last scrape succeeded.
    pub health: TargetHealth,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When the last scrape began, in milliseconds since the Unix epoch.
    pub last_scrape_ms: Option<i64>,
    /// How long the last scrape took, in seconds.
    pub last_scrape_duration_seconds: f64,
    /// Time from scrape to scrape, in milliseconds.
    pub scrape_interval_ms: i64,
    /// How long a scrape may take, in milliseconds.
    pub scrape_timeout_ms: i64,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedTarget {
    /// The job.
    pub scrape_pool: String,
    /// The labels before relabelling.
    pub discovered_labels: Labels,
}

/// What a target says about its metrics.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TargetMetadata {
    /// The job.
    pub scrape_pool: String,
    /// The labels of the target.
    pub labels: Labels,
    /// Types and help texts.
    pub metrics: Arc<[Arc<MetricMetadata>]>,
}
