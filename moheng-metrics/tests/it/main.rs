//! Integration tests of the crate.

mod contract;
mod exposition;
mod histograms;
mod labels;
mod otlp;
mod patterns;
mod text_format;
