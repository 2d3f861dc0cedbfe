//! What becomes of addresses, labels and parameters.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::{HttpTransport, RelabelAction, RelabelConfig, RelabelRule};

fn job(addresses: &[&str]) -> ScrapeJob {
    let mut job = ScrapeJob::new("test", Arc::new(HttpTransport::default()));
    job.target_groups = vec![TargetGroup {
        targets: addresses.iter().map(|&address| address.to_owned()).collect(),
        labels: Labels::from_pairs([("env", "prod"), ("__meta_x", "y")]),
    }];
    job
}

fn rule(config: RelabelConfig) -> RelabelRule {
    RelabelRule::new(config).expect("a valid rule")
}

fn set(target_label: &str, replacement: &str) -> RelabelRule {
    rule(RelabelConfig {
        target_label: target_label.to_owned(),
        replacement: replacement.to_owned(),
        ..RelabelConfig::default()
    })
}

fn only(resolved: Resolved) -> Target {
    assert_eq!(resolved.errors, [""; 0]);
    let mut targets = resolved.targets.into_values();
    let target = targets.next().expect("a target");
    assert!(targets.next().is_none(), "one target only");
    target
}

#[test]
fn labels_are_defaulted_and_internal_ones_removed() {
    let target = only(resolve(&job(&["db1:9100"])));
    assert_eq!(
        target.discovered_labels.to_string(),
        r#"{__address__="db1:9100", __meta_x="y", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="1m", __scrape_timeout__="10s", env="prod", job="test"}"#
    );
    assert_eq!(
        target.labels.to_string(),
        r#"{env="prod", instance="db1:9100", job="test"}"#
    );
    assert_eq!(target.url.to_string(), "http://db1:9100/metrics");
    assert_eq!((target.interval_ms, target.timeout_ms), (60_000, 10_000));
}

#[test]
fn no_port_is_added() {
    let target = only(resolve(&job(&["db1"])));
    assert_eq!(target.labels.get("instance"), Some("db1"));
    assert_eq!(target.url.to_string(), "http://db1/metrics");
}

#[test]
fn relabelling_decides_everything() {
    let mut job = job(&["db1:9100"]);
    job.params = BTreeMap::from([
        ("module".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ("other".to_owned(), vec!["x".to_owned()]),
    ]);
    job.relabel = vec![
        set("__address__", "127.0.0.1:9115"),
        set("__metrics_path__", "/probe"),
        set("__param_module", "c"),
        set("__param_target", "db1"),
        set("__scrape_interval__", "30s"),
        set("__scrape_timeout__", "1s"),
        set("instance", "db1"),
        set("job", "blackbox"),
    ];
    let target = only(resolve(&job));
    assert_eq!(
        target.url.to_string(),
        "http://127.0.0.1:9115/probe?module=c&module=b&other=x&target=db1"
    );
    assert_eq!(
        target.labels.to_string(),
        r#"{env="prod", instance="db1", job="blackbox"}"#
    );
    assert_eq!((target.interval_ms, target.timeout_ms), (30_000, 1_000));
}

#[test]
fn equal_targets_are_one_and_dropped_ones_are_remembered() {
    let mut job = job(&["a:1", "a:1", "b:1"]);
    job.relabel = vec![rule(RelabelConfig {
        source_labels: vec!["__address__".to_owned()],
        regex: "b:.*".to_owned(),
        action: RelabelAction::Drop,
        ..RelabelConfig::default()
    })];
    let resolved = resolve(&job);
    assert_eq!(resolved.targets.len(), 1);
    assert_eq!(resolved.dropped.len(), 1);
    assert_eq!(resolved.dropped[0].get("__address__"), Some("b:1"));
}

#[test]
fn what_cannot_be_scraped_is_an_error_of_that_target_only() {
    let check = |relabel: &[RelabelRule], address: &str, expected: &str| {
        let mut job = job(&[address, "good:1"]);
        job.relabel = relabel.to_vec();
        let resolved = resolve(&job);
        assert!(resolved.errors[0].contains(expected), "{:?}", resolved.errors);
    };
    check(&[], "http://a:1", "is not a valid address");
    check(&[], "", "no address");
    check(&[set("__scheme__", "https")], "a:1", "not supported yet");
    check(
        &[set("__scrape_interval__", "0s")],
        "a:1",
        "must be longer than 0",
    );
    check(
        &[set("__scrape_interval__", "1s")],
        "a:1",
        "longer than the scrape interval",
    );
    check(&[set("__scrape_timeout__", "x")], "a:1", "__scrape_timeout__");
    let mut job = job(&["", "good:1"]);
    job.relabel = Vec::new();
    assert_eq!(resolve(&job).targets.len(), 1);
}

#[test]
fn the_hash_never_changes() {
    let target = only(resolve(&job(&["db1:9100"])));
    let other = only(resolve(&job(&["db2:9100"])));
    assert_eq!(target.hash(), only(resolve(&job(&["db1:9100"]))).hash());
    assert_ne!(target.hash(), other.hash());
}
