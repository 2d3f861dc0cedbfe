//! What is printed reads back as the same expression.

use moheng_promql::{Expr, ParserOptions, parse_with};
use proptest::prelude::*;

fn parse(query: &str) -> Expr {
    let options = ParserOptions::everything();
    parse_with(query, options).unwrap_or_else(|errors| panic!("{query}\n{}", errors.render()))
}

fn check(query: &str) {
    let expr = parse(query);
    let line = expr.to_string();
    assert_eq!(parse(&line), expr, "{query} prints as {line}");
    assert_eq!(parse(&line).to_string(), line, "{query}");
    let pretty = expr.pretty();
    assert_eq!(parse(&pretty), expr, "{query} prints as {pretty}");
    let text = expr.span().text(query);
    assert_eq!(parse(text), expr, "{query} has the span {text}");
}

#[test]
fn special_cases() {
    for query in [
        "foo{}",
        "{\"foo.bar\", \"l 1\"=\"v\", a!=\"\"}",
        "{\"bool\"}",
        "{__name__=~\"a.*\"}",
        "bool_metric + on:metric",
        "-2 ^ 2",
        "+Inf ^ 0 - -Inf ^ Inf ^ +Inf",
        "Inf ^ (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb)",
        "- - 5",
        "-1m30s",
        "a - -0m + -0 + - -0s",
        "+foo",
        "2 ^ -1 ^ 2",
        "'it\\'s' ",
        "\"\\x07\\u00e9\\t\\\\\"",
        "`raw\\n`",
        "foo[5m:]",
        "foo[300:1m] offset -5m @ start()",
        "foo offset (1m + step()) @ -1.5",
        "foo offset - -min_of(step(), 1s) ^ 2",
        "rate(foo[max_of(step(), 1m)])",
        "foo @ end()",
        "sum(a) by (\"x.y\", z,)",
        "count_values without () (\"v\", a)",
        "a == bool on () group_right (c) b",
        "a and ignoring (d) b unless c",
        "1e30 + 0x1f + .5 + Inf + NaN + 1_000",
        "sum + by + offset + and",
        "min_of(1, 2) + end()",
        "time() - 1h",
        "INF + nan + a AND b",
        "a + on (b) group_left (c) fill (NaN) d",
        "a + fill_right (-0) fill_left (1m30s) b",
        "a == bool ignoring () fill_left (-Inf) b",
        "fill + fill_left * fill_right",
        "rate(a[5m] anchored)",
        "increase(a[5m] @ 5 smoothed offset -1m)",
        "smoothed smoothed offset step() + anchored",
        "info(a @ 5, {b=~\".*\", __name__=\"c\"})",
        "info(a, {})",
        "histogram_quantiles(a, \"q\", 0.5, 0.9)",
        "a </ 5 + (b >/ -Inf)",
        "start_timestamp({\"a.b\"})",
    ] {
        check(query);
    }
}

#[test]
fn printed_forms() {
    for (query, line) in [
        (
            "SUM(rate(a{b='c'}[300])) BY (d,)",
            "sum by (d) (rate(a{b=\"c\"}[5m]))",
        ),
        ("a+on(b)group_left c", "a + on (b) group_left () c"),
        ("a offset 90s @ 10", "a @ 10.000 offset 1m30s"),
        ("-5 + -a", "-5 + -a"),
        ("a # comment\n * b", "a * b"),
        ("topk (3, a)", "topk(3, a)"),
        ("a + fill_left(1) fill_right(1) b", "a + fill (1) b"),
        ("a + fill_right(2) b", "a + fill_right (2) b"),
        ("a[5m] offset 1m smoothed", "a[5m] smoothed offset 1m"),
    ] {
        assert_eq!(parse(query).to_string(), line);
    }
}

#[test]
fn pretty_forms_break_long_lines() {
    let query = "sum by (job) (rate(http_requests_total{job=\"api-server\", handler=\"/api/v1/query_range/and/more\"}[5m])) / on (job) group_left () sum by (job) (rate(http_requests_total[5m]))";
    let expected = "sum by (job) (
  rate(http_requests_total{job=\"api-server\",handler=\"/api/v1/query_range/and/more\"}[5m])
)
/ on (job) group_left ()
sum by (job) (rate(http_requests_total[5m]))";
    let pretty = parse(query).pretty();
    assert_eq!(pretty, expected);
}

fn label() -> BoxedStrategy<String> {
    prop_oneof![
        Just("job".to_owned()),
        Just("by".to_owned()),
        Just("__name__".to_owned()),
        "[a-z]{1,3}",
        Just("\"utf 8.\\n\\\"\"".to_owned()),
    ]
    .boxed()
}

fn duration() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("5m".to_owned()),
        Just("1h30m".to_owned()),
        Just("1y2w3d4h5m6s7ms".to_owned()),
        (1_u32..100_000).prop_map(|seconds| seconds.to_string()),
        Just("(1m+step()*2)".to_owned()),
        Just("max_of(30s, step())".to_owned()),
    ]
}

fn modifiers() -> impl Strategy<Value = String> {
    let offset = prop_oneof![
        Just(String::new()),
        duration().prop_map(|duration| format!(" offset {duration}")),
        Just(" offset -7s".to_owned()),
    ];
    let at = prop_oneof![
        3 => Just(String::new()),
        1 => (-9_000_000_i64..9_000_000).prop_map(|time| format!(" @ {}.{:03}", time, time.unsigned_abs() % 1000)),
        1 => Just(" @ start()".to_owned()),
    ];
    (offset, at, any::<bool>()).prop_map(|(offset, at, swap)| {
        if swap {
            format!("{at}{offset}")
        } else {
            format!("{offset}{at}")
        }
    })
}

fn edges() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " anchored", " smoothed"])
}

fn selector() -> impl Strategy<Value = String> {
    let matcher = (
        label(),
        prop::sample::select(vec!["=", "!=", "=~", "!~"]),
        "[a-z.*|]{0,4}",
    )
        .prop_filter_map("a valid pattern and no second name", |(label, op, value)| {
            let is_regex = op.contains('~');
            let is_wrong = label == "__name__"
                || (is_regex && value.contains("**"))
                || (is_regex && value.starts_with('*'))
                || value.contains("|*");
            (!is_wrong).then(|| format!("{label}{op}'{value}'"))
        });
    let name = prop_oneof!["[a-z_:]{3,6}", Just("sum".to_owned()), Just("offset".to_owned())];
    (name, prop::collection::vec(matcher, 0..3))
        .prop_map(|(name, matchers)| format!("x{name}{{{}}}", matchers.join(",")))
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>()
            .prop_filter("written without a sign", |value| value.is_finite()
                && *value >= 0.0)
            .prop_map(|value| value.to_string()),
        duration().prop_filter("a literal", |text| !text.contains('(')),
        Just("time()".to_owned()),
        Just("+Inf".to_owned()),
        Just("NaN".to_owned()),
    ]
}

fn matching() -> impl Strategy<Value = String> {
    let labels = || prop::collection::vec(label(), 0..3).prop_map(|labels| labels.join(","));
    let fill = prop_oneof![
        3 => Just(String::new()),
        1 => Just(" fill(-1.5)".to_owned()),
        1 => Just(" fill_right(NaN) fill_left(5m)".to_owned()),
    ];
    let matching = prop_oneof![
        3 => Just(String::new()),
        1 => labels().prop_map(|labels| format!(" on({labels})")),
        1 => labels().prop_map(|labels| format!(" ignoring({labels}) group_left")),
        1 => (labels(), "[A-Z]{2}").prop_map(|(labels, included)| format!(" on({labels}) group_right({included})")),
    ];
    (matching, fill).prop_map(|(matching, fill)| matching + &fill)
}

/// Every alternative is boxed: inline they would be too large for the stack of a test.
fn vector() -> impl Strategy<Value = String> {
    let leaf = (selector(), modifiers()).prop_map(|(selector, modifiers)| format!("{selector}{modifiers}"));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let arithmetic = [
            "+", "-", "*", "/", "%", "^", "atan2", "==", "!= bool", ">", "<= bool", "</", ">/",
        ];
        let arithmetic = prop::sample::select(arithmetic.to_vec()).boxed();
        let set = prop::sample::select(vec!["and", "or", "unless"]);
        let grouping = (any::<bool>(), prop::collection::vec(label(), 0..3)).prop_map(|(by, labels)| {
            let word = if by { "by" } else { "without" };
            format!("{word}({})", labels.join(", "))
        });
        let function = prop::sample::select(vec!["abs", "ceil", "sort_desc"]);
        let reduction = prop::sample::select(vec!["sum", "MAX", "stddev"]);
        let ranking = prop::sample::select(vec!["topk", "quantile"]);
        prop::strategy::Union::new([
            (inner.clone(), arithmetic.clone(), matching(), inner.clone())
                .prop_map(|(left, op, matching, right)| format!("{left} {op}{matching} {right}"))
                .boxed(),
            (inner.clone(), set, inner.clone())
                .prop_map(|(left, op, right)| format!("{left} {op} {right}"))
                .boxed(),
            (inner.clone(), arithmetic, scalar())
                .prop_map(|(left, op, right)| format!("{left} {op} {right}"))
                .boxed(),
            inner.clone().prop_map(|inner| format!("({inner})")).boxed(),
            inner.clone().prop_map(|inner| format!("-{inner}")).boxed(),
            (function, inner.clone())
                .prop_map(|(name, inner)| format!("{name}({inner})"))
                .boxed(),
            (reduction.clone(), grouping.clone(), inner.clone())
                .prop_map(|(op, grouping, inner)| format!("{op} {grouping}({inner})"))
                .boxed(),
            (reduction, grouping, inner.clone())
                .prop_map(|(op, grouping, inner)| format!("{op}({inner}){grouping}"))
                .boxed(),
            (ranking, scalar(), inner.clone())
                .prop_map(|(op, parameter, inner)| format!("{op}({parameter}, {inner})"))
                .boxed(),
            (selector(), duration(), edges(), modifiers())
                .prop_map(|(selector, duration, edges, modifiers)| {
                    format!("rate({selector}[{duration}]{edges}{modifiers})")
                })
                .boxed(),
            (inner, duration(), duration(), modifiers())
                .prop_map(|(inner, range, step, modifiers)| {
                    format!("max_over_time(({inner})[{range}:{step}]{modifiers})")
                })
                .boxed(),
        ])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_expressions(query in vector()) {
        let options = ParserOptions::everything();
        // Some that are generated are wrong: a label twice, a comparison with a wrong type.
        if parse_with(&query, options).is_ok() {
            check(&query);
        }
    }

    #[test]
    fn any_text_is_survived(query in "[a-z0-9(){}\\[\\]\"'`+*/^@,:=!~<>. \\\\\u{e9}-]{0,60}") {
        if let Ok(expr) = parse_with(&query, ParserOptions::everything()) {
            check(&expr.to_string());
        }
    }
}
