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
    check("'\\q'", "1:1: parse error: unknown escape sequence: \\q");
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
fn what_is_not_there_yet() {
    check(
        "a + fill(1) b",
        "1:5: parse error: the fill modifier is not supported yet by this version",
    );
    check(
        "rate(a[5m] smoothed)",
        "1:12: parse error: the anchored or smoothed modifier is not supported yet by this version",
    );
    check(
        "a </ 1",
        "1:3: parse error: the histogram trim operator is not supported yet by this version",
    );
    check(
        "histogram_sum(a)",
        "1:1: parse error: function \"histogram_sum\" is not supported yet by this version",
    );
    check(
        "info(a)",
        "1:1: parse error: function \"info\" is not supported yet by this version",
    );
    check(
        "limitk(1, a)",
        "1:1: parse error: limitk() is experimental and must be enabled",
    );
    check(
        "sort_by_label(a, 'b')",
        "1:1: parse error: function \"sort_by_label\" is experimental and must be enabled",
    );
    let options = ParserOptions::new().with_experimental_functions(true);
    assert!(parse_with("limitk(1, sort_by_label(a, 'b'))", options).is_ok());
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
