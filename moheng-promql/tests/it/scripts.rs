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

#[test]
fn scripts_that_ask_for_too_much_are_refused() {
    for (script, line) in [
        ("load 1m\n  m 1x9999999999", 2),
        ("load 1m\n  m 0x1000000 0x1000000 0x1000000", 2),
        ("load 1m\n  m@st _x1000000 _x1000000 _x1000000\n  m 1", 2),
        ("load 1e300\n  m 1 2 3", 1),
        ("eval instant at 9e99 1", 1),
        ("eval range from 0 to 1e30 step 1 1", 1),
    ] {
        let error = Runner::new().run(script).expect_err(script);
        assert_eq!(error.line, line, "{script}: {error}");
    }
    let report = Runner::new()
        .run("load 9007199254740\n  m@st 300y x3\n")
        .map(|report| report.total);
    assert!(report.is_err());
    let report = Runner::new().run("load 9007199254740\n  m 1x5000\n\neval instant at 9007199254740 m");
    assert_eq!(report.unwrap().total, 1);
}
