//! Which group a series belongs to, found once per series.

use hashbrown::HashMap;
use moheng_metrics::Labels;

use crate::ast::Grouping;
use crate::eval::{Element, Evaluator, is_metadata_label};

/// Numbers label sets by some of their labels: two sets that agree on those get the same number.
#[derive(Debug)]
pub(crate) struct LabelKeys<'g> {
    /// Ascending.
    labels: Vec<&'g str>,
    is_without: bool,
    /// Whether `without` leaves the metric name in.
    keeps_name: bool,
    ids: HashMap<Box<[u8]>, usize>,
    key: Vec<u8>,
}

impl<'g> LabelKeys<'g> {
    /// Keys of `by` or `without`, which never looks at the metric name; all label sets alike when there is neither.
    pub(crate) fn new(grouping: Option<&'g Grouping>) -> Self {
        let names = grouping
            .map(|grouping| grouping.labels.as_slice())
            .unwrap_or_default();
        let mut labels: Vec<&str> = names.iter().map(String::as_str).collect();
        labels.sort_unstable();
        labels.dedup();
        Self {
            labels,
            is_without: grouping.is_some_and(|grouping| grouping.is_without),
            keeps_name: false,
            ids: HashMap::new(),
            key: Vec::new(),
        }
    }

    /// Keys of a `without` that looks at the metric name.
    pub(crate) fn keeping_name(grouping: &'g Grouping) -> Self {
        Self {
            keeps_name: true,
            ..Self::new(Some(grouping))
        }
    }

    /// The number of a label set and whether it is new. Numbers count from 0.
    pub(crate) fn id(&mut self, labels: &Labels, hides_name: bool) -> (usize, bool) {
        self.fill_key(labels, hides_name);
        if let Some(id) = self.ids.get(self.key.as_slice()) {
            return (*id, false);
        }
        let id = self.ids.len();
        self.ids.insert(self.key.as_slice().into(), id);
        (id, true)
    }

    /// The number of a label set if it is known.
    pub(crate) fn known_id(&mut self, labels: &Labels, hides_name: bool) -> Option<usize> {
        self.fill_key(labels, hides_name);
        self.ids.get(self.key.as_slice()).copied()
    }

    /// The labels that the number stands for.
    pub(crate) fn labels_of(&self, labels: &Labels, hides_name: bool) -> Labels {
        Labels::from_sorted_pairs(labels.iter().filter(|(name, _)| self.counts(name, hides_name)))
    }

    fn counts(&self, name: &str, hides_name: bool) -> bool {
        if is_metadata_label(name) && (hides_name || (self.is_without && !self.keeps_name)) {
            return false;
        }
        self.labels.binary_search(&name).is_ok() != self.is_without
    }

    fn fill_key(&mut self, labels: &Labels, hides_name: bool) {
        self.key.clear();
        if self.labels.is_empty() && !self.is_without {
            return;
        }
        for (name, value) in labels {
            if self.counts(name, hides_name) {
                for text in [name, value] {
                    self.key.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    self.key.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

/// The groups of an aggregation.
#[derive(Debug)]
pub(super) struct Groups<'g> {
    keys: LabelKeys<'g>,
    /// The element of each group.
    pub(super) elements: Vec<Element>,
}

impl<'g> Groups<'g> {
    pub(super) fn new(grouping: Option<&'g Grouping>) -> Self {
        Self {
            keys: LabelKeys::new(grouping),
            elements: Vec::new(),
        }
    }

    /// The number of the element's group and whether it is new.
    pub(super) fn id(&mut self, evaluator: &Evaluator<'_>, element: &Element) -> (usize, bool) {
        let hides_name = evaluator.hides_name(element);
        let (id, is_new) = self.keys.id(&element.labels, hides_name);
        if is_new {
            let labels = self.keys.labels_of(&element.labels, hides_name);
            self.elements.push(Element::new(labels));
        }
        self.elements[id].drops_name |= element.drops_name && !hides_name;
        (id, is_new)
    }

    /// The numbers of the groups, ascending by labels.
    pub(super) fn sorted(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.elements.len()).collect();
        order.sort_by(|left, right| self.elements[*left].labels.cmp(&self.elements[*right].labels));
        order
    }
}
