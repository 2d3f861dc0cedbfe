//! [`RegisterError`]: which names and labels an instrument may have.

use thiserror::Error;

use crate::{METRIC_NAME, MetricKind};

/// Why an instrument was not registered: the program has to describe it differently.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is empty, or says something that is not true of the type.
    #[error("{name:?} cannot name a metric of type {kind}: {reason}")]
    Name {
        /// The name, with the registry's prefix.
        name: String,
        /// The type of what it was to name.
        kind: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A label's name is empty, reserved, or used twice.
    #[error("{name} cannot have the label {label:?}: {reason}")]
    Label {
        /// The metric, with the registry's prefix.
        name: String,
        /// The label.
        label: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A histogram's buckets make no sense.
    #[error("{name} cannot have these buckets: {reason}")]
    Buckets {
        /// The name, with the registry's prefix.
        name: String,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The name is taken by something else.
    #[error("{name} is registered already {difference}")]
    Taken {
        /// The name, with the registry's prefix.
        name: String,
        /// In what the two differ, or do not differ enough.
        difference: String,
    },
}

/// Names of OpenMetrics's and Prometheus's base units.
const UNITS: [&str; 9] = [
    "seconds", "bytes", "ratio", "celsius", "meters", "volts", "amperes", "joules", "grams",
];

/// The unit that a name ends in, if it is a base unit; empty otherwise.
pub(super) fn unit_of(name: &str, kind: MetricKind) -> &'static str {
    let stem = match kind {
        MetricKind::Info | MetricKind::StateSet => return "",
        MetricKind::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    let unit = stem.rsplit_once('_').map(|(_, last)| last);
    UNITS.into_iter().find(|known| Some(*known) == unit).unwrap_or("")
}

/// The names of all series a family has in any format, its own name first: no two families may share one.
pub(super) fn series_names(name: &str, kind: MetricKind) -> Vec<String> {
    let (stem, suffixes): (&str, &[&str]) = match kind {
        MetricKind::Counter => (name.strip_suffix("_total").unwrap_or(name), &["_created"]),
        MetricKind::Histogram => (name, &["_bucket", "_sum", "_count", "_created"]),
        MetricKind::GaugeHistogram => (name, &["_bucket", "_sum", "_count", "_gsum", "_gcount"]),
        MetricKind::Summary => (name, &["_sum", "_count", "_created"]),
        _ => (name, &[]),
    };
    let parts = suffixes.iter().map(|suffix| format!("{stem}{suffix}"));
    std::iter::once(name.to_owned()).chain(parts).collect()
}

pub(super) fn check_name(name: &str, kind: MetricKind) -> Result<(), RegisterError> {
    let refuse = |reason| {
        Err(RegisterError::Name {
            name: name.to_owned(),
            kind: kind.as_openmetrics_str(),
            reason,
        })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    match kind {
        MetricKind::Counter if !name.ends_with("_total") => refuse("it does not end in _total"),
        MetricKind::Info if !name.ends_with("_info") => refuse("it does not end in _info"),
        MetricKind::Gauge | MetricKind::Histogram if name.ends_with("_total") => {
            refuse("_total is for counters")
        }
        _ => Ok(()),
    }
}

pub(super) fn check_label(
    name: &str,
    label: &str,
    kind: MetricKind,
    is_taken: bool,
) -> Result<(), RegisterError> {
    let reason = match label {
        "" => "its name is empty",
        METRIC_NAME => "it holds the metric's name",
        _ if label.starts_with("__") => "names that begin with two underscores are reserved",
        "le" if matches!(kind, MetricKind::Histogram | MetricKind::GaugeHistogram) => {
            "it holds the bounds of buckets"
        }
        "quantile" if kind == MetricKind::Summary => "it holds the quantiles",
        _ if is_taken => "it is there already",
        _ => return Ok(()),
    };
    Err(RegisterError::Label {
        name: name.to_owned(),
        label: label.to_owned(),
        reason,
    })
}
