//! Integration tests of the crate.

mod conformance;
mod errors;
mod limits;
mod range_matches_instant;
mod round_trip;
mod scripts;
