//! The book of the crate: chapters for who writes an exporter, a scraper or a sender.
//!
#![doc = include_str!("../docs/guide.md")]

#[doc = include_str!("../docs/instrumenting.md")]
pub mod instrumenting {}

#[doc = include_str!("../docs/exposing.md")]
pub mod exposing {}

#[doc = include_str!("../docs/parsing.md")]
pub mod parsing {}

#[doc = include_str!("../docs/native_histograms.md")]
pub mod native_histograms {}

#[doc = include_str!("../docs/sending.md")]
pub mod sending {}

#[doc = include_str!("../docs/reading.md")]
pub mod reading {}
