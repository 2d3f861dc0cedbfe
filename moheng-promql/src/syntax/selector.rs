//! Selectors and what is attached to expressions: ranges, subqueries, `offset`, `@`.

use moheng_metrics::{MatchOp, Matcher};

use super::parser::{Parsed, Parser};
use super::token::{Token, TokenKind};
use crate::ast::{
    AtModifier, BinaryOp, DurationExpr, EdgeModifier, Expr, ExprKind, RangeSelector, Selector, Span,
    Subquery, TimeModifiers, UnaryOp,
};

/// Times beyond this many milliseconds from the epoch are refused, so that sums of times never overflow.
pub(crate) const MAX_TIME_MS: i64 = 1 << 61;

/// An element between braces.
enum BraceItem {
    Name(String, Span),
    Matcher(Matcher),
}

impl Parser<'_> {
    /// A selector whose metric name, if it has one before the braces, was just taken.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<Expr> {
        let start = name.unwrap_or(self.peek()).span;
        let mut selector = Selector {
            name: name.map(|token| self.text(token).to_owned()),
            matchers: Vec::new(),
            modifiers: TimeModifiers::default(),
            edges: None,
        };
        let mut span = start;
        if let Some(open) = self.take(TokenKind::LeftBrace) {
            let (items, close) =
                self.list_until(TokenKind::RightBrace, "label matching", Self::brace_item)?;
            span = start.to(open.span).to(close.span);
            for item in items {
                match item {
                    BraceItem::Matcher(matcher) => selector.matchers.push(matcher),
                    BraceItem::Name(quoted, at) => match &selector.name {
                        Some(first) => {
                            let message =
                                format!("metric name must not be set twice: {first:?} or {quoted:?}");
                            return Err(self.error(at, message));
                        }
                        None => selector.name = Some(quoted),
                    },
                }
            }
        }
        self.node(ExprKind::Selector(selector), span)
    }

    /// A selector that names one series, for the test language.
    #[cfg(feature = "testing")]
    pub(super) fn series(&mut self) -> Parsed<Selector> {
        let name = self.take(TokenKind::Word);
        let opens = |ahead| self.peek_at(ahead).kind == TokenKind::LeftBrace;
        if opens(0) && opens(1) {
            // A native histogram behind a bare name.
            return Ok(Selector {
                name: name.map(|token| self.text(token).to_owned()),
                matchers: Vec::new(),
                modifiers: TimeModifiers::default(),
                edges: None,
            });
        }
        match self.selector(name)?.into_kind() {
            ExprKind::Selector(selector) => Ok(selector),
            _ => Err(self.unexpected("series", "labels")),
        }
    }

    fn brace_item(&mut self) -> Parsed<BraceItem> {
        let token = self.peek();
        let ends = matches!(self.peek_at(1).kind, TokenKind::Comma | TokenKind::RightBrace);
        if token.kind == TokenKind::String && ends {
            self.next();
            return Ok(BraceItem::Name(self.string_value(token)?, token.span));
        }
        let label = self.label_name("label matching")?;
        let op = match self.peek().kind {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::NotEqual => MatchOp::NotEqual,
            TokenKind::MatchesRegex => MatchOp::Regex,
            TokenKind::MatchesNotRegex => MatchOp::NotRegex,
            _ => return Err(self.unexpected("label matching", "one of \"=\", \"!=\", \"=~\", \"!~\"")),
        };
        self.next();
        let value_token = self.expect(TokenKind::String, "label matching", "a string")?;
        let value = self.string_value(value_token)?;
        Matcher::new(op, label, value)
            .map(BraceItem::Matcher)
            .map_err(|error| self.error(value_token.span, error.to_string()))
    }

    /// Ranges, subqueries, `offset` and `@` behind an expression.
    pub(super) fn postfix(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let token = self.peek();
            expr = if token.kind == TokenKind::LeftBracket {
                self.brackets(expr)?
            } else if token.kind == TokenKind::At {
                self.at_modifier(expr)?
            } else if self.at_keyword("offset") {
                self.offset(expr)?
            } else if self.at_keyword("anchored") {
                self.edge_modifier(expr, EdgeModifier::Anchored)?
            } else if self.at_keyword("smoothed") {
                self.edge_modifier(expr, EdgeModifier::Smoothed)?
            } else {
                return Ok(expr);
            };
        }
    }

    fn brackets(&mut self, expr: Expr) -> Parsed<Expr> {
        let open = self.next();
        let range = self.duration("range", true)?;
        if self.take(TokenKind::Colon).is_some() {
            let step = match self.peek().kind {
                TokenKind::RightBracket => None,
                _ => Some(self.duration("subquery step", true)?),
            };
            let close = self.expect(TokenKind::RightBracket, "subquery", "\"]\"")?;
            let span = expr.span().to(close.span);
            let kind = ExprKind::Subquery(Subquery {
                expr: Box::new(expr),
                range,
                step,
                modifiers: TimeModifiers::default(),
            });
            return self.node(kind, span);
        }
        let close = self.expect(TokenKind::RightBracket, "range", "\":\" or \"]\"")?;
        let span = expr.span().to(close.span);
        match expr.into_kind() {
            ExprKind::Selector(selector) => {
                if selector.modifiers.offset.is_some() || selector.modifiers.at.is_some() {
                    return Err(self.error(open.span, "no offset or @ modifiers allowed before range"));
                }
                if let Some(edges) = selector.edges {
                    let message = format!("no {} modifier allowed before range", edges.as_str());
                    return Err(self.error(open.span, message));
                }
                self.node(ExprKind::Range(RangeSelector { selector, range }), span)
            }
            _ => Err(self.error(open.span, "ranges only allowed for vector selectors")),
        }
    }

    /// `anchored` or `smoothed` behind a selector.
    fn edge_modifier(&mut self, expr: Expr, edges: EdgeModifier) -> Parsed<Expr> {
        let keyword = self.next();
        let word = edges.as_str();
        let span = expr.span().to(keyword.span);
        let mut kind = expr.into_kind();
        let selector = match &mut kind {
            ExprKind::Selector(_) if edges == EdgeModifier::Anchored => {
                let message = "anchored modifier must be preceded by a range vector selector";
                return Err(self.error(keyword.span, message));
            }
            ExprKind::Selector(selector) => selector,
            ExprKind::Range(range) => &mut range.selector,
            ExprKind::Subquery(_) => {
                return Err(self.error(
                    keyword.span,
                    format!("{word} modifier is not allowed on subqueries"),
                ));
            }
            _ => {
                let message = format!("{word} modifier must be preceded by a vector selector");
                return Err(self.error(keyword.span, message));
            }
        };
        if selector.edges.is_some() {
            let message = "anchored and smoothed may be set only once and not together";
            return Err(self.error(keyword.span, message));
        }
        selector.edges = Some(edges);
        self.node(kind, span)
    }

    fn offset(&mut self, expr: Expr) -> Parsed<Expr> {
        let keyword = self.next();
        let offset = self.duration("offset", false)?;
        let span = expr.span().to(self.previous().span);
        self.modify(expr, span, keyword.span, "offset", |modifiers| {
            let is_first = modifiers.offset.is_none();
            modifiers.offset = Some(offset);
            is_first
        })
    }

    fn at_modifier(&mut self, expr: Expr) -> Parsed<Expr> {
        let at_token = self.next();
        let at = self.at_time()?;
        let span = expr.span().to(self.previous().span);
        self.modify(expr, span, at_token.span, "@", |modifiers| {
            let is_first = modifiers.at.is_none();
            modifiers.at = Some(at);
            is_first
        })
    }

    fn at_time(&mut self) -> Parsed<AtModifier> {
        for (keyword, at) in [("start", AtModifier::Start), ("end", AtModifier::End)] {
            if self.take_keyword(keyword).is_some() {
                self.expect(TokenKind::LeftParen, "@", "\"(\"")?;
                self.expect(TokenKind::RightParen, "@", "\")\"")?;
                return Ok(at);
            }
        }
        let span = self.peek().span;
        let is_negative = self.take(TokenKind::Minus).is_some();
        if !is_negative {
            self.take(TokenKind::Plus);
        }
        if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected("@", "a timestamp, start() or end()"));
        }
        let seconds = match self.number()?.kind() {
            ExprKind::Number(number) if is_negative => -number.value,
            ExprKind::Number(number) => number.value,
            _ => f64::NAN,
        };
        let time_ms = (seconds * 1000.0).round();
        if !time_ms.is_finite() || time_ms.abs() > MAX_TIME_MS as f64 {
            return Err(self.error(span, format!("timestamp out of bounds for @ modifier: {seconds}")));
        }
        Ok(AtModifier::Time(time_ms as i64))
    }

    /// Applies a time modifier to what can take one.
    fn modify(
        &mut self,
        expr: Expr,
        span: Span,
        at: Span,
        what: &str,
        apply: impl FnOnce(&mut TimeModifiers) -> bool,
    ) -> Parsed<Expr> {
        let mut kind = expr.into_kind();
        let modifiers = match &mut kind {
            ExprKind::Selector(selector) => &mut selector.modifiers,
            ExprKind::Range(range) => &mut range.selector.modifiers,
            ExprKind::Subquery(subquery) => &mut subquery.modifiers,
            _ => {
                let message = format!(
                    "{what} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
                );
                return Err(self.error(at, message));
            }
        };
        if !apply(modifiers) {
            return Err(self.error(at, format!("{what} may not be set multiple times")));
        }
        self.node(kind, span)
    }

    /// A duration in brackets, where a whole expression may stand and the result must be positive, or after
    /// `offset`, where an expression needs parentheses.
    fn duration(&mut self, context: &str, in_brackets: bool) -> Parsed<DurationExpr> {
        let starts = self.peek();
        let expr = if in_brackets {
            self.expression(0)?
        } else {
            self.nested(Self::offset_operand)?
        };
        match expr.kind() {
            ExprKind::Number(number) => {
                let Some(duration_ms) = milliseconds(number.value) else {
                    return Err(self.error(starts.span, "duration out of range"));
                };
                if in_brackets && duration_ms <= 0 {
                    return Err(self.error(starts.span, "duration must be greater than 0"));
                }
                Ok(DurationExpr::Fixed(duration_ms))
            }
            _ if is_duration_expression(&expr) => Ok(DurationExpr::Computed(Box::new(expr))),
            _ => {
                let message = format!("unexpected expression in {context}, expected a duration");
                Err(self.error(expr.span(), message))
            }
        }
    }

    /// A signed duration, a call or an expression in parentheses; operators behind it belong to the outer expression.
    fn offset_operand(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            TokenKind::Plus | TokenKind::Minus => {
                self.next();
                let operand = self.nested(Self::offset_operand)?;
                let span = token.span.to(operand.span());
                let op = if token.kind == TokenKind::Minus {
                    UnaryOp::Minus
                } else {
                    UnaryOp::Plus
                };
                self.signed(op, operand, span)
            }
            TokenKind::Number | TokenKind::Duration => self.number(),
            TokenKind::LeftParen => {
                self.next();
                let inner = self.expression(0)?;
                let close = self.expect(TokenKind::RightParen, "offset", "\")\"")?;
                self.node(ExprKind::Paren(Box::new(inner)), token.span.to(close.span))
            }
            TokenKind::Word if self.peek_at(1).kind == TokenKind::LeftParen => self.call(),
            _ => Err(self.unexpected(
                "offset",
                "a number, duration, step(), range() or an expression in parentheses",
            )),
        }
    }
}

/// Seconds as whole milliseconds, what is left cut off; `None` when Prometheus could not count them either.
pub(crate) fn milliseconds(seconds: f64) -> Option<i64> {
    /// Prometheus counts durations in nanoseconds, which end here.
    const MAX_MS: f64 = (i64::MAX / 1_000_000) as f64;
    let exact = seconds * 1000.0;
    // 2.002 s are 2002 ms, though the product is a little less.
    let nearest = exact.round();
    let duration_ms = if (exact - nearest).abs() < 1e-6 {
        nearest
    } else {
        exact
    };
    (duration_ms.abs() < MAX_MS).then_some(duration_ms as i64)
}

/// Whether an expression consists of what durations are computed from.
fn is_duration_expression(expr: &Expr) -> bool {
    match expr.kind() {
        ExprKind::Number(_) => true,
        ExprKind::Paren(inner) => is_duration_expression(inner),
        ExprKind::Unary(unary) => is_duration_expression(&unary.expr),
        ExprKind::Binary(binary) => {
            let is_arithmetic =
                binary.op.precedence() >= BinaryOp::Add.precedence() && binary.op != BinaryOp::Atan2;
            is_arithmetic
                && binary.matching.is_none()
                && is_duration_expression(&binary.left)
                && is_duration_expression(&binary.right)
        }
        ExprKind::Call(call) => {
            matches!(call.function.name(), "step" | "range" | "min_of" | "max_of")
                && call.arguments.iter().all(is_duration_expression)
        }
        _ => false,
    }
}
