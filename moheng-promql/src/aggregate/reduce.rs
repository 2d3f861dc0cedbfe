//! Aggregations that take one value after the other into a dense matrix of groups and steps.

use super::groups::Groups;
use super::histograms::{HistogramTotals, Histograms};
use crate::ast::AggregateExpr;
use crate::error::QueryError;
use crate::eval::{Column, Evaluator, Grid, Mask, Sink, Summary, Variance};

impl Evaluator<'_> {
    /// Reduces every group to one value per step. The input is never held.
    pub(super) fn stream_reduced<S: Summary>(
        &self,
        aggregate: &AggregateExpr,
        histograms: Histograms,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let steps = grid.steps;
        let mut totals = HistogramTotals::new(self, aggregate, histograms)?;
        let mut groups = Groups::new(aggregate.grouping.as_ref());
        let mut cells: Vec<S> = Vec::new();
        let mut present: Vec<Mask> = Vec::new();
        let mut held = self.limits.hold(0)?;
        self.stream(&aggregate.expr, grid, &mut |element, column| {
            let (group, is_new) = groups.id(self, &element);
            if is_new {
                held.add(steps)?;
                cells.resize(cells.len() + steps, S::default());
                present.push(Mask::empty(steps));
            }
            let row = &mut cells[group * steps..(group + 1) * steps];
            column.for_each(|step, value| row[step].add(value));
            present[group].unite(column.present());
            if !column.has_histograms() {
                return Ok(());
            }
            if histograms == Histograms::Counted {
                for (step, _) in column.histograms() {
                    row[step].add(0.0);
                }
                present[group].unite(&column.any_present());
                return Ok(());
            }
            totals.add(group, &element, column)
        })?;
        let mut column = Column::default();
        for group in groups.sorted() {
            column.reset(steps);
            for step in present[group].iter() {
                column.set(step, cells[group * steps + step].result());
            }
            totals.finish(group, &mut column);
            if column.is_empty() {
                continue;
            }
            sink(groups.elements[group].clone(), &mut column)?;
        }
        Ok(())
    }
}

/// `count`
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(u32);

impl Summary for Count {
    #[inline]
    fn add(&mut self, _: f64) {
        self.0 += 1;
    }

    fn merge(&mut self, later: &Self) {
        self.0 += later.0;
    }

    fn result(&self) -> f64 {
        f64::from(self.0)
    }
}

/// `group`
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct One;

impl Summary for One {
    #[inline]
    fn add(&mut self, _: f64) {}

    fn merge(&mut self, _: &Self) {}

    fn result(&self) -> f64 {
        1.0
    }
}

/// `stddev`
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviation(Variance);

impl Summary for Deviation {
    #[inline]
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }

    fn merge(&mut self, later: &Self) {
        self.0.merge(&later.0);
    }

    fn result(&self) -> f64 {
        self.0.result().sqrt()
    }
}
