//! Series as exposed, and what they are stored as.

use moheng_metrics::{Labels, MetricKind, TextEntry, TextParser};

use super::*;
use crate::{RelabelAction, RelabelConfig, RelabelRule, SampleRules};

fn settings() -> PassSettings {
    PassSettings {
        labels: Labels::from_pairs([("instance", "a:1"), ("job", "test")]),
        ..PassSettings::default()
    }
}

fn honoring() -> PassSettings {
    PassSettings {
        samples: SampleRules {
            honor_labels: true,
            ..SampleRules::default()
        },
        ..settings()
    }
}

fn with_rule(config: RelabelConfig) -> PassSettings {
    PassSettings {
        samples: SampleRules {
            relabel: vec![RelabelRule::new(config).expect("a valid rule")],
            ..SampleRules::default()
        },
        ..settings()
    }
}

fn decode(settings: &PassSettings, kind: MetricKind, series: &str) -> Result<Option<Labels>, ScrapeError> {
    let text = format!("# TYPE m {}\n{series} 1\n", kind.as_str());
    let mut parser = TextParser::new(text.as_bytes());
    assert!(matches!(parser.next_entry(&[]), Ok(Some(TextEntry::Type { .. }))));
    let Ok(Some(TextEntry::Sample(sample))) = parser.next_entry(&[]) else {
        panic!("{series} is not a sample");
    };
    let labels = settings.decode(&sample)?;
    assert_eq!(settings.decode_again(series.as_bytes(), kind), labels);
    Ok(labels)
}

#[track_caller]
fn check(settings: &PassSettings, kind: MetricKind, series: &str, expected: &str) {
    let labels = decode(settings, kind, series).expect("valid labels");
    assert_eq!(
        labels.map_or("dropped".to_owned(), |labels| labels.to_string()),
        expected
    );
}

#[test]
fn target_labels_are_added_and_win() {
    let check = |series, expected| check(&settings(), MetricKind::Untyped, series, expected);
    check("m", r#"{__name__="m", instance="a:1", job="test"}"#);
    check(
        r#"m{z="1",b="2"}"#,
        r#"{__name__="m", b="2", instance="a:1", job="test", z="1"}"#,
    );
    check(
        r#"m{job="x"}"#,
        r#"{__name__="m", exported_job="x", instance="a:1", job="test"}"#,
    );
    check(
        r#"m{job="x",exported_job="y"}"#,
        r#"{__name__="m", exported_exported_job="x", exported_job="y", instance="a:1", job="test"}"#,
    );
    check(r#"m{job=""}"#, r#"{__name__="m", instance="a:1", job="test"}"#);
    check(
        r#"m{instance="i",job="j"}"#,
        r#"{__name__="m", exported_instance="i", exported_job="j", instance="a:1", job="test"}"#,
    );
}

#[test]
fn a_renamed_label_can_meet_a_target_label() {
    let settings = PassSettings {
        labels: Labels::from_pairs([("exported_x", "t1"), ("x", "t2")]),
        ..PassSettings::default()
    };
    check(
        &settings,
        MetricKind::Untyped,
        r#"m{x="1",exported_x="2"}"#,
        r#"{__name__="m", exported_exported_exported_x="2", exported_exported_x="1", exported_x="t1", x="t2"}"#,
    );
}

#[test]
fn honored_labels_win() {
    let check = |series, expected| check(&honoring(), MetricKind::Untyped, series, expected);
    check("m", r#"{__name__="m", instance="a:1", job="test"}"#);
    check(r#"m{job="x"}"#, r#"{__name__="m", instance="a:1", job="x"}"#);
    check(r#"m{instance=""}"#, r#"{__name__="m", job="test"}"#);
    check(
        r#"m{a="1", "instance" = "" ,job="x"}"#,
        r#"{__name__="m", a="1", job="x"}"#,
    );
    check(
        r#"m{my_instance="",a="instance=x"}"#,
        r#"{__name__="m", a="instance=x", instance="a:1", job="test"}"#,
    );
    check(
        r#"m{a=" instance=\"\""}"#,
        r#"{__name__="m", a=" instance=\"\"", instance="a:1", job="test"}"#,
    );
}

#[test]
fn numbers_in_labels_have_one_spelling() {
    let strip = |kind, series: &str| {
        let labels = decode(&PassSettings::default(), kind, series)
            .expect("valid")
            .expect("kept");
        labels.to_string()
    };
    for (exposed, stored) in [
        ("1", "1.0"),
        ("1.0", "1.0"),
        ("0.50", "0.5"),
        ("+Inf", "+Inf"),
        ("1e3", "1000.0"),
        ("1000000000", "1e+09"),
        ("-2", "-2.0"),
        ("x", "x"),
    ] {
        assert_eq!(
            strip(MetricKind::Histogram, &format!("m_bucket{{le=\"{exposed}\"}}")),
            format!(r#"{{__name__="m_bucket", le="{stored}"}}"#)
        );
        assert_eq!(
            strip(MetricKind::Summary, &format!("m{{quantile=\"{exposed}\"}}")),
            format!(r#"{{__name__="m", quantile="{stored}"}}"#)
        );
    }
    assert_eq!(
        strip(MetricKind::Gauge, r#"m{le="1"}"#),
        r#"{__name__="m", le="1"}"#
    );
    assert_eq!(
        strip(MetricKind::Summary, r#"m{le="1"}"#),
        r#"{__name__="m", le="1"}"#
    );
}

#[test]
fn relabelling() {
    let config = |action, regex: &str| RelabelConfig {
        action,
        regex: regex.to_owned(),
        ..RelabelConfig::default()
    };
    let drop = with_rule(RelabelConfig {
        source_labels: vec!["__name__".to_owned()],
        ..config(RelabelAction::Drop, "go_.*")
    });
    check(&drop, MetricKind::Gauge, "go_threads", "dropped");
    check(
        &drop,
        MetricKind::Gauge,
        "up_x",
        r#"{__name__="up_x", instance="a:1", job="test"}"#,
    );
    let all = with_rule(config(RelabelAction::LabelDrop, ".*"));
    check(&all, MetricKind::Gauge, "m", "dropped");
    let nameless = with_rule(config(RelabelAction::LabelDrop, "__name__"));
    let error = decode(&nameless, MetricKind::Gauge, "m").expect_err("no name");
    assert_eq!(error.to_string(), "m has no metric name after relabelling");
}

#[test]
fn limits_count_what_is_stored() {
    let check = |change: fn(&mut ScrapeLimits), expected: Option<&str>| {
        let mut settings = settings();
        change(&mut settings.limits);
        let outcome = decode(&settings, MetricKind::Gauge, r#"metric{label="value"}"#);
        let message = outcome.err().map(|error| error.to_string());
        assert_eq!(message.as_deref(), expected);
    };
    check(|limits| limits.labels = Some(4), None);
    check(
        |limits| limits.labels = Some(3),
        Some("a series of \"metric\" has 4 labels, the limit is 3"),
    );
    check(|limits| limits.label_name_bytes = Some(8), None);
    check(
        |limits| limits.label_name_bytes = Some(7),
        Some("a series of \"metric\" has a label name of 8 bytes (\"__name__\"), the limit is 7"),
    );
    check(|limits| limits.label_value_bytes = Some(6), None);
    check(
        |limits| limits.label_value_bytes = Some(4),
        Some("a series of \"metric\" has a label value of 6 bytes (\"__name__\"), the limit is 4"),
    );
}
