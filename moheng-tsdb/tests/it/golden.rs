//! A log written by an earlier version must open for ever.
