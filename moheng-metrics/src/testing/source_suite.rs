//! [`source_suite`]: the contract of [`SeriesSource`], sentence by sentence.

mod cursors;

use std::collections::BTreeSet;

use super::read::{ReadSeries, assert_same, read_all};
use super::{NodeWorkload, Random};
use crate::{
    AppendBatch, Labels, METRIC_NAME, MatchOp, Matcher, MemorySource, STALE_NAN, SampleSink, Select,
    SeriesSource,
};

/// A whole number of hours; all that the suite appends lies within the hour after it, which every sink takes.
const BASE_MS: i64 = 1_700_006_400_000;

/// Holds a source to the contract of [`SeriesSource`].
///
/// `make` makes an empty store, new every time. The suite fills it as a [`SampleSink`], so run
/// [`super::sink_suite`] first.
///
/// ```
/// use moheng_metrics::MemorySource;
/// use moheng_metrics::testing::source_suite;
///
/// source_suite(&MemorySource::new);
/// ```
///
/// # Panics
///
/// When the source breaks its contract; the message says how.
pub fn source_suite<S: SeriesSource + SampleSink>(make: &dyn Fn() -> S) {
    an_empty_source_answers(&make());
    every_matcher_selects_what_it_matches(&make());
    ranges_include_both_ends(&make());
    values_come_back_bit_for_bit(&make());
    long_series_come_back_whole(&make());
    limits_and_orders_are_kept(&make());
    labels_are_listed(&make());
    cursors::a_cursor_sees_the_past_only(&make());
    cursors::series_are_independent_of_their_cursor(&make());
    cursors::a_buffer_keeps_what_it_holds(&make());
    cursors::a_batch_is_seen_whole_or_not_at_all(&make());
    generated_nodes_read_like_from_memory(&make());
}

fn everything() -> Select {
    Select::new(Vec::new(), i64::MIN, i64::MAX)
}

/// Appends one sample, which must be accepted.
fn put(sink: &dyn SampleSink, labels: &Labels, timestamp_ms: i64, value: f64) {
    let mut batch = AppendBatch::new();
    batch.push_labels(labels, timestamp_ms, value);
    put_batch(sink, &batch);
}

fn put_batch(sink: &dyn SampleSink, batch: &AppendBatch<'_>) {
    let appended = sink
        .append(batch)
        .unwrap_or_else(|error| panic!("append fails: {error}"));
    assert_eq!(appended.first_error(), None, "a good sample is rejected");
}

/// Series with few labels in all the combinations that matchers care about.
fn matched_series() -> Vec<Labels> {
    let names = ["up", "node_cpu", "node_cpu_seconds_total"];
    let jobs = ["", "node", "node-2", "prometheus", "a\nb", "\u{6e29}\u{5ea6}"];
    let modes = ["", "idle", "iowait"];
    let mut series = Vec::new();
    for name in names {
        for job in jobs {
            for mode in modes {
                series.push(Labels::from_pairs([
                    (METRIC_NAME, name),
                    ("job", job),
                    ("mode", mode),
                ]));
            }
        }
    }
    series.push(Labels::from_pairs([("nameless", "yes")]));
    series
}

fn an_empty_source_answers(source: &dyn SeriesSource) {
    assert!(
        read_all(source, &everything()).is_empty(),
        "an empty source has series"
    );
    let names = source.label_names(&everything()).expect("label names are listed");
    assert!(names.is_empty(), "an empty source has label names");
    let values = source
        .label_values("job", &everything())
        .expect("label values are listed");
    assert!(values.is_empty(), "an empty source has label values");
}

fn every_matcher_selects_what_it_matches<S: SeriesSource + SampleSink>(store: &S) {
    let series = matched_series();
    for labels in &series {
        put(store, labels, BASE_MS, 1.0);
    }
    let names = [METRIC_NAME, "job", "mode", "nameless", "absent"];
    let values = [
        "",
        "up",
        "node",
        "node.*",
        ".*",
        ".+",
        "idle|iowait",
        "|idle",
        "no.e",
        "(?i)NODE",
        "a.b",
        "node-[0-9]",
        "nothing",
        "[^i]*",
        "yes|up|node",
    ];
    let operators = [
        MatchOp::Equal,
        MatchOp::NotEqual,
        MatchOp::Regex,
        MatchOp::NotRegex,
    ];
    let mut matchers = Vec::new();
    for name in names {
        for value in values {
            for operator in operators {
                matchers.push(Matcher::new(operator, name, value).expect("the pattern is valid"));
            }
        }
    }
    let mut random = Random::new(1);
    let pairs: Vec<Vec<Matcher>> = (0..200)
        .map(|_| (0..3).filter_map(|_| random.choose(&matchers).cloned()).collect())
        .collect();
    let single = matchers.iter().map(|matcher| vec![matcher.clone()]);
    for matchers in single.chain(pairs).chain([Vec::new()]) {
        let select = Select::new(matchers, BASE_MS, BASE_MS);
        let mut expected: Vec<&Labels> = series.iter().filter(|labels| select.matches(labels)).collect();
        expected.sort();
        let found = read_all(store, &select);
        let found: Vec<&Labels> = found.iter().map(|(labels, _)| labels).collect();
        assert_eq!(found, expected, "wrong series for {select:?}");
    }
}

fn ranges_include_both_ends<S: SeriesSource + SampleSink>(store: &S) {
    let up = Labels::from_pairs([(METRIC_NAME, "up")]);
    let late = Labels::from_pairs([(METRIC_NAME, "late")]);
    for offset_ms in [10, 20, 30] {
        put(store, &up, BASE_MS + offset_ms, offset_ms as f64);
    }
    put(store, &late, BASE_MS + 40, 40.0);
    #[rustfmt::skip]
    let ranges: [(i64, i64, &[i64]); 13] = [
        (0, 9, &[]), (0, 10, &[10]), (10, 10, &[10]), (10, 20, &[10, 20]), (11, 19, &[]), (11, 30, &[20, 30]),
        (30, 39, &[30]), (31, 39, &[]), (31, 40, &[40]), (0, 100, &[10, 20, 30, 40]), (41, 100, &[]),
        (30, 10, &[]), (40, 31, &[]),
    ];
    let absolute = ranges.map(|(start, end, expected)| (BASE_MS + start, BASE_MS + end, expected));
    let all: &[i64] = &[10, 20, 30, 40];
    let unbounded = [
        (i64::MIN, i64::MAX, all),
        (i64::MIN, BASE_MS + 10, &[10]),
        (BASE_MS + 40, i64::MAX, &[40]),
        (i64::MIN, i64::MIN, &[]),
        (i64::MAX, i64::MAX, &[]),
        (i64::MAX, i64::MIN, &[]),
    ];
    for (start_ms, end_ms, expected) in absolute.into_iter().chain(unbounded) {
        let series = read_all(store, &Select::new(Vec::new(), start_ms, end_ms));
        let mut found: Vec<i64> = series
            .iter()
            .flat_map(|(_, samples)| samples.iter().map(|(time_ms, _)| time_ms - BASE_MS))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "wrong samples from {start_ms} to {end_ms}");
    }
}

fn values_come_back_bit_for_bit<S: SeriesSource + SampleSink>(store: &S) {
    let values = [
        0.0,
        -0.0,
        1.0,
        STALE_NAN,
        crate::NORMAL_NAN,
        f64::from_bits(0x7ff8_0000_0000_0000),
        f64::from_bits(0xffff_ffff_ffff_ffff),
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        STALE_NAN,
        STALE_NAN,
        0.1,
        1e-7,
        -123_456.789,
    ];
    let labels = Labels::from_pairs([(METRIC_NAME, "odd")]);
    let mut expected = Vec::new();
    for (time_ms, value) in (BASE_MS..).zip(values) {
        put(store, &labels, time_ms, value);
        expected.push((time_ms, value.to_bits()));
    }
    assert_eq!(
        read_all(store, &everything()),
        [(labels, expected)],
        "values changed"
    );
}

/// Series long enough for any chunk to fill, with all kinds of steps in time and value.
fn long_series_come_back_whole<S: SeriesSource + SampleSink>(store: &S) {
    let mut random = Random::new(2);
    let mut expected: Vec<ReadSeries> = Vec::new();
    for kind in 0..6_u64 {
        let labels = Labels::from_pairs([(METRIC_NAME, "long"), ("kind", kind.to_string().as_str())]);
        let mut time_ms = BASE_MS;
        let mut value = 0.0;
        let mut samples = Vec::new();
        for _ in 0..700 {
            let jitter_ms = if kind % 2 == 0 {
                0
            } else {
                random.below(2_000) as i64
            };
            time_ms += 1_000 + jitter_ms;
            value = match kind {
                0 => 42.0,
                1 => value + random.below(100) as f64,
                2 => value + 0.01,
                3 => random.below(1_000) as f64 / 7.0,
                4 => f64::from_bits(random.next_u64()),
                _ => [0.0, 1.0, STALE_NAN][random.below(3) as usize],
            };
            put(store, &labels, time_ms, value);
            samples.push((time_ms, value.to_bits()));
        }
        expected.push((labels, samples));
    }
    assert!(
        read_all(store, &everything()) == expected,
        "a long series changed"
    );
    for _ in 0..100 {
        let start_ms = BASE_MS + random.below(1_000_000) as i64;
        let end_ms = start_ms + random.below(200_000) as i64;
        let in_range = |samples: &[(i64, u64)]| -> Vec<(i64, u64)> {
            let range = start_ms..=end_ms;
            samples
                .iter()
                .filter(|(time_ms, _)| range.contains(time_ms))
                .copied()
                .collect()
        };
        let mut clipped: Vec<ReadSeries> = expected
            .iter()
            .map(|(labels, samples)| (labels.clone(), in_range(samples)))
            .collect();
        clipped.retain(|(_, samples)| !samples.is_empty());
        let found = read_all(store, &Select::new(Vec::new(), start_ms, end_ms));
        assert!(
            found == clipped,
            "a long series is cut wrongly from {start_ms} to {end_ms}"
        );
    }
}

fn limits_and_orders_are_kept<S: SeriesSource + SampleSink>(store: &S) {
    let mut series = matched_series();
    let mut batch = AppendBatch::new();
    for labels in series.iter().rev() {
        batch.push_labels(labels, BASE_MS, 1.0);
    }
    put_batch(store, &batch);
    series.sort();
    for limit in [0, 1, 7, series.len(), series.len() + 1, usize::MAX] {
        for select in [everything(), everything().in_any_order()] {
            // `read_all` checks the order and that the limit is kept.
            let found = read_all(store, &select.with_limit(limit));
            let distinct: BTreeSet<&Labels> = found.iter().map(|(labels, _)| labels).collect();
            assert_eq!(
                distinct.len(),
                limit.min(series.len()),
                "wrong number of series for limit {limit}"
            );
        }
        let names = store
            .label_names(&everything().with_limit(limit))
            .expect("label names are listed");
        assert_eq!(
            names.len(),
            limit.min(4),
            "wrong number of label names for limit {limit}"
        );
        let values = store
            .label_values("job", &everything().with_limit(limit))
            .expect("label values are listed");
        assert_eq!(
            values.len(),
            limit.min(5),
            "wrong number of label values for limit {limit}"
        );
    }
    let any: BTreeSet<Labels> = read_all(store, &everything().in_any_order())
        .into_iter()
        .map(|(labels, _)| labels)
        .collect();
    assert_eq!(any, series.into_iter().collect(), "wrong series in any order");
}

fn labels_are_listed<S: SeriesSource + SampleSink>(store: &S) {
    for labels in &matched_series() {
        put(store, labels, BASE_MS, 1.0);
    }
    let idle = || vec![Matcher::equal("mode", "idle")];
    let nameless = || vec![Matcher::equal("nameless", "yes")];
    let names: [(Vec<Matcher>, &[&str]); 4] = [
        (vec![], &["__name__", "job", "mode", "nameless"]),
        (idle(), &["__name__", "job", "mode"]),
        (nameless(), &["nameless"]),
        (vec![Matcher::equal("mode", "nothing")], &[]),
    ];
    for (matchers, expected) in names {
        let select = Select::new(matchers, BASE_MS, BASE_MS);
        let found = store.label_names(&select).expect("label names are listed");
        assert_eq!(found, expected, "wrong label names for {select:?}");
    }
    let all_jobs: &[&str] = &["a\nb", "node", "node-2", "prometheus", "\u{6e29}\u{5ea6}"];
    let values: [(&str, Vec<Matcher>, &[&str]); 6] = [
        ("job", vec![], all_jobs),
        ("job", idle(), all_jobs),
        (METRIC_NAME, vec![], &["node_cpu", "node_cpu_seconds_total", "up"]),
        ("mode", vec![Matcher::not_equal("mode", "idle")], &["iowait"]),
        ("job", nameless(), &[]),
        ("absent", vec![], &[]),
    ];
    for (name, matchers, expected) in values {
        let select = Select::new(matchers, BASE_MS, BASE_MS);
        let found = store
            .label_values(name, &select)
            .expect("label values are listed");
        assert_eq!(found, expected, "wrong values of {name} for {select:?}");
    }
}

fn generated_nodes_read_like_from_memory<S: SeriesSource + SampleSink>(store: &S) {
    let workload = NodeWorkload::new(1);
    let oracle = MemorySource::new();
    for step in 0..20 {
        put_batch(store, &workload.batch(step));
        put_batch(&oracle, &workload.batch(step));
    }
    let regex = |name, pattern| Matcher::new(MatchOp::Regex, name, pattern).expect("the pattern is valid");
    for matchers in [
        vec![],
        vec![Matcher::equal(METRIC_NAME, "node_cpu_seconds_total")],
        vec![
            regex(METRIC_NAME, "node_network_.*_bytes_total"),
            regex("device", "eth.*|lo"),
        ],
        vec![Matcher::not_equal("device", ""), regex("fstype", "ext[234]|xfs")],
    ] {
        for (first, last) in [(0, 19), (3, 7), (25, 30)] {
            let (start_ms, end_ms) = (workload.timestamp_ms(first), workload.timestamp_ms(last));
            assert_same(store, &oracle, &Select::new(matchers.clone(), start_ms, end_ms));
        }
        assert_same(store, &oracle, &Select::new(matchers, i64::MIN, i64::MAX));
    }
}
