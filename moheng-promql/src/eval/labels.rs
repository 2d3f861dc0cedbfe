//! `label_replace` and `label_join`.

use moheng_metrics::{Labels, METRIC_NAME};
use regex_automata::meta::Regex;

use super::call::{argument, string_argument};
use super::element::{Element, ElementSet};
use super::grid::Grid;
use super::{Evaluator, Sink};
use crate::ast::CallExpr;
use crate::error::QueryError;

impl Evaluator<'_> {
    pub(super) fn stream_label_replace(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let target = string_argument(call, 1)?;
        let template = string_argument(call, 2)?;
        let origin = string_argument(call, 3)?;
        let pattern = string_argument(call, 4)?;
        check_label_name("label_replace()", "destination", target)?;
        let invalid = || {
            QueryError::execution(format!(
                "invalid regular expression in label_replace(): {pattern}"
            ))
        };
        let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| invalid())?;
        let mut captures = regex.create_captures();
        self.stream_relabeled(call, grid, sink, &mut |element| {
            let value = element.labels.get(origin).unwrap_or_default();
            regex.captures(value, &mut captures);
            if !captures.is_match() {
                return;
            }
            let mut text = String::new();
            expand(template, &captures, value, &mut text);
            set_label(element, target, &text);
        })
    }

    pub(super) fn stream_label_join(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let target = string_argument(call, 1)?;
        let separator = string_argument(call, 2)?;
        let origins = (3..call.arguments.len())
            .map(|index| string_argument(call, index))
            .collect::<Result<Vec<_>, _>>()?;
        for origin in &origins {
            check_label_name("label_join()", "source", origin)?;
        }
        check_label_name("label_join()", "destination", target)?;
        self.stream_relabeled(call, grid, sink, &mut |element| {
            let values: Vec<&str> = origins
                .iter()
                .map(|origin| element.labels.get(origin).unwrap_or_default())
                .collect();
            let joined = values.join(separator);
            set_label(element, target, &joined);
        })
    }

    fn stream_relabeled(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
        relabel: &mut dyn FnMut(&mut Element),
    ) -> Result<(), QueryError> {
        let mut set = ElementSet::new(self)?;
        self.stream(argument(call, 0)?, grid, &mut |element, column| {
            let mut seen = Element {
                labels: self.seen_labels(&element),
                drops_name: element.drops_name && self.query.delays_name_removal,
            };
            relabel(&mut seen);
            set.push(seen, column.clone())
        })?;
        set.merge_same_labels()?;
        self.emit(set, sink)
    }
}

fn set_label(element: &mut Element, target: &str, value: &str) {
    let labels: Labels = element.labels.to_builder().with(target, value).finish();
    element.labels = labels;
    if target == METRIC_NAME {
        element.drops_name = false;
    }
}

fn check_label_name(function: &str, role: &str, name: &str) -> Result<(), QueryError> {
    if name.is_empty() {
        let message = format!("invalid {role} label name in {function}: {name}");
        return Err(QueryError::execution(message));
    }
    Ok(())
}

/// Appends `template` with `$1`, `${1}`, `$name` and `$$` replaced as Go does: unknown groups are empty, and a name is
/// as long as it can be.
fn expand(
    template: &str,
    captures: &regex_automata::util::captures::Captures,
    value: &str,
    out: &mut String,
) {
    let mut rest = template;
    while let Some(position) = rest.find('$') {
        out.push_str(&rest[..position]);
        rest = &rest[position + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(rest) else {
            out.push('$');
            continue;
        };
        let span = match name.parse::<usize>() {
            Ok(index) => captures.get_group(index),
            Err(_) => captures.get_group_by_name(name),
        };
        out.push_str(
            span.and_then(|span| value.get(span.start..span.end))
                .unwrap_or_default(),
        );
        rest = after;
    }
    out.push_str(rest);
}

/// The name of a group behind a dollar sign, in braces or not, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_part = |character: char| character == '_' || character.is_alphanumeric();
    if let Some(inner) = text.strip_prefix('{') {
        let (name, after) = inner.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_part)).then_some((name, after));
    }
    let end = text.find(|character| !is_part(character)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}
