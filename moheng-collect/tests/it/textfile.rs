//! The collector `textfile`: files of other programs, put together.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use moheng_collect::{HostCollectors, HostError, HostOptions};
use moheng_metrics::testing::ManualClock;
use moheng_metrics::write_text;

const HEADER: &str = "# HELP a_total A.\n# TYPE a_total counter\n";

/// Collects `directories` below a new one that holds `files`; lines of the page without HELP, with paths from there.
fn collect(files: &[(&str, &str)], directories: &[&str]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
    }
    let page = page_of(root.path(), directories);
    let root = format!("{}/", root.path().display());
    page.lines()
        .filter(|line| !line.contains("node_scrape_collector"))
        .map(|line| line.replace(&root, ""))
        .collect()
}

fn page_of(root: &Path, directories: &[&str]) -> String {
    let mut options = HostOptions::default();
    options.switch_all_off().switch("textfile", true).unwrap();
    let path = |directory: &&str| root.join(directory).to_str().unwrap().to_owned();
    options.textfile_directories = directories.iter().map(path).collect();
    let host = HostCollectors::new(&options, Arc::new(ManualClock::new(0))).unwrap();
    let mut page = String::new();
    write_text(&host.collect(), &mut page);
    page
}

/// Samples that do not vary, in the order of the page.
#[track_caller]
fn check(files: &[(&str, &str)], directories: &[&str], expected: &[&str], has_fault: bool) {
    let lines = collect(files, directories);
    let is_sample = |line: &&String| !line.starts_with('#') && !line.starts_with("node_textfile_");
    let samples: Vec<&str> = lines.iter().filter(is_sample).map(String::as_str).collect();
    assert_eq!(samples, expected);
    let fault = format!("node_textfile_scrape_error {}", u8::from(has_fault));
    assert!(lines.contains(&fault), "{lines:#?}");
}

#[test]
fn files_of_several_directories() {
    check(&[], &[], &[], false);
    check(
        &[("d/a.prom", "a 1\n"), ("d/b.txt", "b 2\n")],
        &["d"],
        &["a 1"],
        false,
    );
    check(
        &[("x1/a.prom", "a 1\n"), ("x2/b.prom", "b 2\n")],
        &["x*"],
        &["a 1", "b 2"],
        false,
    );
    check(&[("d/a.prom", "a 1\n")], &["d", "missing"], &["a 1"], true);
    check(
        &[("d/a.prom", "a 1\n"), ("d/b.prom", "b{ 2\n")],
        &["d"],
        &["a 1"],
        true,
    );
    check(&[("d/a.prom", "a 1 1441205977284\nb 2\n")], &["d"], &[], true);
}

#[test]
fn families_in_several_files() {
    let (a, b) = ("a_total{file=\"a\"} 1\n", "a_total{file=\"b\"} 2\n");
    let both = [a.trim_end(), b.trim_end()];
    let with = |header: &str, sample: &str| format!("{header}{sample}");
    let check = |a: String, b: String, expected: &[&str], has_fault: bool| {
        check(&[("d/a.prom", &a), ("d/b.prom", &b)], &["d"], expected, has_fault);
    };
    check(with(HEADER, a), with(HEADER, b), &both, false);
    check(with("", a), with("", b), &both, false);
    let other_help = "# HELP a_total B.\n# TYPE a_total counter\n";
    check(with(HEADER, a), with(other_help, b), &both[..1], true);
    let other_type = "# HELP a_total A.\n# TYPE a_total gauge\n";
    check(with(HEADER, a), with(other_type, b), &both[..1], true);
    check(with(HEADER, a), with(HEADER, &format!("{b}{a}")), &both, true);
}

#[test]
fn labels_are_padded_and_help_names_the_files() {
    let lines = collect(
        &[
            ("d/b.prom", "a 1\na{x=\"1\"} 2\n"),
            ("d/a.prom", "a{y=\"1\"} 3\n"),
        ],
        &["d"],
    );
    let is_of_a = |line: &&str| line.starts_with("a{") || line.contains(" a ");
    let of_a = lines
        .iter()
        .map(String::as_str)
        .filter(|line| !line.contains("node_textfile_"));
    let mut of_a: Vec<&str> = of_a.filter(is_of_a).collect();
    of_a.sort_unstable();
    let expected = [
        "# HELP a Metric read from d/a.prom, d/b.prom",
        "# TYPE a untyped",
        "a{x=\"\",y=\"\"} 1",
        "a{x=\"\",y=\"1\"} 3",
        "a{x=\"1\",y=\"\"} 2",
    ];
    assert_eq!(of_a, expected);
}

#[test]
fn histograms_and_summaries_pass_through() {
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n\
                # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\n";
    let expected: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    check(&[("d/a.prom", page)], &["d"], &expected, false);
}

#[test]
fn a_summary_need_not_have_a_sum() {
    let page = "# TYPE s summary\ns{quantile=\"0.5\"} 1\n";
    check(
        &[("d/a.prom", page)],
        &["d"],
        &["s{quantile=\"0.5\"} 1", "s_sum 0", "s_count 0"],
        false,
    );
}

#[test]
fn a_pattern_that_is_none_is_refused() {
    let mut options = HostOptions::default();
    options.textfile_directories = vec!["/var/[a".to_owned()];
    let error = HostCollectors::new(&options, Arc::new(ManualClock::new(0))).unwrap_err();
    assert!(matches!(error, HostError::Glob { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("collector textfile: invalid pattern \"/var/[a\""),
        "{error}"
    );
}
