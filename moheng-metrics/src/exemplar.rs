//! [`Exemplar`]: one observation picked out of many, usually with the trace it belongs to.

use crate::Labels;

/// One observation that was counted by a series, with labels that lead to more about it, such as a trace id.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What identifies the observation; at most 128 characters in OpenMetrics 1.0, names and values together.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the Unix epoch, where known.
    pub timestamp_ms: Option<i64>,
}
