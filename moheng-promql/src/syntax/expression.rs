//! Operators by precedence climbing, and what stands between them.

use super::literals::{parse_number, parse_string};
use super::parser::{Failed, Parsed, Parser};
use super::token::{Token, TokenKind, is_reserved};
use crate::ast::{AggregateOp, BinaryOp, Expr, ExprKind, NumberLiteral, Span, UnaryExpr, UnaryOp};

impl Parser<'_> {
    /// An expression whose operators all bind at least as tightly as `min_precedence`.
    pub(super) fn expression(&mut self, min_precedence: u8) -> Parsed<Expr> {
        let mut left = self.nested(Self::operand)?;
        while let Some(op) = self.peek_binary_op() {
            if op.precedence() < min_precedence {
                break;
            }
            self.next();
            left = self.nested(|parser| parser.binary_tail(op, left))?;
        }
        Ok(left)
    }

    /// A sign with its operand, or a primary expression with what is attached to it.
    fn operand(&mut self) -> Parsed<Expr> {
        let op = match self.peek().kind {
            TokenKind::Plus => UnaryOp::Plus,
            TokenKind::Minus => UnaryOp::Minus,
            _ => {
                let primary = self.primary()?;
                return self.postfix(primary);
            }
        };
        let sign = self.next();
        let operand = self.expression(BinaryOp::Power.precedence())?;
        let span = sign.span.to(operand.span());
        self.signed(op, operand, span)
    }

    /// A sign before an operand; numbers take it in.
    pub(super) fn signed(&mut self, op: UnaryOp, operand: Expr, span: Span) -> Parsed<Expr> {
        if let ExprKind::Number(number) = operand.kind() {
            let value = if op == UnaryOp::Minus {
                -number.value
            } else {
                number.value
            };
            let is_duration = number.is_duration;
            return self.node(ExprKind::Number(NumberLiteral { value, is_duration }), span);
        }
        let kind = ExprKind::Unary(UnaryExpr {
            op,
            expr: Box::new(operand),
        });
        self.node(kind, span)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.number(),
            TokenKind::String => {
                self.next();
                let text = self.string_value(token)?;
                self.node(ExprKind::String(text), token.span)
            }
            TokenKind::LeftParen => {
                self.next();
                let inner = self.expression(0)?;
                let close = self.expect(TokenKind::RightParen, "parentheses", "\")\"")?;
                self.node(ExprKind::Paren(Box::new(inner)), token.span.to(close.span))
            }
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Word => self.word(),
            _ => Err(self.unexpected("expression", "a selector, number, string, function or \"(\"")),
        }
    }

    /// An aggregation, a call or a metric name, which the next token decides.
    fn word(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        let word = self.text(token);
        let follows = self.peek_at(1);
        let opens = follows.kind == TokenKind::LeftParen;
        if let Some(op) = AggregateOp::from_name(word) {
            let follows_word = self.text(follows);
            let groups = follows.kind == TokenKind::Word
                && ["by", "without"]
                    .iter()
                    .any(|keyword| keyword.eq_ignore_ascii_case(follows_word));
            if opens || groups {
                return self.aggregate(op);
            }
        }
        if is_reserved(word) {
            return Err(self.unexpected("expression", "a selector, number, string, function or \"(\""));
        }
        if opens {
            return self.call();
        }
        self.next();
        self.selector(Some(token))
    }

    pub(super) fn number(&mut self) -> Parsed<Expr> {
        let token = self.next();
        let text = self.text(token);
        let number = if token.kind == TokenKind::Duration {
            NumberLiteral {
                value: self.duration_ms(token)? as f64 / 1000.0,
                is_duration: true,
            }
        } else {
            let Some(value) = parse_number(text) else {
                return Err(self.error(token.span, format!("error parsing number: {text:?}")));
            };
            NumberLiteral {
                value,
                is_duration: false,
            }
        };
        self.node(ExprKind::Number(number), token.span)
    }

    pub(super) fn duration_ms(&mut self, token: Token) -> Parsed<i64> {
        moheng_metrics::parse_duration_ms(self.text(token))
            .map_err(|error| self.error(token.span, error.to_string()))
    }

    pub(super) fn string_value(&mut self, token: Token) -> Parsed<String> {
        parse_string(self.text(token)).map_err(|message| self.error(token.span, message))
    }

    /// `(label, "quoted label", …)`; a trailing comma is allowed.
    pub(super) fn label_list(&mut self, context: &str) -> Parsed<Vec<String>> {
        self.expect(TokenKind::LeftParen, context, "\"(\"")?;
        let mut labels = Vec::new();
        while self.peek().kind != TokenKind::RightParen {
            // The one keyword that Prometheus does not take for a label here, and numbers.
            if self.at_keyword("without") || self.peek().kind == TokenKind::Number {
                return Err(self.unexpected(context, "a label"));
            }
            labels.push(self.label_name(context)?);
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        self.expect(TokenKind::RightParen, context, "\",\" or \")\"")?;
        Ok(labels)
    }

    pub(super) fn label_name(&mut self, context: &str) -> Parsed<String> {
        let token = self.peek();
        let name = match token.kind {
            TokenKind::String => {
                self.next();
                let name = self.string_value(token)?;
                if name.is_empty() {
                    return Err(self.error(token.span, format!("invalid label name {name:?}")));
                }
                return Ok(name);
            }
            // `inf` and `nan` are numbers elsewhere and fine as labels.
            TokenKind::Word | TokenKind::Number => self.text(token),
            _ => return Err(self.unexpected(context, "a label")),
        };
        if !moheng_metrics::is_valid_label_name(name) {
            return Err(self.unexpected(context, "a label"));
        }
        self.next();
        Ok(name.to_owned())
    }

    /// Parses list elements up to `close`; goes on behind wrong ones to find more errors.
    pub(super) fn list_until<T>(
        &mut self,
        close: TokenKind,
        context: &str,
        mut element: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<(Vec<T>, Token)> {
        let mut elements = Vec::new();
        let mut failed = false;
        while self.peek().kind != close {
            if let Ok(element) = element(self) {
                elements.push(element);
            } else {
                failed = true;
                self.skip_list_element(close);
            }
            if self.take(TokenKind::Comma).is_none() {
                break;
            }
        }
        if failed && self.peek().kind == TokenKind::End {
            return Err(Failed);
        }
        let closing = match close {
            TokenKind::RightBrace => "\",\" or \"}\"",
            _ => "\",\" or \")\"",
        };
        let token = self.expect(close, context, closing)?;
        if failed {
            Err(Failed)
        } else {
            Ok((elements, token))
        }
    }

    /// `expr, expr)`; unlike in other lists there is no comma before the end.
    pub(super) fn call_arguments(&mut self, context: &str) -> Parsed<(Vec<Expr>, Token)> {
        self.list_until(TokenKind::RightParen, context, |parser| {
            let argument = parser.expression(0);
            let comma = parser.peek();
            if comma.kind == TokenKind::Comma && parser.peek_at(1).kind == TokenKind::RightParen {
                let message = "trailing commas not allowed in function call args";
                return Err(parser.error(comma.span, message));
            }
            argument
        })
    }
}
