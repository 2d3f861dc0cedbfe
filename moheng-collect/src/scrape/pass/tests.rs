//! Successive expositions, and what is in the store afterwards.

mod model;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{MemorySource, SampleBuffer, Select, SeriesSource, is_stale_nan};

use super::*;
use crate::{RelabelAction, RelabelConfig, RelabelRule, ReportSet};

fn settings() -> PassSettings {
    PassSettings {
        labels: Labels::from_pairs([("i", "a")]),
        ..PassSettings::default()
    }
}

/// What a store holds, as `NAME{LABELS} VALUE@SECONDS VALUE@SECONDS` without the target label; `-` is a stale marker.
fn dump(store: &dyn SeriesSource, want: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut cursor = store
        .select(&Select::new(Vec::new(), i64::MIN, i64::MAX))
        .expect("memory");
    while let Some(mut series) = cursor.next_series().expect("memory") {
        let labels = series.labels.to_builder().without("i").finish();
        if !want(labels.metric_name()) {
            continue;
        }
        let mut line = labels.metric_name().to_owned();
        let rest = labels.without_metric_name();
        if !rest.is_empty() {
            line.push_str(&rest.to_string());
        }
        let mut samples = SampleBuffer::new();
        while series.samples.read(&mut samples).expect("memory") {}
        for (timestamp_ms, value) in samples.floats.timestamps_ms.iter().zip(&samples.floats.values) {
            let value = if is_stale_nan(*value) {
                "-".to_owned()
            } else {
                value.to_string()
            };
            let seconds = *timestamp_ms as f64 / 1000.0;
            line.extend([" ", &value, "@", &seconds.to_string()]);
        }
        lines.push(line);
    }
    lines
}

fn is_report(name: &str) -> bool {
    name == "up" || name.starts_with("scrape_")
}

/// Applies bodies 10 s apart, beginning at 10 s. `!` stands for a fetch that timed out.
fn run(settings: PassSettings, bodies: &[&str]) -> (MemorySource, Vec<PassReport>) {
    let store = MemorySource::new();
    let clock = ManualClock::new(0);
    let mut pass = ScrapePass::new(settings);
    let mut reports = Vec::new();
    for (index, body) in bodies.iter().enumerate() {
        let mut scrape = Scrape::new(body.as_bytes(), (index as i64 + 1) * 10_000);
        if *body == "!" {
            scrape.body = Err(FetchError::Timeout(Duration::from_secs(1)).into());
        }
        reports.push(pass.apply(scrape, &store, &clock));
    }
    (store, reports)
}

#[track_caller]
fn check(settings: PassSettings, bodies: &[&str], expected: &[&str]) {
    let (store, _) = run(settings, bodies);
    assert_eq!(dump(&store, |name| !is_report(name)), expected);
}

#[track_caller]
fn check_reports(settings: PassSettings, bodies: &[&str], expected: &[&str]) {
    let (store, _) = run(settings, bodies);
    let mut reports = dump(&store, is_report);
    reports.retain(|line| !line.starts_with("scrape_duration_seconds 0@"));
    assert_eq!(reports, expected);
}

#[test]
fn vanished_series_get_a_stale_marker() {
    check(
        settings(),
        &["a 1\nb 2\n", "a 1\nb 2\n", "b 2\n", "b 3\n"],
        &["a 1@10 1@20 -@30", "b 2@10 2@20 2@30 3@40"],
    );
    check(settings(), &["a 1\n", "", "", "a 1\n"], &["a 1@10 -@20 1@40"]);
    check(
        settings(),
        &["a{x=\"1\",y=\"2\"} 1\n", "a{y=\"2\",x=\"1\"} 2\n"],
        &["a{x=\"1\", y=\"2\"} 1@10 2@20"],
    );
}

#[test]
fn a_failed_scrape_makes_everything_stale_once() {
    for failure in ["!", "a 5\nb six\n", "a 5\nb 6"] {
        let bodies = ["a 1\nb 2\n", failure, failure, "a 1\n"];
        if failure == "a 5\nb 6" {
            // The last line feed may be missing: not a failure.
            check(
                settings(),
                &bodies,
                &["a 1@10 5@20 5@30 1@40", "b 2@10 6@20 6@30 -@40"],
            );
        } else {
            check(settings(), &bodies, &["a 1@10 -@20 1@40", "b 2@10 -@20"]);
        }
    }
}

#[test]
fn reports() {
    check_reports(
        settings(),
        &[
            "a 1\nb 2\n",
            "a 1\nb 2\nc 3\n",
            "!",
            "a 1\nb two\n",
            "a 1\n",
            "a 1\n",
        ],
        &[
            "scrape_samples_post_metric_relabeling 2@10 3@20 0@30 1@40 1@50 1@60",
            "scrape_samples_scraped 2@10 3@20 0@30 1@40 1@50 1@60",
            "scrape_series_added 2@10 1@20 0@30 0@40 0@50 0@60",
            "up 1@10 1@20 0@30 0@40 1@50 1@60",
        ],
    );
    let mut extended = settings();
    extended.samples.reports = ReportSet::Extended;
    extended.limits.samples = Some(7);
    extended.timeout_seconds = 2.5;
    check_reports(
        extended,
        &["a 1\n", "!"],
        &[
            "scrape_body_size_bytes 4@10 0@20",
            "scrape_sample_limit 7@10 7@20",
            "scrape_samples_post_metric_relabeling 1@10 0@20",
            "scrape_samples_scraped 1@10 0@20",
            "scrape_series_added 1@10 0@20",
            "scrape_timeout_seconds 2.5@10 2.5@20",
            "up 1@10 0@20",
        ],
    );
}

#[test]
fn the_duration_is_that_of_the_whole_scrape() {
    let store = MemorySource::new();
    let clock = ManualClock::new(0);
    clock.advance_ms(1_500);
    let mut scrape = Scrape::new(b"", 10_000);
    scrape.started = Some(Duration::from_millis(250));
    let report = ScrapePass::new(settings()).apply(scrape, &store, &clock);
    assert_eq!(report.duration_seconds, 1.25);
    assert_eq!(
        dump(&store, |name| name.ends_with("seconds")),
        ["scrape_duration_seconds 1.25@10"]
    );
}

#[test]
fn exposed_timestamps() {
    let bodies = ["a 1 9000\nb 2\n", "b 2\n", "a 1 25000\nb 2\n"];
    check(settings(), &bodies, &["a 1@9 1@25", "b 2@10 2@20 2@30"]);
    let mut tracking = settings();
    tracking.samples.track_timestamps_staleness = true;
    check(tracking, &bodies, &["a 1@9 -@20 1@25", "b 2@10 2@20 2@30"]);
    let mut ignoring = settings();
    ignoring.samples.honor_timestamps = false;
    check(ignoring, &bodies, &["a 1@10 -@20 1@30", "b 2@10 2@20 2@30"]);
    check(
        settings(),
        &["a 1 1000\na 2 2000\na 3 2000\na 4 1500\n"],
        &["a 1@1 2@2"],
    );
}

#[test]
fn what_is_not_taken_is_counted() {
    let counts = |bodies: &[&str]| {
        let (_, reports) = run(settings(), bodies);
        let last = reports.last().expect("a scrape");
        assert!(last.error.is_none());
        (
            last.samples_kept,
            last.samples_appended,
            last.duplicates,
            last.out_of_order,
            last.out_of_bounds,
        )
    };
    assert_eq!(counts(&["a 1\na 1\na 2\nb 1\n"]), (4, 2, 2, 0, 0));
    assert_eq!(counts(&["a 1 5000\n", "a 1 4000\nb 1 1\n"]), (2, 1, 0, 1, 0));
    assert_eq!(counts(&["a 1 5000\n", "a 2 5000\n"]), (1, 0, 1, 0, 0));
    assert_eq!(counts(&["a 1 610000\nb 1 610001\n"]), (2, 1, 0, 0, 1));
}

#[test]
fn limits_discard_the_whole_scrape() {
    let mut limited = settings();
    limited.limits.samples = Some(2);
    limited.samples.relabel = vec![drop_rule("dropped")];
    let bodies = ["a 1\nb 1\ndropped 1\n", "a 1\nb 1\nc 1\n", "a 1\nb 1\nb 1\n"];
    check(
        limited.clone(),
        &bodies,
        &["a 1@10 -@20 1@30", "b 1@10 -@20 1@30"],
    );
    check_reports(
        limited,
        &bodies,
        &[
            "scrape_samples_post_metric_relabeling 2@10 3@20 3@30",
            "scrape_samples_scraped 3@10 3@20 3@30",
            "scrape_series_added 2@10 0@20 0@30",
            "up 1@10 0@20 1@30",
        ],
    );
    let mut limited = settings();
    limited.limits.labels = Some(3);
    check(
        limited,
        &["a{x=\"1\"} 1\nb 1\n", "a{x=\"1\",y=\"1\"} 1\nb 1\n"],
        &["a{x=\"1\"} 1@10 -@20", "b 1@10 -@20"],
    );
}

fn drop_rule(regex: &str) -> RelabelRule {
    RelabelRule::new(RelabelConfig {
        source_labels: vec!["__name__".to_owned()],
        regex: regex.to_owned(),
        action: RelabelAction::Drop,
        ..RelabelConfig::default()
    })
    .expect("a valid rule")
}

#[test]
fn a_target_that_is_removed_is_marked_whole() {
    let store = MemorySource::new();
    let clock = ManualClock::new(0);
    let mut pass = ScrapePass::new(settings());
    assert!(pass.is_new());
    assert_eq!(pass.finish(5_000, &store).expect("memory"), 0);
    pass.apply(Scrape::new(b"a 1\nb 1 7000\n", 10_000), &store, &clock);
    assert!(!pass.is_new());
    assert_eq!(pass.finish(20_000, &store).expect("memory"), 1 + 5);
    assert_eq!(
        dump(&store, |name| !name.starts_with("scrape_")),
        ["a 1@10 -@20", "b 1@7", "up 1@10 -@20"]
    );
    assert_eq!(
        pass.finish(30_000, &store).expect("memory"),
        5,
        "samples are marked once"
    );
}

#[test]
fn changed_settings_apply_to_the_next_scrape() {
    let store = MemorySource::new();
    let clock = ManualClock::new(0);
    let mut pass = ScrapePass::new(settings());
    pass.apply(Scrape::new(b"a 1\nb 1\n", 10_000), &store, &clock);
    let mut changed = settings();
    changed.samples.relabel = vec![drop_rule("b")];
    changed.samples.reports = ReportSet::Extended;
    pass.set_settings(changed.clone());
    pass.set_settings(changed);
    let report = pass.apply(Scrape::new(b"a 1\nb 1\n", 20_000), &store, &clock);
    assert_eq!((report.samples_kept, report.stale_markers), (1, 1));
    pass.set_settings(settings());
    pass.apply(Scrape::new(b"a 1\nb 1\n", 30_000), &store, &clock);
    assert_eq!(
        dump(&store, |name| !name.starts_with("scrape_")
            || name == "scrape_body_size_bytes"),
        [
            "a 1@10 1@20 1@30",
            "b 1@10 -@20 1@30",
            "scrape_body_size_bytes 8@20 -@30",
            "up 1@10 1@20 1@30"
        ]
    );
}

#[test]
fn a_sample_named_like_a_report_comes_first() {
    let (store, reports) = run(settings(), &["up 7\n", "up 8\n"]);
    assert_eq!(dump(&store, |name| name == "up"), ["up 7@10 8@20"]);
    assert!(
        reports
            .iter()
            .all(|report| report.error.is_none() && report.duplicates == 0)
    );
}

#[test]
fn metadata_is_taken_over() {
    let store = MemorySource::new();
    let mut pass = ScrapePass::new(settings());
    let body = b"# HELP a All.\n# TYPE a counter\na 1\n";
    pass.apply(Scrape::new(body, 10_000), &store, &ManualClock::new(0));
    let metadata = pass.take_changed_metadata().expect("new");
    assert_eq!(metadata.len(), 1);
    assert_eq!(
        (
            metadata[0].name.as_str(),
            metadata[0].kind.as_str(),
            metadata[0].help.as_str()
        ),
        ("a", "counter", "All.")
    );
    pass.apply(Scrape::new(body, 20_000), &store, &ManualClock::new(0));
    assert!(pass.take_changed_metadata().is_none());
    let changed = b"# HELP a Some.\n# TYPE b counter\na 1\n# EOF\n";
    let mut names = Vec::new();
    for scrape in 3..6 {
        pass.apply(
            Scrape::new(changed, scrape * 10_000),
            &store,
            &ManualClock::new(0),
        );
        names.extend(pass.take_changed_metadata().map(|metadata| {
            let names: Vec<&str> = metadata.iter().map(|metadata| metadata.name.as_str()).collect();
            format!("{} {:?}", names.join(" "), metadata[0].help)
        }));
    }
    // What is new counts at once; that something is gone shows once all comments were read.
    assert_eq!(names, ["a b \"Some.\""]);
}
