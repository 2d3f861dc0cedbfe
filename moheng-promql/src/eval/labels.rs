//! `label_replace` and `label_join`.

use moheng_metrics::{CapturePattern, Labels, METRIC_NAME};

use super::call::{argument, string_argument};
use super::element::{Element, ElementSet};
use super::grid::Grid;
use super::{Evaluator, Sink, emit};
use crate::ast::CallExpr;
use crate::error::QueryError;

/// Longer label values are refused: doubled in every one of many calls inside each other, they would fill any memory.
const MAX_VALUE_BYTES: usize = 1 << 20;
/// What a sample weighs.
const BYTES_PER_SAMPLE: usize = 16;

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
        let pattern = CapturePattern::new(pattern)
            .map_err(|error| QueryError::execution(format!("{error} in label_replace()")))?;
        self.stream_relabeled(call, grid, sink, &mut |element| {
            let value = element.labels.get(origin).unwrap_or_default();
            if let Some(captures) = pattern.captures(value) {
                let text = captures.expand_within(template, MAX_VALUE_BYTES);
                let text = text.ok_or_else(|| too_long("label_replace()", target))?;
                set_label(element, target, &text);
            }
            Ok(())
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
            let lengths = values.iter().map(|value| value.len() + separator.len());
            if lengths.sum::<usize>() > MAX_VALUE_BYTES + separator.len() {
                return Err(too_long("label_join()", target));
            }
            set_label(element, target, &values.join(separator));
            Ok(())
        })
    }

    fn stream_relabeled(
        &self,
        call: &CallExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
        relabel: &mut dyn FnMut(&mut Element) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let target = string_argument(call, 1)?;
        let mut held = self.limits.hold(0)?;
        let mut set = ElementSet::new(self)?;
        self.stream(argument(call, 0)?, grid, &mut |element, column| {
            let mut seen = Element {
                labels: self.seen_labels(&element),
                drops_name: element.drops_name && self.query.delays_name_removal,
            };
            relabel(&mut seen)?;
            // A value of the label counts as the samples that it weighs.
            held.add(seen.labels.get(target).map_or(0, str::len) / BYTES_PER_SAMPLE)?;
            set.push(seen, std::mem::take(column))
        })?;
        set.merge_same_labels()?;
        emit(set, sink)
    }
}

fn too_long(function: &str, label: &str) -> QueryError {
    QueryError::execution(format!(
        "the value of the label {label} is too long in {function}: more than {MAX_VALUE_BYTES} bytes"
    ))
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
