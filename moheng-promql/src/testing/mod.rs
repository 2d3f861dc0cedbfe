//! Reader and runner of the promqltest script language: a tool for tests of the engine and of storages under it.
//!
//! A script loads series (`load`), forgets them (`clear`), and evaluates queries with what they are expected to answer
//! (`eval instant at …`, `eval range from … to … step …`). The example `promqltest` runs scripts from files.
//!
//! ```
//! use moheng_promql::testing::Runner;
//!
//! let report = Runner::new().run("
//! load 1m
//!   requests_total{path=\"/a\"} 0+60x10
//!
//! eval instant at 10m rate(requests_total[5m])
//!   {path=\"/a\"} 1
//! ")?;
//! assert_eq!((report.passed, report.total), (1, 1));
//! # Ok::<(), moheng_promql::testing::ScriptError>(())
//! ```

mod classic;
mod compare;
mod histogram_notation;
mod points;
mod runner;
mod script;

pub use points::Point;
pub use runner::{Failure, Report, Runner, TestStore};
pub use script::{
    Command, Eval, EvalTime, Expectation, ExpectedSeries, LoadSample, LoadSeries, MessagePattern, Script,
    ScriptError,
};
