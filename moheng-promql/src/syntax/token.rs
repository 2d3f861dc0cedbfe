//! Tokens.

use crate::ast::Span;

/// A piece of the query text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    End,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`
    Assign,
    /// `=~`
    MatchesRegex,
    /// `!~`
    MatchesNotRegex,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `</`
    TrimUpper,
    /// `>/`
    TrimLower,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Caret,
    Number,
    Duration,
    String,
    /// Names and keywords alike: what they are depends on where they stand.
    Word,
}

/// Words that mean something where an expression starts, and so never name a metric there.
pub(crate) fn is_reserved(word: &str) -> bool {
    [
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "atan2",
        "inf",
        "nan",
    ]
    .iter()
    .any(|reserved| reserved.eq_ignore_ascii_case(word))
}
