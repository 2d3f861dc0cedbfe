//! [`Gathered`]: one page of what registered instruments and collectors say, and what does not fit on it.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::naming::series_names;
use crate::{Labels, MetricFamily, MetricKind, MetricValue};

/// What a registry gathered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// The families, ascending by name.
    pub families: Vec<MetricFamily>,
    /// What was left out, because collectors contradict each other or what is registered.
    pub conflicts: Vec<GatherConflict>,
}

/// Something a collector handed out that is not on the page, because it would make the page ambiguous.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GatherConflict {
    /// A family has the name of another one of another type.
    #[error("{name} has the types {kept} and {left_out}; only the former is exposed")]
    Kind {
        /// The name.
        name: String,
        /// The type that is exposed.
        kept: &'static str,
        /// The type that is not.
        left_out: &'static str,
    },
    /// A family has a series that belongs to another one, as a gauge `a_sum` beside a histogram `a`.
    #[error("{name} is not exposed: {series} is a series of {kept} already")]
    Series {
        /// The name of the family that is not exposed.
        name: String,
        /// The name of the series.
        series: String,
        /// The name of the family that is exposed.
        kept: String,
    },
    /// A metric has the labels of another one of its family.
    #[error("{name}{labels} is there twice; only the first is exposed")]
    Duplicate {
        /// The name of the family.
        name: String,
        /// The labels.
        labels: Labels,
    },
    /// A metric's value is none of its family's type, as a number in a histogram's family.
    #[error("{name}{labels} is not exposed: its value is no {kind}")]
    Value {
        /// The name of the family.
        name: String,
        /// The labels.
        labels: Labels,
        /// The type of the family.
        kind: &'static str,
    },
    /// A family has no name.
    #[error("a family without a name is not exposed")]
    Nameless,
}

impl Gathered {
    /// Joins families of the same name. The first of several wins; what is registered, whose series `registered` maps to their
    /// family, wins over all.
    pub(super) fn new(mut families: Vec<MetricFamily>, registered: &HashMap<String, String>) -> Self {
        // Stable, so that what is registered stays in front of what has the same name.
        families.sort_by(|a, b| a.name.cmp(&b.name));
        let mut gathered = Self::default();
        let mut owners = registered.clone();
        for family in families {
            gathered.push(family, &mut owners);
        }
        gathered.drop_values_of_other_kinds();
        gathered.drop_duplicates();
        gathered
    }

    fn push(&mut self, mut family: MetricFamily, owners: &mut HashMap<String, String>) {
        if family.name.is_empty() {
            self.conflicts.push(GatherConflict::Nameless);
            return;
        }
        if let Some(last) = self.families.last_mut().filter(|last| last.name == family.name) {
            if last.kind == family.kind {
                last.metrics.append(&mut family.metrics);
            } else {
                self.conflicts.push(GatherConflict::Kind {
                    name: family.name,
                    kept: last.kind.as_openmetrics_str(),
                    left_out: family.kind.as_openmetrics_str(),
                });
            }
            return;
        }
        let names = series_names(&family.name, family.kind);
        for series in &names {
            if let Some(kept) = owners.get(series).filter(|owner| **owner != family.name) {
                self.conflicts.push(GatherConflict::Series {
                    name: family.name,
                    series: series.clone(),
                    kept: kept.clone(),
                });
                return;
            }
        }
        owners.extend(names.into_iter().map(|series| (series, family.name.clone())));
        self.families.push(family);
    }

    fn drop_values_of_other_kinds(&mut self) {
        let conflicts = &mut self.conflicts;
        for family in &mut self.families {
            let (name, kind) = (&family.name, family.kind);
            family.metrics.retain(|metric| {
                let fits = fits(&metric.value, kind);
                if !fits {
                    conflicts.push(GatherConflict::Value {
                        name: name.clone(),
                        labels: metric.labels.clone(),
                        kind: kind.as_openmetrics_str(),
                    });
                }
                fits
            });
        }
    }

    fn drop_duplicates(&mut self) {
        let conflicts = &mut self.conflicts;
        for family in &mut self.families {
            let mut seen = HashSet::with_capacity(family.metrics.len());
            family.metrics.retain(|metric| {
                let is_new = seen.insert((metric.labels.clone(), metric.timestamp_ms));
                if !is_new {
                    conflicts.push(GatherConflict::Duplicate {
                        name: family.name.clone(),
                        labels: metric.labels.clone(),
                    });
                }
                is_new
            });
        }
    }
}

/// Whether a family of this type may hold the value.
fn fits(value: &MetricValue, kind: MetricKind) -> bool {
    match kind {
        MetricKind::Histogram | MetricKind::GaugeHistogram => matches!(value, MetricValue::Histogram(_)),
        MetricKind::Summary => matches!(value, MetricValue::Summary(_)),
        _ => matches!(value, MetricValue::Number(_)),
    }
}
