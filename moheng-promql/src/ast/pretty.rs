//! The text of an expression on several lines.

use super::display::{BARE_INFINITY, sign_text};
use super::{Expr, ExprKind, Subquery};

/// Expressions that fit so many characters stay on one line.
const LINE_WIDTH: usize = 100;

pub(super) fn pretty(expr: &Expr) -> String {
    let mut out = String::new();
    push(expr, 0, &mut out);
    out
}

fn push(expr: &Expr, level: usize, out: &mut String) {
    indent(level, out);
    push_inline(expr, level, out);
}

/// Like [`push`] where the cursor already stands at the right column.
fn push_inline(expr: &Expr, level: usize, out: &mut String) {
    let line = expr.to_string();
    if line.len() + 2 * level <= LINE_WIDTH {
        out.push_str(&line);
        return;
    }
    match expr.kind() {
        ExprKind::Paren(inner) => push_block("(", &[inner], ")", level, out),
        ExprKind::Unary(unary) => {
            out.push_str(sign_text(unary.op));
            push_inline(&unary.expr, level, out);
        }
        ExprKind::Binary(binary) => {
            if binary.is_power_of_infinity() {
                out.push_str(BARE_INFINITY);
            } else {
                push_inline(&binary.left, level, out);
            }
            out.push('\n');
            indent(level, out);
            out.push_str(&binary.operator_text());
            out.push('\n');
            push(&binary.right, level, out);
        }
        ExprKind::Aggregate(aggregate) => {
            let head = format!("{}(", aggregate.head_text());
            let parts: Vec<&Expr> = expr.children();
            push_block(&head, &parts, ")", level, out);
        }
        ExprKind::Call(call) => {
            let parts: Vec<&Expr> = call.arguments.iter().collect();
            push_block(&format!("{}(", call.function.name()), &parts, ")", level, out);
        }
        ExprKind::Subquery(subquery) => {
            push_inline(&subquery.expr, level, out);
            out.push_str(&subquery_tail(subquery));
        }
        _ => out.push_str(&line),
    }
}

fn push_block(open: &str, parts: &[&Expr], close: &str, level: usize, out: &mut String) {
    out.push_str(open);
    for (index, part) in parts.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        push(part, level + 1, out);
    }
    out.push('\n');
    indent(level, out);
    out.push_str(close);
}

fn subquery_tail(subquery: &Subquery) -> String {
    let step = subquery
        .step
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    format!("[{}:{step}]{}", subquery.range, subquery.modifiers)
}

fn indent(level: usize, out: &mut String) {
    for _ in 0..level {
        out.push_str("  ");
    }
}
