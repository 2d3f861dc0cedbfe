//! [`Scanner`]: a position in the text, and the characters the format is made of.

use memchr::memchr;

use super::search::{find_quote_or_escape, name_length};
use crate::ParseError;

/// How much of what was found an error message shows.
const FOUND_BYTES: usize = 40;

/// A position in the text. It never leaves the text, and nothing it does allocates but making an error.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8], position: usize) -> Self {
        Self { text, position }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.position).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Moves on by `count` bytes, to the end of the text at most.
    #[inline]
    pub(crate) fn advance(&mut self, count: usize) {
        self.position = self.text.len().min(self.position + count);
    }

    /// Moves behind the last byte.
    pub(crate) fn finish(&mut self) {
        self.position = self.text.len();
    }

    /// Moves past `byte` if it comes next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    /// Moves past blanks and tabs.
    #[inline]
    pub(crate) fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.position += 1;
        }
    }

    /// Reads what is left of the line and moves behind its line feed.
    pub(crate) fn rest_of_line(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.line_of(memchr(b'\n', rest).unwrap_or(rest.len()))
    }

    /// Reads what is left of the line, which has this length, and moves behind its line feed.
    #[inline]
    pub(crate) fn line_of(&mut self, length: usize) -> &'a [u8] {
        let line = self.rest().get(..length).unwrap_or_default();
        self.advance(length + 1);
        line
    }

    /// Moves behind the line feed that must come next, where the end of the text counts as one.
    #[inline]
    pub(crate) fn end_line(&mut self, expected: &str) -> Result<(), ParseError> {
        if self.eat(b'\n') || self.position == self.text.len() {
            return Ok(());
        }
        Err(self.expected(expected))
    }

    /// Reads a metric name that is not quoted; empty when none comes next.
    #[inline]
    pub(crate) fn metric_name(&mut self) -> &'a [u8] {
        self.name(true)
    }

    /// Reads a label name that is not quoted; empty when none comes next.
    #[inline]
    pub(crate) fn label_name(&mut self) -> &'a [u8] {
        self.name(false)
    }

    #[inline]
    fn name(&mut self, with_colon: bool) -> &'a [u8] {
        let rest = self.rest();
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return &[];
        }
        let length = name_length(rest, with_colon);
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Reads a text between double quotes, of which the first comes next. Backslashes stay in it.
    #[inline]
    pub(crate) fn quoted(&mut self) -> Result<Quoted<'a>, ParseError> {
        let start = self.position;
        self.advance(1);
        let mut has_escapes = false;
        while let Some(index) = find_quote_or_escape(self.rest()) {
            let found = self.rest().get(index);
            self.advance(index + 1);
            match found {
                Some(b'"') => {
                    let raw = self.since(start + 1);
                    let raw = raw.split_last().map_or(raw, |(_, raw)| raw);
                    return Ok(Quoted { raw, has_escapes });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.advance(1);
                }
                // The text format takes line feeds as they are; OpenMetrics does not, but knows only behind the series.
                _ => {}
            }
        }
        self.position = start;
        Err(self.error_here("the quote that opens here is never closed".to_owned()))
    }

    /// An error at the position: `expected` must come here, and does not.
    #[cold]
    pub(crate) fn expected(&self, expected: &str) -> ParseError {
        let line = self
            .rest()
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let found = match self.peek() {
            None => "the end of the text".to_owned(),
            Some(b'\n') => "the end of the line".to_owned(),
            Some(b'\r') if line == b"\r" => "a carriage return (lines end with a line feed alone)".to_owned(),
            Some(_) => {
                let word = line.split(|byte| matches!(byte, b' ' | b'\t')).next();
                let word = word.filter(|word| !word.is_empty()).unwrap_or(line);
                let shown = word.get(..FOUND_BYTES).unwrap_or(word);
                format!("{:?}", String::from_utf8_lossy(shown))
            }
        };
        self.error_here(format!("expected {expected}, found {found}"))
    }

    #[cold]
    pub(crate) fn error_here(&self, message: String) -> ParseError {
        self.error_at(self.position, message)
    }

    #[cold]
    pub(crate) fn error_at(&self, position: usize, message: String) -> ParseError {
        ParseError::after(self.text.get(..position).unwrap_or(self.text), message)
    }
}

/// What stands between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quoted<'a> {
    /// As written.
    pub(crate) raw: &'a [u8],
    /// Whether there is a backslash in it.
    pub(crate) has_escapes: bool,
}
