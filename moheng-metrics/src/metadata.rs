//! [`Metadata`]: what a target says about a metric.

use crate::MetricKind;

/// The type, unit and help text of a metric.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// The type.
    pub kind: MetricKind,
    /// The unit, such as `seconds`; empty when not stated.
    pub unit: String,
    /// What the metric means, for people; empty when not stated.
    pub help: String,
}
