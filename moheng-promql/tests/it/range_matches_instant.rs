//! A range query is the same as an instant query at every step.

use std::sync::Arc;

use moheng_metrics::histogram::{BucketSpan, FloatHistogram, HistogramLayout};
use moheng_metrics::testing::{ManualClock, Random};
use moheng_metrics::{
    AppendBatch, HistogramEntry, HistogramValue, Labels, MemorySource, STALE_NAN, SampleSink, SeriesKey,
};
use moheng_promql::{
    Engine, EngineSettings, InstantQuery, ParserOptions, QueryValue, RangeQuery, RangeSeries, SampleValue,
};

/// Counters and gauges with resets, gaps, `NaN` and stale markers.
fn store(seed: u64) -> MemorySource {
    let mut random = Random::new(seed);
    let store = MemorySource::new();
    for name in ["requests_total", "level"] {
        for instance in ["a", "b", "c"] {
            for mode in ["x", "y"] {
                let labels = Labels::from_pairs([("__name__", name), ("instance", instance), ("mode", mode)]);
                let mut batch = AppendBatch::new();
                let (mut time_ms, mut value) = (0, 0.0);
                for _ in 0..200 {
                    time_ms += 5_000 + random.below(3) as i64 * 10_000 / (1 + random.below(5) as i64);
                    if random.below(40) == 0 {
                        time_ms += 400_000;
                    }
                    value = match random.below(30) {
                        0 => 0.0,
                        1 => STALE_NAN,
                        2 if name == "level" => f64::NAN,
                        _ => {
                            if value.is_nan() {
                                1.0
                            } else {
                                value + random.below(7) as f64
                            }
                        }
                    };
                    batch.push_labels(&labels, time_ms, value);
                }
                store.append(&batch).unwrap();
            }
        }
    }
    store
}

/// Native histograms with resets, gaps, changing layouts and stale markers; in `mixed_total` between floats.
fn append_histograms(store: &MemorySource, seed: u64) {
    let mut random = Random::new(seed);
    for (name, instance) in [
        ("h_total", "a"),
        ("h_total", "b"),
        ("n_total", "a"),
        ("mixed_total", "a"),
    ] {
        let labels = Labels::from_pairs([("__name__", name), ("instance", instance)]);
        let (mut time_ms, mut count) = (0, 0.0);
        for _ in 0..200 {
            time_ms += 5_000 + random.below(20) as i64 * 1000;
            count = if random.below(20) == 0 {
                0.0
            } else {
                count + random.below(9) as f64
            };
            let layout = if name == "n_total" {
                HistogramLayout::custom(vec![1.0, 2.0, random.below(2) as f64 + 3.0])
            } else {
                HistogramLayout::exponential(random.below(2) as i8, 0.001)
            };
            let offset = random.below(2) as i32;
            let histogram = FloatHistogram {
                count: count * 3.0,
                sum: count * 7.5,
                positive: vec![count, count * 2.0],
                ..FloatHistogram::empty(HistogramLayout {
                    positive: vec![BucketSpan { offset, length: 2 }],
                    ..layout
                })
            };
            let histogram = if random.below(30) == 0 {
                FloatHistogram::stale()
            } else {
                histogram
            };
            let mut batch = AppendBatch::new();
            if name == "mixed_total" && random.below(10) < 5 {
                batch.push_labels(&labels, time_ms, count);
            } else {
                batch.histograms.push(HistogramEntry {
                    series: SeriesKey::Labels(&labels),
                    timestamp_ms: time_ms,
                    start_timestamp_ms: 0,
                    value: HistogramValue::Float(&histogram),
                });
            }
            let appended = store.append(&batch).unwrap();
            assert!(appended.histogram_outcomes.iter().all(Result::is_ok));
        }
    }
}

const HISTOGRAM_QUERIES: [&str; 30] = [
    "h_total",
    "mixed_total",
    "timestamp(mixed_total)",
    "-n_total * 2",
    "h_total - on (instance) h_total offset 1m",
    "h_total == h_total offset 10s",
    "sum(h_total) / count(h_total)",
    "avg by (instance) (h_total) or mixed_total",
    "count_values(\"v\", n_total)",
    "limitk(2, {__name__=~\".*_total\", instance=\"a\"})",
    "rate(h_total[2m])",
    "increase(n_total[7m] offset 30s)",
    "delta(h_total[5m])",
    "irate(mixed_total[5m])",
    "idelta(n_total[5m])",
    "resets(mixed_total[1h]) + changes(mixed_total[1h])",
    "sum_over_time(h_total[10m])",
    "avg_over_time(mixed_total[25s])",
    "count_over_time(mixed_total[3m])",
    "last_over_time(mixed_total[2m]) or first_over_time(h_total[3m])",
    "ts_of_last_over_time(mixed_total[5m])",
    "max_over_time(mixed_total[5m])",
    "histogram_quantile(0.9, rate(h_total[5m]))",
    "histogram_fraction(0, 1.5, n_total)",
    "histogram_count(rate(h_total[3m])) + histogram_sum(h_total)",
    "increase(h_total[2m] anchored)",
    "rate(n_total[3m] smoothed)",
    "h_total smoothed",
    "sum_over_time(rate(h_total[2m])[10m:1m])",
    "h_total </ 1.5 or n_total >/ 1",
];

const QUERIES: [&str; 52] = [
    "level",
    "level offset 1m",
    "level @ 1000",
    "-level + 3",
    "sum by (instance) (level)",
    "avg(level) + stddev(level)",
    "max without (mode) (level) - min without (mode) (level)",
    "count(level > 10)",
    "quantile by (mode) (0.7, level)",
    "topk by (mode) (1, requests_total)",
    "bottomk(2, level)",
    "count_values(\"v\", level)",
    "rate(requests_total[2m])",
    "increase(requests_total[7m] offset 30s)",
    "delta(level[5m])",
    "irate(requests_total[5m]) + idelta(requests_total[5m])",
    "resets(requests_total[1h]) + changes(requests_total[1h])",
    "sum_over_time(level[30m])",
    "avg_over_time(level[30m])",
    "min_over_time(level[30m]) + max_over_time(level[3m])",
    "stddev_over_time(requests_total[20m])",
    "stdvar_over_time(level[2m])",
    "quantile_over_time(0.3, level[20m])",
    "last_over_time(level[10m])",
    "present_over_time(level[1m]) + count_over_time(level[1m])",
    "deriv(requests_total[15m])",
    "predict_linear(requests_total[5m], 3600)",
    "absent(level{instance=\"a\", mode=\"x\"})",
    "absent_over_time(level{instance=\"a\", mode=\"x\"}[1m])",
    "level / on (instance, mode) requests_total",
    "level * on (instance) group_left () sum by (instance) (requests_total)",
    "level and on (instance) (requests_total > 20)",
    "level unless requests_total",
    "(level > 30) or (requests_total > 30)",
    "max_over_time(rate(requests_total[2m])[10m:1m])",
    "sum_over_time((level > bool 5)[10m:])",
    "time() - timestamp(level)",
    "scalar(sum(level)) * 2 + time()",
    "label_replace(level, \"both\", \"$1\", \"instance\", \"(a|b)\")",
    "rate(requests_total[2m] anchored)",
    "increase(requests_total[7m] smoothed)",
    "delta(level[1m] smoothed offset 30s)",
    "resets(requests_total[1h] anchored) + changes(requests_total[1h] anchored)",
    "level smoothed",
    "level + fill (3) (requests_total > 20)",
    "level * on (instance) group_left () fill_right (2) sum by (instance) (requests_total > 50)",
    "(level > 20) - on (instance, mode) fill_left (1) requests_total",
    "sum(level) / sum(level offset 1m) + sum(rate(requests_total[1m])) / sum(rate(requests_total[5m]))",
    "histogram_quantiles(label_replace(level, \"le\", \"+Inf\", \"\", \"\"), \"q\", 0.5, 0.9)",
    "info(level, {__name__=\"requests_total\", mode=\"x\"})",
    "sum by (mode) (start_timestamp(level)) or level",
    "round(level / 3, 0.5) < bool clamp(level, 2, 9)",
];

fn check(engine: &Engine, store: &MemorySource, query: &str, step_ms: i64) {
    let (start_ms, end_ms) = (-20_000, 2_500_000);
    let range = RangeQuery::new(query, start_ms, end_ms, step_ms);
    let output = engine.range(store, &range).unwrap();
    let QueryValue::Matrix(matrix) = output.value else {
        panic!("{query} is no matrix")
    };
    let mut points = 0;
    for time_ms in (start_ms..=end_ms).step_by(step_ms as usize) {
        let output = engine.instant(store, &InstantQuery::new(query, time_ms)).unwrap();
        let elements = match output.value {
            QueryValue::Vector(elements) => elements,
            QueryValue::Scalar(sample) => vec![moheng_promql::InstantSample {
                labels: Labels::empty(),
                timestamp_ms: sample.timestamp_ms,
                value: SampleValue::Float(sample.value),
            }],
            other => panic!("{query}: {other:?}"),
        };
        let at_time = matrix.iter().filter(|series| value_at(series, time_ms).is_some());
        assert_eq!(at_time.count(), elements.len(), "{query} at {time_ms}");
        for element in elements {
            let series = matrix.iter().find(|series| series.labels == element.labels);
            let series = series.unwrap_or_else(|| panic!("{query}: no {}", element.labels));
            let found = value_at(series, time_ms).expect(query);
            assert!(
                is_close(&found, &element.value),
                "{query} of {} at {time_ms}: {found:?}, alone {:?}",
                element.labels,
                element.value
            );
            points += 1;
        }
    }
    assert!(points > 0, "{query} has no result at all");
}

fn value_at(series: &RangeSeries, time_ms: i64) -> Option<SampleValue> {
    let mut floats = series.samples.iter();
    let float = floats.find(|sample| sample.timestamp_ms == time_ms);
    let mut histograms = series.histograms.iter();
    let histogram = histograms.find(|sample| sample.timestamp_ms == time_ms);
    assert!(float.is_none() || histogram.is_none());
    let float = float.map(|sample| SampleValue::Float(sample.value));
    float.or_else(|| histogram.map(|sample| SampleValue::Histogram(Arc::clone(&sample.histogram))))
}

fn is_close(left: &SampleValue, right: &SampleValue) -> bool {
    match (left, right) {
        (SampleValue::Float(left), SampleValue::Float(right)) => {
            left == right
                || (left.is_nan() && right.is_nan())
                || (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
        }
        (SampleValue::Histogram(left), SampleValue::Histogram(right)) => left == right,
        _ => false,
    }
}

#[test]
fn at_every_step() {
    for delayed_name_removal in [false, true] {
        let mut settings = EngineSettings::default();
        settings.delayed_name_removal = delayed_name_removal;
        settings.parser = ParserOptions::everything();
        settings.use_start_timestamps = true;
        let engine = Engine::new(settings, Arc::new(ManualClock::new(0)));
        let store = store(7);
        for (index, query) in QUERIES.into_iter().enumerate() {
            check(&engine, &store, query, [17_000, 60_000, 301_000][index % 3]);
        }
        append_histograms(&store, 8);
        for (index, query) in HISTOGRAM_QUERIES.into_iter().enumerate() {
            check(&engine, &store, query, [17_000, 60_000][index % 2]);
        }
    }
}
