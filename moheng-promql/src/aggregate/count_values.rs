//! `count_values`

use hashbrown::HashMap;
use moheng_metrics::{Labels, METRIC_NAME};

use super::groups::Groups;
use super::parameter;
use crate::ast::{AggregateExpr, ExprKind};
use crate::error::QueryError;
use crate::eval::{Column, Element, ElementSet, Evaluator, Grid, Sink, emit, number_text, order_key};

impl Evaluator<'_> {
    /// Counts how often each value occurs in each group.
    pub(super) fn stream_count_values(
        &self,
        aggregate: &AggregateExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let ExprKind::String(label) = parameter(aggregate)?.without_parens().kind() else {
            return Err(QueryError::execution("expected a label name"));
        };
        if label.is_empty() {
            return Err(QueryError::execution(format!("invalid label name {label:?}")));
        }
        let mut groups = Groups::new(aggregate.grouping.as_ref());
        let mut row_of: HashMap<(usize, u64), usize> = HashMap::new();
        let mut row_of_text: HashMap<(usize, String), usize> = HashMap::new();
        let mut rows: Vec<(usize, String, Column)> = Vec::new();
        let mut held = self.limits.hold(0)?;
        self.stream(&aggregate.expr, grid, &mut |element, column| {
            let (group, _) = groups.id(self, &element);
            for (step, value) in column.iter() {
                let row = *row_of.entry((group, order_key(value))).or_insert(rows.len());
                if row == rows.len() {
                    held.add(grid.steps)?;
                    rows.push((group, value_text(value), Column::empty(grid.steps)));
                }
                add_one(&mut rows[row].2, step);
            }
            for (step, histogram) in column.histograms() {
                let text = histogram.to_string();
                let known = row_of_text.get(&(group, text.clone())).copied();
                let row = known.unwrap_or(rows.len());
                if known.is_none() {
                    held.add(grid.steps)?;
                    row_of_text.insert((group, text.clone()), row);
                    rows.push((group, text, Column::empty(grid.steps)));
                }
                add_one(&mut rows[row].2, step);
            }
            Ok(())
        })?;
        // The label may be one of the grouping's, so that groups become one; `without` takes it away again.
        let is_dropped = aggregate
            .grouping
            .as_ref()
            .is_some_and(|grouping| grouping.is_without && grouping.labels.contains(label));
        let mut set = ElementSet::new(self)?;
        let mut row_of: HashMap<Labels, usize> = HashMap::new();
        for (group, value, counts) in rows {
            let element = &groups.elements[group];
            let value = if is_dropped { "" } else { value.as_str() };
            let labels = element.labels.to_builder().with(label, value).finish();
            let drops_name = element.drops_name && (is_dropped || label != METRIC_NAME);
            let row = *row_of.entry(labels.clone()).or_insert(set.rows.len());
            if row == set.rows.len() {
                set.push(Element { labels, drops_name }, counts)?;
            } else {
                let total = &mut set.rows[row].1;
                counts.for_each(|step, count| total.set(step, total.get(step).unwrap_or(0.0) + count));
            }
        }
        set.rows
            .sort_by(|(left, _), (right, _)| left.labels.cmp(&right.labels));
        emit(set, sink)
    }
}

fn add_one(counts: &mut Column, step: usize) {
    counts.set(step, counts.get(step).unwrap_or(0.0) + 1.0);
}

/// A value as a label: decimal, never with an exponent.
fn value_text(value: f64) -> String {
    let text = number_text(value);
    let Some((number, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, number) = number.split_at(usize::from(number.starts_with('-')));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if exponent < 0 {
        format!("{sign}0.{}{digits}", zeros(-exponent - 1))
    } else {
        format!("{sign}{digits}{}", zeros(exponent - fraction.len() as i32))
    }
}
