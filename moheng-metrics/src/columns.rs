//! Samples of one series in columns: [`FloatColumns`] and [`HistogramColumns`].

use std::ops::Range;
use std::sync::Arc;

use crate::histogram::{FloatHistogram, HistogramLayout, ResetHint};

/// Float samples as parallel columns, ascending by time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FloatColumns {
    /// Milliseconds since the Unix epoch.
    pub timestamps_ms: Vec<i64>,
    /// The values, parallel to `timestamps_ms`.
    pub values: Vec<f64>,
    /// When each sample started to count, in milliseconds since the Unix epoch, 0 where that is not known. Samples beyond the
    /// end of this list are not known either, so it is empty when none is.
    pub start_timestamps_ms: Vec<i64>,
}

impl FloatColumns {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }

    /// Adds a sample, which must be later than the last one.
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps_ms.push(timestamp_ms);
        self.values.push(value);
    }

    /// States when the sample added last started to count, in milliseconds since the Unix epoch.
    pub fn set_start_timestamp_ms(&mut self, start_timestamp_ms: i64) {
        set_last(
            &mut self.start_timestamps_ms,
            self.timestamps_ms.len(),
            start_timestamp_ms,
        );
    }

    /// When the sample at `index` started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub fn start_timestamp_ms(&self, index: usize) -> i64 {
        self.start_timestamps_ms.get(index).copied().unwrap_or_default()
    }

    /// Drops the samples behind the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.timestamps_ms.truncate(length);
        self.values.truncate(length);
        self.start_timestamps_ms.truncate(length);
    }

    /// Of the samples from the index `from` on, keeps those from `start_ms` to `end_ms`, both inclusive.
    pub fn retain_range(&mut self, from: usize, start_ms: i64, end_ms: i64) {
        let (kept, dropped) = range_of(&self.timestamps_ms, from, start_ms, end_ms);
        self.truncate(kept);
        if dropped > 0 {
            drop_range(&mut self.timestamps_ms, from, dropped);
            drop_range(&mut self.values, from, dropped);
            drop_range(&mut self.start_timestamps_ms, from, dropped);
        }
    }

    /// Drops all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.values.clear();
        self.start_timestamps_ms.clear();
    }
}

/// Native histograms as parallel columns, ascending by time.
///
/// Counts are floats whatever the flavour, as PromQL sees them, so whole counts above 2^53 are rounded. The buckets of all
/// samples lie in one list; samples with the same layout share it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HistogramColumns {
    /// Milliseconds since the Unix epoch.
    pub timestamps_ms: Vec<i64>,
    /// As [`FloatColumns::start_timestamps_ms`].
    pub start_timestamps_ms: Vec<i64>,
    samples: Vec<HistogramRow>,
    layouts: Vec<Arc<HistogramLayout>>,
    buckets: Vec<f64>,
}

#[derive(Clone, Debug)]
struct HistogramRow {
    /// Index into `layouts`.
    layout: usize,
    reset_hint: ResetHint,
    is_integer: bool,
    count: f64,
    sum: f64,
    zero_count: f64,
    /// In `buckets`: the positive ones, then the negative ones.
    buckets: Range<usize>,
    positive_buckets: usize,
}

/// One sample of [`HistogramColumns`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramView<'a> {
    /// Which buckets there are. Neighbouring samples with the same buckets usually share it.
    pub layout: &'a Arc<HistogramLayout>,
    /// What is known about a counter reset between the previous sample and this one.
    pub reset_hint: ResetHint,
    /// Whether the counts were stored as whole numbers.
    pub is_integer: bool,
    /// All observations.
    pub count: f64,
    /// The sum of all observations; [`crate::STALE_NAN`] marks the series as gone.
    pub sum: f64,
    /// The observations in the zero bucket.
    pub zero_count: f64,
    /// The observations in each positive bucket.
    pub positive: &'a [f64],
    /// The observations in each negative bucket.
    pub negative: &'a [f64],
}

impl HistogramColumns {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }

    /// Adds a sample, which must be later than the last one.
    pub fn push(&mut self, timestamp_ms: i64, sample: HistogramView<'_>) {
        let layout = self.layout_index(sample.layout);
        let first_bucket = self.buckets.len();
        self.buckets.extend_from_slice(sample.positive);
        self.buckets.extend_from_slice(sample.negative);
        self.timestamps_ms.push(timestamp_ms);
        self.samples.push(HistogramRow {
            layout,
            reset_hint: sample.reset_hint,
            is_integer: sample.is_integer,
            count: sample.count,
            sum: sample.sum,
            zero_count: sample.zero_count,
            buckets: first_bucket..self.buckets.len(),
            positive_buckets: sample.positive.len(),
        });
    }

    /// Adds a sample, which must be later than the last one, and returns its buckets, all 0, to be filled: the positive
    /// ones, then the negative ones. The buckets of `sample` itself are not looked at.
    pub fn push_unfilled(
        &mut self,
        timestamp_ms: i64,
        sample: HistogramView<'_>,
        positive_buckets: usize,
        negative_buckets: usize,
    ) -> &mut [f64] {
        let first_bucket = self.buckets.len();
        let end = first_bucket + positive_buckets + negative_buckets;
        self.buckets.resize(end, 0.0);
        let layout = self.layout_index(sample.layout);
        self.timestamps_ms.push(timestamp_ms);
        self.samples.push(HistogramRow {
            layout,
            reset_hint: sample.reset_hint,
            is_integer: sample.is_integer,
            count: sample.count,
            sum: sample.sum,
            zero_count: sample.zero_count,
            buckets: first_bucket..end,
            positive_buckets,
        });
        self.buckets.get_mut(first_bucket..).unwrap_or_default()
    }

    /// States when the sample added last started to count, in milliseconds since the Unix epoch.
    pub fn set_start_timestamp_ms(&mut self, start_timestamp_ms: i64) {
        set_last(
            &mut self.start_timestamps_ms,
            self.timestamps_ms.len(),
            start_timestamp_ms,
        );
    }

    /// When the sample at `index` started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub fn start_timestamp_ms(&self, index: usize) -> i64 {
        self.start_timestamps_ms.get(index).copied().unwrap_or_default()
    }

    /// Drops the samples behind the first `length`.
    pub fn truncate(&mut self, length: usize) {
        self.timestamps_ms.truncate(length);
        self.start_timestamps_ms.truncate(length);
        self.samples.truncate(length);
        self.buckets
            .truncate(self.samples.last().map_or(0, |row| row.buckets.end));
        self.layouts
            .truncate(self.samples.last().map_or(0, |row| row.layout + 1));
    }

    /// Of the samples from the index `from` on, keeps those from `start_ms` to `end_ms`, both inclusive.
    pub fn retain_range(&mut self, from: usize, start_ms: i64, end_ms: i64) {
        let (kept, dropped) = range_of(&self.timestamps_ms, from, start_ms, end_ms);
        self.truncate(kept);
        if dropped > 0 {
            drop_range(&mut self.timestamps_ms, from, dropped);
            drop_range(&mut self.start_timestamps_ms, from, dropped);
            drop_range(&mut self.samples, from, dropped);
        }
    }

    /// The sample at `index`.
    pub fn get(&self, index: usize) -> Option<HistogramView<'_>> {
        let row = self.samples.get(index)?;
        let (positive, negative) = self
            .buckets
            .get(row.buckets.clone())?
            .split_at_checked(row.positive_buckets)?;
        Some(HistogramView {
            layout: self.layouts.get(row.layout)?,
            reset_hint: row.reset_hint,
            is_integer: row.is_integer,
            count: row.count,
            sum: row.sum,
            zero_count: row.zero_count,
            positive,
            negative,
        })
    }

    /// The samples with their timestamps in milliseconds, ascending by time.
    pub fn iter(&self) -> impl Iterator<Item = (i64, HistogramView<'_>)> {
        let samples = (0..self.samples.len()).filter_map(|index| self.get(index));
        self.timestamps_ms.iter().copied().zip(samples)
    }

    /// Drops all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.start_timestamps_ms.clear();
        self.samples.clear();
        self.layouts.clear();
        self.buckets.clear();
    }

    fn layout_index(&mut self, layout: &Arc<HistogramLayout>) -> usize {
        if self.layouts.last().is_none_or(|last| !Arc::ptr_eq(last, layout)) {
            self.layouts.push(Arc::clone(layout));
        }
        self.layouts.len() - 1
    }
}

impl HistogramView<'_> {
    /// Whether this sample marks its series as gone.
    pub fn is_stale(&self) -> bool {
        crate::is_stale_nan(self.sum)
    }

    /// The sample as a histogram of its own.
    pub fn to_float(&self) -> FloatHistogram {
        FloatHistogram {
            layout: Arc::clone(self.layout),
            reset_hint: self.reset_hint,
            count: self.count,
            sum: self.sum,
            zero_count: self.zero_count,
            positive: self.positive.to_vec(),
            negative: self.negative.to_vec(),
        }
    }
}

impl<'a> From<&'a FloatHistogram> for HistogramView<'a> {
    fn from(histogram: &'a FloatHistogram) -> Self {
        Self {
            layout: &histogram.layout,
            reset_hint: histogram.reset_hint,
            is_integer: false,
            count: histogram.count,
            sum: histogram.sum,
            zero_count: histogram.zero_count,
            positive: &histogram.positive,
            negative: &histogram.negative,
        }
    }
}

/// Sets the start of the last of `length` samples.
fn set_last(start_timestamps_ms: &mut Vec<i64>, length: usize, start_timestamp_ms: i64) {
    if let Some(last) = length.checked_sub(1) {
        start_timestamps_ms.resize(last, 0);
        start_timestamps_ms.push(start_timestamp_ms);
    }
}

/// For a column of ascending timestamps: where the range ends, and how many samples from `from` on are before it.
fn range_of(timestamps_ms: &[i64], from: usize, start_ms: i64, end_ms: i64) -> (usize, usize) {
    let added = timestamps_ms.get(from..).unwrap_or_default();
    let kept = added.partition_point(|&time| time <= end_ms);
    let dropped = added.partition_point(|&time| time < start_ms).min(kept);
    ((from + kept).min(timestamps_ms.len()), dropped)
}

/// Drops `count` values from the index `from` on, as far as there are so many.
fn drop_range<T>(column: &mut Vec<T>, from: usize, count: usize) {
    let end = column.len().min(from + count);
    if from < end {
        column.drain(from..end);
    }
}
