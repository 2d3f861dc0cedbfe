//! PromQL: parser, checker, printer, and an engine that answers queries over any
//! [`moheng_metrics::SeriesSource`].
//!
//! * [`parse`] turns the text of a query into an [`Expr`], or into all its [`ParseErrors`] at once.
//! * [`Engine`] answers instant and range queries. It is synchronous, holds no state and starts no thread.
//! * [`FUNCTIONS`] is the table of functions that parser, checker and evaluator share.
//!
//! ```
//! use std::sync::Arc;
//! use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink, SystemClock};
//! use moheng_promql::{Engine, EngineSettings, QueryValue, RangeQuery};
//!
//! let store = MemorySource::new();
//! let labels = Labels::from_pairs([("__name__", "requests_total")]);
//! let mut batch = AppendBatch::new();
//! for tick in 0..41 {
//!     batch.push_labels(&labels, tick * 15_000, tick as f64 * 30.0);
//! }
//! store.append(&batch)?;
//!
//! let engine = Engine::new(EngineSettings::default(), Arc::new(SystemClock::new()));
//! let query = RangeQuery::new("rate(requests_total[5m])", 300_000, 600_000, 60_000);
//! let QueryValue::Matrix(series) = engine.range(&store, &query)?.value else { panic!("a matrix") };
//! assert_eq!(series[0].samples.len(), 6);
//! assert!(series[0].samples.iter().all(|sample| (sample.value - 2.0).abs() < 1e-9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregate;
mod ast;
mod binary;
mod check;
mod error;
mod eval;
mod functions;
mod plan;
mod syntax;
mod value;

#[cfg(feature = "testing")]
pub mod testing;

pub use ast::{
    AggregateExpr, AggregateOp, AtModifier, BinaryExpr, BinaryOp, CallExpr, Description, DurationExpr,
    EdgeModifier, Expr, ExprKind, Fill, GroupModifier, Grouping, NumberLiteral, RangeSelector, Selector,
    Side, Span, Subquery, TimeModifiers, UnaryExpr, UnaryOp, ValueType, VectorMatching, Visitor,
};
pub use error::{ParseError, ParseErrors, QueryError};
pub use eval::{Annotations, CancelToken, Engine, EngineSettings, InstantQuery, Measured, RangeQuery};
pub use functions::{FUNCTIONS, Function, Support};
pub use plan::{Plan, PlanNode, PlannedSelect};
pub use syntax::ParserOptions;
pub use value::{
    HistogramSample, InstantSample, QueryOutput, QueryValue, RangeSeries, SampleValue, Statistics,
};

/// Parses and checks a query, stable functions only.
///
/// # Errors
///
/// All that is wrong with the query.
pub fn parse(query: &str) -> Result<Expr, ParseErrors> {
    parse_with(query, ParserOptions::default())
}

/// Parses and checks a query.
///
/// # Errors
///
/// All that is wrong with the query.
pub fn parse_with(query: &str, options: ParserOptions) -> Result<Expr, ParseErrors> {
    syntax::parse_with(query, options)
}
