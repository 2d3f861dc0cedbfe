//! Names of metrics and labels made of OpenTelemetry's.

use std::borrow::Cow;

use super::unit::UnitWords;
use super::wire::{Data, DataKind, Metric};
use super::{OtlpOptions, TranslationStrategy};

/// The name of a metric family, or `None` when nothing of it can be kept.
pub(super) fn metric_name(
    metric: &Metric<'_>,
    data: &Data<'_>,
    strategy: TranslationStrategy,
) -> Option<String> {
    let name = match (strategy.escapes(), strategy.adds_suffixes()) {
        (true, true) => escaped_with_suffixes(metric, data),
        (true, false) => escaped(metric.name),
        (false, true) => with_suffixes(metric, data),
        (false, false) => metric.name.to_owned(),
    };
    (!name.is_empty()).then_some(name)
}

/// The name of a label, or `None` when nothing of the key can be kept.
pub(super) fn label_name<'k>(key: &'k str, options: &OtlpOptions) -> Option<Cow<'k, str>> {
    if !options.translation_strategy.escapes() {
        return (!key.is_empty()).then_some(Cow::Borrowed(key));
    }
    if !key.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut name = if is_legacy(key) {
        Cow::Borrowed(key)
    } else {
        let legacy = |character: char| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        };
        let mut name = String::with_capacity(key.len());
        name.extend(key.chars().map(legacy));
        Cow::Owned(name)
    };
    if !options.label_name_preserve_multiple_underscores && name.contains("__") {
        name = Cow::Owned(collapse_underscores(&name));
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name = Cow::Owned(format!("key_{name}"));
    } else if options.label_name_underscore_sanitization && name.starts_with('_') && !name.starts_with("__") {
        name = Cow::Owned(format!("key{name}"));
    }
    Some(name)
}

/// Whether a name has no characters but those of legacy names.
fn is_legacy(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The suffix that the type of a metric asks for.
fn type_suffix(metric: &Metric<'_>, data: &Data<'_>) -> Option<&'static str> {
    match data.kind {
        DataKind::Sum if data.is_monotonic => Some("total"),
        DataKind::Gauge if metric.unit.trim() == "1" => Some("ratio"),
        _ => None,
    }
}

/// The words of the name, then those of its unit and type that it does not have yet.
fn escaped_with_suffixes(metric: &Metric<'_>, data: &Data<'_>) -> String {
    let is_separator = |character: char| !character.is_ascii_alphanumeric() && character != ':';
    let mut words: Vec<&str> = metric
        .name
        .split(is_separator)
        .filter(|word| !word.is_empty())
        .collect();
    let unit = UnitWords::of(metric.unit, true);
    let has_main = unit.main.is_empty() || words.contains(&unit.main.as_str());
    let has_per = unit.per.is_empty() || words.contains(&unit.per.as_str());
    if !has_main {
        words.push(&unit.main);
    }
    if !has_per {
        words.extend(["per", &unit.per]);
    }
    if let Some(suffix) = type_suffix(metric, data) {
        words.retain(|word| *word != suffix);
        words.push(suffix);
    }
    not_a_number(words.join("_"))
}

/// Runs of characters that legacy names do not have become one underscore, and none at the ends.
fn escaped(name: &str) -> String {
    let is_separator =
        |character: char| !character.is_ascii_alphanumeric() && character != ':' && character != '_';
    let words: Vec<&str> = name.split(is_separator).filter(|word| !word.is_empty()).collect();
    not_a_number(words.join("_"))
}

fn with_suffixes(metric: &Metric<'_>, data: &Data<'_>) -> String {
    let unit = UnitWords::of(metric.unit, false);
    let per = (!unit.per.is_empty()).then(|| format!("per_{}", unit.per));
    let suffix = type_suffix(metric, data);
    // What has to be last is taken off first.
    let mut name = metric.name;
    for last in [suffix, per.as_deref()].into_iter().flatten() {
        name = without_suffix(name, last);
    }
    let mut name = name.to_owned();
    if name.is_empty() {
        return name;
    }
    if !unit.main.is_empty() && !name.ends_with(&unit.main) {
        name.push('_');
        name.push_str(&unit.main);
    }
    for last in [per.as_deref(), suffix].into_iter().flatten() {
        name.push('_');
        name.push_str(last);
    }
    name
}

/// `name` without `suffix` and the punctuation before it, if there is some and something is left then.
fn without_suffix<'n>(name: &'n str, suffix: &str) -> &'n str {
    name.strip_suffix(suffix)
        .and_then(|rest| rest.strip_suffix(|character: char| !character.is_alphanumeric()))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

fn not_a_number(mut name: String) -> String {
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// Several underscores in a row become one, but for those around names like `__reserved__`.
fn collapse_underscores(name: &str) -> String {
    let reserved = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"));
    let mut out = String::with_capacity(name.len());
    for character in reserved.unwrap_or(name).chars() {
        if character != '_' || !out.ends_with('_') {
            out.push(character);
        }
    }
    match reserved {
        Some(_) => format!("__{out}__"),
        None => out,
    }
}
