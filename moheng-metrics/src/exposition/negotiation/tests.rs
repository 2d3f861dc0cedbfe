//! Tests of content negotiation.

use super::*;
use EscapingScheme::{AllowUtf8, Dots, Underscores, Values};
use Format::{OpenMetrics0_0_1, OpenMetrics1_0_0, Protobuf, Text0_0_4, Text1_0_0};

#[test]
fn answers() {
    let all = &Format::ALL[..];
    let text = &[Text0_0_4, Text1_0_0][..];
    for (accept, offered, format, escaping) in [
        ("", all, Text0_0_4, Underscores),
        ("*/*", all, Text0_0_4, Underscores),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            all,
            Text0_0_4,
            Underscores,
        ),
        ("text/plain", all, Text0_0_4, Underscores),
        ("TEXT/Plain; VERSION=1.0.0; escaping=dots", all, Text1_0_0, Dots),
        ("text/plain;version=1.0.0", all, Text1_0_0, Underscores),
        (
            "text/plain;version=0.0.4;escaping=allow-utf-8",
            all,
            Text0_0_4,
            Underscores,
        ),
        ("text/plain;version=0.0.4;escaping=values", all, Text0_0_4, Values),
        ("text/plain;version=2.0.0", all, Text0_0_4, Underscores),
        ("application/openmetrics-text", all, OpenMetrics0_0_1, Underscores),
        (
            "application/openmetrics-text;version=\"1.0.0\"",
            all,
            OpenMetrics1_0_0,
            Underscores,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=nonsense",
            all,
            OpenMetrics1_0_0,
            Underscores,
        ),
        (
            "application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.4",
            all,
            Text0_0_4,
            Underscores,
        ),
        (
            "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.5",
            all,
            Text0_0_4,
            Underscores,
        ),
        (
            "application/openmetrics-text;q=0,text/plain;q=0.1",
            all,
            Text0_0_4,
            Underscores,
        ),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0;q=0.9",
            text,
            Text1_0_0,
            Underscores,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,*/*;q=0.1",
            all,
            Protobuf,
            Underscores,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8",
            all,
            Protobuf,
            AllowUtf8,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            all,
            Text0_0_4,
            Underscores,
        ),
        (
            "application/vnd.google.protobuf;proto=other;encoding=delimited",
            all,
            Text0_0_4,
            Underscores,
        ),
        ("application/vnd.google.protobuf", all, Text0_0_4, Underscores),
        (";;,,=;q=;/,text/plain;version=1.0.0", all, Text1_0_0, Underscores),
    ] {
        assert_eq!(
            negotiate(accept, offered),
            Negotiated { format, escaping },
            "{accept}"
        );
    }
}

#[test]
fn long_headers_are_cut() {
    let accept = "a/b,".repeat(100_000) + "text/plain;version=1.0.0";
    assert_eq!(negotiate(&accept, &Format::ALL).format, Text0_0_4);
}

#[test]
fn what_prometheus_asks_for_is_understood() {
    let default = [OpenMetrics1_0_0, OpenMetrics0_0_1, Text1_0_0, Text0_0_4];
    let header = accept_header(&default, AllowUtf8);
    assert_eq!(
        header,
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,\
         text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    );
    for offered in Format::ALL {
        let expected = if offered == Protobuf { Text0_0_4 } else { offered };
        assert_eq!(negotiate(&header, &[offered, Text0_0_4]).format, expected);
    }
    let with_protobuf = accept_header(&Format::ALL, Underscores);
    assert!(with_protobuf.starts_with(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    ));
    assert_eq!(negotiate(&with_protobuf, &Format::ALL).format, Protobuf);
    assert_eq!(accept_header(&[], AllowUtf8), "*/*;q=0.1");
}

#[test]
fn content_types_are_read_back() {
    for format in Format::ALL {
        for escaping in [AllowUtf8, Underscores, Dots, Values] {
            let content_type = Negotiated { format, escaping }.content_type();
            assert_eq!(
                Format::from_content_type(&content_type),
                Some(format),
                "{content_type}"
            );
        }
        assert_eq!(Format::from_protocol(format.as_str()), Some(format));
    }
    assert_eq!(Format::from_protocol("PrometheusText2"), None);
}

#[test]
fn answers_are_read() {
    let known = |format| {
        Ok(ScrapeFormat {
            format,
            fallback_reason: None,
        })
    };
    for (content_type, expected) in [
        ("text/plain; version=0.0.4; charset=utf-8", known(Text0_0_4)),
        ("text/plain", known(Text0_0_4)),
        ("text/plain;version=9", known(Text0_0_4)),
        ("application/openmetrics-text", known(OpenMetrics1_0_0)),
        (
            "application/openmetrics-text; version=0.0.1",
            known(OpenMetrics0_0_1),
        ),
        ("application/vnd.google.protobuf", known(Protobuf)),
        (
            "text/html",
            Err(ContentTypeError::Unknown("text/html".to_owned())),
        ),
        ("nonsense", Err(ContentTypeError::Unknown("nonsense".to_owned()))),
        ("  ", Err(ContentTypeError::Missing)),
    ] {
        assert_eq!(scrape_format(Some(content_type), None), expected);
        if let Err(reason) = expected {
            let fallback = ScrapeFormat {
                format: Text1_0_0,
                fallback_reason: Some(reason),
            };
            assert_eq!(scrape_format(Some(content_type), Some(Text1_0_0)), Ok(fallback));
        }
    }
    assert_eq!(scrape_format(None, None), Err(ContentTypeError::Missing));
}
