//! Queries that nobody means: too long, too deep, too large. Each is refused or answered, in little time and memory.

use std::sync::Arc;

use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink, SystemClock};
use moheng_promql::{
    Engine, EngineSettings, InstantQuery, ParserOptions, QueryError, QueryOutput, QueryValue, RangeQuery,
};

const MEBIBYTE: usize = 1 << 20;

/// `m` has three series with a sample a second for a minute.
fn store() -> MemorySource {
    let store = MemorySource::new();
    let all = ["x", "y", "z"].map(|value| Labels::from_pairs([("__name__", "m"), ("a", value)]));
    let mut batch = AppendBatch::new();
    for labels in &all {
        for second in 0..60 {
            batch.push_labels(labels, second * 1000, second as f64);
        }
    }
    store.append(&batch).unwrap();
    store
}

fn engine() -> Engine {
    let mut settings = EngineSettings::default();
    settings.parser = ParserOptions::everything();
    Engine::new(settings, Arc::new(SystemClock::new()))
}

/// Asks for a time and for a range.
fn ask(query: &str) -> [Result<QueryOutput, QueryError>; 2] {
    let (engine, store) = (engine(), store());
    let instant = engine.instant(&store, &InstantQuery::new(query, 30_000));
    let range = engine.range(&store, &RangeQuery::new(query, 0, 60_000, 20_000));
    [instant, range]
}

fn shown(query: &str) -> String {
    query.chars().take(60).collect()
}

#[track_caller]
fn check_refused(query: &str, message: &str) {
    for result in ask(query) {
        let error = result.expect_err(&shown(query)).to_string();
        let beginning: String = error.chars().take(300).collect();
        assert!(error.contains(message), "{}: {beginning}", shown(query));
        // What is said of a long query is not long.
        assert!(
            error.len() < 20_000,
            "{}: {} bytes of message",
            shown(query),
            error.len()
        );
    }
}

#[track_caller]
fn check_answered(query: &str) -> QueryValue {
    let [instant, range] = ask(query);
    range.unwrap_or_else(|error| panic!("{}: {error}", shown(query)));
    instant
        .unwrap_or_else(|error| panic!("{}: {error}", shown(query)))
        .value
}

#[test]
fn depth() {
    let count = 100_000;
    for (open, middle, close) in [
        ("(", "m", ")"),
        ("-", "m", ""),
        ("- ", "1", ""),
        ("+", "m", ""),
        ("abs(", "m", ")"),
        ("1 + (", "m", ")"),
        ("1 ^ ", "m", ""),
        ("m or ", "m", ""),
        ("m + ", "m", ""),
        ("m and on (a) ", "m", ""),
        ("1 == bool ", "1", ""),
        ("", "m", "[5m:1m]"),
        ("", "m", " offset 5m"),
        ("sum(", "m", "[1m:1m])"),
        ("(", "", ""),
        ("sum(", "", ""),
        ("m[", "", ""),
    ] {
        let query = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
        check_refused(&query, "");
    }
    for (open, close) in [
        ("(", ")"),
        ("-", ""),
        ("1 + ", ""),
        ("min_of(", ", 1)"),
        ("2 ^ ", ""),
    ] {
        let duration = format!("{}5{}", open.repeat(40_000), close.repeat(40_000));
        check_refused(&format!("sum_over_time(m[{duration}])"), "");
        check_refused(&format!("m offset ({duration})"), "");
    }
}

#[test]
fn length() {
    for (piece, end) in [
        ("(", ""),
        (" ", "m"),
        ("1", ""),
        ("m", ""),
        ("m,", ""),
        ("#", "\nm"),
        ("\"", ""),
        ("1 + ", "1"),
        ("\u{e9}", ""),
    ] {
        let query = format!("{}{end}", piece.repeat(10 * MEBIBYTE / piece.len()));
        check_refused(&query, "exceeds the limit of 1048576");
    }
    check_answered(&format!("{}m", " ".repeat(MEBIBYTE - 1)));
    check_answered(&format!("#{}\nm", "x".repeat(MEBIBYTE - 3)));
}

#[test]
fn numbers() {
    let digits = "9".repeat(100_000);
    for query in [
        format!("{} * m", "9".repeat(300)),
        format!("0.{digits} + m"),
        format!("1e-{digits} + m"),
        "round(m, 5e-324) + round(m, 1e308) + round(m, 0)".to_owned(),
        "year(m * 1e300) + days_in_month(m * -1e300) + minute(m / 0)".to_owned(),
        "predict_linear(m[1m], 1e308) + deriv((m * 1e306)[1m:1s])".to_owned(),
        "quantile_over_time(1e308, m[1m]) + quantile(-1e308, m)".to_owned(),
        "limitk(9.2e18, m) + bottomk(-1e18, m)".to_owned(),
        "clamp(m, -Inf, Inf) ^ 1e308".to_owned(),
    ] {
        check_answered(&query);
    }
    check_refused(&format!("{digits} * m"), "error parsing number");
    check_refused(&format!("1e{digits}"), "");
    check_refused(&format!("0x{}", "f".repeat(100_000)), "");
    check_refused("topk(1e30, m)", "overflows int64");
    check_refused("topk(-1e30, m)", "underflows int64");
    check_refused("m @ 1e300", "timestamp out of bounds");
    check_refused(&format!("m @ {digits}"), "error parsing number");
}

#[test]
fn durations() {
    let digits = "9".repeat(100_000);
    for duration in [
        format!("{digits}y"),
        "1y".repeat(50_000),
        "300y1y".to_owned(),
        "999999999y".to_owned(),
        "9223372036854775807".to_owned(),
        "1e300".to_owned(),
        "-1e300".to_owned(),
        "1 / 0".to_owned(),
        "2 ^ 5000".to_owned(),
        "10000y * 10000y".to_owned(),
    ] {
        check_refused(&format!("sum_over_time(m[{duration}])"), "");
        check_refused(&format!("sum_over_time(m[{duration}:1m])"), "");
        check_refused(&format!("sum_over_time(m[1m:{duration}])"), "");
        check_refused(&format!("m offset ({duration})"), "");
    }
    check_answered("sum_over_time(m[290y])");
    check_answered("sum_over_time(m[290y] offset 290y)");
    check_answered("sum_over_time(m[290y] @ 9e12 offset -290y)");
    check_refused("sum_over_time(m[200y:1ms])", "too many samples");
    check_refused(
        "sum_over_time(sum_over_time(m[1d:1ms])[1d:1ms])",
        "too many samples",
    );
}

#[test]
fn lists() {
    let many = |piece: &str, count: usize| vec![piece; count].join(", ");
    let matchers: Vec<String> = (0..50_000).map(|number| format!("a!=\"{number}\"")).collect();
    check_answered(&format!("m{{{}}}", matchers.join(",")));
    check_answered(&format!("sum by ({}) (m)", many("a", 100_000)));
    check_answered(&format!("m + ignoring ({}) m", many("b", 100_000)));
    check_answered(&format!(
        "label_join(m, \"b\", \"-\", {})",
        many("\"a\"", 100_000)
    ));
    check_answered(&format!("sort_by_label(m, {})", many("\"a\"", 100_000)));
    check_refused(&format!("abs({})", many("m", 100_000)), "expected 1 argument");
    check_refused(&format!("m{{{}}}", many("a=~\"(\"", 10_000)), "");
    let alternatives: Vec<String> = (0..50_000).map(|number| format!("v{number}")).collect();
    check_answered(&format!("m{{a!~\"{}\"}}", alternatives.join("|")));
}

#[test]
fn strings() {
    let long = "x".repeat(900_000);
    check_answered(&format!("m{{a!=\"{long}\"}}"));
    check_answered(&format!("label_replace(m, \"b\", \"{long}\", \"a\", \".*\")"));
    check_answered(&format!("count_values(\"{long}\", m)"));
    check_answered(&format!("absent(n{{a=\"{long}\"}})"));
    check_answered("label_replace(m, \"b\", \"${99999999999999999999}$0\", \"a\", \"(.*)\")");
    check_refused(&format!("label_replace(m, \"b\", \"\", \"{long}\", \"(\")"), "");
    check_refused(&format!("{long}(m)"), "unknown function");
    check_refused(&format!("\"{long}"), "unterminated");
}

#[test]
fn patterns() {
    for pattern in [
        "(".repeat(100_000),
        format!("{}x{}", "(".repeat(50_000), ")".repeat(50_000)),
        "x{1000}{1000}".to_owned(),
        "(((x{100}){100}){100})".to_owned(),
        ".{100000}".to_owned(),
        "[".repeat(100_000),
        "\\\\p{".repeat(1000),
        "(?i)".to_owned() + &"\u{17f}".repeat(200_000) + "(",
    ] {
        check_refused(&format!("m{{a=~\"{pattern}\"}}"), "");
        check_refused(
            &format!("label_replace(m, \"b\", \"\", \"a\", \"{pattern}\")"),
            "",
        );
    }
    // No pattern makes matching slow.
    check_answered("m{a!~\"(x+x+)+y(.*.*)*(a|aa)+\"}");
}

#[test]
fn labels_do_not_grow_for_ever() {
    let mut doubled = "m".to_owned();
    for _ in 0..60 {
        doubled = format!("label_replace({doubled}, \"a\", \"$1$1\", \"a\", \"(.*)\")");
    }
    check_refused(&doubled, "too long");
    let mut joined = "m".to_owned();
    for _ in 0..60 {
        joined = format!("label_join({joined}, \"a\", \"\", \"a\", \"a\")");
    }
    check_refused(&joined, "too long");
}

#[test]
fn many_points() {
    let (engine, store) = (engine(), store());
    for query in [
        "m",
        "1",
        "time()",
        "m[1m]",
        "sum(m)",
        "absent(n)",
        "count_values(\"v\", time() * m)",
    ] {
        let huge = RangeQuery::new(query, -(1 << 53), 1 << 53, 1);
        assert!(engine.range(&store, &huge).is_err(), "{query}");
        let huge = RangeQuery::new(query, i64::MIN, i64::MAX, 1);
        assert!(engine.range(&store, &huge).is_err(), "{query}");
    }
}
