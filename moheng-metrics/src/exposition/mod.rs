//! The formats in which metrics are exposed over HTTP: reading and writing them.

mod error;
mod text;

pub use error::ParseError;
pub use text::{TEXT_CONTENT_TYPE, TextEntry, TextParser, TextSample, write_text};
