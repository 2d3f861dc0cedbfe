//! [`start_timestamp_suite`], [`exemplar_suite`] and [`metadata_suite`]: the contracts of what comes along with samples.

use super::HistogramSeries;
use super::read_samples::read_all_samples;
use crate::{
    AppendBatch, Appended, Exemplar, ExemplarEntry, HistogramEntry, HistogramValue, Labels, METRIC_NAME,
    Matcher, Metadata, MetadataEntry, MetricKind, SampleError, SampleSink, Select, SeriesKey, SeriesRef,
    SeriesSource,
};

/// A whole number of hours; all that the suites append lies within the hour after it, which every sink takes.
const BASE_MS: i64 = 1_700_006_400_000;

/// Reads the exemplars that a selection asks for, by series.
pub type ReadExemplars<S> = dyn Fn(&S, &Select) -> Vec<(Labels, Vec<Exemplar>)>;

/// Reads the metadata of the series that a selection matches.
pub type ReadMetadata<S> = dyn Fn(&S, &Select) -> Vec<(Labels, Metadata)>;

/// Holds a store of start timestamps to the contracts of [`SampleSink`] and [`SeriesSource`], for floats and, with
/// `histograms`, native histograms.
///
/// `make` makes an empty store, new every time.
///
/// # Panics
///
/// When the store breaks a contract; the message says how.
pub fn start_timestamp_suite<S: SeriesSource + SampleSink>(make: &dyn Fn() -> S, histograms: bool) {
    type BeforeMs = fn(i64) -> i64;
    // The start of each sample, in milliseconds before the first one; 0 when not known.
    let patterns: [(&str, BeforeMs); 5] = [
        ("constant", |_| 5_000),
        ("restarts", |number| 5_000 - number / 50 * 50_000),
        ("sometimes", |number| if number % 7 < 3 { 0 } else { 9_000 }),
        ("late", |number| if number < 130 { 0 } else { 1_000 }),
        ("always_new", |number| 1 - number * 1_000),
    ];
    for (name, before_ms) in patterns {
        start_timestamps_come_back(&make(), name, false, before_ms);
        if histograms {
            start_timestamps_come_back(&make(), name, true, before_ms);
        }
    }
}

/// Holds a store of exemplars to the contract of [`SampleSink`].
///
/// `make` makes an empty store, new every time, and `read` reads the exemplars in the time range of a [`Select`], ascending by
/// time, of the series it matches, ascending by labels, as [`crate::MemorySource::exemplars`] does.
///
/// # Panics
///
/// When the store breaks the contract; the message says how.
pub fn exemplar_suite<S: SampleSink>(make: &dyn Fn() -> S, read: &ReadExemplars<S>) {
    exemplars_come_back(&make(), read);
    exemplars_need_their_series(&make(), read);
    exemplars_ascend_by_time(&make(), read);
    long_exemplars_are_rejected(&make(), read);
}

/// Holds a store of metadata to the contract of [`SampleSink`].
///
/// `make` makes an empty store, new every time, and `read` reads the newest metadata of the series that a [`Select`] matches,
/// ascending by labels, as [`crate::MemorySource::metadata`] does.
///
/// # Panics
///
/// When the store breaks the contract; the message says how.
pub fn metadata_suite<S: SampleSink>(make: &dyn Fn() -> S, read: &ReadMetadata<S>) {
    let store = make();
    let (a, b, unknown) = (series("a"), series("b"), series("unknown"));
    let known = |kind, help: &str| Metadata {
        kind,
        unit: "seconds".to_owned(),
        help: help.to_owned(),
    };
    let (first, second) = (
        known(MetricKind::Counter, "Help \u{6e29}\n."),
        known(MetricKind::Histogram, ""),
    );
    let entry = |labels, metadata| MetadataEntry {
        series: SeriesKey::Labels(labels),
        metadata,
    };
    let mut batch = AppendBatch::new();
    batch.push_labels(&a, BASE_MS, 1.0);
    batch.push_labels(&b, BASE_MS, 1.0);
    batch
        .metadata
        .extend([entry(&a, &first), entry(&unknown, &first), entry(&b, &second)]);
    let appended = append(&store, &batch);
    assert_eq!(
        appended.metadata_outcomes[0], appended.outcomes[0],
        "metadata of a series in the same batch"
    );
    assert_eq!(
        appended.metadata_outcomes[1],
        Err(SampleError::UnknownReference),
        "metadata of an unknown series"
    );
    assert_eq!(
        appended.metadata_outcomes[2], appended.outcomes[1],
        "metadata of a series in the same batch"
    );
    assert_eq!(appended.series_created, 2, "metadata creates a series");
    let expected = [(a.clone(), first.clone()), (b.clone(), second.clone())];
    assert_eq!(read(&store, &everything()), expected, "metadata changed");

    let Ok(reference) = appended.outcomes[0] else {
        panic!("a good sample is rejected");
    };
    let mut batch = AppendBatch::new();
    batch.metadata.push(MetadataEntry {
        series: SeriesKey::Reference(reference),
        metadata: &second,
    });
    assert_eq!(
        append(&store, &batch).metadata_outcomes,
        [Ok(reference)],
        "metadata by reference"
    );
    let of_a = Select::new(vec![Matcher::equal(METRIC_NAME, "a")], BASE_MS, BASE_MS);
    assert_eq!(
        read(&store, &of_a),
        [(a, second)],
        "newer metadata does not replace older"
    );
}

fn series(name: &str) -> Labels {
    Labels::from_pairs([(METRIC_NAME, name)])
}

fn everything() -> Select {
    Select::new(Vec::new(), i64::MIN, i64::MAX)
}

fn append(sink: &dyn SampleSink, batch: &AppendBatch<'_>) -> Appended {
    let appended = sink
        .append(batch)
        .unwrap_or_else(|error| panic!("append fails: {error}"));
    let lengths = [
        (appended.outcomes.len(), batch.entries.len()),
        (appended.histogram_outcomes.len(), batch.histograms.len()),
        (appended.exemplar_outcomes.len(), batch.exemplars.len()),
        (appended.metadata_outcomes.len(), batch.metadata.len()),
    ];
    for (outcomes, entries) in lengths {
        assert_eq!(
            outcomes, entries,
            "outcomes are not parallel to what was appended"
        );
    }
    appended
}

fn start_timestamps_come_back<S: SeriesSource + SampleSink>(
    store: &S,
    name: &str,
    is_histogram: bool,
    before_ms: fn(i64) -> i64,
) {
    let labels = series(name);
    let mut generator = HistogramSeries::counter(1);
    let mut expected = Vec::new();
    for number in 0..300 {
        let timestamp_ms = BASE_MS + number * 1_000;
        let start_timestamp_ms = match before_ms(number) {
            0 => 0,
            before_ms => BASE_MS - before_ms,
        };
        expected.push((timestamp_ms, start_timestamp_ms));
        let histogram = generator.next_sample();
        let mut batch = AppendBatch::new();
        if is_histogram {
            batch.histograms.push(HistogramEntry {
                series: SeriesKey::Labels(&labels),
                timestamp_ms,
                start_timestamp_ms,
                value: HistogramValue::Integer(&histogram),
            });
        } else {
            batch.push_labels(&labels, timestamp_ms, number as f64);
            if start_timestamp_ms != 0 {
                batch.set_start_timestamp_ms(start_timestamp_ms);
            }
        }
        assert_eq!(append(store, &batch).accepted(), 1, "a good sample is rejected");
    }
    for (first, last) in [(0, 299), (100, 200), (131, 131)] {
        let select = Select::new(Vec::new(), BASE_MS + first * 1_000, BASE_MS + last * 1_000);
        let found: Vec<(i64, i64)> = read_all_samples(store, &select)
            .iter()
            .flat_map(|(_, samples)| {
                samples
                    .iter()
                    .map(|sample| (sample.timestamp_ms, sample.start_timestamp_ms))
            })
            .collect();
        let expected = expected.get(first as usize..=last as usize).unwrap_or_default();
        assert_eq!(
            found, expected,
            "start timestamps '{name}' changed (histograms: {is_histogram})"
        );
    }
}

fn exemplar(trace: &str, value: f64) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", trace)]),
        value,
        timestamp_ms: None,
    }
}

fn at(timestamp_ms: i64, exemplar: &Exemplar) -> Exemplar {
    Exemplar {
        timestamp_ms: Some(timestamp_ms),
        ..exemplar.clone()
    }
}

/// Appends one exemplar by labels.
fn put(
    sink: &dyn SampleSink,
    labels: &Labels,
    timestamp_ms: i64,
    exemplar: &Exemplar,
) -> Result<SeriesRef, SampleError> {
    let mut batch = AppendBatch::new();
    batch.exemplars.push(ExemplarEntry {
        series: SeriesKey::Labels(labels),
        timestamp_ms,
        exemplar,
    });
    append(sink, &batch).exemplar_outcomes[0]
}

fn with_series<S: SampleSink>(store: &S, labels: &Labels) {
    let mut batch = AppendBatch::new();
    batch.push_labels(labels, BASE_MS, 1.0);
    assert_eq!(append(store, &batch).accepted(), 1, "a good sample is rejected");
}

fn exemplars_come_back<S: SampleSink>(store: &S, read: &ReadExemplars<S>) {
    let (a, b) = (series("a"), series("b"));
    let exemplars: Vec<Exemplar> = (0..10_i32)
        .map(|number| exemplar(&format!("t{number}"), f64::from(number)))
        .collect();
    for (number, exemplar) in (0..).zip(&exemplars) {
        let mut batch = AppendBatch::new();
        for labels in [&b, &a] {
            batch.push_labels(labels, BASE_MS + number * 1_000, 1.0);
            batch.exemplars.push(ExemplarEntry {
                series: SeriesKey::Labels(labels),
                timestamp_ms: BASE_MS + number * 1_000,
                exemplar,
            });
        }
        let appended = append(store, &batch);
        assert_eq!(
            appended.exemplar_outcomes, appended.outcomes,
            "an exemplar is rejected or changes its series"
        );
    }
    let timed = |range: std::ops::Range<i64>| -> Vec<Exemplar> {
        let in_range = (0..).zip(&exemplars).filter(|(number, _)| range.contains(number));
        in_range
            .map(|(number, exemplar)| at(BASE_MS + number * 1_000, exemplar))
            .collect()
    };
    let all = read(store, &everything());
    assert_eq!(
        all,
        [(a.clone(), timed(0..10)), (b, timed(0..10))],
        "exemplars changed"
    );
    let some = Select::new(
        vec![Matcher::equal(METRIC_NAME, "a")],
        BASE_MS + 3_000,
        BASE_MS + 5_999,
    );
    assert_eq!(
        read(store, &some),
        [(a, timed(3..6))],
        "wrong exemplars in a range"
    );
    let none = Select::new(Vec::new(), BASE_MS + 100_000, BASE_MS + 200_000);
    assert_eq!(read(store, &none), [], "exemplars outside the range");
}

fn exemplars_need_their_series<S: SampleSink>(store: &S, read: &ReadExemplars<S>) {
    let outcome = put(store, &series("unknown"), BASE_MS, &exemplar("t", 1.0));
    assert_eq!(
        outcome,
        Err(SampleError::UnknownReference),
        "an exemplar of an unknown series"
    );
    assert_eq!(
        read(store, &everything()),
        [],
        "an exemplar of an unknown series is stored"
    );
}

fn exemplars_ascend_by_time<S: SampleSink>(store: &S, read: &ReadExemplars<S>) {
    let labels = series("m");
    with_series(store, &labels);
    let (one, two) = (exemplar("one", 1.0), exemplar("two", 2.0));
    let first = put(store, &labels, BASE_MS + 500, &one);
    assert!(first.is_ok(), "a first exemplar is rejected: {first:?}");
    assert_eq!(
        put(store, &labels, BASE_MS + 500, &one),
        first,
        "a repeated exemplar is not taken as such"
    );
    let late = put(store, &labels, BASE_MS + 499, &two);
    assert_eq!(late, Err(SampleError::OutOfOrder), "a late exemplar");
    assert_eq!(
        put(store, &labels, BASE_MS + 501, &two),
        first,
        "a later exemplar is rejected"
    );
    let expected = vec![at(BASE_MS + 500, &one), at(BASE_MS + 501, &two)];
    assert_eq!(
        read(store, &everything()),
        [(labels, expected)],
        "wrong exemplars are stored"
    );
}

fn long_exemplars_are_rejected<S: SampleSink>(store: &S, read: &ReadExemplars<S>) {
    let labels = series("m");
    with_series(store, &labels);
    // With the eight characters of the name that makes 128, then 129.
    let (fits, too_long) = ("\u{6e29}".repeat(120), "x".repeat(121));
    let outcome = put(store, &labels, BASE_MS, &exemplar(&too_long, 1.0));
    assert_eq!(
        outcome,
        Err(SampleError::InvalidExemplar),
        "an exemplar of 129 characters"
    );
    let fits = exemplar(&fits, 1.0);
    assert!(
        put(store, &labels, BASE_MS, &fits).is_ok(),
        "an exemplar of 128 characters is rejected"
    );
    assert_eq!(
        read(store, &everything()),
        [(labels, vec![at(BASE_MS, &fits)])],
        "wrong exemplars are stored"
    );
}
