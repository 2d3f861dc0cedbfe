//! Reading a source as a whole, and comparing two.

use crate::{Labels, SampleBuffer, SampleCursor, Select, SeriesCursor, SeriesSource};

/// One series as read: labels, and samples as (milliseconds, bits of the value).
pub(super) type ReadSeries = (Labels, Vec<(i64, u64)>);

/// Reads everything `select` selects: series in the order they come, values as bits. Series without a sample are left
/// out.
///
/// What a cursor hands out is held to the contract of [`SeriesSource`] on the way: order, range, limit and batches.
///
/// # Panics
///
/// When the source fails or breaks its contract.
pub fn read_all(source: &dyn SeriesSource, select: &Select) -> Vec<(Labels, Vec<(i64, u64)>)> {
    let mut cursor = source
        .select(select)
        .unwrap_or_else(|error| panic!("select of {select:?} fails: {error}"));
    read_cursor(&mut *cursor, select)
}

/// Asserts that two sources answer alike: series with their samples, label names and, for each name, its values.
///
/// # Panics
///
/// When they differ.
pub fn assert_same(source: &dyn SeriesSource, oracle: &dyn SeriesSource, select: &Select) {
    let mut series = read_all(source, select);
    let mut expected = read_all(oracle, select);
    series.sort();
    expected.sort();
    for (left, right) in series.iter().zip(&expected) {
        assert_eq!(left.0, right.0, "series of {select:?} differ");
        assert_eq!(left.1, right.1, "samples of {} differ for {select:?}", left.0);
    }
    assert_eq!(
        series.len(),
        expected.len(),
        "number of series of {select:?} differs"
    );
    let labels_of = |source: &dyn SeriesSource| -> Vec<(String, Vec<String>)> {
        let names = source.label_names(select).expect("label names are listed");
        let with_values = |name: String| {
            let values = source
                .label_values(&name, select)
                .expect("label values are listed");
            (name, values)
        };
        names.into_iter().map(with_values).collect()
    };
    // Label listings may cover more than the range; over all time they are exact.
    if select.start_ms == i64::MIN && select.end_ms == i64::MAX && select.limit.is_none() {
        assert_eq!(
            labels_of(source),
            labels_of(oracle),
            "labels of {select:?} differ"
        );
    }
}

pub(super) fn read_cursor(cursor: &mut (dyn SeriesCursor<'_> + '_), select: &Select) -> Vec<ReadSeries> {
    let mut series: Vec<ReadSeries> = Vec::new();
    let mut last: Option<Labels> = None;
    let mut handed_out = 0;
    loop {
        let remaining = cursor.remaining_hint();
        let next = cursor
            .next_series()
            .unwrap_or_else(|error| panic!("next_series fails for {select:?}: {error}"));
        let Some(mut next) = next else { break };
        handed_out += 1;
        assert_ne!(remaining, Some(0), "a series comes though none remains");
        assert!(
            select.matches(&next.labels),
            "{} does not match {select:?}",
            next.labels
        );
        if let Some(last) = last.filter(|_| select.order == crate::SeriesOrder::ByLabels) {
            assert!(last < next.labels, "{} comes after {last}", next.labels);
        }
        last = Some(next.labels.clone());
        let samples = read_samples(&mut *next.samples, select);
        if !samples.is_empty() {
            series.push((next.labels, samples));
        }
    }
    let limit = select.limit.unwrap_or(usize::MAX);
    assert!(handed_out <= limit, "{handed_out} series, limit {limit}");
    series
}

pub(super) fn read_samples(cursor: &mut (dyn SampleCursor + '_), select: &Select) -> Vec<(i64, u64)> {
    let mut buffer = SampleBuffer::new();
    let mut before = 0;
    let mut read = |buffer: &mut SampleBuffer| {
        cursor
            .read(buffer)
            .unwrap_or_else(|error| panic!("read fails for {select:?}: {error}"))
    };
    while read(&mut buffer) {
        assert!(buffer.len() > before, "read says true and adds nothing");
        before = buffer.len();
    }
    assert_eq!(buffer.len(), before, "read says false and adds samples");
    assert!(!read(&mut buffer), "read says true after false");
    let columns = &buffer.floats;
    assert_eq!(
        columns.timestamps_ms.len(),
        columns.values.len(),
        "columns of unlike length"
    );
    let range = select.start_ms..=select.end_ms;
    let times = &columns.timestamps_ms;
    assert!(
        times.iter().all(|time_ms| range.contains(time_ms)),
        "samples outside the range {range:?}"
    );
    assert!(
        times.is_sorted_by(|earlier, later| earlier < later),
        "samples do not ascend by time"
    );
    let bits = columns.values.iter().map(|value| value.to_bits());
    times.iter().copied().zip(bits).collect()
}
