//! Tables of rules, label sets and what comes out.

use moheng_metrics::Labels;

use super::{RelabelAction, RelabelConfig, RelabelError, RelabelRule, relabel};

fn config(text: &str) -> RelabelConfig {
    let mut config = RelabelConfig::default();
    for part in text.split(" | ") {
        let (key, value) = part.split_once('=').expect("KEY=VALUE");
        match key {
            "source" => config.source_labels = value.split(',').map(str::to_owned).collect(),
            "separator" => config.separator = value.to_owned(),
            "regex" => config.regex = value.to_owned(),
            "modulus" => config.modulus = value.parse().expect("a number"),
            "target" => config.target_label = value.to_owned(),
            "replacement" => config.replacement = value.to_owned(),
            "action" => config.action = value.parse().expect("an action"),
            _ => panic!("unknown key {key}"),
        }
    }
    config
}

fn labels(text: &str) -> Labels {
    Labels::from_pairs(
        text.split(' ')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').expect("NAME=VALUE")),
    )
}

#[track_caller]
fn check(rules: &[&str], input: &str, expected: Option<&str>) {
    let rules: Vec<RelabelRule> = rules
        .iter()
        .map(|rule| RelabelRule::new(config(rule)).expect("a valid rule"))
        .collect();
    let mut builder = labels(input).to_builder();
    let kept = relabel(&rules, &mut builder);
    assert_eq!(kept.then(|| builder.finish()), expected.map(labels));
}

#[test]
fn replace() {
    check(&["source=a | target=b"], "a=foo", Some("a=foo b=foo"));
    check(&["source=a,b | target=c"], "a=x b=y", Some("a=x b=y c=x;y"));
    check(
        &["source=a,b | separator= | target=c"],
        "a=x b=y",
        Some("a=x b=y c=xy"),
    );
    check(
        &["source=a | regex=f(.*) | target=b | replacement=<$1>"],
        "a=foo",
        Some("a=foo b=<oo>"),
    );
    check(&["source=a | regex=o | target=b"], "a=foo b=1", Some("a=foo b=1"));
    check(
        &["source=a | regex=foo | target=a | replacement="],
        "a=foo b=1",
        Some("b=1"),
    );
    check(&["source=missing | target=b"], "b=1", Some(""));
    check(&["source=missing | regex=(.+) | target=b"], "b=1", Some("b=1"));
    check(
        &["target=new | replacement=static"],
        "a=1",
        Some("a=1 new=static"),
    );
    check(
        &["source=a | regex=(.*)-(.*) | target=${1} | replacement=${2}"],
        "a=x-y",
        Some("a=x-y x=y"),
    );
    check(&["source=a | regex=(.*)-.* | target=${1}"], "a=-y", Some("a=-y"));
    check(
        &["source=a | regex=(?P<host>[^:]+):.* | target=h | replacement=$host!"],
        "a=db:1",
        Some("a=db:1 h=db!"),
    );
    check(
        &["source=a | target=b | replacement=$1x"],
        "a=foo b=1",
        Some("a=foo"),
    );
    check(
        &["source=a | target=b | replacement=${1}x$$$9$"],
        "a=foo",
        Some("a=foo b=foox$$"),
    );
    check(
        &["source=a | target=b | replacement=${1x}${"],
        "a=foo",
        Some("a=foo b=${"),
    );
    check(
        &["source=a | regex=a.b | target=c | replacement=yes"],
        "a=a\nb",
        Some("a=a\nb c=yes"),
    );
    check(
        &["source=a | target=gr\u{f6}\u{df}e"],
        "a=1",
        Some("a=1 gr\u{f6}\u{df}e=1"),
    );
}

#[test]
fn keep_and_drop() {
    check(&["source=a | regex=foo | action=keep"], "a=foo", Some("a=foo"));
    check(&["source=a | regex=fo | action=keep"], "a=foo", None);
    check(&["source=a | regex=foo | action=drop"], "a=foo", None);
    check(&["source=a | regex=foo | action=drop"], "b=foo", Some("b=foo"));
    check(
        &["source=a | target=b | action=keepequal"],
        "a=1 b=1",
        Some("a=1 b=1"),
    );
    check(&["source=a | target=b | action=keepequal"], "a=1 b=2", None);
    check(&["source=a | target=b | action=dropequal"], "a=1 b=1", None);
    check(&["source=a | target=b | action=dropequal"], "a=1", Some("a=1"));
    check(
        &["source=a | regex=foo | action=drop", "target=x | replacement=y"],
        "a=bar",
        Some("a=bar x=y"),
    );
    check(
        &["target=a | replacement=y", "source=a | regex=y | action=drop"],
        "a=x",
        None,
    );
}

#[test]
fn names() {
    check(
        &["regex=__meta_(.*) | action=labelmap"],
        "__meta_a=1 b=2",
        Some("__meta_a=1 a=1 b=2"),
    );
    check(
        &["regex=(.*)_x | replacement=y_$1 | action=labelmap"],
        "a_x=1 b=2",
        Some("a_x=1 b=2 y_a=1"),
    );
    check(&["regex=a.* | action=labeldrop"], "a=1 ab=2 b=3", Some("b=3"));
    check(
        &["regex=a.* | action=labelkeep"],
        "a=1 ab=2 b=3",
        Some("a=1 ab=2"),
    );
    check(
        &["source=a | target=a | action=lowercase"],
        "a=Foo\u{d6}",
        Some("a=foo\u{f6}"),
    );
    check(
        &["source=a,b | target=c | action=uppercase"],
        "a=x b=y",
        Some("a=x b=y c=X;Y"),
    );
}

#[test]
fn hash_is_the_tail_of_md5() {
    // md5("foo") = acbd18db4cc2f85c edef654fccc4a4d8; 0xedef654fccc4a4d8 = 17145033699835028696.
    check(
        &["source=a | target=h | modulus=1000 | action=hashmod"],
        "a=foo",
        Some("a=foo h=696"),
    );
    check(
        &["source=a | target=h | modulus=1 | action=hashmod"],
        "a=foo",
        Some("a=foo h=0"),
    );
}

#[test]
fn refused() {
    let error = |text: &str| RelabelRule::new(config(text)).expect_err("refused").to_string();
    assert_eq!(
        error("source=a"),
        r#"relabel action replace needs "target_label""#
    );
    assert_eq!(
        error("target=h | action=hashmod"),
        r#"relabel action hashmod needs "modulus""#
    );
    assert_eq!(
        error("target=a | replacement=x | action=lowercase"),
        r#"relabel action lowercase does not use "replacement""#
    );
    assert_eq!(
        error("regex=a | source=b | action=labeldrop"),
        r#"relabel action labeldrop does not use "source_labels""#
    );
    assert_eq!(
        error("source=b | target=a | regex=x | action=keepequal"),
        r#"relabel action keepequal does not use "regex""#
    );
    assert_eq!(
        error("regex=a | replacement= | action=labelmap"),
        r#"relabel action labelmap needs "replacement""#
    );
    assert!(error("target=a | regex=(").starts_with("invalid regular expression \"(\": "));
    assert_eq!(
        "nope".parse::<RelabelAction>(),
        Err(RelabelError::UnknownAction("nope".to_owned()))
    );
    assert_eq!("LabelMap".parse(), Ok(RelabelAction::LabelMap));
}
