//! The scripts of this crate: what the language means, example by example.

use std::path::Path;

use moheng_promql::EngineSettings;
use moheng_promql::testing::{Report, Runner};

/// The script that is written for [`EngineSettings::default`].
pub(crate) const WITHOUT_DELAY: &str = "names.test";

/// Names and texts of the scripts.
pub(crate) fn texts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = std::fs::read_dir(folder).unwrap();
    let texts = entries.map(|entry| {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    });
    texts.collect()
}

fn check(name: &str, mut runner: Runner) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scripts")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let Report { total, failures, .. } = runner.run(&text).unwrap();
    assert!(failures.is_empty(), "{name}: {failures:#?}");
    assert!(total > 0, "{name} evaluates nothing");
}

#[test]
fn aggregation() {
    check("aggregation.test", Runner::new());
}

#[test]
fn functions() {
    check("functions.test", Runner::new());
}

#[test]
fn windows() {
    check("windows.test", Runner::new());
}

#[test]
fn matching() {
    check("matching.test", Runner::new());
}

#[test]
fn histograms() {
    check("histograms.test", Runner::new());
}

#[test]
fn native_histograms() {
    check("native.test", Runner::new());
}

#[test]
fn extended_syntax() {
    check("extended.test", Runner::new());
}

#[test]
fn info() {
    check("info.test", Runner::new());
}

#[test]
fn start_times() {
    check("start_times.test", Runner::new());
}

#[test]
fn names_are_dropped_at_once_by_default() {
    check(WITHOUT_DELAY, Runner::with_settings(EngineSettings::default()));
}
