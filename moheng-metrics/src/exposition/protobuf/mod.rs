//! The protobuf format: messages `io.prometheus.client.MetricFamily`, each with its length as a varint in front.
//!
//! `family` finds families and metrics, `value` reads what a metric has, `histogram` reads histograms, `writer` writes all of it.

mod family;
mod fields;
mod histogram;
mod value;
mod writer;

pub(super) use family::read_families;
pub use family::{FamilyView, MetricView, MetricViews, ProtobufParser};
pub(super) use writer::write_families;
