//! [`ParseError`]: what is wrong with an exposition, and where.

use thiserror::Error;

/// An exposition does not follow its format.
///
/// ```
/// use moheng_metrics::TextParser;
///
/// let error = TextParser::new(b"up 1\nload one\n").find_map(Result::err);
/// assert_eq!(error.unwrap().to_string(), r#"2:6: expected a number, found "one""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{line}:{column}: {message}")]
#[non_exhaustive]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// The byte in the line, counted from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
}

impl ParseError {
    /// An error right after `before`, which is the text up to the place of the error.
    #[cold]
    pub(super) fn after(before: &[u8], message: String) -> Self {
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |index| index + 1);
        Self {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: before.len() - line_start + 1,
            message,
        }
    }
}
