//! Tests of the OpenMetrics parser.

use std::fmt::Write;

use super::*;

/// What a text says, as lines that are easy to compare.
fn lines(mut parser: OpenMetricsParser<'_>, expected_series: &[u8]) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    while let Some(entry) = parser
        .next_entry(expected_series)
        .map_err(|error| error.to_string())?
    {
        lines.push(match entry {
            TextEntry::Help { name, help } => format!("HELP {name:?} {help:?}"),
            TextEntry::Unit { name, unit } => format!("UNIT {name:?} {unit:?}"),
            TextEntry::Type { name, kind } => format!("TYPE {name:?} {}", kind.as_openmetrics_str()),
            TextEntry::Sample(sample) => {
                let labels = sample.labels().map_err(|error| error.to_string())?;
                let mut line = format!("{labels} {}", sample.value);
                if let Some(timestamp_ms) = sample.timestamp_ms {
                    let _ = write!(line, " @{timestamp_ms}");
                }
                if let Some(start_ms) = sample.start_timestamp_ms {
                    let _ = write!(line, " since {start_ms}");
                }
                if let Some(exemplar) = sample.exemplar().map_err(|error| error.to_string())? {
                    let _ = write!(
                        line,
                        " # {} {} {:?}",
                        exemplar.labels, exemplar.value, exemplar.timestamp_ms
                    );
                }
                line
            }
        });
    }
    Ok(lines)
}

/// Reads `text` and the line that ends it, with right and wrong guesses.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let text = format!("{text}# EOF\n");
    for prediction in ["", "up", "up{a=\"1\"}", "nothing"] {
        let lines = lines(OpenMetricsParser::new(text.as_bytes()), prediction.as_bytes());
        assert_eq!(
            lines.as_deref().map_err(String::as_str),
            Ok(owned(expected).as_slice()),
            "{text:?}"
        );
    }
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

#[track_caller]
fn check_error(text: impl AsRef<[u8]>, expected: &str) {
    for prediction in ["", "up"] {
        let lines = lines(OpenMetricsParser::new(text.as_ref()), prediction.as_bytes());
        assert_eq!(
            lines,
            Err(expected.to_owned()),
            "{}",
            String::from_utf8_lossy(text.as_ref())
        );
    }
}

/// The same, with the line that ends the text behind it.
#[track_caller]
fn check_line_error(text: &str, expected: &str) {
    check_error(format!("{text}# EOF\n"), expected);
}

#[test]
fn samples() {
    let up = r#"{__name__="up"}"#;
    check("", &[]);
    check("up 1\n", &[&format!("{up} 1")]);
    check("up{} 1\n", &[&format!("{up} 1")]);
    check(
        "up NaN\nup -Inf\n",
        &[&format!("{up} NaN"), &format!("{up} -inf")],
    );
    check("up 1 1520879607.789\n", &[&format!("{up} 1 @1520879607789")]);
    check("up 1 -2.5\n", &[&format!("{up} 1 @-2500")]);
    check("up 1 1.520879607789e+09\n", &[&format!("{up} 1 @1520879607789")]);
    check("up{a=\"1\",b=\"2\"} 3\n", &[r#"{__name__="up", a="1", b="2"} 3"#]);
    check(
        "up{b=\"2\",a=\"1\",c=\"\"} 3\n",
        &[r#"{__name__="up", a="1", b="2"} 3"#],
    );
    check(
        "{\"u.p\",\"l 1\"=\"2\"} 3\n",
        &[r#"{__name__="u.p", "l 1"="2"} 3"#],
    );
    check(
        "up{a=\"\\\\ \\\" \\n\"} 1\n",
        &["{__name__=\"up\", a=\"\\\\ \\\" \\n\"} 1"],
    );
    check("up{a=\"# {\"} 1\n", &[r##"{__name__="up", a="# {"} 1"##]);
    assert_eq!(
        lines(OpenMetricsParser::new(b"up 1\n# EOF"), b""),
        Ok(owned(&[&format!("{up} 1")]))
    );
}

#[test]
fn exemplars() {
    let up = r#"{__name__="up"}"#;
    check("up 1 # {} 2\n", &[&format!("{up} 1 # {{}} 2 None")]);
    check(
        "up 1 # {a=\"b\",c=\"d e\"} 0.5 1.5\n",
        &[&format!("{up} 1 # {{a=\"b\", c=\"d e\"}} 0.5 Some(1500)")],
    );
    check(
        "up 1 3 # {a=\"# {\"} 2\n",
        &[&format!("{up} 1 @3000 # {{a=\"# {{\"}} 2 None")],
    );
    check(
        "up{a=\"1\"} 1 # {a=\"b\"} 2\n",
        &[r#"{__name__="up", a="1"} 1 # {a="b"} 2 None"#],
    );
    let longest = format!("up 1 # {{a=\"{}\"}} 1\n", "\u{e9}".repeat(127));
    check(
        &longest,
        &[&format!("{up} 1 # {{a=\"{}\"}} 1 None", "\u{e9}".repeat(127))],
    );
}

#[test]
fn metadata() {
    for (word, kind) in [
        ("counter", MetricKind::Counter),
        ("gauge", MetricKind::Gauge),
        ("histogram", MetricKind::Histogram),
        ("gaugehistogram", MetricKind::GaugeHistogram),
        ("summary", MetricKind::Summary),
        ("info", MetricKind::Info),
        ("stateset", MetricKind::StateSet),
        ("unknown", MetricKind::Untyped),
    ] {
        check(&format!("# TYPE up {word}\n"), &[&format!("TYPE \"up\" {word}")]);
        assert_eq!(super::kind(word.as_bytes()), Some(kind));
    }
    check(
        "# HELP up Whether \\\"it\\\" \\\\ \\n is\n",
        &[r#"HELP "up" "Whether \"it\" \\ \n is""#],
    );
    check(
        "# HELP up \n# HELP up  x\n",
        &[r#"HELP "up" """#, r#"HELP "up" " x""#],
    );
    check(
        "# UNIT up_seconds seconds\n# UNIT up \n",
        &[r#"UNIT "up_seconds" "seconds""#, r#"UNIT "up" """#],
    );
    check("# HELP \"a.b\" text\n", &[r#"HELP "a.b" "text""#]);
}

#[test]
fn bounds_are_floats() {
    for (kind, written, read) in [
        (
            "histogram",
            r#"a_bucket{le="1"}"#,
            r#"{__name__="a_bucket", le="1.0"}"#,
        ),
        (
            "gaugehistogram",
            r#"a_bucket{le="1"}"#,
            r#"{__name__="a_bucket", le="1.0"}"#,
        ),
        (
            "summary",
            r#"a{quantile="0"}"#,
            r#"{__name__="a", quantile="0.0"}"#,
        ),
        ("gauge", r#"a{le="1"}"#, r#"{__name__="a", le="1"}"#),
    ] {
        let type_line = format!("TYPE \"a\" {kind}");
        check(
            &format!("# TYPE a {kind}\n{written} 1\n"),
            &[&type_line, &format!("{read} 1")],
        );
    }
}

/// The lines of a text read with start timestamps.
#[track_caller]
fn check_starts(text: &str, expected: &[&str]) {
    let text = format!("{text}# EOF\n");
    for prediction in ["", "c_total", "c_created", "h_count"] {
        let parser = OpenMetricsParser::new(text.as_bytes()).with_start_timestamps();
        let lines = lines(parser, prediction.as_bytes());
        let samples: Result<Vec<String>, String> = lines.map(|lines| {
            let is_sample = |line: &String| line.starts_with('{');
            lines.into_iter().filter(is_sample).collect()
        });
        assert_eq!(samples, Ok(owned(expected)), "{text:?}");
    }
}

#[test]
fn created_lines_become_start_timestamps() {
    let c = r#"{__name__="c_total"}"#;
    let with = |text: &str| format!("# TYPE c counter\n{text}");
    check_starts(
        &with("c_total 1\nc_created 2.5\n"),
        &[&format!("{c} 1 since 2500")],
    );
    check_starts(
        &with("c_created 2.5\nc_total 1\n"),
        &[&format!("{c} 1 since 2500")],
    );
    check_starts(&with("c_total 1\n"), &[&format!("{c} 1")]);
    check_starts(&with("c_created 1\n"), &[]);
    check_starts(
        &with("c_total 1 10\nc_created 2 10\nc_total 3 20\nc_created 4 20\n"),
        &[
            &format!("{c} 1 @10000 since 2000"),
            &format!("{c} 3 @20000 since 4000"),
        ],
    );
    check_starts(
        &with(
            "c_total{a=\"1\"} 1\nc_created{a=\"1\"} 5\nc_total{a=\"2\"} 2\nc_total{a=\"3\"} 3\nc_created{a=\"3\"} 6\n",
        ),
        &[
            r#"{__name__="c_total", a="1"} 1 since 5000"#,
            r#"{__name__="c_total", a="2"} 2"#,
            r#"{__name__="c_total", a="3"} 3 since 6000"#,
        ],
    );
    check_starts(
        "# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 1\nh_bucket{le=\"+Inf\",a=\"1\"} 2 # {} 1\nh_count{a=\"1\"} 2\nh_sum{a=\"1\"} 3\nh_created{a=\"1\"} 7\n",
        &[
            r#"{__name__="h_bucket", a="1", le="1.0"} 1 since 7000"#,
            r#"{__name__="h_bucket", a="1", le="+Inf"} 2 since 7000 # {} 1 None"#,
            r#"{__name__="h_count", a="1"} 2 since 7000"#,
            r#"{__name__="h_sum", a="1"} 3 since 7000"#,
        ],
    );
    check_starts(
        "# TYPE x_sum summary\nx_sum{quantile=\"1\"} 1\nx_sum_sum 2\nx_sum_count 3\nx_sum_created 8\n",
        &[
            r#"{__name__="x_sum", quantile="1.0"} 1 since 8000"#,
            r#"{__name__="x_sum_sum"} 2 since 8000"#,
            r#"{__name__="x_sum_count"} 3 since 8000"#,
        ],
    );
    check_starts(
        "# TYPE g gauge\ng 1\ng_created 2\n",
        &[r#"{__name__="g"} 1"#, r#"{__name__="g_created"} 2"#],
    );
    check_starts(
        "# TYPE \"c.d\" counter\n{\"c.d_total\",a=\"1\"} 1\n{\"c.d_created\",a=\"1\"} 9\n",
        &[r#"{__name__="c.d_total", a="1"} 1 since 9000"#],
    );
}

#[test]
fn created_lines_without_a_time_are_refused() {
    for (value, error) in [
        ("NaN", r#"3:11: expected a time in seconds, found "NaN""#),
        ("1e300", "3:11: the time does not fit 64 bits of milliseconds"),
    ] {
        let text = format!("# TYPE c counter\nc_total 1\nc_created {value}\n# EOF\n");
        let parser = OpenMetricsParser::new(text.as_bytes()).with_start_timestamps();
        assert_eq!(lines(parser, b""), Err(error.to_owned()));
    }
}

#[test]
fn ends() {
    let missing = "expected # EOF at the end, found the end of the text";
    check_error("", &format!("1:1: {missing}"));
    check_error("up 1\n", &format!("2:1: {missing}"));
    check_error("# HELP up x", &format!("1:12: {missing}"));
    check_error(
        "up 1\n# EOF\n\n",
        "3:1: expected nothing after # EOF, found the end of the line",
    );
    check_error(
        "# EOF\nup 1\n",
        r#"2:1: expected nothing after # EOF, found "up""#,
    );
    check_error("# EOF ", "1:6: expected nothing after # EOF, found \" \"");
    check_error(
        "up 1",
        "1:5: expected a timestamp, an exemplar or the end of the line, found the end of the text",
    );
    check_error(
        "up",
        "1:3: expected a blank and the value, found the end of the text",
    );
    let mut parser = OpenMetricsParser::new(b"up one\n# EOF\n");
    assert!(parser.next_entry(b"").is_err());
    assert_eq!(parser.next_entry(b""), Ok(None));
}

const WRONG_LINES: &[(&str, &str)] = &[
    (
        "# TYPE \"a\nb\" gauge\n",
        "1:10: a line feed within a name (it is written \\n)",
    ),
    (
        "\nup 1\n",
        "1:1: expected a metric name, a comment or {, found the end of the line",
    ),
    (
        " up 1\n",
        r#"1:1: expected a metric name, a comment or {, found " up 1""#,
    ),
    ("ok 1\nup  1\n", r#"2:4: expected a number, found " 1""#),
    ("up\t1\n", r#"1:3: expected a blank and the value, found "\t1""#),
    (
        "up 1 \n",
        "1:6: expected a time in seconds, found the end of the line",
    ),
    ("up 1 NaN\n", r#"1:6: expected a time in seconds, found "NaN""#),
    (
        "up 1 99999999999999999999\n",
        "1:6: the time does not fit 64 bits of milliseconds",
    ),
    (
        "up 1 2 3\n",
        r#"1:7: expected an exemplar or the end of the line, found " 3""#,
    ),
    ("up 1\r\n", r#"1:4: expected a number, found "1\r""#),
    ("up 0x1p3\n", r#"1:4: expected a number, found "0x1p3""#),
    ("up {a=\"1\"} 1\n", r#"1:4: expected a number, found "{a=\"1\"}""#),
    (
        "up{a=\"1\",} 1\n",
        r#"1:10: expected a label name or }, found "}""#,
    ),
    (
        "up{a=\"1\", b=\"2\"} 1\n",
        r#"1:10: expected a label name or }, found " b=\"2\"} 1""#,
    ),
    (
        "up{a=\"1\" b=\"2\"} 1\n",
        r#"1:9: expected a comma or }, found " b=\"2\"} 1""#,
    ),
    (
        "up{a=\"1\"b=\"2\"} 1\n",
        r#"1:9: expected a comma or }, found "b=\"2\"}""#,
    ),
    (
        "up{a=\"x\ny\"} 1\n",
        "1:8: a line feed within a label (it is written \\n)",
    ),
    (
        "up{a=\"1\",a=\"2\"} 1\n",
        r#"1:1: the series has the label "a" twice"#,
    ),
    (
        "# comment\n",
        r##"1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "#""##,
    ),
    (
        "#\n",
        r##"1:1: expected # HELP, # TYPE, # UNIT or # EOF, found "#""##,
    ),
    (
        "# TYPE a untyped\n",
        r#"1:10: expected counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown, found "untyped""#,
    ),
    (
        "# TYPE a\n",
        "1:9: expected a blank and a text after the metric name, found the end of the line",
    ),
    (
        "# TYPE  a gauge\n",
        r#"1:8: expected a metric name, found " a gauge""#,
    ),
    (
        "# UNIT up_s seconds\n",
        r#"1:13: the name "up_s" does not end in the unit "seconds""#,
    ),
    (
        "# UNIT ups s\n",
        r#"1:12: the name "ups" does not end in the unit "s""#,
    ),
];

#[test]
fn wrong_lines() {
    for (text, error) in WRONG_LINES {
        check_line_error(text, error);
    }
}

#[test]
fn wrong_exemplars() {
    for (text, error) in [
        (
            "up 1 # {a=\"b\"}\n",
            "1:15: expected a blank and the value of the exemplar, found the end of the line",
        ),
        ("up 1 # {a=\"b\"} x\n", r#"1:16: expected a number, found "x""#),
        (
            "up 1 # {a=\"b\"} 1 x\n",
            r#"1:18: expected a time in seconds, found "x""#,
        ),
        (
            "up 1 # {a=\"b\"} 1 2 3\n",
            r#"1:19: expected the end of the line after the exemplar, found " 3""#,
        ),
        (
            "up 1 # {a=\"b\",} 1\n",
            r#"1:15: expected a label name or }, found "}""#,
        ),
        (
            "up 1 # {a=\"b\" 1\n",
            r#"1:14: expected a comma or }, found " 1""#,
        ),
        (
            "up 1 # {a=b} 1\n",
            r#"1:11: expected a label value in double quotes, found "b}""#,
        ),
        (
            "up 1 # {a=\"b} 1\n",
            "1:11: the quote that opens here is never closed",
        ),
        ("up 1 # {\"a\"} 1\n", "1:9: the metric has a name already"),
        (
            "up 1 #{a=\"b\"} 1\n",
            r#"1:5: expected a timestamp, an exemplar or the end of the line, found " #{a=\"b\"} 1""#,
        ),
        ("up 1 # {a=\"b\nc\"} 1\n", "1:13: a line feed within an exemplar"),
        (
            "up 1 # {a=\"b\",a=\"c\"} 1\n",
            r#"1:8: the exemplar has the label "a" twice"#,
        ),
    ] {
        check_line_error(text, error);
    }
    let too_long = format!("up 1 # {{a=\"{}\"}} 1\n", "x".repeat(128));
    check_line_error(
        &too_long,
        "1:8: the labels of the exemplar have 129 characters, more than 128",
    );
    check_error(
        b"up 1 # {a=\"\xff\"} 1\n# EOF\n",
        "1:12: the exemplar is not valid UTF-8",
    );
}

#[test]
fn what_is_not_utf8() {
    check_error(b"up{a=\"\xff\"} 1\n# EOF\n", "1:7: the series is not valid UTF-8");
    check_error(
        b"# HELP up \xff\n# EOF\n",
        "1:11: the help text is not valid UTF-8",
    );
    check_error(
        b"# HELP \"\xff\" x\n# EOF\n",
        "1:9: the metric name is not valid UTF-8",
    );
}

#[test]
fn known_lines_are_skipped() {
    let mut parser = OpenMetricsParser::new(b"# TYPE m histogram\nm_bucket{le=\"1\"} 0\n# EOF\n");
    assert!(!parser.skip_lines(b"# TYPE n gauge\n", MetricKind::Gauge));
    assert!(parser.skip_lines(b"# TYPE m histogram\n", MetricKind::Histogram));
    let Ok(Some(TextEntry::Sample(sample))) = parser.next_entry(b"m_bucket{le=\"1\"}") else {
        panic!("a sample is missing");
    };
    assert_eq!(sample.labels().unwrap().get("le"), Some("1.0"));
    assert_eq!(parser.next_entry(b""), Ok(None));
}
