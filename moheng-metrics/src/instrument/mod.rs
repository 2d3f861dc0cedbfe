//! Instruments that a program measures itself with, and the registry that exposes them.
//!
//! A [`Registry`] creates instruments and renders all of them in whatever [`crate::exposition::Format`] a scraper asks
//! for. Nothing is global: libraries take a registry, or take their instruments, as arguments. The chapters
//! [`crate::guide::instrumenting`] and [`crate::guide::exposing`] show how a program uses them.
//!
//! * [`Counter`] only grows, [`Gauge`] goes up and down.
//! * [`Histogram`] counts observations in classic buckets, in a native histogram, or in both.
//! * [`Family`] holds one instrument for each combination of label values, up to a limit.
//! * [`Info`] and [`StateSet`] describe what a program is and which state it is in.
//! * [`Collector`] is for what is already counted elsewhere: it hands out families when asked.
//!
//! Handles are cheap to clone and share their value. Counting takes no lock: a counter is one atomic addition, a classic
//! histogram two. A native histogram is split into shards by thread, each behind a lock that is held for some nanoseconds.
//!
//! ```
//! use std::sync::Arc;
//!
//! use moheng_metrics::SystemClock;
//! use moheng_metrics::instrument::{HistogramOptions, Registry};
//!
//! let registry = Registry::new(Arc::new(SystemClock::new()));
//! let requests = registry.counter_family("requests_total", "Requests by method.", ["method"])?;
//! let seconds = registry.histogram("request_seconds", "Time to answer.", &HistogramOptions::classic([0.1, 1.0]))?;
//!
//! requests.with(["GET"]).increment();
//! seconds.observe(0.25);
//!
//! let page = registry.render("text/plain");
//! assert_eq!(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
//! let text = String::from_utf8(page.body)?;
//! assert!(text.contains("requests_total{method=\"GET\"} 1\n"));
//! assert!(text.contains("request_seconds_bucket{le=\"1\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod classic;
mod collector;
mod content;
mod counter;
mod description;
mod family;
mod gathered;
mod gauge;
mod histogram;
mod naming;
mod options;
mod registry;
mod sharded;
mod sparse;

pub use collector::{Collector, Instrument};
pub use content::CollectorId;
pub use counter::Counter;
pub use description::{Info, StateSet};
pub use family::{Family, OTHER_VALUE};
pub use gathered::{GatherConflict, Gathered};
pub use gauge::{Gauge, GaugeGuard};
pub use histogram::{Histogram, Timer};
pub use naming::RegisterError;
pub use options::{
    DURATION_BOUNDS_SECONDS, HistogramOptions, NativeOptions, exponential_bounds, linear_bounds,
};
pub use registry::{Registry, Rendered};
