//! Histograms as text: what `count_values` makes labels of, and the notation of test scripts.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{Bucket, BucketCount, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, NativeHistogram, ResetHint};
use crate::{HistogramView, format_float};

/// A histogram whose buckets span more indexes than this is not written as a list of them all.
const MAX_LISTED_BUCKETS: i64 = 1 << 20;

/// As PromQL's `count_values` and templates write it: count, sum and the populated buckets, ascending.
///
/// ```
/// use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
///
/// let layout = HistogramLayout {
///     positive: vec![BucketSpan { offset: 1, length: 2 }],
///     ..HistogramLayout::exponential(0, 0.001)
/// };
/// let histogram = FloatHistogram { count: 3.5, sum: 9.0, positive: vec![1.0, 2.5], ..FloatHistogram::empty(layout) };
/// assert_eq!(histogram.to_string(), "{count:3.5, sum:9, (1,2]:1, (2,4]:2.5}");
/// ```
impl<Count: BucketCount> Display for NativeHistogram<Count> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_histogram(f, self.count, self.sum, self.buckets())
    }
}

/// As a [`NativeHistogram`] is written.
impl Display for HistogramView<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_histogram(f, self.count, self.sum, self.buckets())
    }
}

/// The bounds with the brackets of intervals, then the count.
impl<Count: BucketCount> Display for Bucket<Count> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char(if self.lower_inclusive { '[' } else { '(' })?;
        write_float(f, self.lower)?;
        f.write_char(',')?;
        write_float(f, self.upper)?;
        f.write_str(if self.upper_inclusive { "]:" } else { "):" })?;
        write_count(f, self.count)
    }
}

impl FloatHistogram {
    /// The histogram as test scripts of PromQL write it, such as `{{schema:1 count:3 sum:2.5 buckets:[1 0 2]}}`. What is
    /// zero is left out.
    ///
    /// Histograms whose buckets lie more than a million apart are written in the other way.
    ///
    /// ```
    /// use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
    ///
    /// let layout = HistogramLayout {
    ///     positive: vec![BucketSpan { offset: 1, length: 1 }, BucketSpan { offset: 1, length: 1 }],
    ///     ..HistogramLayout::exponential(3, 0.001)
    /// };
    /// let histogram = FloatHistogram { count: 3.0, positive: vec![1.0, 2.0], ..FloatHistogram::empty(layout) };
    /// let text = "{{schema:3 count:3 z_bucket_w:0.001 offset:1 buckets:[1 0 2]}}";
    /// assert_eq!(histogram.to_test_notation(), text);
    /// ```
    pub fn to_test_notation(&self) -> String {
        let mut out = String::from("{{");
        let layout = &self.layout;
        if layout.schema != 0 {
            let _ = write!(out, "schema:{} ", layout.schema);
        }
        let numbers = [
            ("count:", self.count),
            ("sum:", self.sum),
            ("z_bucket:", self.zero_count),
            ("z_bucket_w:", layout.zero_threshold),
        ];
        for (name, number) in numbers {
            if number != 0.0 {
                out.push_str(name);
                format_float(number, &mut out);
                out.push(' ');
            }
        }
        if layout.schema == CUSTOM_BUCKETS_SCHEMA {
            push_list(&mut out, "custom_values", layout.custom_bounds.iter().copied());
        }
        out.push_str(match self.reset_hint {
            ResetHint::Unknown => "",
            ResetHint::Reset => "counter_reset_hint:reset ",
            ResetHint::NotReset => "counter_reset_hint:not_reset ",
            ResetHint::Gauge => "counter_reset_hint:gauge ",
        });
        for (prefix, is_negative) in [("", false), ("n_", true)] {
            let counts = || {
                let parts = self.parts();
                let counts = if is_negative {
                    parts.negative_counts()
                } else {
                    parts.positive_counts()
                };
                counts.filter(|(_, count)| *count != 0.0)
            };
            let (Some((first, _)), Some((last, _))) = (counts().next(), counts().next_back()) else {
                continue;
            };
            if i64::from(last) - i64::from(first) > MAX_LISTED_BUCKETS {
                return self.to_string();
            }
            if first != 0 {
                let _ = write!(out, "{prefix}offset:{first} ");
            }
            let mut populated = counts().peekable();
            let listed = (first..=last).map(|index| {
                populated
                    .next_if(|(next, _)| *next == index)
                    .map_or(0.0, |(_, count)| count)
            });
            push_list(&mut out, &format!("{prefix}buckets"), listed);
        }
        out.truncate(out.trim_end().len());
        out.push_str("}}");
        out
    }
}

fn write_histogram<Count: BucketCount>(
    f: &mut Formatter<'_>,
    count: Count,
    sum: f64,
    buckets: impl Iterator<Item = Bucket<Count>>,
) -> fmt::Result {
    f.write_str("{count:")?;
    write_count(f, count)?;
    f.write_str(", sum:")?;
    write_float(f, sum)?;
    for bucket in buckets {
        write!(f, ", {bucket}")?;
    }
    f.write_char('}')
}

fn write_count<Count: BucketCount>(f: &mut Formatter<'_>, count: Count) -> fmt::Result {
    match count.as_whole() {
        Some(whole) => write!(f, "{whole}"),
        None => write_float(f, count.to_f64()),
    }
}

fn write_float(f: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let mut text = String::new();
    format_float(value, &mut text);
    f.write_str(&text)
}

fn push_list(out: &mut String, name: &str, numbers: impl Iterator<Item = f64>) {
    out.push_str(name);
    out.push_str(":[");
    let start = out.len();
    for number in numbers {
        if out.len() > start {
            out.push(' ');
        }
        format_float(number, out);
    }
    out.push_str("] ");
}
