//! Aggregations, one family per file.

mod count_values;
mod groups;
mod histograms;
mod limit;
mod quantile;
mod rank;
mod reduce;

pub(crate) use groups::LabelKeys;

use self::histograms::Histograms;
use crate::ast::{AggregateExpr, AggregateOp, Expr};
use crate::error::QueryError;
use crate::eval::{Evaluator, Grid, Largest, Mean, Sink, Smallest, Sum, Variance};

impl Evaluator<'_> {
    pub(crate) fn stream_aggregate(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match aggregate.op {
            AggregateOp::Sum => self.stream_reduced::<Sum>(aggregate, Histograms::Sum, grid, sink),
            AggregateOp::Avg => self.stream_reduced::<Mean>(aggregate, Histograms::Mean, grid, sink),
            AggregateOp::Min => self.stream_reduced::<Smallest>(aggregate, Histograms::Ignored, grid, sink),
            AggregateOp::Max => self.stream_reduced::<Largest>(aggregate, Histograms::Ignored, grid, sink),
            AggregateOp::Count => {
                self.stream_reduced::<reduce::Count>(aggregate, Histograms::Counted, grid, sink)
            }
            AggregateOp::Group => {
                self.stream_reduced::<reduce::One>(aggregate, Histograms::Counted, grid, sink)
            }
            AggregateOp::Stdvar => {
                self.stream_reduced::<Variance>(aggregate, Histograms::Ignored, grid, sink)
            }
            AggregateOp::Stddev => {
                self.stream_reduced::<reduce::Deviation>(aggregate, Histograms::Ignored, grid, sink)
            }
            AggregateOp::TopK | AggregateOp::BottomK => self.stream_ranked(aggregate, grid, sink),
            AggregateOp::Quantile => self.stream_quantile(aggregate, grid, sink),
            AggregateOp::CountValues => self.stream_count_values(aggregate, grid, sink),
            AggregateOp::LimitK => self.stream_limited(aggregate, grid, sink),
            AggregateOp::LimitRatio => self.stream_limited_by_ratio(aggregate, grid, sink),
        }
    }
}

/// The parameter, which the parser made sure of.
fn parameter(aggregate: &AggregateExpr) -> Result<&Expr, QueryError> {
    let missing = || QueryError::execution(format!("{} needs a parameter", aggregate.op.as_str()));
    aggregate.parameter.as_deref().ok_or_else(missing)
}
