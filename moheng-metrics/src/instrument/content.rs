//! [`Content`]: what a registry holds, and how it is gathered.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::naming::{series_names, unit_of};
use super::{Collector, Gathered, RegisterError};
use crate::{Labels, Metric, MetricFamily, MetricKind};

/// Everything that is registered. Cloned when it is changed while somebody gathers.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// By name.
    families: BTreeMap<String, Registered>,
    /// The family that each name of a series belongs to.
    series: HashMap<String, String>,
    collectors: Vec<(CollectorId, RegisteredCollector)>,
    /// How many collectors there ever were.
    collector_count: u64,
}

/// What all members of a family have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Description {
    pub(super) kind: MetricKind,
    pub(super) help: String,
    /// Ascending.
    pub(super) label_names: Vec<String>,
}

#[derive(Clone)]
struct Registered {
    description: Description,
    members: Vec<(Labels, CollectMetrics)>,
}

/// Appends the metrics of an instrument in the family of this name, with these labels in front of its own.
pub(super) type CollectMetrics = Arc<dyn Fn(&str, &Labels, &mut Vec<Metric>) + Send + Sync>;

/// What a collector is unregistered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CollectorId(u64);

#[derive(Clone)]
pub(super) struct RegisteredCollector {
    pub(super) prefix: String,
    pub(super) labels: Labels,
    pub(super) collector: Arc<dyn Collector>,
}

impl Content {
    /// Adds a member to the family `name`.
    pub(super) fn insert(
        &mut self,
        name: String,
        labels: Labels,
        description: Description,
        collect: CollectMetrics,
    ) -> Result<(), RegisterError> {
        let names = series_names(&name, description.kind);
        for part in &names {
            if let Some(family) = self.series.get(part).filter(|family| **family != name) {
                let difference = format!("as a part of {family}");
                return Err(RegisterError::Taken { name, difference });
            }
        }
        match self.families.entry(name) {
            Entry::Vacant(entry) => {
                let family = entry.key().clone();
                self.series
                    .extend(names.into_iter().map(|part| (part, family.clone())));
                entry.insert(Registered {
                    description,
                    members: vec![(labels, collect)],
                });
            }
            Entry::Occupied(mut entry) => {
                if let Some(difference) = entry.get().difference(&description, &labels) {
                    let name = entry.key().clone();
                    return Err(RegisterError::Taken { name, difference });
                }
                entry.get_mut().members.push((labels, collect));
            }
        }
        Ok(())
    }

    /// Forgets the member of the family `name` that was registered with these labels.
    pub(super) fn remove(&mut self, name: &str, labels: &Labels) -> bool {
        let Some(registered) = self.families.get_mut(name) else {
            return false;
        };
        let before = registered.members.len();
        registered.members.retain(|(other, _)| other != labels);
        let is_removed = registered.members.len() < before;
        if registered.members.is_empty() {
            self.families.remove(name);
            self.series.retain(|_, family| family != name);
        }
        is_removed
    }

    pub(super) fn push_collector(&mut self, collector: RegisteredCollector) -> CollectorId {
        let id = CollectorId(self.collector_count);
        self.collector_count += 1;
        self.collectors.push((id, collector));
        id
    }

    pub(super) fn remove_collector(&mut self, id: CollectorId) -> bool {
        let before = self.collectors.len();
        self.collectors.retain(|(other, _)| *other != id);
        self.collectors.len() < before
    }

    pub(super) fn gather(&self) -> Gathered {
        let mut families = Vec::with_capacity(self.families.len());
        for (name, registered) in &self.families {
            families.push(registered.gather(name));
        }
        if self.collectors.is_empty() {
            let conflicts = Vec::new();
            return Gathered { families, conflicts };
        }
        for (_, registered) in &self.collectors {
            registered.collect(&mut families);
        }
        Gathered::new(families, &self.series)
    }
}

impl Registered {
    fn gather(&self, name: &str) -> MetricFamily {
        let Description { kind, help, .. } = &self.description;
        let mut family = MetricFamily::new(name, *kind, help.as_str());
        unit_of(name, *kind).clone_into(&mut family.unit);
        for (labels, collect) in &self.members {
            collect(name, labels, &mut family.metrics);
        }
        family
    }

    /// In what something to be registered under the same name differs too much, or not enough.
    fn difference(&self, description: &Description, labels: &Labels) -> Option<String> {
        let own = &self.description;
        if own.kind != description.kind {
            return Some(format!("with the type {}", own.kind.as_openmetrics_str()));
        }
        if own.help != description.help {
            return Some(format!("with the help {:?}", own.help));
        }
        if own.label_names != description.label_names {
            return Some(format!("with the labels {:?}", own.label_names));
        }
        let is_same = |(other, _): &(Labels, CollectMetrics)| other == labels;
        let has_same = self.members.iter().any(is_same);
        has_same.then(|| "with the same labels".to_owned())
    }
}

impl RegisteredCollector {
    fn collect(&self, families: &mut Vec<MetricFamily>) {
        let mut own = Vec::new();
        self.collector.collect(&mut own);
        for mut family in own {
            if !family.name.is_empty() {
                family.name.insert_str(0, &self.prefix);
            }
            if !self.labels.is_empty() {
                for metric in &mut family.metrics {
                    metric.labels = Labels::from_pairs(self.labels.iter().chain(&metric.labels));
                }
            }
            families.push(family);
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.families.keys().collect();
        f.debug_struct("Content")
            .field("families", &names)
            .field("collectors", &self.collectors.len())
            .finish_non_exhaustive()
    }
}
