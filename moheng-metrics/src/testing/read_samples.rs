//! Reading samples of all kinds in a form that can be compared.

use crate::histogram::{BucketSpan, ResetHint};
use crate::{
    HistogramView, Labels, SampleBuffer, SampleCursor, Select, SeriesCursor, SeriesOrder, SeriesSource,
    SourceError,
};

/// A sample as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// As in [`crate::FloatColumns::start_timestamps_ms`].
    pub start_timestamp_ms: i64,
    /// The value.
    pub value: ReadValue,
}

/// A value, all floats as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadValue {
    /// The bits of a float.
    Float(u64),
    /// What a native histogram says, however its buckets are written down.
    Histogram(Box<ReadHistogram>),
    /// The end of a series of histograms, whatever else the sample says.
    StaleHistogram,
}

/// A native histogram without what a storage may change: empty buckets, and what is known about counter resets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadHistogram {
    is_integer: bool,
    is_gauge: bool,
    schema: i8,
    /// Zero threshold, zero count, count and sum.
    numbers: [u64; 4],
    custom_bounds: Vec<u64>,
    /// Populated buckets by index: positive, negative.
    buckets: [Vec<(i32, u64)>; 2],
}

impl ReadValue {
    /// The value of a float sample.
    pub fn float(value: f64) -> Self {
        Self::Float(value.to_bits())
    }

    /// The value of a histogram sample.
    pub fn histogram(view: HistogramView<'_>) -> Self {
        if view.is_stale() {
            return Self::StaleHistogram;
        }
        let layout = view.layout;
        let numbers = [layout.zero_threshold, view.zero_count, view.count, view.sum];
        Self::Histogram(Box::new(ReadHistogram {
            is_integer: view.is_integer,
            is_gauge: view.reset_hint == ResetHint::Gauge,
            schema: layout.schema,
            numbers: numbers.map(f64::to_bits),
            custom_bounds: layout.custom_bounds.iter().map(|bound| bound.to_bits()).collect(),
            buckets: [
                populated(&layout.positive, view.positive),
                populated(&layout.negative, view.negative),
            ],
        }))
    }
}

/// Reads everything that `select` selects: series in the order they come, each with its samples of all kinds ascending by
/// time. Series without a sample are left out.
///
/// What is handed out is held to the contract of [`SeriesSource`] on the way, and what it says about counter resets to the
/// truth.
///
/// # Panics
///
/// When the source fails or breaks its contract.
pub fn read_all_samples(source: &dyn SeriesSource, select: &Select) -> Vec<(Labels, Vec<ReadSample>)> {
    let read = source
        .select(select)
        .and_then(|mut cursor| try_read_samples(&mut *cursor, select));
    read.unwrap_or_else(|error| panic!("reading {select:?} fails: {error}"))
}

/// Reads what is left of a selection, as [`read_all_samples`] does, from a source that may fail.
///
/// # Errors
///
/// The source's.
///
/// # Panics
///
/// When the source breaks its contract.
pub fn try_read_samples(
    cursor: &mut (dyn SeriesCursor<'_> + '_),
    select: &Select,
) -> Result<Vec<(Labels, Vec<ReadSample>)>, SourceError> {
    let mut all: Vec<(Labels, Vec<ReadSample>)> = Vec::new();
    let mut last: Option<Labels> = None;
    while let Some(mut series) = cursor.next_series()? {
        let labels = series.labels;
        assert!(select.matches(&labels), "{labels} does not match {select:?}");
        if let Some(last) = last.filter(|_| select.order == SeriesOrder::ByLabels) {
            assert!(last < labels, "{labels} comes after {last}");
        }
        last = Some(labels.clone());
        let samples = try_read_series(&mut *series.samples, select)?;
        if !samples.is_empty() {
            all.push((labels, samples));
        }
    }
    Ok(all)
}

/// Asserts that two sources hand out the same samples of all kinds, in whatever order of series.
///
/// # Panics
///
/// When they differ.
pub fn assert_same_samples(source: &dyn SeriesSource, oracle: &dyn SeriesSource, select: &Select) {
    let mut series = read_all_samples(source, select);
    let mut expected = read_all_samples(oracle, select);
    series.sort_by(|one, two| one.0.cmp(&two.0));
    expected.sort_by(|one, two| one.0.cmp(&two.0));
    for ((labels, samples), (expected_labels, expected_samples)) in series.iter().zip(&expected) {
        assert_eq!(labels, expected_labels, "series of {select:?} differ");
        assert_eq!(
            samples.len(),
            expected_samples.len(),
            "number of samples of {labels} differs for {select:?}"
        );
        for (sample, expected) in samples.iter().zip(expected_samples) {
            assert_eq!(sample, expected, "a sample of {labels} differs for {select:?}");
        }
    }
    assert_eq!(
        series.len(),
        expected.len(),
        "number of series of {select:?} differs"
    );
}

/// Reads the samples of one series, as [`read_all_samples`] does, from a source that may fail.
///
/// # Errors
///
/// The source's.
///
/// # Panics
///
/// When the source breaks its contract.
pub fn try_read_series(
    cursor: &mut (dyn SampleCursor + '_),
    select: &Select,
) -> Result<Vec<ReadSample>, SourceError> {
    let mut buffer = SampleBuffer::new();
    let mut before = 0;
    while cursor.read(&mut buffer)? {
        assert!(buffer.len() > before, "read says true and adds nothing");
        before = buffer.len();
    }
    let floats = &buffer.floats;
    assert_eq!(
        floats.timestamps_ms.len(),
        floats.values.len(),
        "columns of unlike length"
    );
    let float_samples = floats.timestamps_ms.iter().zip(&floats.values).enumerate();
    let mut samples: Vec<ReadSample> = float_samples
        .map(|(index, (timestamp_ms, value))| ReadSample {
            timestamp_ms: *timestamp_ms,
            start_timestamp_ms: floats.start_timestamp_ms(index),
            value: ReadValue::float(*value),
        })
        .collect();
    let histograms = &buffer.histograms;
    assert_eq!(
        histograms.len(),
        histograms.iter().count(),
        "a histogram is missing"
    );
    samples.extend(
        histograms
            .iter()
            .enumerate()
            .map(|(index, (timestamp_ms, view))| ReadSample {
                timestamp_ms,
                start_timestamp_ms: histograms.start_timestamp_ms(index),
                value: ReadValue::histogram(view),
            }),
    );
    let is_ascending = |times: &[i64]| times.is_sorted_by(|earlier, later| earlier < later);
    assert!(
        is_ascending(&floats.timestamps_ms),
        "floats do not ascend by time"
    );
    assert!(
        is_ascending(&histograms.timestamps_ms),
        "histograms do not ascend by time"
    );
    samples.sort_by_key(|sample| sample.timestamp_ms);
    assert!(
        samples.is_sorted_by(|earlier, later| earlier.timestamp_ms < later.timestamp_ms),
        "a float and a histogram have one timestamp"
    );
    let range = select.start_ms..=select.end_ms;
    assert!(
        samples.iter().all(|sample| range.contains(&sample.timestamp_ms)),
        "samples outside the range {range:?}"
    );
    check_reset_hints(&buffer);
    Ok(samples)
}

/// Whoever reads trusts these hints instead of comparing buckets. Of the first sample read, and of one after a float, a
/// reader has nothing to compare with.
fn check_reset_hints(buffer: &SampleBuffer) {
    let mut last: Option<(i64, HistogramView<'_>)> = None;
    for (timestamp_ms, view) in buffer.histograms.iter() {
        let unknown = HistogramView {
            reset_hint: ResetHint::Unknown,
            ..view
        };
        let follows = last.filter(|(last_ms, last)| {
            let is_between = |time_ms: &i64| (*last_ms..timestamp_ms).contains(time_ms);
            !last.is_stale() && !view.is_stale() && !buffer.floats.timestamps_ms.iter().any(is_between)
        });
        if let Some((_, last)) = follows {
            let is_reset = unknown.is_reset_since(&last);
            match view.reset_hint {
                ResetHint::NotReset => assert!(!is_reset, "a reset at {timestamp_ms} is denied"),
                // A reset that the counts do not show may be one the sink was told of.
                ResetHint::Reset | ResetHint::Unknown | ResetHint::Gauge => {}
            }
        }
        last = Some((timestamp_ms, view));
    }
}

fn populated(spans: &[BucketSpan], counts: &[f64]) -> Vec<(i32, u64)> {
    let spanned: usize = spans.iter().map(|span| span.length as usize).sum();
    assert_eq!(spanned, counts.len(), "spans and counts differ in number");
    let mut end = 0;
    let indexes = spans.iter().flat_map(|span| {
        let start = end + span.offset;
        end = start + span.length as i32;
        start..end
    });
    let buckets = indexes.zip(counts).filter(|(_, count)| **count != 0.0);
    buckets.map(|(index, count)| (index, count.to_bits())).collect()
}
