//! Arithmetic and comparison between two vectors: elements find each other by labels, once per pair of series.

use hashbrown::HashMap;
use moheng_metrics::Labels;

use super::arithmetic::operation;
use super::histograms::set_outcome;
use super::match_grouping;
use crate::aggregate::LabelKeys;
use crate::ast::{BinaryExpr, Expr, GroupModifier, Grouping, Side};
use crate::error::QueryError;
use crate::eval::{Cell, Column, Element, ElementSet, Evaluator, Grid, Mask, Sink, emit, without_metadata};

/// The rows of both sides that match each other.
#[derive(Default)]
struct MatchGroup {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// One operation with its sides told apart: the "one" side must be unique per group and step.
struct Join<'j, 'l, 'q> {
    evaluator: &'l Evaluator<'q>,
    binary: &'j BinaryExpr,
    grouping: &'j Grouping,
    group: Option<&'j GroupModifier>,
    many_is_left: bool,
    many: ElementSet<'l, 'q>,
    one: ElementSet<'l, 'q>,
    /// Where the "many" side has any value at all; elsewhere nothing is matched and nothing can be wrong.
    many_present: Mask,
    steps: usize,
}

impl<'q> Evaluator<'q> {
    pub(super) fn stream_vectors(
        &self,
        binary: &BinaryExpr,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let grouping = match_grouping(binary.matching.as_ref());
        let group = binary
            .matching
            .as_ref()
            .and_then(|matching| matching.group.as_ref());
        let many_is_left = group.is_none_or(|group| group.many_side == Side::Left);
        let left = self.collect_seen(&binary.left, grid)?;
        let right = self.collect_seen(&binary.right, grid)?;
        let (many, one) = if many_is_left {
            (left, right)
        } else {
            (right, left)
        };
        // With group_right too, as Prometheus 3.14 does it: it looks at the sides after it has swapped them.
        let (fill_many, fill_one) = (binary.fill.left, binary.fill.right);
        let mut many_present = Mask::empty(grid.steps);
        if fill_many.is_some() {
            many_present = Mask::full(grid.steps);
        }
        for (_, column) in &many.rows {
            many_present.unite(&column.any_present());
        }
        let join = Join {
            evaluator: self,
            binary,
            grouping: &grouping,
            group,
            many_is_left,
            many,
            one,
            many_present,
            steps: grid.steps,
        };
        let mut results = ElementSet::new(self)?;
        for group in join.groups() {
            join.match_group(&group, &mut results)?;
            if let Some(fill) = fill_one {
                join.fill_one_side(&group, fill.value, &mut results)?;
            }
            if let Some(fill) = fill_many {
                join.fill_many_side(&group, fill.value, &mut results)?;
            }
        }
        results.merge_same_labels()?;
        emit(results, sink)
    }

    /// Collects a side with the labels as the operator sees them.
    fn collect_seen(&self, expr: &Expr, grid: &Grid) -> Result<ElementSet<'_, 'q>, QueryError> {
        let mut set = ElementSet::new(self)?;
        self.stream(expr, grid, &mut |element, column| {
            let seen = Element {
                labels: self.seen_labels(&element),
                drops_name: element.drops_name && self.query.delays_name_removal,
            };
            set.push(seen, std::mem::take(column))
        })?;
        Ok(set)
    }
}

impl Join<'_, '_, '_> {
    /// The groups in which both sides have rows, or one side where the other can be filled.
    fn groups(&self) -> Vec<MatchGroup> {
        let mut keys = LabelKeys::new(Some(self.grouping));
        let mut groups: Vec<MatchGroup> = Vec::new();
        for (row, (element, _)) in self.one.rows.iter().enumerate() {
            let (id, is_new) = keys.id(&element.labels, false);
            if is_new {
                groups.push(MatchGroup::default());
            }
            groups[id].one.push(row);
        }
        for (row, (element, _)) in self.many.rows.iter().enumerate() {
            if self.binary.fill.is_empty() {
                if let Some(id) = keys.known_id(&element.labels, false) {
                    groups[id].many.push(row);
                }
                continue;
            }
            let (id, is_new) = keys.id(&element.labels, false);
            if is_new {
                groups.push(MatchGroup::default());
            }
            groups[id].many.push(row);
        }
        groups
    }

    fn match_group(&self, group: &MatchGroup, results: &mut ElementSet<'_, '_>) -> Result<(), QueryError> {
        if group.one.is_empty() {
            return Ok(());
        }
        let one_present = self.check_one_side(group)?;
        if self.group.is_none() {
            self.check_one_to_one(group, &one_present)?;
        }
        let mut matched: HashMap<Labels, Mask> = HashMap::new();
        for many_row in &group.many {
            self.evaluator.limits.check()?;
            for one_row in &group.one {
                let (many, one) = (&self.many.rows[*many_row], &self.one.rows[*one_row]);
                let one_present = one.1.any_present();
                if !many.1.any_present().overlaps(&one_present) {
                    continue;
                }
                let labels = self.result_labels(&many.0.labels, &one.0.labels);
                let mut column = many.1.clone();
                column.intersect(&one_present);
                if self.group.is_some() && group.many.len() > 1 {
                    check_unique(&mut matched, &labels, &column.any_present())?;
                }
                self.combine(&mut column, &one.1);
                if !column.is_empty() {
                    let drops_name = self.drops_name(&many.0);
                    results.push(Element { labels, drops_name }, column)?;
                }
            }
        }
        Ok(())
    }

    fn drops_name(&self, many: &Element) -> bool {
        self.binary.returns_bool || (self.keeps_name() && many.drops_name)
    }

    /// Whether the result is still a sample of the metric.
    fn keeps_name(&self) -> bool {
        self.binary.op.is_comparison() || self.binary.op.is_trim()
    }

    /// Pairs what the "one" side does not have with a value, so that it has the labels of the match and nothing else.
    fn fill_one_side(
        &self,
        group: &MatchGroup,
        value: f64,
        results: &mut ElementSet<'_, '_>,
    ) -> Result<(), QueryError> {
        let Some(filled) = self.filled_column(&self.one, &group.one, value) else {
            return Ok(());
        };
        // At a step without any partner, elements of a one-to-one match must still be alone.
        if self.group.is_none() {
            self.check_one_to_one(group, filled.present())?;
        }
        for row in &group.many {
            let (many, column) = &self.many.rows[*row];
            let labels = self.result_labels(&many.labels, &self.match_labels(&many.labels));
            self.push_pair(column.clone(), &filled, labels, self.drops_name(many), results)?;
        }
        Ok(())
    }

    /// Pairs what the "many" side does not have at all with a value.
    fn fill_many_side(
        &self,
        group: &MatchGroup,
        value: f64,
        results: &mut ElementSet<'_, '_>,
    ) -> Result<(), QueryError> {
        let Some(filled) = self.filled_column(&self.many, &group.many, value) else {
            return Ok(());
        };
        for row in &group.one {
            let (one, column) = &self.one.rows[*row];
            let labels = self.result_labels(&self.match_labels(&one.labels), &one.labels);
            self.push_pair(filled.clone(), column, labels, self.binary.returns_bool, results)?;
        }
        Ok(())
    }

    /// `value` at every step where none of the rows has one, if there is any.
    fn filled_column(&self, side: &ElementSet<'_, '_>, rows: &[usize], value: f64) -> Option<Column> {
        let mut filled = Column::default();
        filled.fill(self.steps, value);
        for row in rows {
            filled.subtract(&side.rows[*row].1.any_present());
        }
        (!filled.is_empty()).then_some(filled)
    }

    /// The labels by which an element is matched.
    fn match_labels(&self, labels: &Labels) -> Labels {
        LabelKeys::new(Some(self.grouping)).labels_of(labels, false)
    }

    fn push_pair(
        &self,
        mut column: Column,
        one: &Column,
        labels: Labels,
        drops_name: bool,
        results: &mut ElementSet<'_, '_>,
    ) -> Result<(), QueryError> {
        column.intersect(&one.any_present());
        self.combine(&mut column, one);
        if column.is_empty() {
            return Ok(());
        }
        results.push(Element { labels, drops_name }, column)
    }

    /// Where the "one" side has a value, of which there may be only one per step.
    fn check_one_side(&self, group: &MatchGroup) -> Result<Mask, QueryError> {
        let mut present = Mask::empty(0);
        for (index, row) in group.one.iter().enumerate() {
            let (element, column) = &self.one.rows[*row];
            let mut relevant = column.any_present().into_owned();
            relevant.intersect(&self.many_present);
            if index == 0 {
                present = relevant;
                continue;
            }
            if present.overlaps(&relevant) {
                let earlier = group.one[..index]
                    .iter()
                    .find(|other| self.one.rows[**other].1.any_present().overlaps(&relevant));
                let other = earlier.map_or(element, |other| &self.one.rows[*other].0);
                return Err(self.duplicate_error(element, other));
            }
            present.unite(&relevant);
        }
        Ok(present)
    }

    fn duplicate_error(&self, first: &Element, second: &Element) -> QueryError {
        let keys = LabelKeys::new(Some(self.grouping));
        let matched = keys.labels_of(&first.labels, false);
        let side = if self.many_is_left { "right" } else { "left" };
        let (first, second) = if first.labels <= second.labels {
            (first, second)
        } else {
            (second, first)
        };
        QueryError::execution(format!(
            "found duplicate series for the match group {matched} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            first.labels, second.labels
        ))
    }

    fn check_one_to_one(&self, group: &MatchGroup, one_present: &Mask) -> Result<(), QueryError> {
        let mut matched: Option<Mask> = None;
        for row in &group.many {
            let mut present = self.many.rows[*row].1.any_present().into_owned();
            present.intersect(one_present);
            match &mut matched {
                None => matched = Some(present),
                Some(matched) if matched.overlaps(&present) => {
                    return Err(QueryError::execution(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
                Some(matched) => matched.unite(&present),
            }
        }
        Ok(())
    }

    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let drops_name_now = self.binary.returns_bool && !self.evaluator.query.delays_name_removal;
        let base = if self.keeps_name() && !drops_name_now {
            many.clone()
        } else {
            without_metadata(many)
        };
        let Some(group) = self.group else {
            let is_on = !self.grouping.is_without;
            let is_listed = |name: &str| self.grouping.labels.iter().any(|label| label == name);
            return Labels::from_sorted_pairs(base.iter().filter(|(name, _)| is_listed(name) == is_on));
        };
        if group.labels.is_empty() {
            return base;
        }
        let mut builder = base.to_builder();
        for label in &group.labels {
            builder.set(label, one.get(label).unwrap_or_default());
        }
        builder.finish()
    }

    /// Applies the operator to a column of the "many" side, already cut to where the other side has values.
    fn combine(&self, column: &mut Column, one: &Column) {
        if column.has_histograms() || one.has_histograms() || self.binary.op.is_trim() {
            self.combine_any(column, one);
            return;
        }
        self.combine_floats(column, one);
    }

    /// The same step by step, where native histograms may take part.
    fn combine_any(&self, column: &mut Column, one: &Column) {
        let many = column.clone();
        if !self.binary.op.is_trim() {
            let mut floats = one.present().clone();
            floats.intersect(many.present());
            column.intersect(&floats);
            self.combine_floats(column, one);
        }
        for step in many.any_present().iter() {
            let (Some(ours), Some(theirs)) = (many.cell(step), one.cell(step)) else {
                continue;
            };
            if matches!((ours, theirs), (Cell::Float(_), Cell::Float(_))) && !self.binary.op.is_trim() {
                continue;
            }
            let (left, right) = if self.many_is_left {
                (ours, theirs)
            } else {
                (theirs, ours)
            };
            let outcome = self.evaluator.combine_cells(self.binary, left, right);
            set_outcome(column, step, outcome, left, self.binary.returns_bool);
        }
    }

    fn combine_floats(&self, column: &mut Column, one: &Column) {
        let operation = operation(self.binary.op);
        let apply = |step: usize, value: f64| {
            let other = one.get(step).unwrap_or(f64::NAN);
            if self.many_is_left {
                operation(value, other)
            } else {
                operation(other, value)
            }
        };
        if self.binary.op.is_comparison() && !self.binary.returns_bool {
            column.retain(|step, value| apply(step, value) != 0.0);
            if !self.many_is_left {
                // A filter answers with the value of the left side.
                column.map_steps(|step, value| one.get(step).unwrap_or(value));
            }
            return;
        }
        column.map_steps(apply);
    }
}

fn check_unique(
    matched: &mut HashMap<Labels, Mask>,
    labels: &Labels,
    present: &Mask,
) -> Result<(), QueryError> {
    match matched.entry(labels.clone()) {
        hashbrown::hash_map::Entry::Vacant(entry) => {
            entry.insert(present.clone());
            Ok(())
        }
        hashbrown::hash_map::Entry::Occupied(mut entry) => {
            if entry.get().overlaps(present) {
                return Err(QueryError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
            entry.get_mut().unite(present);
            Ok(())
        }
    }
}
