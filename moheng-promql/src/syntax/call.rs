//! Aggregations and function calls.

use super::parser::{Parsed, Parser};
use super::token::TokenKind;
use crate::ast::{AggregateExpr, AggregateOp, CallExpr, Expr, ExprKind, Grouping};
use crate::functions;

impl Parser<'_> {
    /// `sum by (a) (expr)` or `sum(expr) by (a)`.
    pub(super) fn aggregate(&mut self, op: AggregateOp) -> Parsed<Expr> {
        let name = self.next();
        let mut grouping = self.grouping()?;
        self.expect(TokenKind::LeftParen, "aggregation", "\"(\"")?;
        let (mut arguments, close) = self.call_arguments("aggregation")?;
        let mut span = name.span.to(close.span);
        if grouping.is_none() {
            grouping = self.grouping()?;
            span = span.to(self.previous().span);
        }
        let wanted = 1 + usize::from(op.takes_parameter());
        if arguments.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                arguments.len()
            );
            return Err(self.error(span, message));
        }
        let Some(expr) = arguments.pop() else {
            return Err(self.unexpected("aggregation", "an expression"));
        };
        let kind = ExprKind::Aggregate(AggregateExpr {
            op,
            expr: Box::new(expr),
            parameter: arguments.pop().map(Box::new),
            grouping,
        });
        self.node(kind, span)
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let is_without = self.at_keyword("without");
        if !is_without && !self.at_keyword("by") {
            return Ok(None);
        }
        self.next();
        let labels = self.label_list("grouping opts")?;
        Ok(Some(Grouping { is_without, labels }))
    }

    pub(super) fn call(&mut self) -> Parsed<Expr> {
        let name = self.next();
        let text = self.text(name);
        self.expect(TokenKind::LeftParen, "function call", "\"(\"")?;
        let arguments = self.call_arguments("function call");
        // These are keywords, unlike the names of other functions.
        let lower_case = text.to_ascii_lowercase();
        let is_keyword = matches!(lower_case.as_str(), "start" | "end" | "range" | "step");
        let Some(function) = functions::find(if is_keyword { &lower_case } else { text }) else {
            let help = similar_name(text).map(|similar| format!("did you mean {similar:?}?"));
            return Err(self.error_with_help(
                name.span,
                format!("unknown function with name {text:?}"),
                help,
            ));
        };
        let (arguments, close) = arguments?;
        self.node(
            ExprKind::Call(CallExpr { function, arguments }),
            name.span.to(close.span),
        )
    }
}

/// The function or aggregation whose name is nearly `text`.
fn similar_name(text: &str) -> Option<&'static str> {
    let lower_case = text.to_ascii_lowercase();
    let functions = functions::FUNCTIONS.iter().map(functions::Function::name);
    let names = functions.chain(AggregateOp::ALL.into_iter().map(AggregateOp::as_str));
    let distances = names.map(|name| (edit_distance(&lower_case, name), name));
    let (distance, name) = distances.min()?;
    (distance <= text.len() / 3).then_some(name)
}

/// How many letters must be changed, added, removed or swapped with their neighbour to make one of the other.
fn edit_distance(left: &str, right: &str) -> usize {
    // Names that are much longer than any of ours are not compared letter by letter.
    if left.len() > 2 * right.len() + 8 {
        return left.len();
    }
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let mut least = (last[column] + usize::from(letter != other))
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            if row > 0 && column > 0 && left[row - 1] == *other && right[column - 1] == *letter {
                least = least.min(before[column - 1] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}
