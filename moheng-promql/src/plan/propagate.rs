//! Matchers that one side of a binary operation has are given to the other side, where elements that do not have the same
//! labels would find no partner: `sum by (job) (a{job="x"}) / sum by (job) (b)` reads of `b` only `job="x"` too.
//!
//! The result is the same to the last error: an operation that would be refused because elements of its "one" side are not
//! unique still is, since such a side is narrowed only where its elements cannot but be unique; and a selector of several
//! metrics is not narrowed, since dropping their names may make two elements the same.

use moheng_metrics::Matcher;

use crate::ast::{
    AggregateExpr, AggregateOp, BinaryExpr, BinaryOp, CallExpr, Expr, ExprKind, Selector, Side, ValueType,
    VectorMatching,
};
use crate::eval::{is_metadata_label, selector_names_one_metric};
use crate::functions::{Evaluator as FunctionEvaluator, Special};

/// No selector is given more matchers when it has so many.
const MOST_MATCHERS: usize = 16;

/// Hands matchers on in all binary operations of an expression.
pub(crate) fn propagate(expr: &mut Expr) {
    for child in expr.children_mut() {
        propagate(child);
    }
    if let ExprKind::Binary(binary) = expr.kind_mut() {
        exchange(binary);
    }
}

fn exchange(binary: &mut BinaryExpr) {
    if !is_between_vectors(binary) || !binary.fill.is_empty() {
        return;
    }
    let (narrows_left, narrows_right) = match binary.op {
        BinaryOp::Or => (false, false),
        BinaryOp::And => (true, true),
        BinaryOp::Unless => (false, true),
        _ => {
            let one = if many_side(binary) == Side::Left {
                &binary.right
            } else {
                &binary.left
            };
            let is_unique = is_unique(one, binary.matching.as_ref());
            (is_unique, is_unique)
        }
    };
    let matching = binary.matching.clone();
    let known = |side: &Expr| {
        let mut known = conditions(side);
        known.retain(|matcher| is_matched_by(matching.as_ref(), matcher.name()));
        known.truncate(MOST_MATCHERS);
        known
    };
    let (of_left, of_right) = (known(&binary.left), known(&binary.right));
    if narrows_left {
        narrow(&mut binary.left, &of_right);
    }
    if narrows_right {
        narrow(&mut binary.right, &of_left);
    }
}

fn is_between_vectors(binary: &BinaryExpr) -> bool {
    [&binary.left, &binary.right]
        .iter()
        .all(|side| side.value_type() == ValueType::InstantVector)
}

fn many_side(binary: &BinaryExpr) -> Side {
    let group = binary
        .matching
        .as_ref()
        .and_then(|matching| matching.group.as_ref());
    group.map_or(Side::Left, |group| group.many_side)
}

/// Whether partners agree on a label.
fn is_matched_by(matching: Option<&VectorMatching>, label: &str) -> bool {
    let is_listed = |matching: &VectorMatching| matching.labels.iter().any(|listed| listed == label);
    match matching {
        Some(matching) if matching.is_on => is_listed(matching),
        Some(matching) => !is_metadata_label(label) && !is_listed(matching),
        None => !is_metadata_label(label),
    }
}

/// Whether there can be but one element for the labels that are matched.
fn is_unique(expr: &Expr, matching: Option<&VectorMatching>) -> bool {
    match expr.kind() {
        ExprKind::Paren(inner) => is_unique(inner, matching),
        ExprKind::Unary(unary) => is_unique(&unary.expr, matching),
        ExprKind::Binary(binary) if !is_between_vectors(binary) => {
            vector_side(binary).is_some_and(|side| is_unique(side, matching))
        }
        ExprKind::Aggregate(aggregate) => {
            !aggregate.op.keeps_elements()
                && aggregate.op != AggregateOp::CountValues
                && aggregate.grouping.as_ref().is_none_or(|grouping| {
                    let mut labels = grouping.labels.iter();
                    !grouping.is_without && labels.all(|label| is_matched_by(matching, label))
                })
        }
        ExprKind::Call(call) => match call.function.evaluator() {
            FunctionEvaluator::Map(_) | FunctionEvaluator::MapScalars(_) => {
                argument(call).is_some_and(|argument| is_unique(argument, matching))
            }
            _ => false,
        },
        _ => false,
    }
}

/// What is true of the labels of all elements.
fn conditions(expr: &Expr) -> Vec<Matcher> {
    match expr.kind() {
        ExprKind::Selector(selector) => conditions_of(selector),
        ExprKind::Range(range) => conditions_of(&range.selector),
        ExprKind::Subquery(subquery) => conditions(&subquery.expr),
        ExprKind::Paren(inner) => conditions(inner),
        ExprKind::Unary(unary) => conditions(&unary.expr),
        ExprKind::Binary(binary) => conditions_of_binary(binary),
        ExprKind::Aggregate(aggregate) if aggregate.op != AggregateOp::CountValues => {
            let mut known = conditions(&aggregate.expr);
            known.retain(|matcher| aggregate.op.keeps_elements() || keeps_label(aggregate, matcher.name()));
            known
        }
        ExprKind::Call(call) => {
            let mut known = argument(call).map(conditions).unwrap_or_default();
            known.retain(|matcher| passes_on(call, matcher.name()));
            known
        }
        _ => Vec::new(),
    }
}

fn conditions_of(selector: &Selector) -> Vec<Matcher> {
    let matchers = selector.matchers.iter();
    matchers
        .filter(|matcher| !is_metadata_label(matcher.name()))
        .cloned()
        .collect()
}

fn conditions_of_binary(binary: &BinaryExpr) -> Vec<Matcher> {
    if !is_between_vectors(binary) {
        return vector_side(binary).map(conditions).unwrap_or_default();
    }
    if !binary.fill.is_empty() {
        return Vec::new();
    }
    match binary.op {
        BinaryOp::Or => Vec::new(),
        BinaryOp::And | BinaryOp::Unless => conditions(&binary.left),
        _ => {
            let many = match many_side(binary) {
                Side::Left => &binary.left,
                Side::Right => &binary.right,
            };
            let matching = binary.matching.as_ref();
            let group = matching.and_then(|matching| matching.group.as_ref());
            let mut known = conditions(many);
            known.retain(|matcher| match group {
                Some(group) => !group.labels.iter().any(|label| label == matcher.name()),
                None => is_matched_by(matching, matcher.name()),
            });
            known
        }
    }
}

/// Gives matchers to the selectors of an expression whose elements matter only where they match.
fn narrow(expr: &mut Expr, matchers: &[Matcher]) {
    if matchers.is_empty() {
        return;
    }
    let those = |keeps: &dyn Fn(&str) -> bool| -> Vec<Matcher> {
        let kept = matchers.iter().filter(|matcher| keeps(matcher.name()));
        kept.cloned().collect()
    };
    match expr.kind_mut() {
        ExprKind::Selector(selector) => add(selector, matchers),
        ExprKind::Range(range) => add(&mut range.selector, matchers),
        ExprKind::Subquery(subquery) => narrow(&mut subquery.expr, matchers),
        ExprKind::Paren(inner) => narrow(inner, matchers),
        ExprKind::Unary(unary) => narrow(&mut unary.expr, matchers),
        ExprKind::Binary(binary) => {
            if !is_between_vectors(binary) {
                narrow(&mut binary.left, matchers);
                narrow(&mut binary.right, matchers);
            } else if matches!(binary.op, BinaryOp::And | BinaryOp::Unless) {
                let kept = those(&|label| is_matched_by(binary.matching.as_ref(), label));
                narrow(&mut binary.left, &kept);
                narrow(&mut binary.right, &kept);
            }
        }
        ExprKind::Aggregate(aggregate) => {
            if !aggregate.op.keeps_elements() && aggregate.op != AggregateOp::CountValues {
                let kept = those(&|label| keeps_label(aggregate, label));
                narrow(&mut aggregate.expr, &kept);
            }
        }
        ExprKind::Call(call) => {
            let kept = those(&|label| passes_on(call, label));
            let vector = call.arguments.iter_mut().find(|argument| is_vector(argument));
            if let Some(vector) = vector {
                narrow(vector, &kept);
            }
        }
        ExprKind::Number(_) | ExprKind::String(_) => {}
    }
}

fn add(selector: &mut Selector, matchers: &[Matcher]) {
    if !selector_names_one_metric(selector) {
        return;
    }
    for matcher in matchers {
        if selector.matchers.len() < MOST_MATCHERS && !selector.matchers.contains(matcher) {
            selector.matchers.push(matcher.clone());
        }
    }
}

/// Whether elements of a group agree on a label and the group has it.
fn keeps_label(aggregate: &AggregateExpr, label: &str) -> bool {
    aggregate.grouping.as_ref().is_some_and(|grouping| {
        let is_listed = grouping.labels.iter().any(|listed| listed == label);
        is_listed != grouping.is_without
    })
}

/// Whether an element has this label from the one element, or the elements that agree on it, that it is made of.
fn passes_on(call: &CallExpr, label: &str) -> bool {
    match call.function.evaluator() {
        FunctionEvaluator::Map(_)
        | FunctionEvaluator::MapScalars(_)
        | FunctionEvaluator::Date(_)
        | FunctionEvaluator::Range(_)
        | FunctionEvaluator::Histogram { .. } => true,
        FunctionEvaluator::Special(Special::HistogramQuantile | Special::HistogramFraction) => label != "le",
        FunctionEvaluator::Special(special) => matches!(
            special,
            Special::Timestamp | Special::StartTimestamp | Special::Sort { .. } | Special::SortByLabel { .. }
        ),
        FunctionEvaluator::Context(_) => false,
    }
}

fn is_vector(expr: &Expr) -> bool {
    matches!(
        expr.value_type(),
        ValueType::InstantVector | ValueType::RangeVector
    )
}

fn argument(call: &CallExpr) -> Option<&Expr> {
    call.arguments.iter().find(|argument| is_vector(argument))
}

fn vector_side(binary: &BinaryExpr) -> Option<&Expr> {
    [&*binary.left, &*binary.right]
        .into_iter()
        .find(|side| is_vector(side))
}
