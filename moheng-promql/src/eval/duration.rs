//! Durations that are computed from the query's step and range.

use super::Evaluator;
use super::grid::Grid;
use crate::ast::DurationExpr;
use crate::error::QueryError;

/// Prometheus counts durations in nanoseconds, which end here.
const MAX_DURATION_MS: f64 = (i64::MAX / 1_000_000) as f64;

impl Evaluator<'_> {
    /// The milliseconds of an offset, of either sign.
    pub(crate) fn offset_ms(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let expr = match duration {
            DurationExpr::Fixed(duration_ms) => return Ok(*duration_ms),
            DurationExpr::Computed(expr) => expr,
        };
        let grid = Grid::new(self.query.start_ms, self.query.start_ms, 1);
        let duration_ms = self.scalars(expr, &grid)?.at(0) * 1000.0;
        if !duration_ms.is_finite() || duration_ms.abs() >= MAX_DURATION_MS {
            return Err(QueryError::execution(format!("duration {expr} is out of range")));
        }
        Ok(duration_ms as i64)
    }

    /// The milliseconds of a range or step, which must be positive.
    pub(crate) fn duration_ms(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let duration_ms = self.offset_ms(duration)?;
        if duration_ms <= 0 {
            return Err(QueryError::execution(format!(
                "duration {duration} must be greater than 0"
            )));
        }
        Ok(duration_ms)
    }
}
