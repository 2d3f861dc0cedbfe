//! [`HistogramTotal`]: a sum or a mean of native histograms.

use moheng_metrics::HistogramView;
use moheng_metrics::histogram::{FloatHistogram, HistogramMean, HistogramSum, Merged, MixedBuckets};

/// A sum or a mean of native histograms, taken in one after the other.
#[derive(Clone, Debug)]
pub(crate) enum HistogramTotal {
    Sum(HistogramSum),
    Mean(HistogramMean),
}

impl HistogramTotal {
    pub(crate) fn sum() -> Self {
        Self::Sum(HistogramSum::new())
    }

    pub(crate) fn mean() -> Self {
        Self::Mean(HistogramMean::new())
    }

    pub(crate) fn add(&mut self, histogram: HistogramView<'_>) -> Result<(), MixedBuckets> {
        match self {
            Self::Sum(sum) => sum.add(histogram),
            Self::Mean(mean) => mean.add(histogram),
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Sum(sum) => sum.clear(),
            Self::Mean(mean) => mean.clear(),
        }
    }

    pub(crate) fn merged(&self) -> Merged {
        match self {
            Self::Sum(sum) => sum.merged(),
            Self::Mean(mean) => mean.merged(),
        }
    }

    pub(crate) fn value(&self) -> Option<FloatHistogram> {
        match self {
            Self::Sum(sum) => sum.value(),
            Self::Mean(mean) => mean.value(),
        }
    }
}
