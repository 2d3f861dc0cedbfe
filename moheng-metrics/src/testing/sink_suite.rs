//! [`sink_suite`]: the contract of [`SampleSink`], sentence by sentence.

use std::collections::BTreeSet;
use std::thread;

use super::read::read_all;
use crate::{
    AppendBatch, Appended, Labels, METRIC_NAME, NORMAL_NAN, STALE_NAN, SampleError, SampleSink, Select,
    SeriesRef, SeriesSource,
};

/// A whole number of hours; all that the suite appends lies within the hour after it, which every sink takes.
const BASE_MS: i64 = 1_700_006_400_000;

/// Holds a sink to the contract of [`SampleSink`].
///
/// `make` makes an empty store, new every time. What was stored is read back through [`SeriesSource`].
///
/// ```
/// use moheng_metrics::MemorySource;
/// use moheng_metrics::testing::sink_suite;
///
/// sink_suite(&MemorySource::new);
/// ```
///
/// # Panics
///
/// When the sink breaks its contract; the message says how.
pub fn sink_suite<S: SeriesSource + SampleSink>(make: &dyn Fn() -> S) {
    outcomes_are_parallel_to_entries(&make());
    references_name_their_series(&make());
    unknown_references_are_rejected(&make());
    the_empty_label_set_is_rejected(&make());
    samples_ascend_by_time(&make());
    order_holds_inside_a_batch(&make());
    the_newest_sample_can_be_repeated(&make());
    rejected_samples_do_not_stop_others(&make());
    series_are_the_same_however_they_are_built(&make());
    synced_samples_are_visible(&make());
    threads_append_at_once(&make());
}

fn series(name: &str) -> Labels {
    Labels::from_pairs([(METRIC_NAME, name)])
}

fn append(sink: &dyn SampleSink, batch: &AppendBatch<'_>) -> Appended {
    let appended = sink
        .append(batch)
        .unwrap_or_else(|error| panic!("append fails: {error}"));
    assert_eq!(
        appended.outcomes.len(),
        batch.len(),
        "outcomes are not parallel to entries"
    );
    appended
}

/// Appends one sample by labels.
fn put(
    sink: &dyn SampleSink,
    labels: &Labels,
    timestamp_ms: i64,
    value: f64,
) -> Result<SeriesRef, SampleError> {
    let mut batch = AppendBatch::new();
    batch.push_labels(labels, timestamp_ms, value);
    append(sink, &batch).outcomes[0]
}

/// All that is stored, as (labels, time since the base, value bits).
fn stored(source: &dyn SeriesSource) -> Vec<(Labels, i64, u64)> {
    read_all(source, &Select::new(Vec::new(), i64::MIN, i64::MAX))
        .into_iter()
        .flat_map(|(labels, samples)| {
            let with_labels = move |(time_ms, bits)| (labels.clone(), time_ms - BASE_MS, bits);
            samples.into_iter().map(with_labels)
        })
        .collect()
}

#[track_caller]
fn assert_stored(source: &dyn SeriesSource, expected: &[(&Labels, i64, f64)]) {
    let expected: Vec<(Labels, i64, u64)> = expected
        .iter()
        .map(|(labels, offset_ms, value)| ((*labels).clone(), *offset_ms, value.to_bits()))
        .collect();
    assert_eq!(
        stored(source),
        expected,
        "stored samples differ from the accepted ones"
    );
}

fn outcomes_are_parallel_to_entries<S: SeriesSource + SampleSink>(store: &S) {
    let appended = append(store, &AppendBatch::new());
    assert_eq!(appended.series_created, 0, "an empty batch creates series");
    let (a, b) = (series("a"), series("b"));
    let mut batch = AppendBatch::new();
    batch.push_labels(&b, BASE_MS, 1.0);
    batch.push_labels(&a, BASE_MS + 5, 2.0);
    batch.push_labels(&b, BASE_MS + 1, 3.0);
    let appended = append(store, &batch);
    assert_eq!(appended.series_created, 2, "wrong number of series created");
    assert_eq!(appended.accepted(), 3, "a good sample is rejected");
    assert_eq!(
        appended.outcomes[0], appended.outcomes[2],
        "one series has two references"
    );
    assert_ne!(
        appended.outcomes[0], appended.outcomes[1],
        "two series have one reference"
    );
    let mut batch = AppendBatch::new();
    batch.push_labels(&a, BASE_MS + 6, 4.0);
    assert_eq!(
        append(store, &batch).series_created,
        0,
        "a known series is created again"
    );
    assert_stored(store, &[(&a, 5, 2.0), (&a, 6, 4.0), (&b, 0, 1.0), (&b, 1, 3.0)]);
}

fn references_name_their_series<S: SeriesSource + SampleSink>(store: &S) {
    let all: Vec<Labels> = (0..50)
        .map(|number: i32| series(&format!("m{number:02}")))
        .collect();
    let mut by_labels = AppendBatch::new();
    for labels in &all {
        by_labels.push_labels(labels, BASE_MS, 0.0);
    }
    let outcomes = append(store, &by_labels).outcomes;
    let references: Vec<SeriesRef> = outcomes
        .iter()
        .map(|outcome| outcome.expect("is accepted"))
        .collect();
    let distinct: BTreeSet<&SeriesRef> = references.iter().collect();
    assert_eq!(distinct.len(), all.len(), "two series have one reference");
    assert!(
        references.iter().all(|reference| reference.0 >= 1),
        "a reference is zero"
    );
    let mut by_reference = AppendBatch::new();
    for (number, reference) in references.iter().enumerate().rev() {
        by_reference.push_reference(*reference, BASE_MS + 1, number as f64);
    }
    let appended = append(store, &by_reference);
    assert_eq!(appended.series_created, 0, "a reference creates a series");
    let mut returned: Vec<SeriesRef> = appended.outcomes.into_iter().flatten().collect();
    returned.reverse();
    assert_eq!(returned, references, "a reference changed");
    let numbered = all.iter().enumerate();
    let expected: Vec<(&Labels, i64, f64)> = numbered
        .flat_map(|(number, labels)| [(labels, 0, 0.0), (labels, 1, number as f64)])
        .collect();
    assert_stored(store, &expected);
    for (labels, reference) in all.iter().zip(&references) {
        assert_eq!(
            put(store, labels, BASE_MS + 2, 0.0),
            Ok(*reference),
            "labels lead to another reference"
        );
    }
}

fn unknown_references_are_rejected<S: SeriesSource + SampleSink>(store: &S) {
    let a = series("a");
    let known = put(store, &a, BASE_MS, 1.0).expect("is accepted");
    for number in [
        0,
        known.0.wrapping_add(1),
        known.0.wrapping_add(1_000_000),
        u64::MAX,
        1 << 40,
    ] {
        let mut batch = AppendBatch::new();
        batch.push_reference(SeriesRef(number), BASE_MS + 1, 1.0);
        let outcome = append(store, &batch).outcomes[0];
        assert_eq!(outcome, Err(SampleError::UnknownReference), "reference {number}");
    }
    assert_stored(store, &[(&a, 0, 1.0)]);
}

fn the_empty_label_set_is_rejected<S: SeriesSource + SampleSink>(store: &S) {
    let outcome = put(store, &Labels::empty(), BASE_MS, 1.0);
    assert_eq!(outcome, Err(SampleError::InvalidLabels), "the empty label set");
    let nameless = Labels::from_pairs([("job", "node")]);
    assert!(
        put(store, &nameless, BASE_MS, 1.0).is_ok(),
        "a series without a name is rejected"
    );
    assert_stored(store, &[(&nameless, 0, 1.0)]);
}

fn samples_ascend_by_time<S: SeriesSource + SampleSink>(store: &S) {
    let (a, b) = (series("a"), series("b"));
    assert!(
        put(store, &a, BASE_MS + 1_000, 1.0).is_ok(),
        "a first sample is rejected"
    );
    match put(store, &a, BASE_MS + 500, 2.0) {
        Err(SampleError::OutOfOrder) => assert_stored(store, &[(&a, 1_000, 1.0)]),
        Ok(_) => assert_stored(store, &[(&a, 500, 2.0), (&a, 1_000, 1.0)]),
        Err(error) => panic!("a late sample is rejected as {error}"),
    }
    assert!(put(store, &b, BASE_MS + 500, 3.0).is_ok(), "order is per series");
    assert!(
        put(store, &a, BASE_MS + 1_001, 4.0).is_ok(),
        "a later sample is rejected"
    );
}

fn order_holds_inside_a_batch<S: SeriesSource + SampleSink>(store: &S) {
    let (a, b) = (series("a"), series("b"));
    let mut batch = AppendBatch::new();
    batch.push_labels(&a, BASE_MS + 10, 1.0);
    batch.push_labels(&b, BASE_MS + 5, 2.0);
    batch.push_labels(&a, BASE_MS + 10, 1.0);
    batch.push_labels(&a, BASE_MS + 10, 9.0);
    batch.push_labels(&a, BASE_MS + 20, 3.0);
    let appended = append(store, &batch);
    assert_eq!(
        appended.first_error(),
        Some((3, SampleError::DuplicateTimestamp)),
        "inside a batch"
    );
    assert_eq!(appended.accepted(), 4, "a good sample is rejected");
    assert_stored(store, &[(&a, 10, 1.0), (&a, 20, 3.0), (&b, 5, 2.0)]);
}

fn the_newest_sample_can_be_repeated<S: SeriesSource + SampleSink>(store: &S) {
    let values = [1.0, 0.0, -0.0, NORMAL_NAN, STALE_NAN, f64::INFINITY];
    for (number, value) in values.into_iter().enumerate() {
        let labels = series(&format!("m{number}"));
        let first = put(store, &labels, BASE_MS, value);
        assert!(first.is_ok(), "a first sample is rejected");
        assert_eq!(
            put(store, &labels, BASE_MS, value),
            first,
            "a repeated {value} is not taken as such"
        );
        for other in values {
            if other.to_bits() != value.to_bits() {
                let outcome = put(store, &labels, BASE_MS, other);
                assert_eq!(
                    outcome,
                    Err(SampleError::DuplicateTimestamp),
                    "{value} then {other}"
                );
            }
        }
    }
    let bits: Vec<u64> = stored(store).iter().map(|(_, _, bits)| *bits).collect();
    assert_eq!(
        bits,
        values.map(f64::to_bits),
        "a repeated sample changed something"
    );
}

fn rejected_samples_do_not_stop_others<S: SeriesSource + SampleSink>(store: &S) {
    let (a, b, c) = (series("a"), series("b"), series("c"));
    let known = put(store, &a, BASE_MS, 1.0).expect("is accepted");
    let empty = Labels::empty();
    let mut batch = AppendBatch::new();
    batch.push_labels(&empty, BASE_MS, 1.0);
    batch.push_labels(&b, BASE_MS, 2.0);
    batch.push_reference(known, BASE_MS, 9.0);
    batch.push_reference(known, BASE_MS + 1, 3.0);
    batch.push_reference(SeriesRef(u64::MAX), BASE_MS, 4.0);
    batch.push_labels(&c, BASE_MS, 5.0);
    let appended = append(store, &batch);
    let errors: Vec<Option<SampleError>> = appended.outcomes.iter().map(|outcome| outcome.err()).collect();
    let expected = [
        Some(SampleError::InvalidLabels),
        None,
        Some(SampleError::DuplicateTimestamp),
        None,
        Some(SampleError::UnknownReference),
        None,
    ];
    assert_eq!(errors, expected, "wrong outcomes of a mixed batch");
    assert_eq!(appended.series_created, 2, "wrong number of series created");
    assert_stored(store, &[(&a, 0, 1.0), (&a, 1, 3.0), (&b, 0, 2.0), (&c, 0, 5.0)]);
}

fn series_are_the_same_however_they_are_built<S: SeriesSource + SampleSink>(store: &S) {
    let long = "x".repeat(300);
    let pairs = [
        (METRIC_NAME, "m"),
        ("a", "\u{6e29}\n\""),
        ("long", long.as_str()),
        ("z.z", "{}"),
    ];
    let one = Labels::from_pairs(pairs);
    let other = Labels::from_pairs(pairs.into_iter().rev().chain([("empty", "")]));
    let reference = put(store, &one, BASE_MS, 1.0);
    assert!(reference.is_ok(), "odd labels are rejected");
    assert_eq!(
        put(store, &other, BASE_MS + 1, 2.0),
        reference,
        "equal labels are two series"
    );
    assert_stored(store, &[(&one, 0, 1.0), (&one, 1, 2.0)]);
}

fn synced_samples_are_visible<S: SeriesSource + SampleSink>(store: &S) {
    let a = series("a");
    store
        .sync()
        .unwrap_or_else(|error| panic!("sync of nothing fails: {error}"));
    assert!(put(store, &a, BASE_MS, 1.0).is_ok(), "a first sample is rejected");
    store.sync().unwrap_or_else(|error| panic!("sync fails: {error}"));
    assert!(
        put(store, &a, BASE_MS + 1, 2.0).is_ok(),
        "a sample after sync is rejected"
    );
    assert_stored(store, &[(&a, 0, 1.0), (&a, 1, 2.0)]);
}

/// Every thread has a series of its own and all share one, where samples of others may have come first.
fn threads_append_at_once<S: SeriesSource + SampleSink>(store: &S) {
    const THREADS: usize = 4;
    const SAMPLES: i64 = 150;
    let shared = series("shared");
    let accepted_shared: usize = thread::scope(|scope| {
        let shared = &shared;
        let writers: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn(move || {
                    let own = series(&format!("own{number}"));
                    let mut accepted_shared = 0;
                    for offset_ms in 0..SAMPLES {
                        let mut batch = AppendBatch::new();
                        batch.push_labels(&own, BASE_MS + offset_ms, number as f64);
                        let shared_ms = BASE_MS + offset_ms * THREADS as i64 + number as i64;
                        batch.push_labels(shared, shared_ms, number as f64);
                        let outcomes = append(store, &batch).outcomes;
                        assert!(outcomes[0].is_ok(), "a thread's own sample is rejected");
                        accepted_shared += usize::from(outcomes[1].is_ok());
                    }
                    accepted_shared
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer ends"))
            .sum()
    });
    // `read_all` checks that what is stored ascends by time.
    let samples = stored(store);
    let count_of = |labels: &Labels| samples.iter().filter(|(of, ..)| of == labels).count();
    for number in 0..THREADS {
        let own = series(&format!("own{number}"));
        assert_eq!(count_of(&own), SAMPLES as usize, "a thread's samples are missing");
    }
    assert_eq!(
        count_of(&shared),
        accepted_shared,
        "accepted and stored samples differ"
    );
}
