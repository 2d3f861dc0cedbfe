//! Integration tests of the crate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test panics"
)]

mod conformance;
mod coverage;
mod dashboards;
mod description;
mod errors;
mod extremes;
mod limits;
mod over_database;
mod plans;
mod propagation;
mod range_matches_instant;
mod round_trip;
mod scripts;
