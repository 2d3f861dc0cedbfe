//! Contract suites and helpers for tests. No stability promise.

mod clock;

pub use clock::ManualClock;
