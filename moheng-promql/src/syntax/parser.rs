//! The parser's cursor over tokens, its errors and its limits.

use super::lexer::tokenize;
use super::token::{Token, TokenKind};
use crate::ast::{Expr, Span};
use crate::check::check;
use crate::error::{ParseError, ParseErrors};

/// Queries longer than this are refused.
const MAX_QUERY_BYTES: usize = 1 << 20;
/// Deeper nesting is refused, so that the parser cannot exhaust the stack.
const MAX_NESTING: usize = 120;
/// Deeper trees are refused, so that no walk over them can exhaust the stack. A chain of operators makes a deep tree
/// without nesting.
const MAX_DEPTH: usize = 250;
/// More errors than this help nobody.
const MAX_ERRORS: usize = 20;

/// What of the language is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParserOptions {
    /// Allows functions and aggregations that Prometheus calls experimental.
    pub experimental_functions: bool,
    /// Allows `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
    /// Allows `anchored` and `smoothed`.
    pub edge_modifiers: bool,
}

impl ParserOptions {
    /// Stable functions only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows functions and aggregations that Prometheus calls experimental.
    #[must_use]
    pub fn with_experimental_functions(mut self, allowed: bool) -> Self {
        self.experimental_functions = allowed;
        self
    }

    /// Allows `fill`, `fill_left` and `fill_right`, which Prometheus calls experimental.
    #[must_use]
    pub fn with_fill_modifiers(mut self, allowed: bool) -> Self {
        self.fill_modifiers = allowed;
        self
    }

    /// Allows `anchored` and `smoothed`, which Prometheus calls experimental.
    #[must_use]
    pub fn with_edge_modifiers(mut self, allowed: bool) -> Self {
        self.edge_modifiers = allowed;
        self
    }

    /// Allows all there is.
    #[must_use]
    pub const fn everything() -> Self {
        Self {
            experimental_functions: true,
            fill_modifiers: true,
            edge_modifiers: true,
        }
    }
}

/// Parses and checks a whole query.
pub(crate) fn parse_with(query: &str, options: ParserOptions) -> Result<Expr, ParseErrors> {
    if query.len() > MAX_QUERY_BYTES {
        let message = format!(
            "query of {} bytes exceeds the limit of {MAX_QUERY_BYTES}",
            query.len()
        );
        return Err(ParseErrors::new(
            "",
            vec![ParseError::new(Span::default(), message)],
        ));
    }
    let mut parser = Parser::new(query);
    let expr = parser.whole_expression();
    let mut errors = parser.errors;
    if let (Some(expr), true) = (&expr, errors.is_empty()) {
        errors = check(expr, options);
    }
    match expr {
        Some(expr) if errors.is_empty() => Ok(expr),
        _ => {
            errors.sort_by_key(|error| error.span().start);
            errors.truncate(MAX_ERRORS);
            Err(ParseErrors::new(query, errors))
        }
    }
}

/// Parses `name{label="value"}` as the labels of one series; returns them with what follows.
#[cfg(feature = "testing")]
pub(crate) fn parse_series(text: &str) -> Result<(crate::ast::Selector, &str), ParseErrors> {
    let mut parser = Parser::new(text);
    match parser.series() {
        Ok(selector) => {
            let end = parser.tokens[parser.position.saturating_sub(1)].span.end as usize;
            Ok((selector, &text[end..]))
        }
        Err(Failed) => Err(ParseErrors::new(text, parser.errors)),
    }
}

/// The parser gave up on a construct; why is in its errors.
#[derive(Debug)]
pub(super) struct Failed;

pub(super) type Parsed<T> = Result<T, Failed>;

pub(super) struct Parser<'q> {
    query: &'q str,
    tokens: Vec<Token>,
    position: usize,
    depth: usize,
    errors: Vec<ParseError>,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str) -> Self {
        let (tokens, errors) = tokenize(query);
        Self {
            query,
            tokens,
            position: 0,
            depth: 0,
            errors,
        }
    }

    fn whole_expression(&mut self) -> Option<Expr> {
        if self.peek().kind == TokenKind::End {
            if self.errors.is_empty() {
                self.error(self.peek().span, "no expression found in input");
            }
            return None;
        }
        let expr = self.expression(0).ok()?;
        let next = self.peek();
        if next.kind != TokenKind::End && self.errors.is_empty() {
            let _: Failed = self.unexpected("expression", "an operator or the end");
        }
        Some(expr)
    }

    pub(super) fn peek(&self) -> Token {
        self.peek_at(0)
    }

    /// The token `ahead` of the next one; the end goes on for ever.
    pub(super) fn peek_at(&self, ahead: usize) -> Token {
        let index = (self.position + ahead).min(self.tokens.len() - 1);
        self.tokens[index]
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek();
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        token
    }

    /// The token taken last.
    pub(super) fn previous(&self) -> Token {
        self.tokens[self.position.saturating_sub(1)]
    }

    pub(super) fn text(&self, token: Token) -> &'q str {
        token.span.text(self.query)
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek().kind == kind).then(|| self.next())
    }

    /// Takes the next token or fails saying what it was expected for.
    pub(super) fn expect(&mut self, kind: TokenKind, context: &str, expected: &str) -> Parsed<Token> {
        self.take(kind).ok_or_else(|| self.unexpected(context, expected))
    }

    /// Whether the next token is this keyword, in any case.
    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        self.peek().kind == TokenKind::Word && self.text(self.peek()).eq_ignore_ascii_case(keyword)
    }

    /// Takes the next token if it is this keyword.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> Option<Token> {
        self.at_keyword(keyword).then(|| self.next())
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) -> Failed {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError::new(span, message.into()));
        }
        Failed
    }

    /// Records an error with advice on what to do about it.
    pub(super) fn error_with_help(&mut self, span: Span, message: String, help: Option<String>) -> Failed {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ParseError::new(span, message).with_help(help));
        }
        Failed
    }

    pub(super) fn unexpected(&mut self, context: &str, expected: &str) -> Failed {
        let token = self.peek();
        let found = match token.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::String => format!("string {}", self.text(token)),
            TokenKind::Number => format!("number {:?}", self.text(token)),
            TokenKind::Duration => format!("duration {:?}", self.text(token)),
            _ => format!("{:?}", self.text(token)),
        };
        self.error(
            token.span,
            format!("unexpected {found} in {context}, expected {expected}"),
        )
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            return Err(self.too_deep(self.peek().span, MAX_NESTING));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Makes a node, unless the tree gets too deep.
    pub(super) fn node(&mut self, kind: crate::ast::ExprKind, span: Span) -> Parsed<Expr> {
        let expr = Expr::new(kind, span);
        if expr.depth() > MAX_DEPTH {
            return Err(self.too_deep(span, MAX_DEPTH));
        }
        Ok(expr)
    }

    fn too_deep(&mut self, span: Span, levels: usize) -> Failed {
        self.error(span, format!("expression is nested deeper than {levels} levels"))
    }

    /// After an error in a list, skips to its next comma or closing token of this nesting level, or to the end.
    pub(super) fn skip_list_element(&mut self, close: TokenKind) {
        let mut depth = 0_usize;
        loop {
            let kind = self.peek().kind;
            match kind {
                TokenKind::End => return,
                TokenKind::Comma if depth == 0 => return,
                _ if kind == close && depth == 0 => return,
                TokenKind::LeftParen | TokenKind::LeftBrace | TokenKind::LeftBracket => depth += 1,
                TokenKind::RightParen | TokenKind::RightBrace | TokenKind::RightBracket => {
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
            self.next();
        }
    }
}
