//! Constant folding: what does not depend on data is computed before anything is read.

use crate::ast::{
    AggregateExpr, BinaryExpr, CallExpr, DurationExpr, Expr, ExprKind, NumberLiteral, RangeSelector,
    Selector, Subquery, TimeModifiers, UnaryExpr, UnaryOp,
};
use crate::binary::scalar_operation;
use crate::eval::{QueryContext, smaller_or_larger};
use crate::functions::{ContextValue, Evaluator as FunctionEvaluator};
use crate::syntax::milliseconds;

/// The same expression with its constant parts as numbers. Every node keeps its place in the text.
pub(crate) fn fold(expr: Expr, query: &QueryContext) -> Expr {
    let span = expr.span();
    let kind = match expr.into_kind() {
        ExprKind::Selector(selector) => ExprKind::Selector(fold_selector(selector, query)),
        ExprKind::Range(range) => ExprKind::Range(RangeSelector {
            selector: fold_selector(range.selector, query),
            range: fold_positive(range.range, query),
        }),
        ExprKind::Subquery(subquery) => ExprKind::Subquery(Subquery {
            expr: fold_boxed(*subquery.expr, query),
            range: fold_positive(subquery.range, query),
            step: subquery.step.map(|step| fold_positive(step, query)),
            modifiers: fold_modifiers(subquery.modifiers, query),
        }),
        ExprKind::Paren(inner) => {
            let inner = fold_boxed(*inner, query);
            match number_of(&inner) {
                Some(value) => number(value),
                None => ExprKind::Paren(inner),
            }
        }
        ExprKind::Unary(unary) => fold_unary(unary, query),
        ExprKind::Binary(binary) => fold_binary(binary, query),
        ExprKind::Aggregate(aggregate) => ExprKind::Aggregate(AggregateExpr {
            expr: fold_boxed(*aggregate.expr, query),
            parameter: aggregate.parameter.map(|parameter| fold_boxed(*parameter, query)),
            ..aggregate
        }),
        ExprKind::Call(call) => fold_call(call, query),
        literal @ (ExprKind::Number(_) | ExprKind::String(_)) => literal,
    };
    Expr::new(kind, span)
}

fn number(value: f64) -> ExprKind {
    ExprKind::Number(NumberLiteral {
        value,
        is_duration: false,
    })
}

fn number_of(expr: &Expr) -> Option<f64> {
    match expr.kind() {
        ExprKind::Number(number) => Some(number.value),
        _ => None,
    }
}

fn fold_boxed(expr: Expr, query: &QueryContext) -> Box<Expr> {
    Box::new(fold(expr, query))
}

fn fold_selector(selector: Selector, query: &QueryContext) -> Selector {
    Selector {
        modifiers: fold_modifiers(selector.modifiers, query),
        ..selector
    }
}

fn fold_modifiers(modifiers: TimeModifiers, query: &QueryContext) -> TimeModifiers {
    TimeModifiers {
        offset: modifiers
            .offset
            .map(|offset| fold_duration(offset, query, |_| true)),
        ..modifiers
    }
}

fn fold_positive(duration: DurationExpr, query: &QueryContext) -> DurationExpr {
    fold_duration(duration, query, |duration_ms| duration_ms > 0)
}

/// Durations that turn out wrong stay as they are: evaluation says what is wrong with them.
fn fold_duration(
    duration: DurationExpr,
    query: &QueryContext,
    is_right: impl Fn(i64) -> bool,
) -> DurationExpr {
    let DurationExpr::Computed(expr) = duration else {
        return duration;
    };
    let folded = fold_boxed((*expr).clone(), query);
    let duration_ms = number_of(&folded).and_then(milliseconds);
    match duration_ms.filter(|duration_ms| is_right(*duration_ms)) {
        Some(duration_ms) => DurationExpr::Fixed(duration_ms),
        None => DurationExpr::Computed(expr),
    }
}

fn fold_unary(unary: UnaryExpr, query: &QueryContext) -> ExprKind {
    let operand = fold_boxed(*unary.expr, query);
    match (unary.op, number_of(&operand)) {
        (UnaryOp::Minus, Some(value)) => number(-value),
        (UnaryOp::Plus, Some(value)) => number(value),
        (op, None) => ExprKind::Unary(UnaryExpr { op, expr: operand }),
    }
}

fn fold_binary(binary: BinaryExpr, query: &QueryContext) -> ExprKind {
    let left = fold_boxed(*binary.left, query);
    let right = fold_boxed(*binary.right, query);
    match (number_of(&left), number_of(&right)) {
        (Some(left), Some(right)) => number(scalar_operation(binary.op, left, right)),
        _ => ExprKind::Binary(BinaryExpr {
            left,
            right,
            ..binary
        }),
    }
}

fn fold_call(call: CallExpr, query: &QueryContext) -> ExprKind {
    let arguments: Vec<Expr> = call
        .arguments
        .into_iter()
        .map(|argument| fold(argument, query))
        .collect();
    let seconds = |milliseconds: i64| Some(milliseconds as f64 / 1000.0);
    let value = match call.function.evaluator() {
        FunctionEvaluator::Context(value) => match value {
            ContextValue::EvaluationTime => None,
            ContextValue::Pi => Some(std::f64::consts::PI),
            ContextValue::QueryStart => seconds(query.start_ms),
            ContextValue::QueryEnd => seconds(query.end_ms),
            ContextValue::QueryRange => seconds(query.end_ms - query.start_ms),
            ContextValue::QueryStep => seconds(query.step_ms),
            ContextValue::MinOf | ContextValue::MaxOf => match arguments.as_slice() {
                [left, right] => number_of(left)
                    .zip(number_of(right))
                    .map(|(left, right)| smaller_or_larger(value, left, right)),
                _ => None,
            },
        },
        _ => None,
    };
    match value {
        Some(value) => number(value),
        None => ExprKind::Call(CallExpr { arguments, ..call }),
    }
}
