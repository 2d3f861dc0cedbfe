//! [`Warnings`]: what of a request was left out, and why.

use std::fmt;

/// At most this many different warnings are kept; of further ones only the number.
const MAX_WARNINGS: usize = 64;

/// At most this many bytes of a metric's name are kept in a warning.
const MAX_NAME_BYTES: usize = 256;

/// What of a request was left out. Prometheus counts these in `prometheus_api_otlp_translation_warnings_total`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    list: Vec<Warning>,
    total: u64,
    rejected_points: u64,
}

/// Something of one metric that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub kind: WarningKind,
    /// The metric's name as it was sent, shortened if it is very long.
    pub metric: String,
    /// How often.
    pub count: u64,
}

/// What was left out, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WarningKind {
    /// Points of delta temporality, which are not accepted.
    DeltaTemporality,
    /// Points of no or unknown temporality.
    UnknownTemporality,
    /// A metric without any data.
    NoData,
    /// A metric whose name has no character that can be kept.
    InvalidName,
    /// An attribute whose key has no character that can be kept.
    InvalidAttribute,
    /// A point without a time, or with one that is not a time.
    NoTimestamp,
    /// A point without a value.
    NoValue,
    /// An exponential histogram with buckets wider than native histograms have them.
    UnsupportedScale,
    /// A histogram whose bounds are not ascending or do not fit its buckets, or whose buckets lie out of range.
    InvalidBuckets,
    /// Samples of `target_info` between the first and the last one, because the points lie too far apart.
    TargetInfoGap,
}

impl WarningKind {
    /// Whether a data point was dropped, rather than something less.
    fn rejects(self) -> bool {
        !matches!(self, Self::NoData | Self::InvalidAttribute | Self::TargetInfoGap)
    }

    fn message(self) -> &'static str {
        match self {
            Self::DeltaTemporality => "delta temporality is not accepted",
            Self::UnknownTemporality => "unknown aggregation temporality",
            Self::NoData => "metric without data points",
            Self::InvalidName => "invalid metric name",
            Self::InvalidAttribute => "invalid attribute key",
            Self::NoTimestamp => "data point without a valid time",
            Self::NoValue => "data point without a value",
            Self::UnsupportedScale => "exponential histogram with a scale below -4",
            Self::InvalidBuckets => "histogram with invalid buckets",
            Self::TargetInfoGap => "data points too far apart for target_info to lie between",
        }
    }
}

impl Warnings {
    /// The different warnings, up to 64, in the order they came up.
    pub fn list(&self) -> &[Warning] {
        &self.list
    }

    /// How many there were, those that are not in the list included.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many data points were dropped: what an answer calls `rejected_data_points`.
    pub fn rejected_points(&self) -> u64 {
        self.rejected_points
    }

    pub(super) fn add(&mut self, kind: WarningKind, metric: &str, count: u64) {
        if count == 0 {
            return;
        }
        self.total = self.total.saturating_add(count);
        if kind.rejects() {
            self.rejected_points = self.rejected_points.saturating_add(count);
        }
        let metric = metric
            .get(..metric.floor_char_boundary(MAX_NAME_BYTES))
            .unwrap_or_default();
        let known = self
            .list
            .iter_mut()
            .find(|warning| warning.kind == kind && warning.metric == metric);
        if let Some(warning) = known {
            warning.count = warning.count.saturating_add(count);
        } else if self.list.len() < MAX_WARNINGS {
            self.list.push(Warning {
                kind,
                metric: metric.to_owned(),
                count,
            });
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} ({} times)",
            self.metric,
            self.kind.message(),
            self.count
        )
    }
}
