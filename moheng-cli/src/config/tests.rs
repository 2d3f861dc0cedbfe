//! Whole configuration texts: what they mean, and what is refused where.

use super::*;

fn environment(name: &str) -> Option<String> {
    (name == "REGION").then(|| "eu".to_owned())
}

/// Checks the errors of a text, one per line of `expected`; no line means that it is accepted.
#[track_caller]
fn check_errors(text: &str, expected: &[&str]) {
    let shown: Vec<String> = match parse(text, &environment) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(show).collect(),
    };
    assert_eq!(shown, expected, "{text}");
}

fn show(diagnostic: &Diagnostic) -> String {
    diagnostic.display(Path::new("f")).to_string()
}

#[track_caller]
fn accept(text: &str) -> Config {
    parse(text, &environment).expect("the text is a valid configuration")
}

#[test]
fn an_empty_file_has_the_defaults() {
    let config = accept("");
    assert_eq!(config.global, Global::default());
    assert!(config.scrape_configs.is_empty());
}

#[test]
fn scrape_configs_inherit_from_global() {
    let config = accept(
        "global:
  scrape_interval: 15s
  sample_limit: 1_000
  external_labels: {region: $REGION, version: 1.10}
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ['localhost:9100', \"[::1]:9100\"]
        labels: {env: prod, on: yes}
  - job_name: fast
    scrape_interval: 5s
    sample_limit: 7
    body_size_limit: 10MB
    metrics_path: /probe
    params: {module: [http_2xx]}
    honor_labels: on
",
    );
    assert_eq!(
        config.global.external_labels.to_string(),
        r#"{region="eu", version="1.10"}"#
    );
    let [node, fast] = config.scrape_configs.as_slice() else {
        panic!("two scrape configs");
    };
    assert_eq!(
        (node.scrape_interval_ms, node.scrape_timeout_ms),
        (15_000, 10_000)
    );
    assert_eq!(node.limits.samples, Some(1_000));
    assert_eq!(node.target_groups[0].targets, ["localhost:9100", "[::1]:9100"]);
    assert_eq!(
        node.target_groups[0].labels.to_string(),
        r#"{env="prod", on="yes"}"#
    );
    assert_eq!(node.request.metrics_path, "/metrics");
    assert!(!node.samples.honor_labels && node.samples.honor_timestamps);
    assert_eq!((fast.scrape_interval_ms, fast.scrape_timeout_ms), (5_000, 5_000));
    assert_eq!(fast.limits.samples, Some(7));
    assert_eq!(fast.limits.body_size_bytes, Some(10 << 20));
    assert_eq!(fast.request.params["module"], ["http_2xx"]);
    assert!(fast.samples.honor_labels);
}

#[test]
fn null_stands_for_nothing_given() {
    let config =
        accept("global:\nrule_files:\nscrape_configs:\n- job_name: a\n  static_configs:\n  params:\n");
    assert_eq!(config.scrape_configs[0].job_name, "a");
    assert!(accept("scrape_configs:\n").scrape_configs.is_empty());
}

#[test]
fn anchors_and_merges() {
    let config = accept(
        "scrape_configs:
- &base
  job_name: a
  scrape_interval: 30s
- <<: *base
  job_name: b
",
    );
    assert_eq!(config.scrape_configs[1].job_name, "b");
    assert_eq!(config.scrape_configs[1].scrape_interval_ms, 30_000);
}

#[test]
fn what_has_no_effect_yet_is_named() {
    let config = accept(
        "rule_files: [a.yml]
alerting:
  alertmanagers: []
remote_write:
- url: http://localhost:1/
storage: {tsdb: {chunk_encoding: {floats: xor}}}
global:
  query_log_file: q.log
  external_labels: {a: $MISSING}
",
    );
    let warnings: Vec<String> = config.warnings.iter().map(show).collect();
    assert_eq!(
        warnings,
        [
            "f:1:1: `rule_files` is not supported yet by this version of moheng; it is ignored",
            "f:2:1: `alerting` is not supported yet by this version of moheng; it is ignored",
            "f:4:1: `remote_write` is not supported yet by this version of moheng; it is ignored",
            "f:6:18: `chunk_encoding` is not supported yet by this version of moheng; it is ignored",
            "f:8:3: `query_log_file` is not supported yet by this version of moheng; it is ignored",
            "f:9:24: environment variable `MISSING` is not set; it is empty",
        ]
    );
}

#[test]
fn late_samples_have_a_window() {
    let window = |text: &str| accept(text).storage.out_of_order_window_ms;
    assert_eq!(window("storage: {tsdb: {}}"), 0);
    assert_eq!(window("storage: {tsdb: {out_of_order_time_window: 5m}}"), 300_000);
    check_errors(
        "storage: {tsdb: {out_of_order_window: 5m}}",
        &["f:1:18: unknown key `out_of_order_window` in tsdb; did you mean `out_of_order_time_window`?"],
    );
}

#[test]
fn retention_is_read() {
    let retention = |text: &str| accept(text).storage.retention;
    assert_eq!(retention("storage: {tsdb: {}}"), None);
    assert_eq!(
        retention("storage: {tsdb: {retention: {time: 5d, size: 1GB}}}"),
        Some(RetentionSection {
            time_ms: Some(432_000_000),
            size_bytes: Some(1 << 30),
            percentage: None
        })
    );
    assert_eq!(
        retention("storage: {tsdb: {retention: {percentage: 12.5}}}").and_then(|found| found.percentage),
        Some(12.5)
    );
    check_errors(
        "storage: {tsdb: {retention: {percentage: 101, times: 1d}}}",
        &[
            "f:1:42: expected a percentage from 0 to 100, found 101",
            "f:1:47: unknown key `times` in retention; did you mean `time`?",
        ],
    );
}

#[test]
fn exemplars_are_limited() {
    let limit = |text: &str| accept(text).storage.max_exemplars;
    assert_eq!(limit("global: {}"), None);
    assert_eq!(limit("storage: {exemplars: {}}"), None);
    assert_eq!(limit("storage: {exemplars: {max_exemplars: 500}}"), Some(500));
    assert_eq!(limit("storage: {exemplars: {max_exemplars: 0}}"), Some(0));
    check_errors(
        "storage:\n  exemplars:\n    max_exemplar: 1\n",
        &["f:3:5: unknown key `max_exemplar` in exemplars; did you mean `max_exemplars`?"],
    );
}

#[test]
fn typing_errors() {
    check_errors(
        "global:\n  scrape_intervall: 15s\n",
        &["f:2:3: unknown key `scrape_intervall` in global; did you mean `scrape_interval`?"],
    );
    check_errors(
        "scrape_config:\n- job_name: a\n",
        &["f:1:1: unknown key `scrape_config` in the configuration; did you mean `scrape_configs`?"],
    );
    check_errors(
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - target: [a:1]\n",
        &["f:4:5: unknown key `target` in static_configs; did you mean `targets`?"],
    );
    check_errors("foo: 1\n", &["f:1:1: unknown key `foo` in the configuration"]);
}

#[test]
fn wrong_types() {
    check_errors(
        "global: 5\n",
        &["f:1:9: expected a mapping for global, found `5`"],
    );
    check_errors(
        "- a\n",
        &["f:1:1: expected a mapping for the configuration, found a list"],
    );
    check_errors(
        "scrape_configs: {job_name: a}\n",
        &["f:1:17: expected a list for scrape_configs, found a mapping"],
    );
    check_errors(
        "rule_files: a.yml\n",
        &["f:1:13: expected a list for rule_files, found `a.yml`"],
    );
    check_errors(
        "scrape_configs:\n- job_name: [a]\n- job_name: b\n  honor_labels: maybe\n  sample_limit: many\n",
        &[
            "f:2:13: expected text for job_name, found a list",
            "f:4:17: expected true or false for honor_labels, found `maybe`",
            "f:5:17: expected a whole number for sample_limit, found `many`",
        ],
    );
    check_errors(
        "global:\n  body_size_limit: 10mb\n",
        &["f:2:20: expected a size such as 10MB for body_size_limit, found `10mb`"],
    );
}

#[test]
fn durations() {
    check_errors(
        "global:\n  scrape_interval: 15\n",
        &["f:2:20: expected a duration such as 15s or 1h30m for scrape_interval, found `15`"],
    );
    check_errors(
        "scrape_configs:\n- job_name: a\n  scrape_timeout: '1.5s'\n",
        &["f:3:19: expected a duration such as 15s or 1h30m for scrape_timeout, found the text \"1.5s\""],
    );
    check_errors(
        "global:\n  scrape_interval: 15s\n  scrape_timeout: 1m\n",
        &["f:3:19: scrape_timeout 1m is longer than the scrape_interval 15s"],
    );
    check_errors(
        "scrape_configs:\n- job_name: a\n  scrape_interval: 5s\n  scrape_timeout: 6s\n",
        &["f:4:19: scrape_timeout 6s is longer than the scrape_interval 5s"],
    );
}

#[test]
fn scrape_config_rules() {
    check_errors(
        "scrape_configs:\n- job_name: a\n- job_name: b\n- job_name: a\n",
        &["f:4:13: job_name `a` is used twice; first on line 2"],
    );
    check_errors(
        "scrape_configs:\n- metrics_path: /m\n",
        &["f:2:3: a scrape config needs a `job_name`"],
    );
    check_errors(
        "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: ['http://a:1', '']\n",
        &[
            "f:4:15: `http://a:1` is not a target: expected HOST:PORT without scheme and path",
            "f:4:29: a target cannot be empty; expected HOST:PORT",
        ],
    );
    check_errors(
        "scrape_configs:\n- job_name: a\n  scheme: ftp\n",
        &["f:3:11: expected http or https for scheme, found `ftp`"],
    );
}

#[test]
fn what_would_change_results_is_refused() {
    for (line, expected) in [
        ("scheme: https", "f:3:11: `scheme: https` is"),
        (
            "tls_config: {insecure_skip_verify: true}",
            "f:3:3: `tls_config` is",
        ),
        ("basic_auth: {username: u}", "f:3:3: `basic_auth` is"),
        ("proxy_url: http://p", "f:3:3: `proxy_url` is"),
        (
            "file_sd_configs: [{files: [a.json]}]",
            "f:3:3: `file_sd_configs` is",
        ),
        (
            "scrape_native_histograms: true",
            "f:3:29: `scrape_native_histograms: true` is",
        ),
        (
            "metric_name_validation_scheme: legacy",
            "f:3:34: `metric_name_validation_scheme: legacy` is",
        ),
        (
            "scrape_protocols: [PrometheusProto]",
            "f:3:21: `scrape_protocols` without PrometheusText0.0.4 is",
        ),
        (
            "fallback_scrape_protocol: OpenMetricsText1.0.0",
            "f:3:29: `OpenMetricsText1.0.0` is",
        ),
    ] {
        let text = format!("scrape_configs:\n- job_name: a\n  {line}\n");
        check_errors(
            &text,
            &[&format!("{expected} not supported yet by this version of moheng")],
        );
    }
    check_errors(
        "scrape_configs:\n- job_name: a\n  scrape_protocols: [PrometheusText0.0.4, Foo]\n",
        &[
            "f:3:43: unknown scrape protocol `Foo`; expected one of PrometheusText0.0.4, PrometheusText1.0.0, \
           PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1",
        ],
    );
}

#[test]
fn broken_yaml() {
    check_errors("a: 1\na: 2\n", &["f:2:1: `a` is given twice; first on line 1"]);
    let errors = parse("global:\n  scrape_interval: [15s\n", &environment).unwrap_err();
    assert!(
        show(&errors[0]).contains("not valid YAML: "),
        "{}",
        show(&errors[0])
    );
    let tab = parse("global:\n\tscrape_interval: 15s\n", &environment).unwrap_err();
    assert!(show(&tab[0]).starts_with("f:2:"), "{}", show(&tab[0]));
}

#[test]
fn relabelling() {
    let config = accept(
        "scrape_configs:
- job_name: a
  relabel_configs:
  - {source_labels: [__address__], regex: '(.*):.*', target_label: host}
  metric_relabel_configs:
  - {action: labeldrop, regex: tmp_.*}
",
    );
    let job = &config.scrape_configs[0];
    assert_eq!(job.relabel[0].config().target_label, "host");
    assert_eq!(job.samples.relabel[0].config().action.as_str(), "labeldrop");
    let text = "scrape_configs:
- job_name: a
  relabel_configs:
  - {regex: '(', target_label: x}
  - action: hashmod
    target_label: x
  - {action: keeep}
  - {sourcelabels: [a], action: drop}
";
    let errors = parse(text, &environment).unwrap_err();
    let places: Vec<(usize, usize)> = errors
        .iter()
        .map(|error| (error.position.line, error.position.column))
        .collect();
    assert_eq!(places, [(4, 13), (5, 5), (7, 14), (8, 6)]);
    assert_eq!(
        errors[3].message,
        "unknown key `sourcelabels` in relabel_configs; did you mean `source_labels`?"
    );
}
