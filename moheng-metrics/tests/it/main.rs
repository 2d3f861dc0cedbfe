//! Integration tests of the crate.

mod contract;
mod patterns;
mod text_format;
