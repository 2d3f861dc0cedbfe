//! `quantile`

use super::groups::Groups;
use super::parameter;
use crate::ast::AggregateExpr;
use crate::error::QueryError;
use crate::eval::{Column, Evaluator, Grid, Sink, order_key, quantile_of_sorted, value_of_key};

impl Evaluator<'_> {
    pub(super) fn stream_quantile(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let argument = parameter(aggregate)?;
        let quantiles = self.scalars(argument, grid)?;
        self.check_quantile(&quantiles, argument);
        let mut set = self.collect(&aggregate.expr, grid)?;
        self.ignore_histograms(aggregate, &mut set);
        let mut groups = Groups::new(aggregate.grouping.as_ref());
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (row, (element, _)) in set.rows.iter().enumerate() {
            let (group, is_new) = groups.id(self, element);
            if is_new {
                members.push(Vec::new());
            }
            members[group].push(row);
        }
        let (mut keys, mut column) = (Vec::new(), Column::default());
        for group in groups.sorted() {
            column.reset(grid.steps);
            for step in 0..grid.steps {
                self.limits.check()?;
                keys.clear();
                let values = members[group].iter().filter_map(|row| set.rows[*row].1.get(step));
                keys.extend(values.map(order_key));
                if keys.is_empty() {
                    continue;
                }
                keys.sort_unstable();
                let value =
                    quantile_of_sorted(quantiles.at(step), keys.len(), |index| value_of_key(keys[index]));
                column.set(step, value);
            }
            sink(groups.elements[group].clone(), &mut column)?;
        }
        Ok(())
    }
}
