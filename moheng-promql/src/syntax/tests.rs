//! Literals and spans.

use super::literals::{parse_number, parse_string};
use crate::ast::{Expr, ExprKind};

#[test]
fn numbers() {
    for (text, expected) in [
        ("1", Some(1.0)),
        ("2.", Some(2.0)),
        (".5", Some(0.5)),
        ("1e3", Some(1000.0)),
        ("1_000.5", Some(1000.5)),
        ("0x_1F", Some(31.0)),
        ("0X10", Some(16.0)),
        ("010", Some(8.0)),
        ("08", Some(8.0)),
        ("010.0", Some(10.0)),
        ("0", Some(0.0)),
        ("iNf", Some(f64::INFINITY)),
        ("1__0", None),
        ("1_", None),
        ("0x", None),
        ("1e999", None),
    ] {
        assert_eq!(parse_number(text), expected, "{text}");
    }
    assert!(parse_number("NAN").is_some_and(f64::is_nan));
}

#[test]
fn strings() {
    for (literal, expected) in [
        ("\"a\\tb\\n\"", Ok("a\tb\n")),
        ("'\\'\"'", Ok("'\"")),
        ("`\\n`", Ok("\\n")),
        ("\"\\x41\\101\\u00e9\\U0001F600\"", Ok("AA\u{e9}\u{1F600}")),
        ("\"\\xc3\\xa9\"", Ok("\u{e9}")),
        ("\"\\xff\"", Err("string is not valid UTF-8")),
        ("\"\\q\"", Err("unknown escape sequence: \\q")),
        ("\"\\x4\"", Err("invalid escape sequence in string")),
        ("\"\\777\"", Err("invalid escape sequence in string")),
        ("\"\\ud800\"", Err("invalid escape sequence in string")),
    ] {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(parse_string(literal), expected, "{literal}");
    }
}

#[test]
fn spans_cover_the_text_of_their_node() {
    fn check(expr: &Expr, query: &str, texts: &mut Vec<String>) {
        texts.push(expr.span().text(query).to_owned());
        for child in expr.children() {
            check(child, query, texts);
        }
    }
    let query = "sum(rate(a{b=\"c\"}[5m] offset 1h)) by (d) / (-x @ 5)";
    let expr = crate::parse(query).unwrap();
    assert!(matches!(expr.kind(), ExprKind::Binary(_)));
    let mut texts = Vec::new();
    check(&expr, query, &mut texts);
    assert_eq!(
        texts,
        [
            query,
            "sum(rate(a{b=\"c\"}[5m] offset 1h)) by (d)",
            "rate(a{b=\"c\"}[5m] offset 1h)",
            "a{b=\"c\"}[5m] offset 1h",
            "(-x @ 5)",
            "-x @ 5",
            "x @ 5",
        ]
    );
}
