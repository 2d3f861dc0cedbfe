//! What is wrong with a configuration file, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A message about a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) position: Position,
    pub(crate) message: String,
}

impl Diagnostic {
    pub(crate) fn new(position: Position, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }

    /// `FILE:LINE:COLUMN: message`
    pub(crate) fn display<'a>(&'a self, file: &'a Path) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            let Position { line, column } = self.position;
            write!(f, "{}:{line}:{column}: {}", file.display(), self.message)
        })
    }
}

/// Errors and warnings, collected while a file is read so that all are shown at once.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn error(&mut self, position: Position, message: impl Into<String>) {
        self.errors.push(Diagnostic::new(position, message));
    }

    pub(crate) fn warn(&mut self, position: Position, message: impl Into<String>) {
        self.warnings.push(Diagnostic::new(position, message));
    }
}

/// Why a configuration file is refused.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    Read { file: PathBuf, source: std::io::Error },
    /// The file says something wrong: at least one error, in the order of the file.
    Invalid { file: PathBuf, errors: Vec<Diagnostic> },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(f, "{}: {source}", file.display()),
            Self::Invalid { file, errors } => {
                for (index, error) in errors.iter().enumerate() {
                    if index > 0 {
                        f.write_str("\n")?;
                    }
                    write!(f, "{}", error.display(file))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}
