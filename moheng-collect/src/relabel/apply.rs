//! [`relabel`]: applies rules to a label set.

use md5::{Digest, Md5};
use moheng_metrics::LabelsBuilder;
use regex_automata::util::captures::Captures;

use super::{RelabelAction, RelabelRule};

/// Applies `rules` in order. Returns `false` as soon as one of them drops the label set, whose content is then
/// meaningless.
pub fn relabel(rules: &[RelabelRule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| apply(rule, labels))
}

fn apply(rule: &RelabelRule, labels: &mut LabelsBuilder) -> bool {
    let config = &rule.config;
    let source = || source_value(rule, labels);
    let target = config.target_label.as_str();
    match config.action {
        RelabelAction::Keep => return rule.regex.is_match(source().as_bytes()),
        RelabelAction::Drop => return !rule.regex.is_match(source().as_bytes()),
        RelabelAction::KeepEqual => return labels.get(target).unwrap_or_default() == source(),
        RelabelAction::DropEqual => return labels.get(target).unwrap_or_default() != source(),
        RelabelAction::Replace => replace(rule, &source(), labels),
        RelabelAction::HashMod => {
            let hash = hash_modulo(&source(), config.modulus).to_string();
            labels.set(target, &hash);
        }
        RelabelAction::Lowercase => {
            let lower = source().to_lowercase();
            labels.set(target, &lower);
        }
        RelabelAction::Uppercase => {
            let upper = source().to_uppercase();
            labels.set(target, &upper);
        }
        RelabelAction::LabelMap => map_names(rule, labels),
        RelabelAction::LabelDrop => {
            labels.retain(|name, _| !rule.regex.is_match(name));
        }
        RelabelAction::LabelKeep => {
            labels.retain(|name, _| rule.regex.is_match(name));
        }
    }
    true
}

fn source_value(rule: &RelabelRule, labels: &LabelsBuilder) -> String {
    let mut source = String::new();
    for (index, name) in rule.config.source_labels.iter().enumerate() {
        if index > 0 {
            source.push_str(&rule.config.separator);
        }
        source.push_str(labels.get(name).unwrap_or_default());
    }
    source
}

fn replace(rule: &RelabelRule, source: &str, labels: &mut LabelsBuilder) {
    let Some(captures) = captures(rule, source) else {
        return;
    };
    let target = rule.target_label.expand(source, &captures);
    if !target.is_empty() {
        labels.set(&target, &rule.replacement.expand(source, &captures));
    }
}

fn map_names(rule: &RelabelRule, labels: &mut LabelsBuilder) {
    let mapped: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| {
            let captures = captures(rule, name)?;
            Some((rule.replacement.expand(name, &captures), value.to_owned()))
        })
        .collect();
    for (name, value) in mapped {
        if !name.is_empty() {
            labels.set(&name, &value);
        }
    }
}

fn captures(rule: &RelabelRule, text: &str) -> Option<Captures> {
    let mut captures = rule.regex.create_captures();
    rule.regex.captures(text, &mut captures);
    captures.is_match().then_some(captures)
}

/// The last eight bytes of the MD5 hash as a big-endian number, modulo `modulus`.
fn hash_modulo(text: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    let [.., a, b, c, d, e, f, g, h] = digest;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) % modulus.max(1)
}
