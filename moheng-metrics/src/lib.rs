//! The shared vocabulary of moheng: the Prometheus data model, its exposition formats, and the two seams
//! between what produces samples, what stores them and what queries them.
//!
//! The crate is pure: it opens no file, starts no thread and awaits nothing.
//!
//! * [`Labels`] identify a series; [`Matcher`]s select series.
//! * [`SeriesSource`] is the read seam: select series in a time range and decode their samples in batches.
//! * [`SampleSink`] is the write seam: append a batch of samples, with a result per sample.
//! * [`TextParser`] and [`write_text`] read and write the text exposition format, [`exposition`] all formats.
//! * [`remote_write`] and [`remote_read`] are the messages between servers, which travel as Snappy blocks ([`decode_snappy`]).
//! * [`MemorySource`] is the obvious implementation of both. Examples and tests use it, and the real
//!   database is compared with it.
//!
//! ```
//! use moheng_metrics::{AppendBatch, Labels, Matcher, MemorySource, SampleBuffer, SampleSink, Select, SeriesSource};
//!
//! let store = MemorySource::new();
//! let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
//! let mut batch = AppendBatch::new();
//! batch.push_labels(&labels, 15_000, 1.0);
//! batch.push_labels(&labels, 30_000, 0.0);
//! store.append(&batch)?;
//!
//! let select = Select::new(vec![Matcher::equal("__name__", "up")], 0, 60_000);
//! let mut cursor = store.select(&select)?;
//! let mut series = cursor.next_series()?.expect("one series matches");
//! let mut samples = SampleBuffer::new();
//! while series.samples.read(&mut samples)? {}
//! assert_eq!(series.labels, labels);
//! assert_eq!(samples.floats.timestamps_ms, [15_000, 30_000]);
//! assert_eq!(samples.floats.values, [1.0, 0.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
    EscapingScheme, Labels, LabelsBuilder, LabelsIter, METRIC_NAME, NameKind, SymbolTable, UnknownScheme,
    ValidationScheme, escape_name, is_valid_label_name, is_valid_metric_name, unescape_name,
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
