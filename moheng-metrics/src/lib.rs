//! Metrics as Prometheus knows them: instruments, exposition formats, wire messages, and the seams of a monitoring system.
//!
//! Everything that an exporter, a scraper, a sender of remote write or a database of metrics has in common is here, and nothing
//! that talks to the world: the crate opens no file and no socket, starts no thread and awaits nothing. It is the base of moheng
//! and of use without the rest of it.
//!
//! The [`guide`] is the place to start: [instrument a program](guide::instrumenting), [expose it](guide::exposing),
//! [parse a page](guide::parsing), [use native histograms](guide::native_histograms),
//! [build a remote write request](guide::sending), [store and read samples](guide::reading).
//!
//! ```
//! use std::sync::Arc;
//!
//! use moheng_metrics::SystemClock;
//! use moheng_metrics::instrument::Registry;
//!
//! let registry = Registry::new(Arc::new(SystemClock::new()));
//! let requests = registry.counter_family("requests_total", "Requests by method and status.", ["method", "code"])?;
//! requests.with(["GET", "200"]).increment();
//!
//! // Given the Accept header of a scraper, the body and the content type of the answer.
//! let page = registry.render("text/plain");
//! let text = String::from_utf8(page.body)?;
//! let lines: Vec<&str> = text.lines().collect();
//! assert_eq!(lines, [
//!     "# HELP requests_total Requests by method and status.",
//!     "# TYPE requests_total counter",
//!     "requests_total{code=\"200\",method=\"GET\"} 1",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | to | look at |
//! |---|---|
//! | measure a program | [`instrument`]: [`Counter`](instrument::Counter), [`Gauge`](instrument::Gauge), [`Histogram`](instrument::Histogram), [`Family`](instrument::Family), [`Registry`](instrument::Registry) |
//! | write, parse and negotiate pages | [`exposition`], with [`TextParser`] and [`write_text`] for the format most common |
//! | name series and select them | [`Labels`], [`Matcher`] with RE2 patterns, [`escape_name`] |
//! | compute with native histograms | [`histogram`] |
//! | send and receive samples | [`remote_write`], [`remote_read`], [`otlp`], [`encode_snappy`], [`decode_snappy`] |
//! | read samples, whatever stores them | [`SeriesSource`], the read seam: select series, decode their samples in batches |
//! | store samples, wherever | [`SampleSink`], the write seam: append a batch, with a result per sample |
//! | test any of it | [`MemorySource`], the obvious implementation of both seams; feature `testing` for contract suites and a manual [`Clock`] |

mod clock;
mod columns;
mod duration;
mod exemplar;
mod family;
mod labels;
mod matcher;
mod memory;
mod metadata;
mod number;
mod sample;
mod sink;
mod snappy;
mod source;

pub mod exposition;
pub mod guide;
pub mod histogram;
pub mod instrument;
pub mod otlp;
pub mod protobuf;
pub mod remote_read;
pub mod remote_write;
#[cfg(feature = "testing")]
pub mod testing;

pub use clock::{Clock, SystemClock};
pub use columns::{FloatColumns, HistogramColumns, HistogramView};
pub use duration::{DurationError, format_duration, parse_duration_ms};
pub use exemplar::Exemplar;
pub use exposition::{ParseError, TEXT_CONTENT_TYPE, TextEntry, TextParser, TextSample, write_text};
pub use family::{
    Bucket, ExposedNativeHistogram, HistogramMetric, Metric, MetricFamily, MetricKind, MetricValue, Quantile,
    SummaryMetric,
};
pub use labels::{
    EscapingScheme, Labels, LabelsBuilder, LabelsIter, LabelsPacker, METRIC_NAME, NameKind, SymbolTable,
    UnknownScheme, ValidationScheme, escape_name, is_valid_label_name, is_valid_metric_name, unescape_name,
};
pub use matcher::{CapturePattern, MatchOp, Matcher, Pattern, PatternCaptures, PatternError};
pub use memory::MemorySource;
pub use metadata::Metadata;
pub use number::{format_float, format_json_float, parse_float};
pub use sample::{NORMAL_NAN, STALE_NAN, Sample, is_stale_nan};
pub use sink::{
    AppendBatch, AppendEntry, Appended, ExemplarEntry, HistogramEntry, HistogramValue, MetadataEntry,
    SampleError, SampleOutcome, SampleSink, SeriesKey, SeriesRef, SinkError,
};
pub use snappy::{SnappyError, decode_snappy, decode_snappy_into, encode_snappy, encode_snappy_into};
pub use source::{
    SampleBuffer, SampleCursor, Select, SelectedSeries, SeriesCursor, SeriesOrder, SeriesSource, SourceError,
};
