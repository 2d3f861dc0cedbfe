//! Remote write: what carries samples from one server to another, in its versions 1.0 and 2.0.
//!
//! * [`WriteDecoder`] reads a request in place and hands it out series by series.
//! * [`WriteEncoder`] writes a request into memory it keeps.
//! * [`WriteMessage`] and [`WrittenCounts`] know the headers that go with them.
//!
//! Requests travel as Snappy blocks: [`crate::encode_snappy`], [`crate::decode_snappy`].
//!
//! ```
//! use moheng_metrics::remote_write::{
//!     OutgoingSeries, WriteDecoder, WriteEncoder, WriteItem, WriteMessage, WriteSample,
//! };
//! use moheng_metrics::{Labels, ValidationScheme, decode_snappy, encode_snappy};
//!
//! let labels = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
//! let mut encoder = WriteEncoder::new(WriteMessage::V2);
//! encoder.push(&OutgoingSeries {
//!     samples: &[WriteSample { timestamp_ms: 15_000, value: 1.0, start_timestamp_ms: 0 }],
//!     ..OutgoingSeries::new(&labels)
//! });
//! let body = encode_snappy(encoder.finish())?;
//!
//! // At the other end:
//! let request = decode_snappy(&body, 32 << 20)?;
//! let mut decoder = WriteDecoder::new(WriteMessage::V2, &request)?;
//! while let Some(item) = decoder.next_item()? {
//!     if let WriteItem::Series(series) = item {
//!         assert_eq!(series.to_labels(ValidationScheme::Utf8)?, labels);
//!         assert_eq!(series.samples[0].value, 1.0);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decoder;
mod encoder;
mod headers;
mod histogram;
mod series;
mod v1;
mod v2;

pub use decoder::{FamilyMetadata, WriteDecoder, WriteItem};
pub(crate) use encoder::write_v1_series;
pub use encoder::{OutgoingHistogram, OutgoingSeries, WriteEncoder};
pub use headers::{
    CONTENT_ENCODING, HeaderError, VERSION_HEADER, WriteMessage, WrittenCounts, check_content_encoding,
};
pub(crate) use histogram::{decode_span, encode_spans, push_deltas};
pub use series::{
    MAX_SERIES_HISTOGRAMS, MAX_SERIES_LABELS, MAX_SERIES_SAMPLES, ReceivedExemplar, ReceivedHistogram,
    ReceivedMetadata, ReceivedSeries, WriteSample,
};
pub(crate) use v1::{decode_label, decode_series};
pub use v2::MAX_SYMBOLS;
