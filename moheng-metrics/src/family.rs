//! [`MetricFamily`]: what a collector or an instrumented part hands out, before it becomes text or samples.

use crate::Labels;

/// The type of a metric as its exposition states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A value that only grows, or starts again at zero.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// Cumulative buckets (`_bucket`, label `le`), `_sum` and `_count`.
    Histogram,
    /// Quantiles (label `quantile`), `_sum` and `_count`.
    Summary,
    /// Not stated.
    #[default]
    Untyped,
}

impl MetricKind {
    /// The word of the text format 0.0.4.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }
}

/// One line of an exposition: a sample with the suffix of its series name.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What follows the family's name: empty, or `_bucket`, `_sum`, `_count` for histograms and summaries.
    pub suffix: &'static str,
    /// All labels but the metric name.
    pub labels: Labels,
    /// The value.
    pub value: f64,
    /// Milliseconds since the Unix epoch, where the value was not taken now.
    pub timestamp_ms: Option<i64>,
}

/// All series of one metric, with its type and help text.
///
/// ```
/// use moheng_metrics::{MetricFamily, MetricKind};
///
/// let mut family = MetricFamily::new("node_load1", MetricKind::Gauge, "One minute load average.");
/// family.push([] as [(&str, &str); 0], 0.5);
/// assert_eq!(family.metrics[0].value, 0.5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// The name without suffixes.
    pub name: String,
    /// The type.
    pub kind: MetricKind,
    /// One sentence for people; may be empty.
    pub help: String,
    /// The series, in the order they are written.
    pub metrics: Vec<Metric>,
}

impl MetricFamily {
    /// A family without series.
    pub fn new(name: impl Into<String>, kind: MetricKind, help: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            help: help.into(),
            metrics: Vec::new(),
        }
    }

    /// A family with one series without labels.
    pub fn single(name: impl Into<String>, kind: MetricKind, help: impl Into<String>, value: f64) -> Self {
        let mut family = Self::new(name, kind, help);
        family.push([] as [(&str, &str); 0], value);
        family
    }

    /// Adds a series.
    pub fn push<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        labels: impl IntoIterator<Item = (N, V)>,
        value: f64,
    ) {
        self.push_suffixed("", labels, value);
    }

    /// Adds a series whose name is the family's with `suffix`, as histograms and summaries have them.
    pub fn push_suffixed<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        suffix: &'static str,
        labels: impl IntoIterator<Item = (N, V)>,
        value: f64,
    ) {
        let labels = Labels::from_pairs(labels);
        self.metrics.push(Metric {
            suffix,
            labels,
            value,
            timestamp_ms: None,
        });
    }
}
