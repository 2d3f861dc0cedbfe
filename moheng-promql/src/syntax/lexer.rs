//! The lexer: query text to tokens.

use super::token::{Token, TokenKind};
use crate::ast::Span;
use crate::error::ParseError;

/// Splits a query into tokens, the last of which is [`TokenKind::End`]. What is no token becomes an error and is left
/// out.
pub(super) fn tokenize(query: &str) -> (Vec<Token>, Vec<ParseError>) {
    let mut lexer = Lexer {
        query,
        bytes: query.as_bytes(),
        at: 0,
        bracket_depth: 0,
        errors: Vec::new(),
    };
    let mut tokens = Vec::with_capacity(query.len() / 4 + 2);
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    tokens.push(Token {
        kind: TokenKind::End,
        span: Span::new(query.len(), query.len()),
    });
    (tokens, lexer.errors)
}

struct Lexer<'q> {
    query: &'q str,
    bytes: &'q [u8],
    at: usize,
    /// Inside brackets a colon separates range and step; elsewhere it belongs to names.
    bracket_depth: usize,
    errors: Vec<ParseError>,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        loop {
            self.skip_blanks();
            let start = self.at;
            let first = *self.bytes.get(start)?;
            if let Some(kind) = self.scan(first) {
                return Some(Token {
                    kind,
                    span: Span::new(start, self.at),
                });
            }
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Scans the token that starts with `first`; `None` when there is none and an error was recorded.
    fn scan(&mut self, first: u8) -> Option<TokenKind> {
        match first {
            b'"' | b'\'' | b'`' => self.scan_string(first),
            b'0'..=b'9' => self.scan_number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.scan_number(),
            b':' if self.bracket_depth > 0 => Some(self.advance(1, TokenKind::Colon)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' => Some(self.scan_word()),
            _ => self.scan_operator(first),
        }
    }

    fn advance(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }

    fn scan_operator(&mut self, first: u8) -> Option<TokenKind> {
        use TokenKind::{
            Assign, At, Caret, Comma, EqualEqual, Greater, GreaterOrEqual, LeftBrace, LeftBracket, LeftParen,
            Less, LessOrEqual, MatchesNotRegex, MatchesRegex, Minus, NotEqual, Percent, Plus, RightBrace,
            RightBracket, RightParen, Slash, Star, TrimLower, TrimUpper,
        };
        let (length, kind) = match (first, self.peek(1)) {
            (b'=', Some(b'=')) => (2, EqualEqual),
            (b'=', Some(b'~')) => (2, MatchesRegex),
            (b'=', _) => (1, Assign),
            (b'!', Some(b'=')) => (2, NotEqual),
            (b'!', Some(b'~')) => (2, MatchesNotRegex),
            (b'<', Some(b'=')) => (2, LessOrEqual),
            (b'<', Some(b'/')) => (2, TrimUpper),
            (b'<', _) => (1, Less),
            (b'>', Some(b'=')) => (2, GreaterOrEqual),
            (b'>', Some(b'/')) => (2, TrimLower),
            (b'>', _) => (1, Greater),
            (b'+', _) => (1, Plus),
            (b'-', _) => (1, Minus),
            (b'*', _) => (1, Star),
            (b'/', _) => (1, Slash),
            (b'%', _) => (1, Percent),
            (b'^', _) => (1, Caret),
            (b'@', _) => (1, At),
            (b',', _) => (1, Comma),
            (b'(', _) => (1, LeftParen),
            (b')', _) => (1, RightParen),
            (b'{', _) => (1, LeftBrace),
            (b'}', _) => (1, RightBrace),
            (b'[', _) => (1, LeftBracket),
            (b']', _) => (1, RightBracket),
            _ => return self.unexpected_character(),
        };
        match kind {
            LeftBracket => self.bracket_depth += 1,
            RightBracket => self.bracket_depth = self.bracket_depth.saturating_sub(1),
            _ => {}
        }
        Some(self.advance(length, kind))
    }

    fn unexpected_character(&mut self) -> Option<TokenKind> {
        let start = self.at;
        let character = self.query[start..].chars().next()?;
        self.at += character.len_utf8();
        self.errors.push(ParseError::new(
            Span::new(start, self.at),
            format!("unexpected character: {character:?}"),
        ));
        None
    }

    fn scan_word(&mut self) -> TokenKind {
        let start = self.at;
        let takes_colon = self.bracket_depth == 0;
        let is_part =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b':' && takes_colon);
        while self.peek(0).is_some_and(is_part) {
            self.at += 1;
        }
        let word = &self.query[start..self.at];
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            TokenKind::Number
        } else {
            TokenKind::Word
        }
    }

    /// Scans to the closing quote; escapes are checked when the literal is read.
    fn scan_string(&mut self, quote: u8) -> Option<TokenKind> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(byte) if byte == quote => return Some(self.advance(1, TokenKind::String)),
                Some(b'\\') if quote != b'`' => {
                    self.at = (self.at + 2).min(self.bytes.len());
                }
                Some(b'\n') if quote != b'`' => break,
                Some(_) => self.at += 1,
                None => break,
            }
        }
        // A multi-byte character behind a backslash can leave the cursor inside it.
        while !self.query.is_char_boundary(self.at) {
            self.at += 1;
        }
        self.errors.push(ParseError::new(
            Span::new(start, self.at),
            "unterminated quoted string".to_owned(),
        ));
        None
    }

    fn scan_number(&mut self) -> Option<TokenKind> {
        let start = self.at;
        let kind = if self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X')) {
            self.at += 2;
            self.skip_while(|byte| byte.is_ascii_hexdigit() || byte == b'_');
            TokenKind::Number
        } else {
            self.scan_decimal()
        };
        if self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
        {
            self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
            let span = Span::new(start, self.at);
            let text = span.text(self.query);
            self.errors.push(ParseError::new(
                span,
                format!("bad number or duration syntax: {text:?}"),
            ));
            return None;
        }
        Some(kind)
    }

    fn scan_decimal(&mut self) -> TokenKind {
        let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
        self.skip_while(is_digit);
        if self.peek(0).is_some_and(is_duration_unit) {
            self.skip_while(|byte| byte.is_ascii_digit() || is_duration_unit(byte));
            return TokenKind::Duration;
        }
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.skip_while(is_digit);
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip_while(is_digit);
            }
        }
        TokenKind::Number
    }

    fn skip_while(&mut self, is_part: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is_part) {
            self.at += 1;
        }
    }
}

fn is_duration_unit(byte: u8) -> bool {
    matches!(byte, b's' | b'm' | b'h' | b'd' | b'w' | b'y')
}
