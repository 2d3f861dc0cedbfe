//! `limitk` and `limit_ratio`.

use super::parameter;
use super::rank::rows_by_group;
use crate::ast::AggregateExpr;
use crate::error::QueryError;
use crate::eval::{Evaluator, Grid, Sink, emit, number_text};

impl Evaluator<'_> {
    /// The first few elements of each group.
    pub(super) fn stream_limited(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let limits = self.limits_per_step(aggregate, grid)?;
        let mut set = self.collect(&aggregate.expr, grid)?;
        for rows in rows_by_group(self, &set, aggregate) {
            let mut counts = vec![0_usize; grid.steps];
            for row in rows {
                self.limits.check()?;
                set.rows[row].1.retain_steps(|step| {
                    counts[step] += 1;
                    counts[step] <= limits[step]
                });
            }
        }
        emit(set, sink)
    }

    /// A share of the elements, chosen by the hash of their labels; a negative share chooses the complement.
    pub(super) fn stream_limited_by_ratio(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let argument = parameter(aggregate)?;
        let mut ratios = Vec::with_capacity(grid.steps);
        let scalars = self.scalars(argument, grid)?;
        for step in 0..grid.steps {
            let ratio = scalars.at(step);
            if ratio.is_nan() {
                return Err(QueryError::execution("Ratio value is NaN"));
            }
            let capped = ratio.clamp(-1.0, 1.0);
            if capped != ratio {
                let message = format!(
                    "ratio value should be between -1 and 1, got {}, capping to {}",
                    number_text(ratio),
                    number_text(capped)
                );
                self.warn(argument.span(), &message);
            }
            ratios.push(capped);
        }
        self.stream(&aggregate.expr, grid, &mut |element, column| {
            let position = self.seen_labels(&element).stable_hash() as f64 / u64::MAX as f64;
            column.retain_steps(|step| {
                let ratio = ratios[step];
                if ratio >= 0.0 {
                    position < ratio
                } else {
                    position >= 1.0 + ratio
                }
            });
            if column.is_empty() {
                Ok(())
            } else {
                sink(element, column)
            }
        })
    }
}
