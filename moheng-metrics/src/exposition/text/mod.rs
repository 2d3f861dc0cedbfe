//! The text format: version 0.0.4, and the quoted names that version 1.0.0 adds.
//!
//! `scanner` knows characters, `swar` finds many at once, `series` the grammar of `name{label="value"}`, `parser` that of lines.

mod parser;
mod scanner;
mod series;
mod swar;
mod writer;

pub use parser::{TextEntry, TextParser, TextSample};
pub use writer::{TEXT_CONTENT_TYPE, write_text};
