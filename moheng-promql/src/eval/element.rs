//! [`Element`]: who a column belongs to, and [`ElementSet`]: elements held together.

use hashbrown::HashMap;
use moheng_metrics::{Labels, METRIC_NAME};

use super::Evaluator;
use super::column::Column;
use super::limits::Held;
use crate::error::QueryError;

/// Who a column belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) labels: Labels,
    /// The metric name does not count any more: it is removed at once, or at the end of a query with delayed name
    /// removal.
    pub(crate) drops_name: bool,
}

impl Element {
    pub(crate) fn new(labels: Labels) -> Self {
        Self {
            labels,
            drops_name: false,
        }
    }

    /// The same with its name to be dropped.
    pub(crate) fn nameless(self) -> Self {
        Self {
            drops_name: true,
            ..self
        }
    }
}

/// Whether the label describes the metric as a whole, and goes where its name goes.
pub(crate) fn is_metadata_label(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// The labels without those that describe the metric as a whole.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata_label(name)) {
        Labels::from_sorted_pairs(labels.iter().filter(|(name, _)| !is_metadata_label(name)))
    } else {
        labels.clone()
    }
}

/// Elements with their columns, accounted for as long as they are held.
#[derive(Debug)]
pub(crate) struct ElementSet<'l, 'q> {
    pub(crate) rows: Vec<(Element, Column)>,
    held: Held<'l, 'q>,
}

impl<'l, 'q> ElementSet<'l, 'q> {
    pub(crate) fn new(evaluator: &'l Evaluator<'q>) -> Result<Self, QueryError> {
        Ok(Self {
            rows: Vec::new(),
            held: evaluator.limits.hold(0)?,
        })
    }

    pub(crate) fn push(&mut self, element: Element, column: Column) -> Result<(), QueryError> {
        self.held.add(column.weight())?;
        self.rows.push((element, column));
        Ok(())
    }

    /// Puts elements with the same labels together, which must not have values at the same step.
    pub(crate) fn merge_same_labels(&mut self) -> Result<(), QueryError> {
        let mut first_of: HashMap<Labels, usize> = HashMap::with_capacity(self.rows.len());
        let mut kept: Vec<(Element, Column)> = Vec::with_capacity(self.rows.len());
        for (element, column) in self.rows.drain(..) {
            match first_of.entry(element.labels.clone()) {
                hashbrown::hash_map::Entry::Vacant(entry) => {
                    entry.insert(kept.len());
                    kept.push((element, column));
                }
                hashbrown::hash_map::Entry::Occupied(entry) => {
                    let (first, merged) = &mut kept[*entry.get()];
                    if merged.any_present().overlaps(&column.any_present()) {
                        return Err(QueryError::same_labelset());
                    }
                    merged.overlay(&column);
                    first.drops_name |= element.drops_name;
                }
            }
        }
        self.rows = kept;
        Ok(())
    }
}
