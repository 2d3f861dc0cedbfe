//! Tests of patterns: what they match, and that every plan agrees with the regular expression.

use proptest::prelude::*;

use super::*;

/// What kind of plan is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Values,
    Globs,
    Regex,
}
use Kind::{Globs, Regex as Engine, Values};

#[track_caller]
fn check(pattern: &str, kind: Kind, prefix: &str, matching: &[&str], other: &[&str]) {
    let compiled = Pattern::new(pattern).unwrap();
    let found = match &*compiled.plan {
        Plan::Values(_) => Values,
        Plan::Globs(_) => Globs,
        Plan::Regex { .. } => Engine,
    };
    assert_eq!(found, kind, "plan of {pattern}");
    assert_eq!(
        compiled.prefix().unwrap_or_default(),
        prefix,
        "prefix of {pattern}"
    );
    for value in matching {
        assert!(compiled.is_match(value), "{pattern} does not match {value:?}");
    }
    for value in other {
        assert!(!compiled.is_match(value), "{pattern} matches {value:?}");
    }
}

#[test]
fn patterns_match_whole_values() {
    check("", Values, "", &[""], &["a"]);
    check("foo", Values, "foo", &["foo"], &["", "foobar", "xfoo", "foo\n"]);
    check("^foo$", Values, "foo", &["foo"], &["foofoo"]);
    check("foo|bar|", Values, "", &["foo", "bar", ""], &["foobar"]);
    check("(foo|fa)", Values, "f", &["foo", "fa"], &["(foo", "fa)"]);
    check("()", Values, "", &[""], &["()"]);
    check("foo|far", Values, "f", &["foo", "far"], &["f", "oo"]);
    check("^(?:foo|^bar$)$", Engine, "", &["foo", "bar"], &["foobar"]);
    check(
        "node-[0-9]",
        Values,
        "node-",
        &["node-0", "node-9"],
        &["node-", "node-10"],
    );
    check("(?i)up", Values, "", &["up", "UP", "uP"], &["u"]);
    check(
        "(?i)instance",
        Engine,
        "",
        &["instance", "INSTANCE", "iNstancE"],
        &["instances"],
    );
    check("colou?r", Values, "colo", &["color", "colour"], &["colouur"]);
    check("a{2,3}", Values, "aa", &["aa", "aaa"], &["a", "aaaa"]);
    check("[^a]", Engine, "", &["b", "\n", "\u{6e29}"], &["a", "", "bb"]);
    check("\u{6e29}|\u{6e28}", Values, "", &["\u{6e29}"], &["\u{6e27}"]);
    check("(a|b)*c", Engine, "", &["c", "ababc"], &["ab"]);
    check("ab+", Engine, "ab", &["ab", "abbb"], &["a"]);
    check("x(?:ab|ac).", Engine, "xa", &["xab.", "xac\n"], &["xad."]);
}

#[test]
fn text_and_gaps_are_compared() {
    check(".*", Globs, "", &["", "a", "\n"], &[]);
    check(".+", Globs, "", &["a", "\n", "\u{6e29}"], &[""]);
    check(
        ".{2,}",
        Globs,
        "",
        &["ab", "\u{6e29}\u{6e29}"],
        &["", "a", "\u{6e29}"],
    );
    check(
        "foo.*",
        Globs,
        "foo",
        &["foo", "foobar", "foo\n"],
        &["fo", "xfoo"],
    );
    check("foo.+", Globs, "foo", &["foo1"], &["foo", "1foo"]);
    check(".*foo", Globs, "", &["foo", "a\nfoo"], &["foo1"]);
    check(
        ".+foo.+",
        Globs,
        "",
        &["1foo2", "foofoofoo", "\u{6e29}foo\u{6e29}"],
        &["foo", "1foo", "foo2", "foofoo"],
    );
    check(
        "node_.*_total",
        Globs,
        "node_",
        &["node__total", "node_x_total"],
        &["node_total"],
    );
    check(
        "a.*b.*a",
        Globs,
        "a",
        &["aba", "axbxa"],
        &["ab", "aa", "aa\u{62}"],
    );
    check("a.+.*b", Globs, "a", &["axb", "axxb"], &["ab"]);
    check(
        "eth.*|lo|wlan[01].*",
        Globs,
        "",
        &["eth", "eth0", "lo", "wlan1x"],
        &["lo0", "wlan2"],
    );
    check("(eth|en).*", Globs, "e", &["eth0", "en"], &["e"]);
    check("(?-s:.*)", Engine, "", &["a"], &["\n"]);
    check("(?-s).+", Engine, "", &["a"], &["", "a\nb"]);
}

#[test]
fn long_lists_are_values() {
    let names: Vec<String> = (0..2000).map(|number| format!("host-{number:04}")).collect();
    for pattern in [names.join("|"), format!("({})", names.join("|"))] {
        assert_eq!(
            Pattern::new(&pattern).unwrap().literal_set(),
            Some(names.as_slice())
        );
    }
    let with_port = Pattern::new(&format!("({}):9100", names.join("|"))).unwrap();
    assert!(with_port.is_match("host-1234:9100"));
    assert_eq!(with_port.literal_set().map(<[String]>::len), Some(2000));
}

#[test]
fn what_would_grow_too_large_is_refused() {
    for pattern in [
        r"(?:\pL{100}){10}".to_owned(),
        r"\pL".repeat(1000),
        "a?".repeat(200_000),
        format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000)),
        format!("{}a{}", "(?:".repeat(101), ")*".repeat(101)),
    ] {
        let message = Pattern::new(&pattern).unwrap_err().message;
        let is_about_size = message.starts_with("expression too large: `")
            || message.starts_with("expression nests too deeply: `");
        assert!(is_about_size, "{message}");
    }
}

#[test]
fn deep_nesting_compiles_on_the_stack_of_a_thread() {
    for (open, close, depth) in [
        ("(", ")", 98),
        ("(?:", ")*", 98),
        ("(?:a|b", ")", 48),
        ("(a|b(?:c", ")*)?", 15),
    ] {
        let pattern = format!("{}x{}", open.repeat(depth), close.repeat(depth));
        assert!(Pattern::new(&pattern).is_ok(), "{open}");
        assert!(CapturePattern::new(&pattern).is_ok(), "{open}");
    }
}

#[test]
fn groups_are_put_into_templates() {
    let pattern = CapturePattern::new("(?P<host>[^:]+):([0-9]+)(x)?").unwrap();
    let captures = pattern.captures("db:5432").unwrap();
    for (template, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("$0", "db:5432"),
        ("$1-$2", "db-5432"),
        ("${1}x $1x", "dbx "),
        ("${host}:$host", "db:db"),
        ("$3|$4|$none|$01|$99999999999999999999", "||||"),
        ("$$1 $ ${ ${} ${1 $-", "$1 $ ${ ${} ${1 $-"),
        ("1$", "1$"),
        ("$host\u{e9} $2.", " 5432."),
    ] {
        assert_eq!(captures.expand(template), expected, "{template}");
    }
    assert_eq!(captures.get(1), Some("db"));
    assert_eq!(captures.get(3), None);
    assert_eq!(captures.get_named("host"), Some("db"));
    assert!(pattern.is_match("a:1x") && !pattern.is_match("a:1xx"));
    assert_eq!(
        CapturePattern::new("(a*?)(a*)")
            .unwrap()
            .captures("aa")
            .unwrap()
            .expand("$1,$2"),
        ",aa"
    );
    assert_eq!(
        CapturePattern::new("(?U)(a*)(a*)")
            .unwrap()
            .captures("aa")
            .unwrap()
            .expand("$1,$2"),
        ",aa"
    );
}

/// Patterns made of few letters, so that they often match.
fn any_pattern() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        5 => "[ab\u{6e29}]{1,2}",
        3 => Just(".*".to_owned()),
        2 => Just(".+".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("(?-s:.*)".to_owned()),
        1 => Just("[ab]".to_owned()),
        1 => Just("[^a]*".to_owned()),
        1 => Just("(?i:B)".to_owned()),
        1 => Just("a?".to_owned()),
        1 => Just("b{1,2}".to_owned()),
        1 => Just("^".to_owned()),
        1 => Just("$".to_owned()),
        1 => Just("\\b".to_owned()),
        1 => Just(String::new()),
    ];
    atom.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 0..4).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join("|")),
            1 => inner.prop_map(|part| format!("(?:{part})*")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn plans_agree_with_the_regular_expression(
        pattern in any_pattern(),
        values in prop::collection::vec("[abB\u{6e29}\n]{0,6}", 1..12),
    ) {
        let compiled = Pattern::new(&pattern).unwrap();
        let hir = parse(&pattern, Captures::Kept).unwrap();
        let regex = compile(&pattern, hir, WhichCaptures::All).unwrap();
        let listed = compiled.literal_set().unwrap_or_default().to_vec();
        prop_assert!(listed.is_sorted_by(|left, right| left < right));
        for value in values.iter().chain(&listed) {
            let expected = regex.is_match(value.as_str());
            prop_assert_eq!(compiled.is_match(value), expected, "{} on {:?}", &pattern, value);
            prop_assert!(!expected || value.starts_with(compiled.prefix().unwrap_or_default()));
        }
    }

    #[test]
    fn no_pattern_panics(pattern in "[ab(){}|*+?^$.,0-9\\[\\]\\\\:dwQEpPLx<>!=-]{0,24}") {
        let _ = Pattern::new(&pattern);
        let _ = CapturePattern::new(&pattern);
    }
}
