//! [`Pattern`]: a fully anchored regular expression with RE2's syntax.

use regex_automata::meta::Regex;
use thiserror::Error;

/// A regular expression that must match a whole label value; the dot matches newlines too.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// When the pattern is not valid or compiles to something too large.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| PatternError {
            pattern: pattern.to_owned(),
            message: error.to_string(),
        })?;
        Ok(Self { regex })
    }

    /// Whether the whole of `value` matches.
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// The finite set of values the pattern matches, ascending, when it is one (`a|b|c`).
    pub fn literal_set(&self) -> Option<&[String]> {
        None
    }
}

/// A pattern could not be compiled.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("invalid regular expression {pattern:?}: {message}")]
pub struct PatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it.
    pub message: String,
}
