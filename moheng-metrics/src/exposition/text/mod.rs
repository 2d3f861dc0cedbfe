//! The text format: version 0.0.4, and the quoted names that version 1.0.0 adds.

mod parser;
mod writer;

pub use parser::TextParser;
pub(super) use writer::write_families;
pub use writer::{TEXT_CONTENT_TYPE, write_text};
