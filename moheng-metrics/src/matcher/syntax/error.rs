//! [`SyntaxError`]: what is wrong with a pattern, in the words Go uses.

use thiserror::Error;

/// A pattern does not follow RE2's syntax.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: `{fragment}`", problem.as_str())]
pub(crate) struct SyntaxError {
    problem: Problem,
    /// The part of the pattern that is wrong.
    fragment: String,
}

impl SyntaxError {
    pub(in crate::matcher) fn new(problem: Problem, fragment: &str) -> Self {
        Self {
            problem,
            fragment: fragment.to_owned(),
        }
    }
}

/// The kinds of mistakes Go tells apart. Clients see its texts in Prometheus's answers, so they are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::matcher) enum Problem {
    CharacterRange,
    Escape,
    GroupName,
    GroupSyntax,
    MissingBracket,
    MissingParenthesis,
    MissingRepeated,
    NestedRepetition,
    Nesting,
    RepeatCount,
    TooLarge,
    TrailingBackslash,
    UnexpectedParenthesis,
}

impl Problem {
    const fn as_str(self) -> &'static str {
        match self {
            Self::CharacterRange => "invalid character class range",
            Self::Escape => "invalid escape sequence",
            Self::GroupName => "invalid named capture",
            Self::GroupSyntax => "invalid or unsupported Perl syntax",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParenthesis => "missing closing )",
            Self::MissingRepeated => "missing argument to repetition operator",
            Self::NestedRepetition => "invalid nested repetition operator",
            Self::Nesting => "expression nests too deeply",
            Self::RepeatCount => "invalid repeat count",
            Self::TooLarge => "expression too large",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParenthesis => "unexpected )",
        }
    }
}
