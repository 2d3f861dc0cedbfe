//! OpenMetrics, versions 0.0.1 and 1.0.0, as <https://prometheus.io/docs/specs/om/open_metrics_spec/> defines it.
//!
//! `parser` reads lines, `start_times` finds the `_created` line of a metric ahead of its samples, `exemplar` decodes exemplars.

mod exemplar;
mod parser;
mod start_times;
mod writer;

pub use exemplar::MAX_EXEMPLAR_CHARACTERS;
pub(super) use exemplar::decode_exemplar;
pub use parser::OpenMetricsParser;
pub(super) use writer::write_families;
