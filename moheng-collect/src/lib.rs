//! Placeholder.

#[cfg(feature = "scrape")]
mod relabel;
#[cfg(feature = "scrape")]
mod scrape;

#[cfg(feature = "scrape")]
pub use relabel::{RelabelAction, RelabelConfig, RelabelError, RelabelRule, relabel};
#[cfg(feature = "scrape")]
pub use scrape::{
    BodyEncoding, BoxFuture, DroppedTarget, FailureCounts, FetchError, FetchRequest, FetchedBody, Fetcher,
    FirstScrape, HttpSettings, HttpTransport, InProcessTransport, JobError, MetricMetadata, PassReport, PassSettings,
    ReportSet, SampleRules, Scrape, ScrapeError, ScrapeJob, ScrapeLimits, ScrapeManager, ScrapePass, ScrapeProtocol,
    ScrapeSettings, ScrapeStats, ScrapeUrl, TargetGroup, TargetHealth, TargetMetadata, TargetStatus, Transport,
    UnsupportedProtocol,
};
