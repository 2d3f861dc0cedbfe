//! Errors: what is wrong with a query's text, and why a query could not be answered.

use std::fmt;

use moheng_metrics::SourceError;
use thiserror::Error;

use crate::ast::Span;

/// Messages quote queries, which may be long; nobody reads more than this.
const MAX_MESSAGE_BYTES: usize = 4096;

/// One thing that is wrong with a query's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    span: Span,
    message: String,
    help: Option<String>,
}

impl ParseError {
    pub(crate) fn new(span: Span, message: String) -> Self {
        Self {
            span,
            message: shortened(message),
            help: None,
        }
    }

    pub(crate) fn with_help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// Where it is wrong.
    pub fn span(&self) -> Span {
        self.span
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that can be guessed.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// All that is wrong with a query's text: at least one error, in the order of the text.
///
/// ```
/// let errors = moheng_promql::parse("sum(rate(up[5m])").unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "1:17: parse error: unexpected end of input in aggregation, expected \",\" or \")\""
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseErrors {
    query: String,
    errors: Vec<ParseError>,
}

impl ParseErrors {
    pub(crate) fn new(query: &str, errors: Vec<ParseError>) -> Self {
        Self {
            query: query.to_owned(),
            errors,
        }
    }

    /// The errors, in the order of the text.
    pub fn errors(&self) -> &[ParseError] {
        &self.errors
    }

    /// The errors for a terminal: each with the line it is in, carets under the place, and
    /// advice where there is some.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for error in &self.errors {
            let (line, column) = error.span.line_column(&self.query);
            let text = self.query.lines().nth(line - 1).unwrap_or_default();
            let before = text.get(..column - 1).unwrap_or(text);
            let width = error.span.text(&self.query).lines().next().unwrap_or_default();
            let carets = "^".repeat(width.chars().count().max(1));
            // Tabs keep their width under the line they are in.
            let blanks: String = before
                .chars()
                .map(|character| if character == '\t' { '\t' } else { ' ' })
                .collect();
            for part in [
                format!("{line}:{column}: {}", error.message),
                format!("  {text}"),
                format!("  {blanks}{carets}"),
            ] {
                out.push_str(&part);
                out.push('\n');
            }
            if let Some(help) = &error.help {
                out.push_str("  help: ");
                out.push_str(help);
                out.push('\n');
            }
        }
        out
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let (line, column) = error.span.line_column(&self.query);
            write!(f, "{separator}{line}:{column}: parse error: {}", error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseErrors {}

/// Why a query could not be answered, sorted by what the caller does next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text or the times of the query are wrong: change them.
    #[error(transparent)]
    Parse(#[from] ParseErrors),
    /// The query does not fit the data, or asks for too much: change it.
    #[error("{0}")]
    Execution(String),
    /// The query took longer than it may: ask for less or allow more time.
    #[error("query timed out in expression evaluation")]
    Timeout,
    /// Whoever asked gave up.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// The storage failed.
    #[error("{0}")]
    Storage(#[from] SourceError),
}

impl QueryError {
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(shortened(message.into()))
    }

    pub(crate) fn too_many_samples() -> Self {
        Self::execution("query processing would load too many samples into memory in query execution")
    }

    pub(crate) fn too_much_memory(limit_bytes: u64) -> Self {
        Self::execution(format!(
            "query processing would use more memory than the limit of {limit_bytes} bytes"
        ))
    }

    pub(crate) fn same_labelset() -> Self {
        Self::execution("vector cannot contain metrics with the same labelset")
    }
}

/// A message that is too long to read, without its end.
fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        let end = message.floor_char_boundary(MAX_MESSAGE_BYTES);
        message.truncate(end);
        message.push('\u{2026}');
    }
    message
}
