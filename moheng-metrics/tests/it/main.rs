//! Integration tests of the crate.

mod contract;
