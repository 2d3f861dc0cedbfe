//! `and`, `or`, `unless`.

use super::match_grouping;
use crate::aggregate::LabelKeys;
use crate::ast::{BinaryExpr, BinaryOp, Expr};
use crate::error::QueryError;
use crate::eval::{ElementSet, Evaluator, Grid, Held, Mask, Sink, emit};

impl Evaluator<'_> {
    pub(super) fn stream_set_operation(
        &self,
        binary: &BinaryExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let grouping = match_grouping(binary.matching.as_ref());
        let mut keys = LabelKeys::new(Some(&grouping));
        let mut held = self.limits.hold(0)?;
        if binary.op == BinaryOp::Or {
            return self.stream_or(binary, grid, &mut keys, &mut held, sink);
        }
        let masks = self.present_by_key(&binary.right, grid, &mut keys, &mut held)?;
        let none = Mask::empty(grid.steps);
        self.stream(&binary.left, grid, &mut |element, column| {
            let hides_name = self.hides_name(&element);
            let known = keys.known_id(&element.labels, hides_name);
            let other = known.map_or(&none, |id| &masks[id]);
            if binary.op == BinaryOp::And {
                column.intersect(other);
            } else {
                column.subtract(other);
            }
            if column.is_empty() {
                Ok(())
            } else {
                sink(element, column)
            }
        })
    }

    /// All of the left side, and of the right side what the left side has not at that step.
    fn stream_or(
        &self,
        binary: &BinaryExpr,
        grid: &Grid,
        keys: &mut LabelKeys<'_>,
        held: &mut Held<'_, '_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut set = ElementSet::new(self)?;
        let mut masks: Vec<Mask> = Vec::new();
        self.stream(&binary.left, grid, &mut |mut element, column| {
            let (id, is_new) = keys.id(&element.labels, self.hides_name(&element));
            if is_new {
                held.add(grid.steps / 64 + 1)?;
                masks.push(Mask::empty(grid.steps));
            }
            masks[id].unite(&column.any_present());
            element.labels = self.seen_labels(&element);
            set.push(element, std::mem::take(column))
        })?;
        let none = Mask::empty(grid.steps);
        self.stream(&binary.right, grid, &mut |mut element, column| {
            let known = keys.known_id(&element.labels, self.hides_name(&element));
            column.subtract(known.map_or(&none, |id| &masks[id]));
            if column.is_empty() {
                return Ok(());
            }
            element.labels = self.seen_labels(&element);
            set.push(element, std::mem::take(column))
        })?;
        // One series may come from the left at some steps and from the right at others.
        set.merge_same_labels()?;
        emit(set, sink)
    }

    /// Where a side has values, by what elements are matched by.
    fn present_by_key(
        &self,
        expr: &Expr,
        grid: &Grid,
        keys: &mut LabelKeys<'_>,
        held: &mut Held<'_, '_>,
    ) -> Result<Vec<Mask>, QueryError> {
        let mut masks: Vec<Mask> = Vec::new();
        self.stream(expr, grid, &mut |element, column| {
            let (id, is_new) = keys.id(&element.labels, self.hides_name(&element));
            if is_new {
                held.add(grid.steps / 64 + 1)?;
                masks.push(Mask::empty(grid.steps));
            }
            masks[id].unite(&column.any_present());
            Ok(())
        })?;
        Ok(masks)
    }
}
