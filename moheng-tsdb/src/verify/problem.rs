//! [`Problem`]: something in a data directory that is not as it should be.

use std::fmt;

use crate::Error;
use crate::storage::split_offset;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing, and harmless: what a crash or a running server leaves.
    Note,
    /// Something cannot be read, or is not what was written.
    Damage,
}

/// Something in a data directory that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, below the data directory.
    pub path: String,
    /// Where in the file, in bytes from its beginning, when it is about a place.
    pub offset: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What cannot be had because of it; empty when that is nothing, or not known.
    pub affected: String,
}

impl Problem {
    pub(crate) fn damage(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Damage,
            path: path.into(),
            offset: None,
            message: message.into(),
            affected: String::new(),
        }
    }

    pub(crate) fn note(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::damage(path, message)
        }
    }

    /// What an error says of a file.
    ///
    /// # Errors
    ///
    /// The error itself when it says nothing of a file but of the disk.
    pub(crate) fn of(error: Error) -> Result<Self, Error> {
        match error {
            Error::Corrupt { path, message } => {
                let (offset, message) = split_offset(&message);
                Ok(Self {
                    offset,
                    ..Self::damage(path, message)
                })
            }
            other => Err(other),
        }
    }

    #[must_use]
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    #[must_use]
    pub(crate) fn affecting(mut self, affected: impl Into<String>) -> Self {
        self.affected = affected.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(offset) = self.offset {
            write!(f, ": at byte {offset}")?;
        }
        write!(f, ": {}", self.message)?;
        if !self.affected.is_empty() {
            write!(f, " (affects {})", self.affected)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told() {
        let check = |problem: Problem, expected: &str| assert_eq!(problem.to_string(), expected);
        check(Problem::note("a/b", "odd"), "a/b: odd");
        check(
            Problem::damage("a", "bad").at(7).affecting("all"),
            "a: at byte 7: bad (affects all)",
        );
        let error = |message: &str| Error::Corrupt {
            path: "a".to_owned(),
            message: message.to_owned(),
        };
        for message in ["at byte 12: bad", "at byte x: bad", "bad"] {
            let problem = Problem::of(error(message)).unwrap();
            assert_eq!(problem.offset.is_some(), message.contains("12"));
            check(problem, &format!("a: {message}"));
        }
        assert!(Problem::of(Error::Full(String::new())).is_err());
    }
}
