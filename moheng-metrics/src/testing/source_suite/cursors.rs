//! What the contract says about cursors: what they see, and who may read them where.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{BASE_MS, everything, put, put_batch};
use crate::testing::read::{ReadSeries, read_all, read_cursor, read_samples};
use crate::{AppendBatch, Labels, METRIC_NAME, SampleBuffer, SampleSink, SelectedSeries, SeriesSource};

pub(super) fn a_cursor_sees_the_past_only<S: SeriesSource + SampleSink>(store: &S) {
    let old = Labels::from_pairs([(METRIC_NAME, "m"), ("age", "old")]);
    let new = Labels::from_pairs([(METRIC_NAME, "m"), ("age", "new")]);
    let mut expected = Vec::new();
    for offset_ms in 0..5 {
        put(store, &old, BASE_MS + offset_ms, 1.0);
        expected.push((BASE_MS + offset_ms, 1.0_f64.to_bits()));
    }
    let select = everything();
    let mut untouched = store.select(&select).expect("select works");
    let mut begun = store.select(&select).expect("select works");
    let mut series = begun
        .next_series()
        .expect("next_series works")
        .expect("there is a series");
    for offset_ms in 5..300 {
        put(store, &old, BASE_MS + offset_ms, 2.0);
        put(store, &new, BASE_MS + offset_ms, 2.0);
    }
    let found = read_samples(&mut *series.samples, &select);
    assert_eq!(found, expected, "a series sees what was appended after select");
    let rest = read_cursor(&mut *begun, &select);
    assert!(rest.is_empty(), "a cursor sees a series that came after select");
    let found = read_cursor(&mut *untouched, &select);
    assert_eq!(
        found,
        [(old, expected)],
        "a cursor sees what was appended after select"
    );
    let now: usize = read_all(store, &select)
        .iter()
        .map(|(_, samples)| samples.len())
        .sum();
    assert_eq!(now, 595, "a later select misses what was appended");
}

pub(super) fn series_are_independent_of_their_cursor<S: SeriesSource + SampleSink>(store: &S) {
    let series: Vec<Labels> = (0..8)
        .map(|number: i32| Labels::from_pairs([(METRIC_NAME, "m"), ("number", number.to_string().as_str())]))
        .collect();
    for time_ms in BASE_MS..BASE_MS + 200 {
        let mut batch = AppendBatch::new();
        for (number, labels) in series.iter().enumerate() {
            batch.push_labels(labels, time_ms, number as f64);
        }
        put_batch(store, &batch);
    }
    let select = everything();
    let expected = read_all(store, &select);
    let mut selected: Vec<SelectedSeries<'_>> = Vec::new();
    let mut cursor = store.select(&select).expect("select works");
    // The cursor is moved to another thread, the series back and then each to a thread of its own.
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut selected = Vec::new();
            while let Some(series) = cursor.next_series().expect("next_series works") {
                selected.push(series);
            }
            selected
        });
        selected.extend(reader.join().expect("the reader ends"));
    });
    let select = &select;
    let mut found: Vec<ReadSeries> = thread::scope(|scope| {
        let readers: Vec<_> = selected
            .into_iter()
            .rev()
            .map(|mut series| {
                scope.spawn(move || (series.labels, read_samples(&mut *series.samples, select)))
            })
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("a reader ends"))
            .collect()
    });
    found.reverse();
    assert!(found == expected, "series read on threads of their own differ");
}

pub(super) fn a_buffer_keeps_what_it_holds<S: SeriesSource + SampleSink>(store: &S) {
    let labels = Labels::from_pairs([(METRIC_NAME, "m")]);
    for offset_ms in 0..300 {
        put(store, &labels, BASE_MS + offset_ms, 1.0);
    }
    let mut cursor = store.select(&everything()).expect("select works");
    let mut series = cursor
        .next_series()
        .expect("next_series works")
        .expect("there is a series");
    let mut kept = SampleBuffer::new();
    kept.floats.push(-5, -5.0);
    while series.samples.read(&mut kept).expect("read works") {}
    assert_eq!(
        kept.floats.timestamps_ms.first(),
        Some(&-5),
        "read drops what a buffer holds"
    );
    assert_eq!(kept.len(), 301, "read loses samples");

    let mut cursor = store.select(&everything()).expect("select works");
    let mut series = cursor
        .next_series()
        .expect("next_series works")
        .expect("there is a series");
    let mut cleared = SampleBuffer::new();
    let mut times_ms = Vec::new();
    while series.samples.read(&mut cleared).expect("read works") {
        times_ms.append(&mut cleared.floats.timestamps_ms);
        cleared.clear();
    }
    assert_eq!(
        times_ms,
        (BASE_MS..BASE_MS + 300).collect::<Vec<_>>(),
        "clearing between reads loses samples"
    );
}

pub(super) fn a_batch_is_seen_whole_or_not_at_all<S: SeriesSource + SampleSink>(store: &S) {
    let series: Vec<Labels> = (0..20)
        .map(|number: i32| Labels::from_pairs([(METRIC_NAME, "m"), ("number", number.to_string().as_str())]))
        .collect();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for time_ms in BASE_MS..BASE_MS + 300 {
                let mut batch = AppendBatch::new();
                for labels in &series {
                    batch.push_labels(labels, time_ms, 1.0);
                }
                put_batch(store, &batch);
            }
            is_done.store(true, Ordering::Release);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut is_last = false;
                while !is_last {
                    is_last = is_done.load(Ordering::Acquire);
                    let found = read_all(store, &everything());
                    assert!(
                        matches!(found.len(), 0 | 20),
                        "{} of the 20 series of a batch",
                        found.len()
                    );
                    let lengths: BTreeSet<usize> = found.iter().map(|(_, samples)| samples.len()).collect();
                    assert!(
                        lengths.len() <= 1,
                        "a part of a batch is visible: {lengths:?} samples"
                    );
                }
            });
        }
    });
    let found = read_all(store, &everything());
    assert!(
        found.iter().all(|(_, samples)| samples.len() == 300),
        "samples are missing in the end"
    );
}
