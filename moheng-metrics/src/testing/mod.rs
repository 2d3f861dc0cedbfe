//! Contract suites and helpers for tests. No stability promise.
