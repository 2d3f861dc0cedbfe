//! The `global` section and the settings that scrape configs inherit from it.

use moheng_collect::{ReportSet, ScrapeLimits, ScrapeProtocol};
use moheng_metrics::{Labels, LabelsBuilder};

use super::diagnostics::Diagnostics;
use super::reader::Support::{Ignored, Read};
use super::reader::{
    Fields, Keys, NOT_SUPPORTED, boolean, count, duration_ms, list, mapping, number, size_bytes, text,
};
use super::yaml::Node;

/// The `global` section.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Global {
    pub(crate) scrape_interval_ms: i64,
    pub(crate) scrape_timeout_ms: i64,
    pub(crate) evaluation_interval_ms: i64,
    pub(crate) limits: ScrapeLimits,
    pub(crate) reports: ReportSet,
    /// The formats targets are asked for, best first.
    pub(crate) protocols: Vec<ScrapeProtocol>,
    pub(crate) external_labels: Labels,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
            evaluation_interval_ms: 60_000,
            limits: ScrapeLimits::default(),
            reports: ReportSet::Standard,
            protocols: vec![
                ScrapeProtocol::PrometheusText1_0_0,
                ScrapeProtocol::PrometheusText0_0_4,
            ],
            external_labels: Labels::empty(),
        }
    }
}

const KEYS: Keys = &[
    ("scrape_interval", Read),
    ("scrape_timeout", Read),
    ("scrape_protocols", Read),
    ("evaluation_interval", Read),
    ("rule_query_offset", Ignored),
    ("query_log_file", Ignored),
    ("scrape_failure_log_file", Ignored),
    ("external_labels", Read),
    ("body_size_limit", Read),
    ("sample_limit", Read),
    ("label_limit", Read),
    ("label_name_length_limit", Read),
    ("label_value_length_limit", Read),
    ("target_limit", Read),
    ("keep_dropped_targets", Read),
    ("metric_name_validation_scheme", Read),
    ("metric_name_escaping_scheme", Read),
    ("scrape_native_histograms", Read),
    ("convert_classic_histograms_to_nhcb", Read),
    ("always_scrape_classic_histograms", Read),
    ("extra_scrape_metrics", Read),
];

const RUNTIME_KEYS: Keys = &[("gogc", Read)];

/// Reads the `global` section; `environment` looks up the variables in external labels.
pub(crate) fn read_global(
    node: &Node,
    environment: &dyn Fn(&str) -> Option<String>,
    report: &mut Diagnostics,
) -> Global {
    let fields = Fields::read(node, "global", KEYS, report);
    let default = Global::default();
    let interval_ms = positive_duration(&fields, "scrape_interval", report);
    let timeout_ms = positive_duration(&fields, "scrape_timeout", report);
    let scrape_interval_ms = interval_ms.unwrap_or(default.scrape_interval_ms);
    check_timeout(&fields, timeout_ms, scrape_interval_ms, report);
    check_scrape_features(&fields, report);
    let external_labels = fields.get("external_labels").map_or(Labels::empty(), |node| {
        read_external_labels(node, environment, report)
    });
    Global {
        scrape_interval_ms,
        scrape_timeout_ms: timeout_ms.unwrap_or(default.scrape_timeout_ms.min(scrape_interval_ms)),
        evaluation_interval_ms: positive_duration(&fields, "evaluation_interval", report)
            .unwrap_or(default.evaluation_interval_ms),
        limits: read_limits(&fields, &default.limits, report),
        reports: read_reports(&fields, default.reports, report),
        protocols: read_protocols(&fields, &default.protocols, report),
        external_labels,
    }
}

/// Checks the `runtime` section, which tunes a garbage collector that moheng does not have.
pub(crate) fn check_runtime(node: &Node, report: &mut Diagnostics) {
    let fields = Fields::read(node, "runtime", RUNTIME_KEYS, report);
    if let Some(node) = fields.get("gogc") {
        number(node, "gogc", report);
    }
}

/// The duration of a key; zero counts as not given, as in Prometheus.
pub(crate) fn positive_duration(fields: &Fields<'_>, key: &str, report: &mut Diagnostics) -> Option<i64> {
    let duration_ms = duration_ms(fields.get(key)?, key, report)?;
    (duration_ms > 0).then_some(duration_ms)
}

/// Refuses a `scrape_timeout` that is longer than the interval.
pub(crate) fn check_timeout(
    fields: &Fields<'_>,
    timeout_ms: Option<i64>,
    interval_ms: i64,
    report: &mut Diagnostics,
) {
    if let (Some(node), Some(timeout_ms)) = (fields.get("scrape_timeout"), timeout_ms)
        && timeout_ms > interval_ms
    {
        let timeout = moheng_metrics::format_duration(timeout_ms);
        let interval = moheng_metrics::format_duration(interval_ms);
        report.error(
            node.position,
            format!("scrape_timeout {timeout} is longer than the scrape_interval {interval}"),
        );
    }
}

/// Reads the limits that are given, the others are inherited. Zero counts as not given.
pub(crate) fn read_limits(
    fields: &Fields<'_>,
    inherited: &ScrapeLimits,
    report: &mut Diagnostics,
) -> ScrapeLimits {
    let mut limit = |key: &str, inherited: Option<usize>| {
        let own = fields.get(key).and_then(|node| count(node, key, report));
        let own = own.filter(|&limit| limit > 0);
        own.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
            .or(inherited)
    };
    ScrapeLimits {
        samples: limit("sample_limit", inherited.samples),
        labels: limit("label_limit", inherited.labels),
        label_name_bytes: limit("label_name_length_limit", inherited.label_name_bytes),
        label_value_bytes: limit("label_value_length_limit", inherited.label_value_bytes),
        targets: limit("target_limit", inherited.targets),
        kept_dropped_targets: limit("keep_dropped_targets", inherited.kept_dropped_targets),
        body_size_bytes: fields
            .get("body_size_limit")
            .and_then(|node| size_bytes(node, "body_size_limit", report))
            .filter(|&limit| limit > 0)
            .or(inherited.body_size_bytes),
    }
}

/// Which series about each scrape are wanted.
pub(crate) fn read_reports(fields: &Fields<'_>, inherited: ReportSet, report: &mut Diagnostics) -> ReportSet {
    let key = "extra_scrape_metrics";
    match fields.get(key).and_then(|node| boolean(node, key, report)) {
        Some(true) => ReportSet::Extended,
        Some(false) => ReportSet::Standard,
        None => inherited,
    }
}

/// Checks the keys of `global` and of scrape configs that turn on what is not supported yet.
pub(crate) fn check_scrape_features(fields: &Fields<'_>, report: &mut Diagnostics) {
    for key in ["scrape_native_histograms", "convert_classic_histograms_to_nhcb"] {
        if let Some(node) = fields.get(key)
            && boolean(node, key, report) == Some(true)
        {
            report.error(node.position, format!("`{key}: true` {NOT_SUPPORTED}"));
        }
    }
    if let Some(node) = fields.get("always_scrape_classic_histograms") {
        boolean(node, "always_scrape_classic_histograms", report);
    }
    check_word(
        fields,
        "metric_name_validation_scheme",
        &["utf8"],
        &["legacy"],
        report,
    );
    let later = ["underscores", "dots", "values"];
    check_word(
        fields,
        "metric_name_escaping_scheme",
        &["allow-utf-8"],
        &later,
        report,
    );
}

/// Formats that Prometheus can scrape and moheng cannot yet.
const OTHER_PROTOCOLS: [&str; 3] = ["PrometheusProto", "OpenMetricsText1.0.0", "OpenMetricsText0.0.1"];

/// The formats to ask targets for: those of the list that are supported, which must be at least one.
pub(crate) fn read_protocols(
    fields: &Fields<'_>,
    inherited: &[ScrapeProtocol],
    report: &mut Diagnostics,
) -> Vec<ScrapeProtocol> {
    let key = "scrape_protocols";
    let items = fields.get(key).map_or(&[][..], |node| list(node, key, report));
    let mut protocols = Vec::new();
    for item in items {
        let Some(name) = text(item, key, report) else {
            continue;
        };
        match name.parse() {
            Ok(protocol) => protocols.push(protocol),
            Err(_) if OTHER_PROTOCOLS.contains(&name.as_str()) => {}
            Err(_) => report.error(item.position, unknown_protocol(&name)),
        }
    }
    match (fields.get(key), items) {
        (None, _) | (_, []) => inherited.to_vec(),
        (Some(node), _) => {
            if protocols.is_empty() {
                let message = format!("`scrape_protocols` without PrometheusText0.0.4 {NOT_SUPPORTED}");
                report.error(node.position, message);
            }
            protocols
        }
    }
}

/// What a body without a known content type is taken for.
pub(crate) fn read_fallback_protocol(
    fields: &Fields<'_>,
    report: &mut Diagnostics,
) -> Option<ScrapeProtocol> {
    let node = fields.get("fallback_scrape_protocol")?;
    let name = text(node, "fallback_scrape_protocol", report).filter(|name| !name.is_empty())?;
    let protocol = name.parse().ok();
    if protocol.is_none() {
        let message = if OTHER_PROTOCOLS.contains(&name.as_str()) {
            format!("`{name}` {NOT_SUPPORTED}")
        } else {
            unknown_protocol(&name)
        };
        report.error(node.position, message);
    }
    protocol
}

fn unknown_protocol(name: &str) -> String {
    let known = OTHER_PROTOCOLS.join(", ");
    format!(
        "unknown scrape protocol `{name}`; expected one of PrometheusText0.0.4, PrometheusText1.0.0, {known}"
    )
}

fn check_word(fields: &Fields<'_>, key: &str, supported: &[&str], later: &[&str], report: &mut Diagnostics) {
    let Some(node) = fields.get(key) else {
        return;
    };
    let Some(word) = text(node, key, report) else {
        return;
    };
    if later.contains(&word.as_str()) {
        report.error(node.position, format!("`{key}: {word}` {NOT_SUPPORTED}"));
    } else if !word.is_empty() && !supported.contains(&word.as_str()) {
        let known = [supported, later].concat().join(", ");
        report.error(
            node.position,
            format!("expected one of {known} for {key}, found `{word}`"),
        );
    }
}

fn read_external_labels(
    node: &Node,
    environment: &dyn Fn(&str) -> Option<String>,
    report: &mut Diagnostics,
) -> Labels {
    let mut labels = LabelsBuilder::new();
    for entry in mapping(node, "external_labels", report) {
        if entry.key.is_empty() {
            report.error(entry.key_position, "a label name cannot be empty");
        }
        if let Some(value) = text(&entry.value, "a label value", report) {
            let value = expand(&value, &mut |name| {
                let found = environment(name);
                if found.is_none() {
                    report.warn(
                        entry.value.position,
                        format!("environment variable `{name}` is not set; it is empty"),
                    );
                }
                found.unwrap_or_default()
            });
            labels.set(&entry.key, &value);
        }
    }
    labels.finish()
}

/// Replaces `$NAME` and `${NAME}`; `$$` is a dollar sign.
fn expand(text: &str, lookup: &mut dyn FnMut(&str) -> String) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) {
            expanded.push_str(&lookup(name));
            rest = after;
        } else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            if name.is_empty() {
                expanded.push('$');
            } else {
                expanded.push_str(&lookup(name));
            }
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn variables_are_expanded() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$A-${B}", "<A>-<B>"),
            ("$$A", "$A"),
            ("100$", "100$"),
            ("${open", "${open"),
            ("$A_1.x", "<A_1>.x"),
        ] {
            assert_eq!(expand(text, &mut |name| format!("<{name}>")), expected, "{text}");
        }
    }
}
