//! Results of queries.

use std::sync::Arc;

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{Labels, Sample};

use crate::eval::Annotations;

/// The answer to a query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueryOutput {
    /// The value.
    pub value: QueryValue,
    /// What the asker should know about it.
    pub annotations: Annotations,
    /// What it took.
    pub statistics: Statistics,
}

/// The value of a query.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum QueryValue {
    /// A number at a time, from an instant query.
    Scalar(Sample),
    /// A text, from an instant query.
    String {
        /// The time of the query in milliseconds since the Unix epoch.
        timestamp_ms: i64,
        /// The text.
        value: String,
    },
    /// Elements at one time, from an instant query.
    Vector(Vec<InstantSample>),
    /// Series over time, from a range query or an instant query for a range vector.
    Matrix(Vec<RangeSeries>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct InstantSample {
    /// Who it is.
    pub labels: Labels,
    /// The time of the query in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Its value.
    pub value: SampleValue,
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

impl SampleValue {
    /// The number, unless it is a histogram.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }
}

/// A native histogram at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The histogram.
    pub histogram: Arc<FloatHistogram>,
}

/// One series of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeSeries {
    /// Who it is.
    pub labels: Labels,
    /// Its floats, ascending by time.
    pub samples: Vec<Sample>,
    /// Its native histograms, ascending by time, at other times than the floats. There is at least one sample of either kind.
    pub histograms: Vec<HistogramSample>,
}

/// What a query took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Series handed out by the source.
    pub series_read: u64,
    /// Samples decoded from the source, each once.
    pub samples_read: u64,
    /// The most samples and intermediate values held at once.
    pub peak_samples: u64,
    /// The most memory held at once, in bytes, counted roughly.
    pub peak_bytes: u64,
    /// Samples seen by all steps together: a sample counts once for every step whose window it is in. 0 unless the query
    /// asked for it.
    pub queryable_samples: u64,
    /// The same step by step; those of subqueries count for the last step. Empty unless the query asked for it.
    pub queryable_samples_per_step: Vec<u64>,
}
