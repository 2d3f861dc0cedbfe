//! [`ScrapeJob`]: what to scrape, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use moheng_metrics::Labels;
use thiserror::Error;

use super::{JobError, Transport};
use crate::RelabelRule;

/// One `scrape_config`: targets that are scraped in the same way.
///
/// ```
/// use std::sync::Arc;
/// use moheng_collect::{InProcessTransport, ScrapeJob, TargetGroup};
/// use moheng_metrics::Labels;
///
/// let mut job = ScrapeJob::new("self", Arc::new(InProcessTransport::new(|| b"answer 42\n".to_vec())));
/// job.scrape_interval_ms = 15_000;
/// job.target_groups = vec![TargetGroup { targets: vec!["localhost:9090".to_owned()], labels: Labels::empty() }];
/// assert!(job.check().is_ok());
///
/// job.scrape_timeout_ms = 20_000;
/// assert!(job.check().unwrap_err().to_string().contains("timeout"));
/// ```
#[derive(Clone, Debug)]
pub struct ScrapeJob {
    /// The label `job` of what is scraped, and the name of the pool; unique.
    pub job_name: String,
    /// Time from scrape to scrape, in milliseconds; 60 000 by default.
    pub scrape_interval_ms: i64,
    /// How long fetching may take, in milliseconds, at most the interval; 10 000 by default.
    pub scrape_timeout_ms: i64,
    /// `http` by default.
    pub scheme: String,
    /// `/metrics` by default.
    pub metrics_path: String,
    /// Parameters of the query.
    pub params: BTreeMap<String, Vec<String>>,
    /// How samples are treated.
    pub samples: SampleRules,
    /// What is too much.
    pub limits: ScrapeLimits,
    /// Rules that rewrite and choose targets.
    pub relabel: Vec<RelabelRule>,
    /// The targets.
    pub target_groups: Vec<TargetGroup>,
    /// How targets are reached.
    pub transport: Arc<dyn Transport>,
    /// When a new target is scraped for the first time.
    pub first_scrape: FirstScrape,
}

impl ScrapeJob {
    /// A job without targets and with Prometheus's defaults.
    pub fn new(job_name: impl Into<String>, transport: Arc<dyn Transport>) -> Self {
        Self {
            job_name: job_name.into(),
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
            scheme: "http".to_owned(),
            metrics_path: "/metrics".to_owned(),
            params: BTreeMap::new(),
            samples: SampleRules::default(),
            limits: ScrapeLimits::default(),
            relabel: Vec::new(),
            target_groups: Vec::new(),
            transport,
            first_scrape: FirstScrape::default(),
        }
    }

    /// Whether the job can be run. A manager checks this too.
    ///
    /// # Errors
    ///
    /// When the name is empty, a time is not positive, the timeout is longer than the interval, or the transport does
    /// not support the scheme.
    pub fn check(&self) -> Result<(), JobError> {
        let invalid = |message: String| {
            Err(JobError::Invalid {
                job_name: self.job_name.clone(),
                message,
            })
        };
        if self.job_name.is_empty() {
            return invalid("the job name is empty".to_owned());
        }
        if let Err(message) = check_times(self.scrape_interval_ms, self.scrape_timeout_ms) {
            return invalid(message);
        }
        match self.transport.check_scheme(&self.scheme) {
            Ok(()) => Ok(()),
            Err(message) => invalid(message),
        }
    }
}

/// Checks interval and timeout of a job or of a target that was relabelled.
pub(super) fn check_times(interval_ms: i64, timeout_ms: i64) -> Result<(), String> {
    if interval_ms <= 0 {
        return Err("the scrape interval must be longer than 0".to_owned());
    }
    if timeout_ms <= 0 {
        return Err("the scrape timeout must be longer than 0".to_owned());
    }
    if timeout_ms > interval_ms {
        return Err(format!(
            "the scrape timeout of {timeout_ms} ms is longer than the scrape interval of {interval_ms} ms"
        ));
    }
    Ok(())
}

/// Targets that share labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Addresses, `host:port`.
    pub targets: Vec<String>,
    /// Labels all of them get.
    pub labels: Labels,
}

/// How the samples of a job are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRules {
    /// Whether an exposed label wins over a target label of the same name, instead of being renamed to `exported_...`.
    pub honor_labels: bool,
    /// Whether exposed timestamps are used; yes by default.
    pub honor_timestamps: bool,
    /// Whether series with exposed timestamps get stale markers too.
    pub track_timestamps_staleness: bool,
    /// Rules that rewrite and choose series.
    pub relabel: Vec<RelabelRule>,
    /// Which series about the scrape itself are added.
    pub reports: ReportSet,
    /// What a body without a known content type is taken for; without it such a scrape fails.
    pub fallback_protocol: Option<ScrapeProtocol>,
}

impl Default for SampleRules {
    fn default() -> Self {
        Self {
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            relabel: Vec::new(),
            reports: ReportSet::Standard,
            fallback_protocol: None,
        }
    }
}

/// Which series about a scrape are added to what was scraped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportSet {
    /// `up`, `scrape_duration_seconds`, `scrape_samples_scraped`, `scrape_samples_post_metric_relabeling` and
    /// `scrape_series_added`.
    #[default]
    Standard,
    /// And `scrape_timeout_seconds`, `scrape_sample_limit`, `scrape_body_size_bytes`.
    Extended,
}

/// What makes a scrape fail. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// Bytes of a body after decompression. Without it the limit is 256 MiB.
    pub body_size_bytes: Option<u64>,
    /// Samples left after relabelling.
    pub samples: Option<usize>,
    /// Labels of a series.
    pub labels: Option<usize>,
    /// Bytes of a label name.
    pub label_name_bytes: Option<usize>,
    /// Bytes of a label value.
    pub label_value_bytes: Option<usize>,
    /// Targets of the job: with more, the scrapes of all of them fail.
    pub targets: Option<usize>,
    /// How many dropped targets are remembered for display. Fails nothing.
    pub kept_dropped_targets: Option<usize>,
}

/// When a new target is scraped for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirstScrape {
    /// At its place in the interval, which is spread over the targets.
    #[default]
    AtOffset,
    /// At once, and then at its place in the interval.
    Immediately,
}

/// A format that can be scraped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScrapeProtocol {
    /// The text format with quoted names.
    PrometheusText1_0_0,
    /// The text format.
    PrometheusText0_0_4,
}

impl ScrapeProtocol {
    /// The word configuration files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrometheusText1_0_0 => "PrometheusText1.0.0",
            Self::PrometheusText0_0_4 => "PrometheusText0.0.4",
        }
    }

    /// The element of an `Accept` header.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0;escaping=allow-utf-8",
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
        }
    }
}

impl fmt::Display for ScrapeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ScrapeProtocol {
    type Err = UnsupportedProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::PrometheusText1_0_0, Self::PrometheusText0_0_4]
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
            .ok_or_else(|| UnsupportedProtocol(text.to_owned()))
    }
}

/// A scrape protocol that is unknown or not supported yet.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("scrape protocol {0:?} is not supported yet, expected PrometheusText1.0.0 or PrometheusText0.0.4")]
pub struct UnsupportedProtocol(
    /// What was asked for.
    pub String,
);
