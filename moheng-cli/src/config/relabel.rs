//! `relabel_configs` and `metric_relabel_configs`.

use moheng_collect::{RelabelAction, RelabelConfig, RelabelError, RelabelRule};

use super::diagnostics::Diagnostics;
use super::reader::Support::Read;
use super::reader::{Fields, Keys, count, list, text, texts};
use super::yaml::Node;

const KEYS: Keys = &[
    ("source_labels", Read),
    ("separator", Read),
    ("regex", Read),
    ("modulus", Read),
    ("target_label", Read),
    ("replacement", Read),
    ("action", Read),
];

/// Reads a list of relabelling rules.
pub(crate) fn read_relabel_rules(
    fields: &Fields<'_>,
    key: &str,
    report: &mut Diagnostics,
) -> Vec<RelabelRule> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    list(node, key, report)
        .iter()
        .filter_map(|item| read_rule(item, key, report))
        .collect()
}

fn read_rule(item: &Node, what: &str, report: &mut Diagnostics) -> Option<RelabelRule> {
    let fields = Fields::read(item, what, KEYS, report);
    let mut config = RelabelConfig::default();
    if let Some(node) = fields.get("source_labels") {
        config.source_labels = texts(node, "source_labels", report);
    }
    if let Some(node) = fields.get("modulus") {
        config.modulus = count(node, "modulus", report)?;
    }
    if let Some(node) = fields.get("action") {
        config.action = read_action(node, report)?;
    }
    for (key, value) in [
        ("separator", &mut config.separator),
        ("regex", &mut config.regex),
        ("target_label", &mut config.target_label),
        ("replacement", &mut config.replacement),
    ] {
        if let Some(node) = fields.get(key) {
            *value = text(node, key, report)?;
        }
    }
    match RelabelRule::new(config) {
        Ok(rule) => Some(rule),
        Err(error) => {
            let culprit = match &error {
                RelabelError::Regex { .. } => fields.get("regex"),
                RelabelError::Unused { key, .. } => fields.get(key),
                _ => None,
            };
            report.error(
                culprit.map_or(fields.position, |node| node.position),
                error.to_string(),
            );
            None
        }
    }
}

fn read_action(node: &Node, report: &mut Diagnostics) -> Option<RelabelAction> {
    match text(node, "action", report)?.parse() {
        Ok(action) => Some(action),
        Err(error) => {
            report.error(node.position, error.to_string());
            None
        }
    }
}
