//! Producers of samples for moheng: the host this process runs on, under Node Exporter's names, and targets that are
//! scraped over HTTP.
//!
//! # Host metrics (feature `host`, on by default)
//!
//! [`HostCollectors`] collects CPU, memory, disk, network and many more metrics of a Linux machine, with the names, labels
//! and types that dashboards and alerts for Node Exporter expect. Nothing is global: two of them can run beside each other
//! with different [`HostOptions`]. Nothing hangs: a collector that does not come back, for instance from a network
//! filesystem whose server is gone, is reported as failed and left behind.
//!
//! On macOS and Windows there are five collectors: of CPUs, memory, filesystems, disks and network devices. They are
//! compiled for both systems and **untested** there.
//!
//! ```
//! # #[cfg(target_os = "linux")] {
//! use std::sync::Arc;
//! use moheng_collect::{HostCollectors, HostOptions};
//! use moheng_metrics::{SystemClock, write_text};
//!
//! let host = HostCollectors::new(&HostOptions::default(), Arc::new(SystemClock::new()))?;
//! let mut text = String::new();
//! write_text(&host.collect(), &mut text);
//! assert!(text.contains("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}"));
//! # }
//! # Ok::<(), moheng_collect::HostError>(())
//! ```

#[cfg(feature = "host")]
mod collector;
#[cfg(feature = "host")]
mod error;
#[cfg(all(feature = "host", target_os = "linux"))]
mod files;
#[cfg(feature = "host")]
mod host;
#[cfg(all(feature = "host", target_os = "linux"))]
mod open_files;
#[cfg(all(feature = "host", target_os = "linux"))]
mod proc;
#[cfg(feature = "scrape")]
mod relabel;
#[cfg(feature = "host")]
mod runner;
#[cfg(feature = "scrape")]
mod scrape;

#[cfg(all(feature = "host", feature = "testing", target_os = "linux"))]
pub mod testing;

#[cfg(feature = "host")]
pub use collector::Collector;
#[cfg(feature = "host")]
pub use error::{CollectError, HostError};
#[cfg(feature = "host")]
pub use host::{
    ArpOptions, CollectorOutcome, CpuOptions, FieldOptions, FilesystemOptions, HostCollection,
    HostCollectors, HostOptions, HostRoots, HwmonOptions, InterruptsOptions, NameFilter, NetclassOptions,
    NetdevOptions, QdiscOptions, SysctlOptions, SystemdDetails, SystemdOptions,
};
#[cfg(feature = "scrape")]
pub use relabel::{RelabelAction, RelabelConfig, RelabelError, RelabelRule, relabel};
#[cfg(feature = "scrape")]
pub use scrape::{
    BodyEncoding, BoxFuture, DroppedTarget, FailureCounts, FetchError, FetchRequest, FetchedBody, Fetcher,
    FirstScrape, HttpSettings, HttpTransport, InProcessTransport, JobError, MetricMetadata, PassReport,
    PassSettings, ReportSet, SampleRules, Scrape, ScrapeError, ScrapeJob, ScrapeLimits, ScrapeManager,
    ScrapePass, ScrapeProtocol, ScrapeSettings, ScrapeStats, ScrapeUrl, TargetGroup, TargetHealth,
    TargetMetadata, TargetStatus, Transport, UnsupportedProtocol,
};
