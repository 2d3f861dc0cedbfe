//! Relabelling: rules that rewrite, keep or drop label sets. Pure.

mod apply;
mod rule;

#[cfg(test)]
mod tests;

pub use apply::relabel;
pub use rule::{RelabelAction, RelabelConfig, RelabelError, RelabelRule};
