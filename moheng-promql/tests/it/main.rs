//! Integration tests of the crate.

mod conformance;
