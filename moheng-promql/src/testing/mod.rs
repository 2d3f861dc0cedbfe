//! Reader and runner of the promqltest script language. No stability promise.
//!
//! Native histograms are read as points without a value: what needs them fails.

mod compare;
mod points;
mod runner;
mod script;

pub use points::Point;
pub use runner::{Report, Runner};
pub use script::{
    Command, Eval, EvalTime, Expectation, ExpectedSeries, LoadSeries, MessagePattern, Script, ScriptError,
};
