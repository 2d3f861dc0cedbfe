//! Integration tests of the crate.

mod contract;
mod histograms;
mod patterns;
mod text_format;
