//! Contract suites and helpers for tests. No stability promise.
//!
//! * [`source_suite`] and [`sink_suite`] hold an implementation of the seams to their contracts, [`histogram_suite`],
//!   [`start_timestamp_suite`], [`exemplar_suite`] and [`metadata_suite`] one that stores more than floats.
//! * [`NodeWorkload`] generates series that look like a node's, [`random_histogram`] and [`HistogramSeries`] native histograms.
//! * [`check_text`], [`check_openmetrics`], [`check_families`] and [`check_pattern`] compare a parser with an oracle on any input, for fuzzing;
//!   [`check_histogram`] computes with any histograms, [`check_remote_write`], [`check_remote_read`] and [`check_protobuf_exposition`]
//!   take any bytes for messages.
//! * [`ManualClock`] is a [`crate::Clock`] that tests move.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a suite says what is wrong by panicking"
)]

mod clock;
mod companion_suites;
mod families_oracle;
mod generate;
mod histogram_oracle;
mod histogram_suite;
mod histograms;
mod openmetrics_oracle;
mod pattern_oracle;
mod random;
mod read;
mod read_samples;
mod sink_suite;
mod source_suite;
mod text_oracle;
mod wire_oracle;

pub use clock::ManualClock;
pub use companion_suites::{
    ReadExemplars, ReadMetadata, exemplar_suite, metadata_suite, start_timestamp_suite,
};
pub use families_oracle::check_families;
pub use generate::NodeWorkload;
pub use histogram_oracle::check_histogram;
pub use histogram_suite::histogram_suite;
pub use histograms::{HistogramSeries, random_float_histogram, random_histogram};
pub use openmetrics_oracle::check_openmetrics;
pub use pattern_oracle::check_pattern;
pub use random::Random;
pub use read::{assert_same, read_all};
pub use read_samples::{
    ReadHistogram, ReadSample, ReadValue, assert_same_samples, read_all_samples, try_read_samples,
    try_read_series,
};
pub use sink_suite::sink_suite;
pub use source_suite::source_suite;
pub use text_oracle::check_text;
pub use wire_oracle::{check_protobuf_exposition, check_remote_read, check_remote_write};
