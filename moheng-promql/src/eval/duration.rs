//! Durations that are computed from the query's step and range.

use super::Evaluator;
use super::grid::Grid;
use crate::ast::DurationExpr;
use crate::error::QueryError;
use crate::syntax::milliseconds;

impl Evaluator<'_> {
    /// The milliseconds of an offset, of either sign.
    pub(crate) fn offset_ms(&self, duration: &DurationExpr) -> Result<i64, QueryError> {
        let expr = match duration {
            DurationExpr::Fixed(duration_ms) => return Ok(*duration_ms),
            DurationExpr::Computed(expr) => expr,
        };
        let grid = Grid::new(self.query.start_ms, self.query.start_ms, 1);
        let seconds = self.scalars(expr, &grid)?.at(0);
        milliseconds(seconds).ok_or_else(|| QueryError::execution(format!("duration {expr} is out of range")))
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
