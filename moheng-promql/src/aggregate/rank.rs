//! `topk` and `bottomk`.

use std::cmp::Ordering;

use super::groups::Groups;
use super::parameter;
use crate::ast::{AggregateExpr, AggregateOp};
use crate::error::QueryError;
use crate::eval::{ElementSet, Evaluator, Grid, Mask, Sink, compare_nan_last, emit};

impl Evaluator<'_> {
    pub(super) fn stream_ranked(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let limits = self.limits_per_step(aggregate, grid)?;
        let is_descending = aggregate.op == AggregateOp::TopK;
        let mut set = self.collect(&aggregate.expr, grid)?;
        self.ignore_histograms(aggregate, &mut set);
        let groups = rows_by_group(self, &set, aggregate);
        let mut kept = vec![Mask::empty(grid.steps); set.rows.len()];
        let mut candidates: Vec<(f64, usize)> = Vec::new();
        let compare = |left: &(f64, usize), right: &(f64, usize)| -> Ordering {
            compare_nan_last(left.0, right.0, is_descending).then(left.1.cmp(&right.1))
        };
        for rows in &groups {
            for (step, limit) in limits.iter().enumerate() {
                self.limits.check()?;
                candidates.clear();
                let values = rows.iter().map(|row| (set.rows[*row].1.get(step), *row));
                candidates.extend(values.filter_map(|(value, row)| value.map(|value| (value, row))));
                if candidates.len() > *limit {
                    if *limit > 0 {
                        candidates.select_nth_unstable_by(*limit - 1, compare);
                    }
                    candidates.truncate(*limit);
                }
                for (_, row) in &candidates {
                    kept[*row].insert(step);
                }
            }
        }
        for ((_, column), kept) in set.rows.iter_mut().zip(kept) {
            column.intersect(&kept);
        }
        if grid.steps == 1 {
            return emit_ranked(&mut set, &groups, is_descending, sink);
        }
        emit(set, sink)
    }

    /// How many elements to keep at each step.
    pub(super) fn limits_per_step(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
    ) -> Result<Vec<usize>, QueryError> {
        let scalars = self.scalars(parameter(aggregate)?, grid)?;
        let limit_at = |step| {
            let limit = scalars.at(step);
            if limit.is_nan() {
                return Err(QueryError::execution("Parameter value is NaN"));
            }
            if limit >= i64::MAX as f64 || limit <= i64::MIN as f64 {
                let text = crate::eval::number_text(limit);
                let flow = if limit > 0.0 { "overflows" } else { "underflows" };
                return Err(QueryError::execution(format!("Scalar value {text} {flow} int64")));
            }
            Ok(if limit < 1.0 { 0 } else { limit as usize })
        };
        (0..grid.steps).map(limit_at).collect()
    }
}

/// The rows of each group, groups in the order they come up.
pub(super) fn rows_by_group(
    evaluator: &Evaluator<'_>,
    set: &ElementSet<'_, '_>,
    aggregate: &AggregateExpr,
) -> Vec<Vec<usize>> {
    let mut groups = Groups::new(aggregate.grouping.as_ref());
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for (row, (element, _)) in set.rows.iter().enumerate() {
        let (group, is_new) = groups.id(evaluator, element);
        if is_new {
            rows.push(Vec::new());
        }
        rows[group].push(row);
    }
    rows
}

/// Hands on what was kept in the order of values, group after group.
fn emit_ranked(
    set: &mut ElementSet<'_, '_>,
    groups: &[Vec<usize>],
    is_descending: bool,
    sink: &mut Sink<'_>,
) -> Result<(), QueryError> {
    for rows in groups {
        let mut ranked: Vec<(f64, usize)> = rows
            .iter()
            .filter_map(|row| set.rows[*row].1.get(0).map(|value| (value, *row)))
            .collect();
        ranked.sort_by(|left, right| compare_nan_last(left.0, right.0, is_descending));
        for (_, row) in ranked {
            let (element, column) = &mut set.rows[row];
            sink(element.clone(), column)?;
        }
    }
    Ok(())
}
