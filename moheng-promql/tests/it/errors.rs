//! What is said about wrong queries.

use moheng_promql::{ParserOptions, parse, parse_with};

/// Checks the messages of a wrong query, which stand each in a line.
fn check(query: &str, expected: &str) {
    let errors = parse(query).expect_err(query);
    assert_eq!(errors.to_string(), expected, "{query}");
}

#[test]
fn syntax() {
    check("", "1:1: parse error: no expression found in input");
    check(
        "sum(",
        "1:5: parse error: unexpected end of input in expression, expected a selector, number, string, function or \"(\"",
    );
    check(
        "1 +\n  foo{a=b}",
        "2:9: parse error: unexpected \"b\" in label matching, expected a string",
    );
    check(
        "foo bar",
        "1:5: parse error: unexpected \"bar\" in expression, expected an operator or the end",
    );
    check("\"abc", "1:1: parse error: unterminated quoted string");
    check("5x", "1:1: parse error: bad number or duration syntax: \"5x\"");
    check(
        "foo[5m",
        "1:7: parse error: unexpected end of input in range, expected \":\" or \"]\"",
    );
    check("foo[-5m]", "1:5: parse error: duration must be greater than 0");
    check("foo ; bar", "1:5: parse error: unexpected character: ';'");
    check(
        "foo @ NaN",
        "1:7: parse error: timestamp out of bounds for @ modifier: NaN",
    );
    check(
        "(foo) offset 5m",
        "1:7: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    check(
        "foo offset 1m offset 2m",
        "1:15: parse error: offset may not be set multiple times",
    );
    check(
        "(foo)[5m]",
        "1:6: parse error: ranges only allowed for vector selectors",
    );
    check(
        "foo and bool bar",
        "1:9: parse error: bool modifier can only be used on comparison operators",
    );
    check(
        "abs(foo,)",
        "1:8: parse error: trailing commas not allowed in function call args",
    );
    check(
        "topk(1, foo,) by (x,)",
        "1:12: parse error: trailing commas not allowed in function call args",
    );
    check(
        "sum(foo) by (without)",
        "1:14: parse error: unexpected \"without\" in grouping opts, expected a label",
    );
    check(
        "a + on (inf) b",
        "1:9: parse error: unexpected number \"inf\" in grouping opts, expected a label",
    );
    check("'\\q'", "1:1: parse error: unknown escape sequence: \\q");
}

#[test]
fn matching_of_scalars() {
    check(
        "1 > bool ignoring (a) group_right (b) up",
        "1:1: parse error: vector matching only allowed between instant vectors",
    );
}

#[test]
fn types_and_arity() {
    check(
        "abs(foo[5m])",
        "1:5: parse error: expected type instant vector in call to function \"abs\", got range vector",
    );
    check(
        "rate(foo)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    check(
        "rate()",
        "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0",
    );
    check(
        "label_join(up, 'a')",
        "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2",
    );
    check(
        "round(up, 1, 2)",
        "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3",
    );
    check(
        "wrong(up)",
        "1:1: parse error: unknown function with name \"wrong\"",
    );
    check(
        "1 == 1",
        "1:1: parse error: comparisons between scalars must use BOOL modifier",
    );
    check(
        "1 and up",
        "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
    );
    check(
        "up + on (a) 1",
        "1:1: parse error: vector matching only allowed between instant vectors",
    );
    check(
        "a and on (b) group_left c",
        "1:25: parse error: no grouping allowed for \"and\" operation",
    );
    check(
        "a * on (b) group_left (b) c",
        "1:23: parse error: label \"b\" must not occur in ON and GROUP clause at once",
    );
    check(
        "{}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    );
    check(
        "{a=~\".*\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher",
    );
    check(
        "a{__name__=\"b\"}",
        "1:1: parse error: metric name must not be set twice: \"a\" or \"b\"",
    );
    check(
        "{\"a\", \"b\"}",
        "1:7: parse error: metric name must not be set twice: \"a\" or \"b\"",
    );
    check(
        "topk(foo)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    );
    check(
        "-\"a\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
    );
}

#[test]
fn what_is_not_allowed_by_default() {
    check(
        "a + fill(1) b",
        "1:1: parse error: fill modifiers are experimental and must be enabled",
    );
    check(
        "rate(a[5m] smoothed)",
        "1:6: parse error: smoothed modifier is experimental and must be enabled",
    );
    check(
        "info(a)",
        "1:1: parse error: function \"info\" is experimental and must be enabled",
    );
    check(
        "limitk(1, a)",
        "1:1: parse error: limitk() is experimental and must be enabled",
    );
    check(
        "sort_by_label(a, 'b')",
        "1:1: parse error: function \"sort_by_label\" is experimental and must be enabled",
    );
    for query in [
        "limitk(1, sort_by_label(a, 'b'))",
        "a + fill_left(-1) fill_right(1m) b",
        "rate(a[5m] anchored @ 5 offset 1m) + b offset 1m smoothed",
        "info(a, {})",
        "info(a, {b=~'.*', __name__!='c'})",
        "histogram_quantiles(a, 'q', 0.5, 0.9)",
        "start_timestamp(a)",
        "a </ 5 >/ 3",
    ] {
        assert!(parse_with(query, ParserOptions::everything()).is_ok(), "{query}");
    }
}

#[test]
fn experimental_syntax() {
    for (query, expected) in [
        (
            "a and fill(1) b",
            "1:7: parse error: filling in missing series not allowed for set operators",
        ),
        (
            "a + fill(1) 2",
            "1:1: parse error: filling in missing series only allowed between instant vectors",
        ),
        (
            "a + fill(b) c",
            "1:10: parse error: unexpected \"b\" in fill modifier, expected a number",
        ),
        (
            "a + fill(1) fill_left(2) c",
            "1:13: parse error: fill_left fills a side that is filled already",
        ),
        (
            "a anchored",
            "1:3: parse error: anchored modifier must be preceded by a range vector selector",
        ),
        (
            "rate(a[5m:] smoothed)",
            "1:13: parse error: smoothed modifier is not allowed on subqueries",
        ),
        (
            "rate(a[5m] smoothed anchored)",
            "1:21: parse error: anchored and smoothed may be set only once and not together",
        ),
        (
            "a smoothed [5m]",
            "1:12: parse error: no smoothed modifier allowed before range",
        ),
        (
            "sum(a) smoothed",
            "1:8: parse error: smoothed modifier must be preceded by a vector selector",
        ),
        (
            "info(a, b)",
            "1:9: parse error: expected label matchers in braces as the second argument of info()",
        ),
        (
            "info(a, {b='c'} offset 1m)",
            "1:9: parse error: expected label matchers in braces as the second argument of info()",
        ),
        (
            "1 </ 2",
            "1:1: parse error: operator \"</\" not defined between scalars",
        ),
        (
            "a </ bool 2",
            "1:6: parse error: bool modifier can only be used on comparison operators",
        ),
        (
            "histogram_quantiles(a, 'q')",
            "1:1: parse error: expected at least 3 argument(s) in call to \"histogram_quantiles\", got 2",
        ),
        (
            "histogram_quantiles(a, 'q', 1,1,1,1,1,1,1,1,1,1,1)",
            "1:1: parse error: expected at most 12 argument(s) in call to \"histogram_quantiles\", got 13",
        ),
        ("sum by (\"\") (a)", "1:9: parse error: invalid label name \"\""),
    ] {
        let errors = parse_with(query, ParserOptions::everything()).expect_err(query);
        assert_eq!(errors.to_string(), expected, "{query}");
    }
}

#[test]
fn advice() {
    for (query, expected) in [
        ("raet(up[5m])", Some("did you mean \"rate\"?")),
        ("avg_overtime(up[5m])", Some("did you mean \"avg_over_time\"?")),
        ("frobnicate(up)", None),
        (
            "rate(up)",
            Some("select a range of samples by a duration in brackets, as in [5m]"),
        ),
        (
            "rate(sum(up))",
            Some("evaluate the expression over a range with a subquery, as in [5m:]"),
        ),
        ("abs(1)", Some("vector() makes a vector of a scalar")),
        (
            "sum(up[5m])",
            Some("leave the range out, or put a function such as rate() or avg_over_time() around it"),
        ),
        (
            "vector(up)",
            Some("scalar() makes a scalar of a vector with one element"),
        ),
    ] {
        let errors = parse(query).expect_err(query);
        assert_eq!(errors.errors()[0].help(), expected, "{query}");
        if let Some(help) = expected {
            assert!(errors.render().ends_with(&format!("  help: {help}\n")), "{query}");
        }
    }
}

#[test]
fn all_errors_at_once() {
    check(
        "sum(foo{a=b}, wrong(1), bar{c!d})",
        "1:11: parse error: unexpected \"b\" in label matching, expected a string\n\
         1:15: parse error: unknown function with name \"wrong\"\n\
         1:30: parse error: unexpected character: '!'\n\
         1:31: parse error: unexpected \"d\" in label matching, expected one of \"=\", \"!=\", \"=~\", \"!~\"",
    );
    check(
        "abs(1) + rate(up) + {}",
        "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar\n\
         1:15: parse error: expected type range vector in call to function \"rate\", got instant vector\n\
         1:21: parse error: vector selector must contain at least one non-empty matcher",
    );
}

#[test]
fn carets_point_at_the_place() {
    let errors = parse("sum(\n\trate(up) + wrong(1))").unwrap_err();
    assert_eq!(
        errors.render(),
        "2:13: unknown function with name \"wrong\"\n  \trate(up) + wrong(1))\n  \t           ^^^^^\n"
    );
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [
        ("(", ")"),
        ("-", ""),
        ("abs(", ")"),
        ("1+(", ")"),
        ("sum(", ")[1m:1m]"),
        ("1^", ""),
    ] {
        let query = format!("{}up{}", open.repeat(50_000), close.repeat(50_000));
        let errors = parse(&query).unwrap_err().to_string();
        assert!(
            errors.contains("nested deeper than"),
            "{open}: {}",
            &errors[..errors.len().min(200)]
        );
    }
    let chain = vec!["up"; 100_000].join(" + ");
    assert!(
        parse(&chain)
            .unwrap_err()
            .to_string()
            .contains("nested deeper than")
    );
    assert!(
        parse(&"a".repeat(2 << 20))
            .unwrap_err()
            .to_string()
            .contains("exceeds the limit")
    );
}
