//! From text to syntax tree: lexer, literals, parser.

mod binary;
mod call;
mod expression;
mod lexer;
mod literals;
mod parser;
mod selector;
mod token;

pub use parser::ParserOptions;
pub(crate) use parser::parse_with;
pub(crate) use selector::{MAX_TIME_MS, milliseconds};
pub(crate) use token::is_reserved;

#[cfg(feature = "testing")]
pub(crate) use parser::parse_series;

#[cfg(test)]
mod tests;
