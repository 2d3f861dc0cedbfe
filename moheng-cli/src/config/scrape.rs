//! The `scrape_configs` section.

use std::collections::BTreeMap;

use moheng_collect::{RelabelRule, SampleRules, ScrapeLimits, ScrapeProtocol, TargetGroup};
use moheng_metrics::{Labels, LabelsBuilder};

use super::diagnostics::{Diagnostics, Position};
use super::global::{
    Global, check_scrape_features, check_timeout, positive_duration, read_fallback_protocol, read_limits,
    read_protocols, read_reports,
};
use super::reader::Support::{Ignored, Read, Refused};
use super::reader::{Fields, Keys, NOT_SUPPORTED, boolean, count, found, list, mapping, number, text, texts};
use super::relabel::read_relabel_rules;
use super::yaml::Node;

/// One scrape config, with everything inherited from `global` filled in.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeConfig {
    pub(crate) job_name: String,
    pub(crate) scrape_interval_ms: i64,
    pub(crate) scrape_timeout_ms: i64,
    pub(crate) request: ScrapeRequest,
    pub(crate) samples: SampleRules,
    pub(crate) limits: ScrapeLimits,
    pub(crate) relabel: Vec<RelabelRule>,
    pub(crate) target_groups: Vec<TargetGroup>,
}

/// How a target is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScrapeRequest {
    pub(crate) metrics_path: String,
    pub(crate) params: BTreeMap<String, Vec<String>>,
    pub(crate) enable_compression: bool,
    pub(crate) follow_redirects: bool,
    /// The formats targets are asked for, best first.
    pub(crate) protocols: Vec<ScrapeProtocol>,
}

const KEYS: Keys = &[
    ("job_name", Read),
    ("scrape_interval", Read),
    ("scrape_timeout", Read),
    ("scrape_protocols", Read),
    ("fallback_scrape_protocol", Read),
    ("metrics_path", Read),
    ("scheme", Read),
    ("params", Read),
    ("honor_labels", Read),
    ("honor_timestamps", Read),
    ("track_timestamps_staleness", Read),
    ("enable_compression", Read),
    ("body_size_limit", Read),
    ("sample_limit", Read),
    ("label_limit", Read),
    ("label_name_length_limit", Read),
    ("label_value_length_limit", Read),
    ("target_limit", Read),
    ("keep_dropped_targets", Read),
    ("native_histogram_bucket_limit", Read),
    ("native_histogram_min_bucket_factor", Read),
    ("metric_name_validation_scheme", Read),
    ("metric_name_escaping_scheme", Read),
    ("scrape_native_histograms", Read),
    ("convert_classic_histograms_to_nhcb", Read),
    ("always_scrape_classic_histograms", Read),
    ("extra_scrape_metrics", Read),
    ("scrape_failure_log_file", Ignored),
    ("relabel_configs", Read),
    ("metric_relabel_configs", Read),
    ("static_configs", Read),
    ("follow_redirects", Read),
    ("enable_http2", Read),
    ("basic_auth", Refused),
    ("authorization", Refused),
    ("oauth2", Refused),
    ("tls_config", Refused),
    ("proxy_url", Refused),
    ("no_proxy", Refused),
    ("proxy_from_environment", Refused),
    ("proxy_connect_header", Refused),
    ("http_headers", Refused),
    ("aws_sd_configs", Refused),
    ("azure_sd_configs", Refused),
    ("consul_sd_configs", Refused),
    ("digitalocean_sd_configs", Refused),
    ("dns_sd_configs", Refused),
    ("docker_sd_configs", Refused),
    ("dockerswarm_sd_configs", Refused),
    ("ec2_sd_configs", Refused),
    ("eureka_sd_configs", Refused),
    ("file_sd_configs", Refused),
    ("gce_sd_configs", Refused),
    ("hetzner_sd_configs", Refused),
    ("http_sd_configs", Refused),
    ("ionos_sd_configs", Refused),
    ("kubernetes_sd_configs", Refused),
    ("kuma_sd_configs", Refused),
    ("lightsail_sd_configs", Refused),
    ("linode_sd_configs", Refused),
    ("marathon_sd_configs", Refused),
    ("nerve_sd_configs", Refused),
    ("nomad_sd_configs", Refused),
    ("oci_sd_configs", Refused),
    ("openstack_sd_configs", Refused),
    ("outscale_sd_configs", Refused),
    ("ovhcloud_sd_configs", Refused),
    ("puppetdb_sd_configs", Refused),
    ("scaleway_sd_configs", Refused),
    ("serverset_sd_configs", Refused),
    ("stackit_sd_configs", Refused),
    ("triton_sd_configs", Refused),
    ("uyuni_sd_configs", Refused),
    ("vultr_sd_configs", Refused),
];

const STATIC_KEYS: Keys = &[("targets", Read), ("labels", Read)];

/// Reads the `scrape_configs` section.
pub(crate) fn read_scrape_configs(
    node: &Node,
    global: &Global,
    report: &mut Diagnostics,
) -> Vec<ScrapeConfig> {
    let mut names: Vec<(String, Position)> = Vec::new();
    let mut configs = Vec::new();
    for item in list(node, "scrape_configs", report) {
        let fields = Fields::read(item, "scrape_configs", KEYS, report);
        let Some(name_node) = fields.get("job_name") else {
            report.error(item.position, "a scrape config needs a `job_name`");
            continue;
        };
        let Some(job_name) = text(name_node, "job_name", report) else {
            continue;
        };
        if job_name.is_empty() {
            report.error(name_node.position, "`job_name` is empty");
        }
        if let Some((_, first)) = names.iter().find(|(name, _)| *name == job_name) {
            let line = first.line;
            report.error(
                name_node.position,
                format!("job_name `{job_name}` is used twice; first on line {line}"),
            );
        }
        names.push((job_name.clone(), name_node.position));
        configs.push(read_scrape_config(&fields, job_name, global, report));
    }
    configs
}

fn read_scrape_config(
    fields: &Fields<'_>,
    job_name: String,
    global: &Global,
    report: &mut Diagnostics,
) -> ScrapeConfig {
    let interval_ms = positive_duration(fields, "scrape_interval", report);
    let timeout_ms = positive_duration(fields, "scrape_timeout", report);
    let scrape_interval_ms = interval_ms.unwrap_or(global.scrape_interval_ms);
    check_timeout(fields, timeout_ms, scrape_interval_ms, report);
    check_scrape_features(fields, report);
    if let Some(node) = fields.get("native_histogram_bucket_limit") {
        count(node, "native_histogram_bucket_limit", report);
    }
    if let Some(node) = fields.get("native_histogram_min_bucket_factor") {
        number(node, "native_histogram_min_bucket_factor", report);
    }
    ScrapeConfig {
        job_name,
        scrape_interval_ms,
        scrape_timeout_ms: timeout_ms.unwrap_or(global.scrape_timeout_ms.min(scrape_interval_ms)),
        request: read_request(fields, global, report),
        samples: SampleRules {
            honor_labels: flag(fields, "honor_labels", false, report),
            honor_timestamps: flag(fields, "honor_timestamps", true, report),
            track_timestamps_staleness: flag(fields, "track_timestamps_staleness", false, report),
            relabel: read_relabel_rules(fields, "metric_relabel_configs", report),
            reports: read_reports(fields, global.reports, report),
            fallback_protocol: read_fallback_protocol(fields, report),
        },
        limits: read_limits(fields, &global.limits, report),
        relabel: read_relabel_rules(fields, "relabel_configs", report),
        target_groups: fields
            .get("static_configs")
            .map(|node| read_static_configs(node, report))
            .unwrap_or_default(),
    }
}

fn read_request(fields: &Fields<'_>, global: &Global, report: &mut Diagnostics) -> ScrapeRequest {
    let metrics_path = fields
        .get("metrics_path")
        .and_then(|node| text(node, "metrics_path", report))
        .filter(|path| !path.is_empty());
    let params = fields.get("params").map(|node| {
        mapping(node, "params", report)
            .iter()
            .map(|entry| (entry.key.clone(), texts(&entry.value, "params", report)))
            .collect()
    });
    flag(fields, "enable_http2", true, report);
    check_scheme(fields, report);
    ScrapeRequest {
        metrics_path: metrics_path.unwrap_or_else(|| "/metrics".to_owned()),
        params: params.unwrap_or_default(),
        enable_compression: flag(fields, "enable_compression", true, report),
        follow_redirects: flag(fields, "follow_redirects", true, report),
        protocols: read_protocols(fields, &global.protocols, report),
    }
}

fn check_scheme(fields: &Fields<'_>, report: &mut Diagnostics) {
    let Some(node) = fields.get("scheme") else {
        return;
    };
    match text(node, "scheme", report).as_deref() {
        Some("https") => report.error(node.position, format!("`scheme: https` {NOT_SUPPORTED}")),
        Some("http" | "") | None => {}
        Some(_) => report.error(
            node.position,
            format!("expected http or https for scheme, found {}", found(node)),
        ),
    }
}

fn flag(fields: &Fields<'_>, key: &str, default: bool, report: &mut Diagnostics) -> bool {
    fields
        .get(key)
        .and_then(|node| boolean(node, key, report))
        .unwrap_or(default)
}

fn read_static_configs(node: &Node, report: &mut Diagnostics) -> Vec<TargetGroup> {
    list(node, "static_configs", report)
        .iter()
        .map(|item| {
            let fields = Fields::read(item, "static_configs", STATIC_KEYS, report);
            let targets = fields
                .get("targets")
                .map(|node| read_targets(node, report))
                .unwrap_or_default();
            let labels = fields.get("labels").map(|node| read_labels(node, report));
            TargetGroup {
                targets,
                labels: labels.unwrap_or_default(),
            }
        })
        .collect()
}

fn read_targets(node: &Node, report: &mut Diagnostics) -> Vec<String> {
    let mut targets = Vec::new();
    for item in list(node, "targets", report) {
        let Some(target) = text(item, "targets", report) else {
            continue;
        };
        if target.is_empty() {
            report.error(item.position, "a target cannot be empty; expected HOST:PORT");
        } else if target.contains('/') {
            report.error(
                item.position,
                format!("`{target}` is not a target: expected HOST:PORT without scheme and path"),
            );
        } else {
            targets.push(target);
        }
    }
    targets
}

fn read_labels(node: &Node, report: &mut Diagnostics) -> Labels {
    let mut labels = LabelsBuilder::new();
    for entry in mapping(node, "labels", report) {
        if entry.key.is_empty() {
            report.error(entry.key_position, "a label name cannot be empty");
        }
        if let Some(value) = text(&entry.value, "a label value", report) {
            labels.set(&entry.key, &value);
        }
    }
    labels.finish()
}
