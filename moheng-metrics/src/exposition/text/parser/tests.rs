//! Tests of the text parser.

use super::*;

/// What a text says, as lines that are easy to compare.
fn parse(text: &[u8], expected_series: &[u8]) -> Result<Vec<String>, String> {
    let mut parser = TextParser::new(text);
    let mut lines = Vec::new();
    while let Some(entry) = parser
        .next_entry(expected_series)
        .map_err(|error| error.to_string())?
    {
        lines.push(match entry {
            TextEntry::Help { name, help } => format!("HELP {name:?} {help:?}"),
            TextEntry::Unit { .. } => unreachable!("this format has no units"),
            TextEntry::Type { name, kind } => format!("TYPE {name:?} {}", kind.as_str()),
            TextEntry::Sample(sample) => {
                let labels = sample.labels().map_err(|error| error.to_string())?;
                let timestamp = sample.timestamp_ms.map_or(String::new(), |ms| format!(" @{ms}"));
                format!("{labels} {}{timestamp}", sample.value)
            }
        });
    }
    Ok(lines)
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    for prediction in ["", "up", "up{a=\"1\"}", "nothing"] {
        let lines = parse(text.as_bytes(), prediction.as_bytes());
        assert_eq!(
            lines.as_deref(),
            Ok(expected.map_owned().as_slice()),
            "{text:?} {prediction:?}"
        );
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|&line| line.to_owned()).collect()
    }
}

#[track_caller]
fn check_error(text: impl AsRef<[u8]>, expected: &str) {
    for prediction in ["", "up"] {
        assert_eq!(
            parse(text.as_ref(), prediction.as_bytes()),
            Err(expected.to_owned())
        );
    }
}

#[test]
fn samples() {
    let up = r#"{__name__="up"}"#;
    check("", &[]);
    check("\n\n \t\n", &[]);
    check("up 1\n", &[&format!("{up} 1")]);
    check("up 1", &[&format!("{up} 1")]);
    check("\t up\t 1 \t\n\nup 2", &[&format!("{up} 1"), &format!("{up} 2")]);
    check("up{} 1\n", &[&format!("{up} 1")]);
    check("up { } 1\n", &[&format!("{up} 1")]);
    check("up 1 1700000000000\n", &[&format!("{up} 1 @1700000000000")]);
    check("up -1.5e-3\t0 \n", &[&format!("{up} -0.0015 @0")]);
    check("up +Inf\nup NaN\n", &[&format!("{up} inf"), &format!("{up} NaN")]);
    check(
        "up 0.30000000000000004\n",
        &[&format!("{up} 0.30000000000000004")],
    );
    check("up 1\n\0anything at all", &[&format!("{up} 1")]);
    check("a:b 1\n_ 2\n", &[r#"{__name__="a:b"} 1"#, r#"{__name__="_"} 2"#]);
}

#[test]
fn labels() {
    let two = r#"{__name__="up", a="1", b="2"} 3"#;
    check("up{a=\"1\",b=\"2\"} 3\n", &[two]);
    check("up{b=\"2\",a=\"1\",} 3\n", &[two]);
    check("up{ a = \"1\" , b = \"2\" , }3\n", &[two]);
    check("up {a=\"1\" b=\"2\"} 3\n", &[two]);
    check("up{a=\"1\",b=\"2\",c=\"\"} 3\n", &[two]);
    check(r#"{"up",a="1","b"="2"} 3"#, &[two]);
    check(r#"{a="1","up",b="2"} 3"#, &[two]);
    check(r#"{"a.b","l 1"="v"} 1"#, &[r#"{__name__="a.b", "l 1"="v"} 1"#]);
    check(r#"{__name__="up"} 1"#, &[r#"{__name__="up"} 1"#]);
    check(
        r#"up{a="\\ \" \n \d"} 1"#,
        &["{__name__=\"up\", a=\"\\\\ \\\" \\n \\\\d\"} 1"],
    );
    check("up{a=\"} # {\"} 1\n", &[r#"{__name__="up", a="} # {"} 1"#]);
    check("up{a=\"x\ny\"} 1\n", &[r#"{__name__="up", a="x\ny"} 1"#]);
    check("up{a=\"\u{6e29}\"} 1\n", &["{__name__=\"up\", a=\"\u{6e29}\"} 1"]);
}

#[test]
fn bounds_of_buckets_and_quantiles_are_floats() {
    for (kind, written, read) in [
        (
            "histogram",
            r#"a_bucket{le="1"}"#,
            r#"{__name__="a_bucket", le="1.0"}"#,
        ),
        (
            "histogram",
            r#"a_bucket{le="0.50"}"#,
            r#"{__name__="a_bucket", le="0.5"}"#,
        ),
        (
            "histogram",
            r#"a_bucket{le="1000000"}"#,
            r#"{__name__="a_bucket", le="1e+06"}"#,
        ),
        (
            "histogram",
            r#"a_bucket{le="+Inf"}"#,
            r#"{__name__="a_bucket", le="+Inf"}"#,
        ),
        (
            "histogram",
            r#"a_bucket{le="x",quantile="1"}"#,
            r#"{__name__="a_bucket", le="x", quantile="1"}"#,
        ),
        (
            "summary",
            r#"a{quantile="0",le="1"}"#,
            r#"{__name__="a", le="1", quantile="0.0"}"#,
        ),
        (
            "gauge",
            r#"a{quantile="0",le="1"}"#,
            r#"{__name__="a", le="1", quantile="0"}"#,
        ),
    ] {
        let lines = parse(format!("# TYPE a {kind}\n{written} 1\n").as_bytes(), b"");
        assert_eq!(lines.map(|lines| lines[1].clone()), Ok(format!("{read} 1")));
    }
}

#[test]
fn metadata_and_comments() {
    check("# HELP up Whether it is.\n", &[r#"HELP "up" "Whether it is.""#]);
    check(
        "#\tHELP\t up\t  two \\\\ \\n \\\" \n",
        &[r#"HELP "up" "  two \\ \n \\\" ""#],
    );
    check("# HELP up", &[r#"HELP "up" """#]);
    check("# HELP up\n", &[r#"HELP "up" """#]);
    check("# HELP \"a.\\\"b\" text\n", &[r#"HELP "a.\"b" "text""#]);
    check("# TYPE up gauge\n", &[r#"TYPE "up" gauge"#]);
    check(
        "# TYPE up\thistogram \n# TYPE b untyped",
        &[r#"TYPE "up" histogram"#, r#"TYPE "b" untyped"#],
    );
    check(
        "#\n# \n#HELP up x\n# HELP\n# HELPER a b\n# TYPED a b\n## TYPE a b\n# \0\n",
        &[],
    );
}

#[test]
fn wrong_values_and_timestamps() {
    for (text, error) in [
        ("up\n", "1:3: expected a number, found the end of the line"),
        ("up", "1:3: expected a number, found the end of the text"),
        ("ok 1\nup one two\n", r#"2:4: expected a number, found "one""#),
        ("up 1_000\n", r#"1:4: expected a number, found "1_000""#),
        ("up 0x1p-2\n", r#"1:4: expected a number, found "0x1p-2""#),
        ("up 1\r\n", r#"1:4: expected a number, found "1\r""#),
        (
            "up 1 \r\n",
            "1:6: expected a timestamp in whole milliseconds or the end of the line, found a carriage return (lines end with a line feed alone)",
        ),
        (
            "\r\n",
            "1:1: expected a metric name, a comment or {, found a carriage return (lines end with a line feed alone)",
        ),
        (
            "up 1 -5\n",
            r#"1:6: expected a timestamp in whole milliseconds or the end of the line, found "-5""#,
        ),
        (
            "up 1 5.5\n",
            r#"1:7: expected the end of the line after the timestamp, found ".5""#,
        ),
        (
            "up 1 5 6\n",
            r#"1:8: expected the end of the line after the timestamp, found "6""#,
        ),
        (
            "up 1 99999999999999999999\n",
            "1:6: the timestamp does not fit 64 bits",
        ),
    ] {
        check_error(text, error);
    }
}

#[test]
fn wrong_series() {
    for (text, error) in [
        (
            "9up 1\n",
            r#"1:1: expected a metric name, a comment or {, found "9up""#,
        ),
        ("up-down 1\n", r#"1:3: expected a number, found "-down""#),
        (
            "up{a=\"1\"\n",
            "1:9: expected a label name or }, found the end of the line",
        ),
        ("up{,} 1\n", r#"1:4: expected a label name or }, found ",}""#),
        (
            "up{9=\"1\"} 1\n",
            r#"1:4: expected a label name or }, found "9=\"1\"}""#,
        ),
        ("up{a} 1\n", r#"1:5: expected = after the label name, found "}""#),
        (
            "up{a=1} 1\n",
            r#"1:6: expected a label value in double quotes, found "1}""#,
        ),
        (
            "up{a=\"1} 1\nb 1\n",
            "1:6: the quote that opens here is never closed",
        ),
        ("up{\"a\"} 1\n", "1:4: the metric has a name already"),
        ("{\"a\",\"b\"} 1\n", "1:6: the metric has a name already"),
        ("a 1\n{a=\"1\"} 1\n", "2:1: the series has no metric name"),
        (
            "a 1\n b{a=\"1\",a=\"\"} 1\n",
            r#"2:2: the series has the label "a" twice"#,
        ),
        (
            "up{__name__=\"a\"} 1\n",
            r#"1:1: the series has the label "__name__" twice"#,
        ),
    ] {
        check_error(text, error);
    }
}

#[test]
fn wrong_metadata() {
    for (text, error) in [
        (
            "# TYPE up gauges\n",
            r#"1:11: expected counter, gauge, histogram, summary or untyped, found "gauges""#,
        ),
        (
            "# TYPE up\n",
            "1:10: expected counter, gauge, histogram, summary or untyped, found the end of the line",
        ),
        (
            "# TYPE up gauge\r\n",
            r#"1:11: expected counter, gauge, histogram, summary or untyped, found "gauge\r""#,
        ),
        ("# HELP 1 x\n", r#"1:8: expected a metric name, found "1""#),
        (
            "# HELP a{b} x\n",
            r#"1:9: expected a blank after the metric name, found "{b}""#,
        ),
    ] {
        check_error(text, error);
    }
}

#[test]
fn what_is_not_utf8() {
    check_error(b"up{a=\"\xff\"} 1\n", "1:7: the series is not valid UTF-8");
    check_error(b"\n# HELP up \xff\n", "2:11: the help text is not valid UTF-8");
    check_error(b"# HELP \"\xff\" x\n", "1:9: the metric name is not valid UTF-8");
}

#[test]
fn nothing_follows_an_error() {
    let mut parser = TextParser::new(b"up one\nup 1\n");
    assert!(parser.next_entry(b"").is_err());
    assert_eq!(parser.next_entry(b""), Ok(None));
}

#[test]
fn labels_too_long_for_a_series_are_refused() {
    let value = "x".repeat(1 << 24);
    check_error(
        format!("up{{a=\"{value}\"}} 1\n"),
        "1:1: a label of this series is longer than 16777215 bytes",
    );
}
