//! Whether a histogram is one: [`HistogramError`].

use thiserror::Error;

use super::bounds::MAX_RECEIVED_SCHEMA;
use super::{
    BucketCount, BucketSpan, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramLayout, IntegerHistogram,
    MAX_SCHEMA, MIN_SCHEMA,
};

/// What is wrong with a histogram that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// The schema is neither exponential nor the one of custom buckets.
    #[error(
        "histogram has schema {0}, which is neither in {MIN_SCHEMA}..={MAX_SCHEMA} nor {CUSTOM_BUCKETS_SCHEMA} (custom buckets)"
    )]
    UnknownSchema(i8),
    /// The zero threshold is negative, infinite or not a number.
    #[error("histogram has zero threshold {0}")]
    ZeroThreshold(f64),
    /// A span other than the first starts before the end of the one before.
    #[error("{side} span {span} has the negative offset {offset}")]
    SpanOffset {
        /// Which side.
        side: HistogramSide,
        /// The number of the span, from 0.
        span: usize,
        /// Its offset.
        offset: i32,
    },
    /// The spans reach indexes that do not exist.
    #[error("{0} spans reach beyond the last possible bucket")]
    SpanRange(HistogramSide),
    /// Spans and counts differ in number.
    #[error("{side} spans describe {spanned} buckets, but {counted} have counts")]
    BucketNumber {
        /// Which side.
        side: HistogramSide,
        /// The sum of the lengths of the spans.
        spanned: u64,
        /// The number of counts.
        counted: usize,
    },
    /// A count is negative (in whole numbers: above [`i64::MAX`]) or not a number.
    #[error("{side} bucket {bucket} has a negative count")]
    NegativeBucket {
        /// Which side.
        side: HistogramSide,
        /// The position in the list of counts, from 0.
        bucket: usize,
    },
    /// The zero bucket's count is negative or not a number.
    #[error("zero bucket has a negative count")]
    NegativeZeroCount,
    /// The count of all observations is negative or not a number.
    #[error("histogram has a negative count")]
    NegativeCount,
    /// The buckets do not add up to the count.
    #[error("buckets hold {buckets} observations, but the histogram's count is {count}")]
    CountMismatch {
        /// The sum over all buckets.
        buckets: u128,
        /// The stated count.
        count: u64,
    },
    /// The sum says that there are observations that are not a number, and yet the buckets hold more than the count.
    #[error("buckets hold {buckets} observations, more than the histogram's count {count}")]
    CountTooSmall {
        /// The sum over all buckets.
        buckets: u128,
        /// The stated count.
        count: u64,
    },
    /// The custom bounds do not ascend, or one is infinite or not a number.
    #[error("custom bound {0} is not finite or not above the one before")]
    CustomBound(
        /// Its position, from 0.
        usize,
    ),
    /// There are more buckets than custom bounds and the one above them, or one at a negative index.
    #[error("custom buckets lie outside of the custom bounds")]
    CustomBucketRange,
    /// A histogram with custom buckets has a zero bucket, a zero threshold or negative buckets.
    #[error("histogram with custom buckets has a zero bucket or negative buckets")]
    CustomBucketsSigned,
    /// An exponential histogram has custom bounds.
    #[error("histogram with exponential buckets has custom bounds")]
    UnexpectedCustomBounds,
    /// More buckets than allowed remain even at the lowest resolution.
    #[error("histogram has {buckets} buckets, more than the limit of {limit}")]
    TooManyBuckets {
        /// How many remain.
        buckets: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// A side of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HistogramSide {
    /// Above zero.
    Positive,
    /// Below zero.
    Negative,
}

impl std::fmt::Display for HistogramSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Positive => "positive",
            Self::Negative => "negative",
        })
    }
}

impl HistogramLayout {
    /// Checks schema, zero threshold, spans and custom bounds, as Prometheus does before it stores a histogram.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), HistogramError> {
        check_spans(&self.positive, HistogramSide::Positive)?;
        check_spans(&self.negative, HistogramSide::Negative)?;
        match self.schema {
            CUSTOM_BUCKETS_SCHEMA => self.validate_custom(),
            MIN_SCHEMA..=MAX_SCHEMA => {
                if !(0.0..f64::INFINITY).contains(&self.zero_threshold) {
                    return Err(HistogramError::ZeroThreshold(self.zero_threshold));
                }
                if self.custom_bounds.is_empty() {
                    Ok(())
                } else {
                    Err(HistogramError::UnexpectedCustomBounds)
                }
            }
            schema => Err(HistogramError::UnknownSchema(schema)),
        }
    }

    /// Whether buckets grow exponentially, schemas that are not stored but reduced first included.
    pub fn is_exponential(&self) -> bool {
        (MIN_SCHEMA..=MAX_RECEIVED_SCHEMA).contains(&self.schema)
    }

    fn validate_custom(&self) -> Result<(), HistogramError> {
        let mut last = f64::NEG_INFINITY;
        for (position, bound) in self.custom_bounds.iter().enumerate() {
            if !bound.is_finite() || *bound <= last {
                return Err(HistogramError::CustomBound(position));
            }
            last = *bound;
        }
        if self.zero_threshold != 0.0 || !self.negative.is_empty() {
            return Err(HistogramError::CustomBucketsSigned);
        }
        let ends = self.positive.iter().scan(0_i64, |end, span| {
            *end += i64::from(span.offset) + i64::from(span.length);
            Some(*end)
        });
        let starts_below = self.positive.first().is_some_and(|span| span.offset < 0);
        if starts_below || ends.last().unwrap_or(0) > self.custom_bounds.len() as i64 + 1 {
            return Err(HistogramError::CustomBucketRange);
        }
        Ok(())
    }
}

impl IntegerHistogram {
    /// Checks that the layout is valid, that counts and layout fit together, and that the buckets add up to the count, or,
    /// when the sum is not a number, at most to the count.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    ///
    /// ```
    /// use moheng_metrics::histogram::{HistogramError, HistogramLayout, IntegerHistogram};
    ///
    /// let mut histogram = IntegerHistogram::empty(HistogramLayout::exponential(3, 0.001));
    /// assert_eq!(histogram.validate(), Ok(()));
    /// histogram.count = 1;
    /// assert_eq!(histogram.validate(), Err(HistogramError::CountMismatch { buckets: 0, count: 1 }));
    /// ```
    pub fn validate(&self) -> Result<(), HistogramError> {
        const MAX_COUNT: u64 = i64::MAX as u64;
        self.layout.validate()?;
        self.validate_numbers(|count| *count > MAX_COUNT)?;
        let counts = self
            .positive
            .iter()
            .chain(&self.negative)
            .chain([&self.zero_count]);
        let buckets: u128 = counts.map(|count| u128::from(*count)).sum();
        let count = self.count;
        if self.sum.is_nan() {
            if buckets > u128::from(count) {
                return Err(HistogramError::CountTooSmall { buckets, count });
            }
        } else if buckets != u128::from(count) {
            return Err(HistogramError::CountMismatch { buckets, count });
        }
        Ok(())
    }
}

impl FloatHistogram {
    /// Checks that the layout is valid, that counts and layout fit together, and that no count is negative. Fractions do
    /// not add up exactly, so the sum over all buckets is not compared with the count.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let is_bad = |count: &f64| count.is_nan() || *count < 0.0;
        self.layout.validate()?;
        self.validate_numbers(is_bad)
    }
}

impl<Count: BucketCount> super::NativeHistogram<Count> {
    fn validate_numbers(&self, is_bad: impl Fn(&Count) -> bool) -> Result<(), HistogramError> {
        let sides = [
            (HistogramSide::Positive, &self.layout.positive, &self.positive),
            (HistogramSide::Negative, &self.layout.negative, &self.negative),
        ];
        for (side, spans, counts) in sides {
            let spanned: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
            if spanned != counts.len() as u64 {
                let counted = counts.len();
                return Err(HistogramError::BucketNumber {
                    side,
                    spanned,
                    counted,
                });
            }
            if let Some(bucket) = counts.iter().position(&is_bad) {
                return Err(HistogramError::NegativeBucket { side, bucket });
            }
        }
        if is_bad(&self.zero_count) {
            return Err(HistogramError::NegativeZeroCount);
        }
        if is_bad(&self.count) {
            return Err(HistogramError::NegativeCount);
        }
        if self.layout.is_custom() && !self.zero_count.is_zero() {
            return Err(HistogramError::CustomBucketsSigned);
        }
        Ok(())
    }
}

fn check_spans(spans: &[BucketSpan], side: HistogramSide) -> Result<(), HistogramError> {
    let mut end = 0_i64;
    for (number, span) in spans.iter().enumerate() {
        if number > 0 && span.offset < 0 {
            let offset = span.offset;
            return Err(HistogramError::SpanOffset {
                side,
                span: number,
                offset,
            });
        }
        end += i64::from(span.offset) + i64::from(span.length);
        if end > i64::from(i32::MAX) {
            return Err(HistogramError::SpanRange(side));
        }
    }
    Ok(())
}
