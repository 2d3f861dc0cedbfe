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
        let (mut arguments, close) = self.list_until(TokenKind::RightParen, "aggregation", |parser| {
            parser.expression(0)
        })?;
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
        let arguments = self.list_until(TokenKind::RightParen, "function call", |parser| {
            parser.expression(0)
        });
        // These are keywords, unlike the names of other functions.
        let lower_case = text.to_ascii_lowercase();
        let is_keyword = matches!(lower_case.as_str(), "start" | "end" | "range" | "step");
        let Some(function) = functions::find(if is_keyword { &lower_case } else { text }) else {
            return Err(self.error(name.span, format!("unknown function with name {text:?}")));
        };
        let (arguments, close) = arguments?;
        self.node(
            ExprKind::Call(CallExpr { function, arguments }),
            name.span.to(close.span),
        )
    }
}
