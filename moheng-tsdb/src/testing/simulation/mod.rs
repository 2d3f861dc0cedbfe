//! A deterministic simulation: a database on a disk that fails and loses power, compared with a model at every step.

mod check;
mod choices;
mod compare;
mod model;
mod plan;
mod session;
mod shorten;
mod strike;
mod world;

pub use check::{Effort, Failure, Summary, check_bytes, check_seed};
