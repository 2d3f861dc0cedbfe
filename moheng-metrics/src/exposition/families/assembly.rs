//! [`Assembly`]: a histogram or summary of which some lines have been read.

use crate::exposition::{ParseError, TextSample};
use crate::{Bucket, Exemplar, HistogramMetric, MetricValue, Quantile, SummaryMetric};

/// What is being put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Histogram,
    Summary,
}

impl Shape {
    fn as_str(self) -> &'static str {
        match self {
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// A histogram or summary of which some lines have been read.
#[derive(Debug)]
pub(super) struct Assembly {
    shape: Shape,
    /// Where its first line is.
    position: usize,
    /// Buckets or quantiles, in the order of their lines; a quantile's value is where a bucket's count is.
    parts: Vec<Bucket>,
    sum: Option<f64>,
    count: Option<f64>,
}

impl Assembly {
    pub(super) fn new(shape: Shape, position: usize) -> Self {
        Self {
            shape,
            position,
            parts: Vec::new(),
            sum: None,
            count: None,
        }
    }

    /// Adds a bucket or a quantile.
    pub(super) fn push(&mut self, bound: f64, value: f64, exemplar: Option<Exemplar>) {
        self.parts.push(Bucket {
            upper_bound: bound,
            cumulative_count: value,
            exemplar,
        });
    }

    pub(super) fn set_sum(&mut self, sample: &TextSample<'_>) -> Result<(), ParseError> {
        match self.sum.replace(sample.value) {
            None => Ok(()),
            Some(_) => Err(sample.error(format!("the {} has two sums", self.shape.as_str()))),
        }
    }

    pub(super) fn set_count(&mut self, sample: &TextSample<'_>) -> Result<(), ParseError> {
        match self.count.replace(sample.value) {
            None => Ok(()),
            Some(_) => Err(sample.error(format!("the {} has two counts", self.shape.as_str()))),
        }
    }

    /// The whole, if all of it is there: a histogram needs its count, or its infinite bucket.
    pub(super) fn finish(mut self, text: &[u8]) -> Result<MetricValue, ParseError> {
        let before = text.get(..self.position).unwrap_or_default();
        self.parts
            .sort_by(|left, right| left.upper_bound.total_cmp(&right.upper_bound));
        let mut pairs = self.parts.windows(2);
        if let Some(pair) = pairs.find(|pair| pair[0].upper_bound == pair[1].upper_bound) {
            let (shape, bound) = (self.shape.as_str(), pair[0].upper_bound);
            return Err(ParseError::after(
                before,
                format!("the {shape} that begins here has {bound} twice"),
            ));
        }
        if self.shape == Shape::Summary {
            let quantiles = self.parts.iter().map(|part| Quantile {
                quantile: part.upper_bound,
                value: part.cumulative_count,
            });
            return Ok(MetricValue::Summary(Box::new(SummaryMetric {
                quantiles: quantiles.collect(),
                // A summary need not have them.
                count: self.count.unwrap_or(f64::NAN),
                sum: self.sum.unwrap_or(f64::NAN),
            })));
        }
        let infinite = self.parts.last().filter(|part| part.upper_bound == f64::INFINITY);
        let infinite_count = infinite.map(|part| part.cumulative_count);
        let Some(count) = self.count.or(infinite_count) else {
            let message = "the histogram that begins here has neither a count nor a +Inf bucket".to_owned();
            return Err(ParseError::after(before, message));
        };
        if infinite_count.is_none() {
            self.push(f64::INFINITY, count, None);
        }
        Ok(MetricValue::Histogram(Box::new(HistogramMetric {
            buckets: self.parts,
            count,
            sum: self.sum,
            native: None,
            exemplars: Vec::new(),
        })))
    }
}
