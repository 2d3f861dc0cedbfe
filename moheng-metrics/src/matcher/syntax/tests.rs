//! Tests of the syntax: what means something else in RE2 than to the engine's own parser, and Go's error texts.

use crate::Pattern;

#[track_caller]
fn check(pattern: &str, matching: &[&str], other: &[&str]) {
    let compiled = Pattern::new(pattern).unwrap();
    for value in matching {
        assert!(compiled.is_match(value), "{pattern} does not match {value:?}");
    }
    for value in other {
        assert!(!compiled.is_match(value), "{pattern} matches {value:?}");
    }
}

#[test]
fn perl_classes_are_ascii() {
    check(r"\d", &["0", "9"], &["\u{663}", "a", ""]);
    check(r"\D", &["\u{663}", "a", "\n"], &["1"]);
    check(r"\w", &["a", "Z", "_", "0"], &["\u{e9}", "-"]);
    check(r"\W", &["\u{e9}", "-"], &["a"]);
    check(r"\s", &[" ", "\t", "\n", "\r", "\x0c"], &["\u{a0}", "\x0b"]);
    check(r"\S", &["a", "\x0b", "\u{a0}"], &[" "]);
    check(r"[\d\s-]+", &["1 2-3"], &["a"]);
    check(
        r"\u{e9}\b.".replace("\\u{e9}", "\u{e9}").as_str(),
        &["\u{e9}a"],
        &["\u{e9}\u{e9}"],
    );
    check(r"a\B.", &["ab"], &["a-"]);
    check(r"(?i)\w", &["\u{212a}", "k"], &["-"]);
    check(r"(?i)\W", &["-"], &["\u{212a}", "k"]);
}

#[test]
fn classes_have_no_set_operations() {
    check("[a-z&&[^b]]", &["b]", "&]", "[]", "^]"], &["a", "b"]);
    check("[a~~b]", &["a", "~", "b"], &[""]);
    check("[[a]", &["[", "a"], &["[a"]);
    check("[]a]", &["]", "a"], &["[]a]"]);
    check("[^]a]", &["b"], &["]", "a"]);
    check("[a-]", &["a", "-"], &["b"]);
    check("[-a]", &["a", "-"], &["b"]);
    check("[a-c-e]", &["a", "b", "-", "e"], &["d"]);
    check("[[:alpha:]_]", &["a", "Z", "_"], &["1", ":"]);
    check("[[:^alpha:]]", &["1", "\u{e9}"], &["a"]);
    check("[[:word:][:space:]]", &["_", "\x0b"], &["-"]);
    check("[[:foo]", &["[", ":", "f"], &["x"]);
    check(r"[\]\\]", &["]", "\\"], &["["]);
    check(r"[\pL-]", &["\u{e9}", "-"], &["1"]);
    check(r"[^\x00-\x{10FFFF}]", &[], &["", "a"]);
    check("(?i)[a-b]", &["A", "b"], &["c"]);
    check("(?i)[^a]", &["b"], &["A", "a"]);
}

#[test]
fn unicode_classes() {
    check(r"\pN", &["1", "\u{663}"], &["a"]);
    check(r"\p{Lu}", &["A", "\u{c9}"], &["a"]);
    check(r"(?i)\p{Lu}", &["A", "a"], &["1"]);
    check(r"\p{^Lu}", &["a"], &["A"]);
    check(r"\P{Lu}", &["a"], &["A"]);
    check(r"\P{^Lu}", &["A"], &["a"]);
    check(r"\p{Greek}", &["\u{3b1}"], &["a"]);
    check(r"\p{Old_Italic}", &["\u{10300}"], &["a"]);
    check(r"\p{Any}", &["a", "\n", "\u{10ffff}"], &[""]);
    check(r"\p{Cs}", &[], &["a"]);
    check("(?i)k", &["k", "K", "\u{212a}"], &["\u{e9}"]);
}

#[test]
fn escapes() {
    check(r"\<a", &["<a"], &["a"]);
    check(r"\_\-\ \.", &["_- ."], &["_- a"]);
    check(r"\101\0\07", &["A\0\x07"], &[""]);
    check(r"\x41\x{42}\x{0001F600}", &["AB\u{1f600}"], &[""]);
    check(r"\a\f\t\n\r\v", &["\x07\x0c\t\n\r\x0b"], &[""]);
    check(r"\Qa.b*\E+", &["a.b*", "a.b***"], &["aab"]);
    check(r"\Q(\", &["(\\"], &["("]);
    check(r"\Aa\z", &["a"], &["b"]);
    check(r"\x{D800}|a", &["a"], &[""]);
    check(r"[\x{D7FF}-\x{E000}]", &["\u{d7ff}", "\u{e000}"], &["a"]);
}

#[test]
fn braces_that_are_no_counts_are_themselves() {
    for pattern in [
        "a{,5}", "a{", "a{2", "a{2,", "a{2,3", "a{x}", "a{02}", "a{2,03}", "{", "a{}",
    ] {
        check(pattern, &[pattern], &["aa"]);
    }
    check("a{2}", &["aa"], &["a"]);
    check("a{2,}", &["aa", "aaaa"], &["a"]);
    check("a{0}", &[""], &["a"]);
    check("(?:a{0,1000}){0}", &[""], &["a"]);
    check("{,1}{2}", &["{,1}}"], &["{,1}"]);
}

#[test]
fn groups_and_flags() {
    check("(?i)a(?-i)b", &["ab", "Ab"], &["AB"]);
    check("(?i:a)b", &["Ab"], &["AB"]);
    check("(a(?i)b)c", &["aBc"], &["aBC"]);
    check("(?i)a|b", &["A", "B"], &[]);
    check("(?-s)a.b", &["a-b"], &["a\nb"]);
    check("a.b", &["a\nb"], &["ab"]);
    check("(?m)a$\n^b", &["a\nb"], &["a"]);
    check("a$\n^b", &[], &["a\nb"]);
    check("(?:)(?)(|a)()", &["", "a"], &["b"]);
    check("(?P<n>a)(?<m>b)", &["ab"], &["a"]);
    check("a(?i)*", &["", "aaa"], &["A"]);
    check("(?is-m:A.)", &["a\n"], &["b"]);
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, message) in [
        ("(", "missing closing ): `(`"),
        ("(foo|(?:bar", "missing closing ): `(foo|(?:bar`"),
        ("foo)", "unexpected ): `foo)`"),
        ("a)|(b", "unexpected ): `a)|(b`"),
        ("[a", "missing closing ]: `[a`"),
        ("x[]", "missing closing ]: `[]`"),
        ("[a-", "missing closing ]: `[a-`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}", r"invalid character class range: `\p{Foo}`"),
        (r"\p{greek}", r"invalid character class range: `\p{greek}`"),
        (
            r"\p{Alphabetic}",
            r"invalid character class range: `\p{Alphabetic}`",
        ),
        (r"\pX", r"invalid character class range: `\pX`"),
        (r"\p", r"invalid character class range: `\p`"),
        (r"\p{Lu", r"invalid character class range: `\p{Lu`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("(+?)", "missing argument to repetition operator: `+?`"),
        ("{2}", "missing argument to repetition operator: `{2}`"),
        (r"\Q\E*", "missing argument to repetition operator: `*`"),
        ("x**", "invalid nested repetition operator: `**`"),
        ("x*?+", "invalid nested repetition operator: `*?+`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{5,2}", "invalid repeat count: `{5,2}`"),
        ("a{99999999999}", "invalid repeat count: `{99999999999}`"),
        ("(?:a{100}){100}", "invalid repeat count: `{100}`"),
        ("((a{2}){20}b|c){30,}", "invalid repeat count: `{30,}`"),
        ("(?x)", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?R)", "invalid or unsupported Perl syntax: `(?R`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?i--s)a", "invalid or unsupported Perl syntax: `(?i--`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<>a)", "invalid named capture: `(?P<>`"),
        ("(?P<a-b>c)", "invalid named capture: `(?P<a-b>`"),
        ("(?P<n>a)(?P<n>b)", "invalid named capture: `(?P<n>`"),
        (r"\u0041", r"invalid escape sequence: `\u`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        (r"\Z", r"invalid escape sequence: `\Z`"),
        (r"\e", r"invalid escape sequence: `\e`"),
        (r"\x4", r"invalid escape sequence: `\x4`"),
        (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
        (r"\x{}", r"invalid escape sequence: `\x{}`"),
        (r"[a-\d]", r"invalid escape sequence: `\d`"),
        ("\\\u{e9}", "invalid escape sequence: `\\\u{e9}`"),
        ("a\\", "trailing backslash at end of expression: ``"),
    ] {
        let error = Pattern::new(pattern).unwrap_err();
        assert_eq!(error.message, message, "{pattern}");
        assert_eq!(error.pattern, pattern);
    }
}
