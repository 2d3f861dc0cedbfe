//! [`MetricFamily`]: what a collector or an instrumented part hands out, before it becomes text or samples.

use crate::histogram::{FloatHistogram, IntegerHistogram};
use crate::{Exemplar, Labels};

/// The type of a metric as its exposition states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A value that only grows, or starts again at zero.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// A distribution of observations since some start: buckets, sum and count.
    Histogram,
    /// A distribution of current values, which may shrink.
    GaugeHistogram,
    /// Quantiles (label `quantile`), sum and count.
    Summary,
    /// Labels that describe something; the value is always 1.
    Info,
    /// Booleans of which each is named by a label with the metric's name.
    StateSet,
    /// Not stated.
    #[default]
    Untyped,
}

impl MetricKind {
    /// The word of the text format 0.0.4, which knows neither info metrics nor state sets (gauges there) nor gauge histograms
    /// (histograms there).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge | Self::Info | Self::StateSet => "gauge",
            Self::Histogram | Self::GaugeHistogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }

    /// The word of OpenMetrics.
    pub const fn as_openmetrics_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Untyped => "unknown",
        }
    }
}

/// All series of one metric, with its type, unit and help text.
///
/// ```
/// use moheng_metrics::{MetricFamily, MetricKind, MetricValue};
///
/// let mut family = MetricFamily::new("node_load1", MetricKind::Gauge, "One minute load average.");
/// family.push([] as [(&str, &str); 0], 0.5);
/// assert_eq!(family.metrics[0].value, MetricValue::Number(0.5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// The name without the suffixes of histograms and summaries. A counter's name ends in `_total`.
    pub name: String,
    /// The type.
    pub kind: MetricKind,
    /// One sentence for people; may be empty.
    pub help: String,
    /// The unit, such as `seconds`, in which case the name (of a counter before `_total`) ends in it; may be empty.
    pub unit: String,
    /// Labels that the text formats write with an empty value on metrics that lack them; ascending. An empty value is no value: this
    /// changes what people see, not what is stored.
    pub padded_labels: Vec<String>,
    /// The metrics, in the order they are written.
    pub metrics: Vec<Metric>,
}

impl MetricFamily {
    /// A family without metrics and without a unit.
    pub fn new(name: impl Into<String>, kind: MetricKind, help: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind,
            help: help.into(),
            unit: String::new(),
            padded_labels: Vec::new(),
            metrics: Vec::new(),
        }
    }

    /// A family with one number without labels.
    pub fn single(name: impl Into<String>, kind: MetricKind, help: impl Into<String>, value: f64) -> Self {
        let mut family = Self::new(name, kind, help);
        family.push([] as [(&str, &str); 0], value);
        family
    }

    /// Adds a number.
    pub fn push<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        labels: impl IntoIterator<Item = (N, V)>,
        value: f64,
    ) {
        let labels = Labels::from_pairs(labels);
        self.metrics.push(Metric::new(labels, MetricValue::Number(value)));
    }

    /// Adds a histogram.
    pub fn push_histogram(&mut self, labels: Labels, histogram: HistogramMetric) {
        let value = MetricValue::Histogram(Box::new(histogram));
        self.metrics.push(Metric::new(labels, value));
    }

    /// Adds a summary.
    pub fn push_summary(&mut self, labels: Labels, summary: SummaryMetric) {
        let value = MetricValue::Summary(Box::new(summary));
        self.metrics.push(Metric::new(labels, value));
    }
}

/// One metric of a family: a value for one set of labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// All labels but the metric name, `le` and `quantile`.
    pub labels: Labels,
    /// The value.
    pub value: MetricValue,
    /// Milliseconds since the Unix epoch, where the value was not taken now.
    pub timestamp_ms: Option<i64>,
    /// When a counter, histogram or summary started to count, in milliseconds since the Unix epoch, where known.
    pub start_timestamp_ms: Option<i64>,
    /// An exemplar of a counter; those of a histogram are at its buckets.
    pub exemplar: Option<Box<Exemplar>>,
}

impl Metric {
    /// A metric taken now, without an exemplar.
    pub fn new(labels: Labels, value: MetricValue) -> Self {
        Self {
            labels,
            value,
            timestamp_ms: None,
            start_timestamp_ms: None,
            exemplar: None,
        }
    }
}

/// The value of a [`Metric`].
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A counter, a gauge, an info metric, a member of a state set, or an untyped value.
    Number(f64),
    /// A histogram or a gauge histogram.
    Histogram(Box<HistogramMetric>),
    /// A summary.
    Summary(Box<SummaryMetric>),
}

impl MetricValue {
    /// The value, if it is a single number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Histogram(_) | Self::Summary(_) => None,
        }
    }
}

/// A histogram as it is exposed: with classic buckets, as a native histogram, or as both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramMetric {
    /// The classic buckets, ascending by bound; empty when the histogram is only native. The last bound is infinite.
    pub buckets: Vec<Bucket>,
    /// All observations.
    pub count: f64,
    /// The sum of all observations; `None` when it makes no sense, as with negative observations in OpenMetrics.
    pub sum: Option<f64>,
    /// The native histogram, which only the protobuf format can carry.
    pub native: Option<ExposedNativeHistogram>,
    /// Exemplars of the native histogram.
    pub exemplars: Vec<Exemplar>,
}

/// A native histogram of either flavour.
#[derive(Clone, Debug, PartialEq)]
pub enum ExposedNativeHistogram {
    /// Counts in whole numbers.
    Integer(IntegerHistogram),
    /// Fractional counts.
    Float(FloatHistogram),
}

/// A classic bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// The bound, inclusive; infinite for the last bucket.
    pub upper_bound: f64,
    /// The observations up to the bound, those of the buckets below included.
    pub cumulative_count: f64,
    /// An observation in this bucket.
    pub exemplar: Option<Exemplar>,
}

/// A summary as it is exposed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryMetric {
    /// The quantiles, ascending.
    pub quantiles: Vec<Quantile>,
    /// All observations.
    pub count: f64,
    /// The sum of all observations.
    pub sum: f64,
}

/// A quantile of a summary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The rank, 0 to 1.
    pub quantile: f64,
    /// The observation at that rank.
    pub value: f64,
}
