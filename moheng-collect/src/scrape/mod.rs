//! Scraping: targets are fetched on a schedule, and what they expose is appended to a sink.
//!
//! `job` says what to scrape, `target` makes targets of it, `manager` runs one `runner` per target. A runner waits for
//! its `schedule`, fetches through a `transport`, and hands the body to a `pass`, which is synchronous and does the
//! rest: parse, recognise series (`series_cache`), relabel (`decoding`), limits, stale markers, `up` and friends
//! (`report`), append.

mod body;
mod comments;
mod decoding;
mod error;
mod http;
mod in_process;
mod job;
mod manager;
mod metadata;
mod pass;
mod report;
mod runner;
mod schedule;
mod series_cache;
mod stats;
mod status;
mod target;
mod transport;
mod url;

pub use error::{FetchError, JobError, ScrapeError};
pub use http::{HttpSettings, HttpTransport};
pub use in_process::InProcessTransport;
pub use job::{
    FirstScrape, ReportSet, SampleRules, ScrapeJob, ScrapeLimits, ScrapeProtocol, TargetGroup,
    UnsupportedProtocol,
};
pub use manager::{ScrapeManager, ScrapeSettings};
pub use metadata::MetricMetadata;
pub use pass::{PassReport, PassSettings, Scrape, ScrapePass};
pub use stats::{FailureCounts, ScrapeStats};
pub use status::{DroppedTarget, TargetHealth, TargetMetadata, TargetStatus};
pub use transport::{BodyEncoding, BoxFuture, FetchRequest, FetchedBody, Fetcher, Transport};
pub use url::ScrapeUrl;
