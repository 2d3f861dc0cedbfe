//! [`histogram_suite`]: the contracts of both seams where samples are native histograms.

use super::read_samples::{ReadSample, ReadValue, read_all_samples};
use super::{HistogramSeries, Random, random_float_histogram, random_histogram};
use crate::histogram::{BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, ResetHint};
use crate::{
    AppendBatch, Appended, HistogramValue, HistogramView, Labels, METRIC_NAME, STALE_NAN, SampleError,
    SampleSink, Select, SeriesKey, SeriesRef, SeriesSource,
};

/// A whole number of hours; all that the suite appends lies within the hour after it, which every sink takes.
const BASE_MS: i64 = 1_700_006_400_000;

/// Holds a store of native histograms to the contracts of [`SampleSink`] and [`SeriesSource`]: both flavours, gauges,
/// custom buckets, stale markers, series that also hold floats, and what is said about counter resets.
///
/// `make` makes an empty store, new every time. Run [`super::sink_suite`] and [`super::source_suite`] first.
///
/// ```
/// use moheng_metrics::MemorySource;
/// use moheng_metrics::testing::histogram_suite;
///
/// histogram_suite(&MemorySource::new);
/// ```
///
/// # Panics
///
/// When the store breaks a contract; the message says how.
pub fn histogram_suite<S: SeriesSource + SampleSink>(make: &dyn Fn() -> S) {
    any_histogram_comes_back(&make());
    counters_and_gauges_come_back(&make());
    one_series_holds_all_kinds(&make());
    stale_markers_come_back(&make());
    outcomes_are_parallel_to_histograms(&make());
    order_holds_for_histograms(&make());
    the_newest_histogram_can_be_repeated(&make());
    invalid_histograms_are_rejected(&make());
    high_schemas_are_reduced(&make());
    counts_and_sums_come_without_buckets(&make());
}

/// A histogram of either flavour that a test keeps to compare with.
#[derive(Clone, Debug)]
enum Owned {
    Integer(IntegerHistogram),
    Float(FloatHistogram),
}

impl Owned {
    fn value(&self) -> HistogramValue<'_> {
        match self {
            Self::Integer(histogram) => HistogramValue::Integer(histogram),
            Self::Float(histogram) => HistogramValue::Float(histogram),
        }
    }

    fn read(&self) -> ReadValue {
        match self {
            Self::Integer(histogram) => ReadValue::histogram(HistogramView {
                is_integer: true,
                ..histogram.to_float().view()
            }),
            Self::Float(histogram) => ReadValue::histogram(histogram.view()),
        }
    }

    fn any(random: &mut Random) -> Self {
        if random.below(2) == 0 {
            Self::Integer(random_histogram(random))
        } else {
            Self::Float(random_float_histogram(random))
        }
    }
}

fn series(name: &str) -> Labels {
    Labels::from_pairs([(METRIC_NAME, name)])
}

fn everything() -> Select {
    Select::new(Vec::new(), i64::MIN, i64::MAX)
}

fn sample(timestamp_ms: i64, value: ReadValue) -> ReadSample {
    ReadSample {
        timestamp_ms,
        start_timestamp_ms: 0,
        value,
    }
}

fn append(sink: &dyn SampleSink, batch: &AppendBatch<'_>) -> Appended {
    let appended = sink
        .append(batch)
        .unwrap_or_else(|error| panic!("append fails: {error}"));
    assert_eq!(
        appended.outcomes.len(),
        batch.entries.len(),
        "outcomes are not parallel to entries"
    );
    assert_eq!(
        appended.histogram_outcomes.len(),
        batch.histograms.len(),
        "outcomes are not parallel to histograms"
    );
    appended
}

/// Appends one histogram by labels.
fn put(
    sink: &dyn SampleSink,
    labels: &Labels,
    timestamp_ms: i64,
    value: HistogramValue<'_>,
) -> Result<SeriesRef, SampleError> {
    let mut batch = AppendBatch::new();
    batch.push_histogram(SeriesKey::Labels(labels), timestamp_ms, value);
    append(sink, &batch).histogram_outcomes[0]
}

/// Appends histograms to a series, one a second, and reads parts of them back.
fn check_series<S: SeriesSource + SampleSink>(store: &S, name: &str, histograms: &[Owned]) {
    let labels = series(name);
    let times_ms = (BASE_MS..).step_by(1_000);
    let mut expected = Vec::new();
    for (time_ms, histogram) in times_ms.zip(histograms) {
        let outcome = put(store, &labels, time_ms, histogram.value());
        assert!(
            outcome.is_ok(),
            "a good histogram is rejected: {outcome:?} {histogram:?}"
        );
        expected.push(sample(time_ms, histogram.read()));
    }
    let length = histograms.len();
    for (first, last) in [
        (0, length),
        (length / 3, length / 2),
        (length - 1, length),
        (7.min(length), length),
    ] {
        let end_ms = BASE_MS + last as i64 * 1_000 - 1;
        let matchers = vec![crate::Matcher::equal(METRIC_NAME, name)];
        let select = Select::new(matchers, BASE_MS + first as i64 * 1_000, end_ms);
        let expected = expected.get(first..last).unwrap_or_default();
        let found = read_all_samples(store, &select);
        let found = found
            .first()
            .map(|(_, samples)| samples.as_slice())
            .unwrap_or_default();
        assert_eq!(
            found.len(),
            expected.len(),
            "number of samples of {name} differs for {select:?}"
        );
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found, expected, "a sample of {name} changed");
        }
    }
}

fn any_histogram_comes_back<S: SeriesSource + SampleSink>(store: &S) {
    let mut random = Random::new(3);
    for number in 0..10 {
        let histograms: Vec<Owned> = (0..25).map(|_| Owned::any(&mut random)).collect();
        check_series(store, &format!("any{number}"), &histograms);
    }
}

/// Series long enough for any chunk to fill, with buckets that appear, vanish and start again.
fn counters_and_gauges_come_back<S: SeriesSource + SampleSink>(store: &S) {
    for seed in 0..2 {
        let kinds = [
            ("counter", HistogramSeries::counter(seed)),
            ("resets", HistogramSeries::counter_with_resets(seed, 20)),
            ("gauge", HistogramSeries::gauge(seed)),
        ];
        for (name, mut generator) in kinds {
            let integers: Vec<Owned> = (0..300)
                .map(|_| Owned::Integer(generator.next_sample()))
                .collect();
            check_series(store, &format!("integer_{name}{seed}"), &integers);
            let scaled = |_| {
                let mut histogram = generator.next_sample().to_float();
                histogram.scale(0.3);
                Owned::Float(histogram)
            };
            let floats: Vec<Owned> = (0..300).map(scaled).collect();
            check_series(store, &format!("float_{name}{seed}"), &floats);
        }
    }
    let buckets = |count: u64| IntegerHistogram {
        count: count * 3,
        sum: count as f64 / 3.0,
        positive: vec![count, count * 2],
        ..IntegerHistogram::empty(HistogramLayout {
            positive: vec![
                BucketSpan { offset: 0, length: 1 },
                BucketSpan { offset: 2, length: 1 },
            ],
            ..HistogramLayout::custom(vec![0.005, 0.1, 2.5])
        })
    };
    let custom: Vec<Owned> = (0..300).map(|count| Owned::Integer(buckets(count))).collect();
    check_series(store, "custom", &custom);
}

fn one_series_holds_all_kinds<S: SeriesSource + SampleSink>(store: &S) {
    let mut random = Random::new(4);
    let labels = series("mixed");
    let mut expected = Vec::new();
    for time_ms in (BASE_MS..).step_by(1_000).take(200) {
        let histogram = Owned::any(&mut random);
        let mut batch = AppendBatch::new();
        // In a batch the histograms of a series come after its floats.
        let has_float = random.below(3) > 0;
        if has_float {
            batch.push_labels(&labels, time_ms, time_ms as f64);
            expected.push(sample(time_ms, ReadValue::float(time_ms as f64)));
        }
        if !has_float || random.below(2) == 0 {
            batch.push_histogram(SeriesKey::Labels(&labels), time_ms + 1, histogram.value());
            expected.push(sample(time_ms + 1, histogram.read()));
        }
        assert_eq!(
            append(store, &batch).accepted(),
            batch.len(),
            "a good sample is rejected"
        );
    }
    let found = read_all_samples(store, &everything());
    assert!(
        found == [(labels, expected)],
        "a series of floats and histograms changed"
    );
}

fn stale_markers_come_back<S: SeriesSource + SampleSink>(store: &S) {
    let integer = Owned::Integer(HistogramSeries::counter(5).next_sample());
    let float = Owned::Float(HistogramSeries::counter(5).next_sample().to_float());
    let stale_integer = Owned::Integer(IntegerHistogram::stale());
    let stale_float = Owned::Float(FloatHistogram::stale());
    let all = [
        &integer,
        &stale_integer,
        &stale_integer,
        &integer,
        &float,
        &stale_float,
        &float,
        &stale_float,
    ];
    let histograms: Vec<Owned> = all.into_iter().cloned().collect();
    check_series(store, "stale", &histograms);
    let labels = series("stale_float");
    assert!(
        put(store, &labels, BASE_MS, integer.value()).is_ok(),
        "a first histogram is rejected"
    );
    let mut batch = AppendBatch::new();
    batch.push_labels(&labels, BASE_MS + 1, STALE_NAN);
    assert_eq!(
        append(store, &batch).accepted(),
        1,
        "a stale marker of floats is rejected"
    );
    assert!(
        put(store, &labels, BASE_MS + 2, integer.value()).is_ok(),
        "a histogram after a stale marker is rejected"
    );
    let select = Select::new(
        vec![crate::Matcher::equal(METRIC_NAME, "stale_float")],
        i64::MIN,
        i64::MAX,
    );
    let expected = [integer.read(), ReadValue::float(STALE_NAN), integer.read()];
    let expected: Vec<ReadSample> = (BASE_MS..)
        .zip(expected)
        .map(|(time_ms, value)| sample(time_ms, value))
        .collect();
    assert_eq!(
        read_all_samples(store, &select),
        [(labels, expected)],
        "a stale marker of floats changed"
    );
}

fn outcomes_are_parallel_to_histograms<S: SeriesSource + SampleSink>(store: &S) {
    let (a, b) = (series("a"), series("b"));
    let one = Owned::Integer(HistogramSeries::counter(6).next_sample());
    let mut batch = AppendBatch::new();
    batch.push_labels(&a, BASE_MS, 1.0);
    batch.push_histogram(SeriesKey::Labels(&b), BASE_MS, one.value());
    batch.push_histogram(SeriesKey::Labels(&a), BASE_MS + 1, one.value());
    batch.push_histogram(SeriesKey::Reference(SeriesRef(u64::MAX)), BASE_MS, one.value());
    let empty = Labels::empty();
    batch.push_histogram(SeriesKey::Labels(&empty), BASE_MS, one.value());
    let appended = append(store, &batch);
    assert_eq!(appended.series_created, 2, "wrong number of series created");
    assert_eq!(appended.accepted(), 3, "a good sample is rejected");
    assert_eq!(
        appended.outcomes[0], appended.histogram_outcomes[1],
        "one series has two references"
    );
    assert_ne!(
        appended.outcomes[0], appended.histogram_outcomes[0],
        "two series have one reference"
    );
    assert_eq!(
        appended.histogram_outcomes[2],
        Err(SampleError::UnknownReference),
        "an unknown reference"
    );
    assert_eq!(
        appended.histogram_outcomes[3],
        Err(SampleError::InvalidLabels),
        "the empty label set"
    );
    let Ok(reference) = appended.histogram_outcomes[0] else {
        panic!("a good histogram is rejected");
    };
    let mut batch = AppendBatch::new();
    batch.push_histogram(SeriesKey::Reference(reference), BASE_MS + 5, one.value());
    assert_eq!(
        append(store, &batch).histogram_outcomes,
        [Ok(reference)],
        "a reference is not taken"
    );
    let found = read_all_samples(store, &everything());
    let times: Vec<Vec<i64>> = found
        .iter()
        .map(|(_, samples)| {
            samples
                .iter()
                .map(|sample| sample.timestamp_ms - BASE_MS)
                .collect()
        })
        .collect();
    assert_eq!(times, [vec![0, 1], vec![0, 5]], "wrong samples are stored");
}

fn order_holds_for_histograms<S: SeriesSource + SampleSink>(store: &S) {
    let labels = series("m");
    let mut generator = HistogramSeries::counter(7);
    let (one, two) = (
        Owned::Integer(generator.next_sample()),
        Owned::Integer(generator.next_sample()),
    );
    assert!(
        put(store, &labels, BASE_MS + 1_000, one.value()).is_ok(),
        "a first histogram is rejected"
    );
    let mut expected = vec![sample(BASE_MS + 1_000, one.read())];
    match put(store, &labels, BASE_MS + 500, two.value()) {
        Err(SampleError::OutOfOrder) => {}
        Ok(_) => expected.insert(0, sample(BASE_MS + 500, two.read())),
        Err(error) => panic!("a late histogram is rejected as {error}"),
    }
    assert!(
        put(store, &labels, BASE_MS + 1_001, two.value()).is_ok(),
        "a later histogram is rejected"
    );
    expected.push(sample(BASE_MS + 1_001, two.read()));
    assert_eq!(
        read_all_samples(store, &everything()),
        [(labels, expected)],
        "order is not kept"
    );
}

fn the_newest_histogram_can_be_repeated<S: SeriesSource + SampleSink>(store: &S) {
    let one = HistogramSeries::counter(8).next_sample();
    let mut other = one.clone();
    other.sum += 1.0;
    let float = one.to_float();
    let distinct = [
        Owned::Integer(one.clone()),
        Owned::Integer(other),
        Owned::Float(float),
        Owned::Integer(IntegerHistogram::stale()),
    ];
    for (number, value) in distinct.iter().enumerate() {
        let labels = series(&format!("m{number}"));
        let first = put(store, &labels, BASE_MS, value.value());
        assert!(first.is_ok(), "a first histogram is rejected");
        assert_eq!(
            put(store, &labels, BASE_MS, value.value()),
            first,
            "a repeated histogram is not taken as such"
        );
        for (other_number, other) in distinct.iter().enumerate() {
            if other_number != number {
                let outcome = put(store, &labels, BASE_MS, other.value());
                assert_eq!(
                    outcome,
                    Err(SampleError::DuplicateTimestamp),
                    "{value:?} then {other:?}"
                );
            }
        }
        let mut batch = AppendBatch::new();
        batch.push_labels(&labels, BASE_MS, 1.0);
        let outcomes = append(store, &batch).outcomes;
        assert_eq!(
            outcomes,
            [Err(SampleError::DuplicateTimestamp)],
            "a float at the time of a histogram"
        );
        let expected = vec![sample(BASE_MS, value.read())];
        let select = Select::new(
            vec![crate::Matcher::equal(METRIC_NAME, format!("m{number}"))],
            i64::MIN,
            i64::MAX,
        );
        assert_eq!(
            read_all_samples(store, &select),
            [(labels, expected)],
            "a repeated histogram changed something"
        );
    }
    let labels = series("float_first");
    let mut batch = AppendBatch::new();
    batch.push_labels(&labels, BASE_MS, 1.0);
    batch.push_histogram(SeriesKey::Labels(&labels), BASE_MS, HistogramValue::Integer(&one));
    let outcomes = append(store, &batch).histogram_outcomes;
    assert_eq!(
        outcomes,
        [Err(SampleError::DuplicateTimestamp)],
        "a histogram at the time of a float"
    );
}

fn invalid_histograms_are_rejected<S: SeriesSource + SampleSink>(store: &S) {
    let labels = series("m");
    let good = HistogramSeries::counter(9).next_sample();
    let mut miscounted = good.clone();
    miscounted.count += 1;
    let mut unspanned = good.to_float();
    unspanned.positive.push(1.0);
    let mut negative = good.to_float();
    negative.zero_count = -1.0;
    let unknown = IntegerHistogram::empty(HistogramLayout::exponential(-5, 0.0));
    let bad = [
        Owned::Integer(miscounted),
        Owned::Float(unspanned),
        Owned::Float(negative),
        Owned::Integer(unknown),
    ];
    let mut batch = AppendBatch::new();
    for (time_ms, bad) in (BASE_MS..).zip(&bad) {
        batch.push_histogram(SeriesKey::Labels(&labels), time_ms, bad.value());
    }
    batch.push_histogram(
        SeriesKey::Labels(&labels),
        BASE_MS,
        HistogramValue::Integer(&good),
    );
    let appended = append(store, &batch);
    for (outcome, bad) in appended.histogram_outcomes.iter().zip(&bad) {
        assert_eq!(*outcome, Err(SampleError::InvalidHistogram), "{bad:?}");
    }
    assert_eq!(
        appended.accepted(),
        1,
        "a good histogram after bad ones is rejected"
    );
    let expected = vec![sample(BASE_MS, Owned::Integer(good).read())];
    assert_eq!(
        read_all_samples(store, &everything()),
        [(labels, expected)],
        "a bad histogram is stored"
    );
}

fn high_schemas_are_reduced<S: SeriesSource + SampleSink>(store: &S) {
    let labels = series("m");
    let spanned = |schema, offset| IntegerHistogram {
        count: 3,
        positive: vec![3],
        ..IntegerHistogram::empty(HistogramLayout {
            positive: vec![BucketSpan { offset, length: 1 }],
            ..HistogramLayout::exponential(schema, 0.0)
        })
    };
    assert!(
        put(store, &labels, BASE_MS, HistogramValue::Integer(&spanned(10, 8))).is_ok(),
        "schema 10 is rejected"
    );
    let expected = vec![sample(BASE_MS, Owned::Integer(spanned(8, 2)).read())];
    assert_eq!(
        read_all_samples(store, &everything()),
        [(labels, expected)],
        "schema 10 is reduced wrongly"
    );
}

fn counts_and_sums_come_without_buckets<S: SeriesSource + SampleSink>(store: &S) {
    let labels = series("m");
    let mut generator = HistogramSeries::counter(10);
    let mut expected = Vec::new();
    for time_ms in (BASE_MS..).step_by(1_000).take(150) {
        let histogram = generator.next_sample();
        assert!(
            put(store, &labels, time_ms, HistogramValue::Integer(&histogram)).is_ok(),
            "a histogram is rejected"
        );
        expected.push((time_ms, histogram.count as f64, histogram.sum.to_bits()));
    }
    let mut select = everything();
    select.with_buckets = false;
    let mut cursor = store.select(&select).expect("select works");
    let mut buffer = crate::SampleBuffer::new();
    let mut series = cursor
        .next_series()
        .expect("next_series works")
        .expect("there is a series");
    while series.samples.read(&mut buffer).expect("read works") {}
    let found: Vec<(i64, f64, u64)> = buffer
        .histograms
        .iter()
        .map(|(time_ms, view)| (time_ms, view.count, view.sum.to_bits()))
        .collect();
    assert_eq!(found, expected, "counts or sums without buckets differ");
    let is_known = |hint| matches!(hint, ResetHint::Unknown | ResetHint::NotReset);
    assert!(
        buffer
            .histograms
            .iter()
            .all(|(_, view)| is_known(view.reset_hint)),
        "a reset of a counter is invented"
    );
}
