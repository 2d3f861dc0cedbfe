//! RE2's syntax as Prometheus uses it, translated for the regex engine.
//!
//! The engine's own parser would not do: it takes Unicode for `\d` and `\w`, set operations such as `&&` inside
//! classes, and much else that means something different, or nothing, to Prometheus. `parser` knows groups,
//! repetition and alternation; `class` what stands in brackets; `escape` what follows a backslash.

mod class;
mod error;
mod escape;
mod flags;
mod parser;

pub(super) use error::{Problem, SyntaxError};
pub(super) use parser::{Captures, parse};

#[cfg(test)]
mod tests;
