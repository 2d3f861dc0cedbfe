//! Matchers that one side of an operation gives to the other change no result.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink};
use moheng_promql::{Engine, EngineSettings, ParserOptions, RangeQuery};

/// Series of two metrics and more labels than are matched; of `b` there is not everything that there is of `a`.
fn store() -> MemorySource {
    let store = MemorySource::new();
    for (number, (name, x, y, le)) in [
        ("a", "1", "1", ""),
        ("a", "1", "2", ""),
        ("a", "2", "1", ""),
        ("a", "", "1", ""),
        ("b", "1", "1", ""),
        ("b", "2", "1", ""),
        ("b", "2", "2", ""),
        ("b", "3", "", ""),
        ("c", "1", "", ""),
        ("c", "2", "", ""),
        ("c", "", "", ""),
        ("h_bucket", "1", "1", "1"),
        ("h_bucket", "1", "1", "+Inf"),
        ("h_bucket", "2", "1", "1"),
        ("h_bucket", "2", "1", "+Inf"),
    ]
    .into_iter()
    .enumerate()
    {
        let pairs = [("__name__", name), ("x", x), ("y", y), ("le", le)];
        let labels = Labels::from_pairs(pairs.into_iter().filter(|(_, value)| !value.is_empty()));
        let mut batch = AppendBatch::new();
        for tick in 0..10 {
            // Not every series is there all the time.
            if tick % 5 != number % 7 {
                let value = (number * tick) as f64 + 1.0;
                batch.push_labels(&labels, tick as i64 * 60_000, value);
            }
        }
        store.append(&batch).unwrap();
    }
    store
}

const SIDES: [&str; 21] = [
    "a",
    "a{x='1'}",
    "-b{x!='1'}",
    "b{x='',y=~'1|2'}",
    "c{x=~'1|'}",
    "sum by (x) (a)",
    "max by (x) (b{x='2', y='1'})",
    "count by (x, y) (a{y='1'})",
    "sum without (y) (b{x=~'.+'})",
    "avg(b{x='1'})",
    "topk by (x) (1, a{x='1'})",
    "sum by (x) (rate(a{y='1'}[5m])) * 2",
    "abs(min by (x) (max_over_time(b{x='2'}[3m:1m])))",
    "count_values by (x) ('y', b{x='1'})",
    "label_replace(c{x='1'}, 'x', '2', '', '')",
    "histogram_quantile(0.5, sum by (x, le) (h_bucket{x='1', le!='2'}))",
    "(a{x='1'} and on (x) b{y='1'})",
    "(sum by (x) (b{x='2'}) unless c)",
    "(sum by (x) (b) / on (x) group_left (y) max by (x) (c{x='1'}))",
    "-{__name__=~'a|b',x='1'}",
    "timestamp(b{x='2'})",
];

const OPERATORS: [&str; 19] = [
    "+",
    "> bool",
    "<=",
    "/ on (x)",
    "- ignoring (y)",
    "* on (x, y)",
    "+ on ()",
    "* on (x) group_left ()",
    "* on (x) group_left (y)",
    "!= on (x) group_right ()",
    "+ ignoring (y) group_right (y)",
    "+ on (x) fill (1)",
    "and",
    "and on (x)",
    "and ignoring (y, le)",
    "unless",
    "unless on (x)",
    "unless ignoring (x)",
    "or on (x)",
];

#[test]
fn results_and_errors_stay() {
    let store = store();
    let mut settings = EngineSettings::default();
    settings.parser = ParserOptions::everything();
    let engine = Engine::new(settings, Arc::new(ManualClock::new(0)));
    let answer = |query: &str| engine.range(&store, &RangeQuery::new(query, 0, 600_000, 200_000));
    let mut fewer = 0;
    for left in SIDES {
        for right in SIDES {
            for operator in OPERATORS {
                let query = format!("({left}) {operator} ({right})");
                // No matcher passes `or`.
                let apart = format!("({left} or nothing) {operator} ({right} or nothing)");
                match (answer(&query), answer(&apart)) {
                    (Ok(found), Ok(expected)) => {
                        // As text, in which NaN equals itself.
                        let (values, others) =
                            (format!("{:?}", found.value), format!("{:?}", expected.value));
                        assert_eq!(values, others, "{query}");
                        let read = |output: &moheng_promql::QueryOutput| output.statistics.samples_read;
                        fewer += usize::from(read(&found) < read(&expected));
                    }
                    (found, expected) => assert_eq!(found.is_err(), expected.is_err(), "{query}"),
                }
            }
        }
    }
    assert!(fewer > 500, "{fewer}");
}
