//! [`relabel`]: applies rules to a label set.

use md5::{Digest, Md5};
use moheng_metrics::{LabelsBuilder, PatternCaptures};

use super::rule::Compiled;
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
        RelabelAction::Keep => return is_match(rule, &source()),
        RelabelAction::Drop => return !is_match(rule, &source()),
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
            labels.retain(|name, _| !is_match(rule, name));
        }
        RelabelAction::LabelKeep => {
            labels.retain(|name, _| is_match(rule, name));
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
    let target = captures.expand(&rule.config.target_label);
    if !target.is_empty() {
        labels.set(&target, &captures.expand(&rule.config.replacement));
    }
}

fn map_names(rule: &RelabelRule, labels: &mut LabelsBuilder) {
    let mapped: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| {
            let captures = captures(rule, name)?;
            Some((captures.expand(&rule.config.replacement), value.to_owned()))
        })
        .collect();
    for (name, value) in mapped {
        if !name.is_empty() {
            labels.set(&name, &value);
        }
    }
}

fn is_match(rule: &RelabelRule, text: &str) -> bool {
    match &rule.regex {
        Compiled::Match(pattern) => pattern.is_match(text),
        Compiled::Capture(pattern) => pattern.is_match(text),
    }
}

fn captures<'v>(rule: &RelabelRule, text: &'v str) -> Option<PatternCaptures<'v>> {
    match &rule.regex {
        Compiled::Match(_) => None,
        Compiled::Capture(pattern) => pattern.captures(text),
    }
}

/// The last eight bytes of the MD5 hash as a big-endian number, modulo `modulus`.
fn hash_modulo(text: &str, modulus: u64) -> u64 {
    let digest: [u8; 16] = Md5::digest(text.as_bytes()).into();
    // The lower half of the number that all sixteen bytes are.
    u128::from_be_bytes(digest) as u64 % modulus.max(1)
}
