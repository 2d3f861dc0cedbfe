//! Short forms for the families that collectors hand out.

use std::collections::BTreeMap;

use moheng_metrics::{Labels, Metric, MetricFamily, MetricKind, MetricValue};

pub(super) fn gauge(name: &str, help: &str) -> MetricFamily {
    MetricFamily::new(name, MetricKind::Gauge, help)
}

pub(super) fn counter(name: &str, help: &str) -> MetricFamily {
    MetricFamily::new(name, MetricKind::Counter, help)
}

pub(super) fn gauge_of(name: &str, help: &str, value: f64) -> MetricFamily {
    MetricFamily::single(name, MetricKind::Gauge, help, value)
}

pub(super) fn counter_of(name: &str, help: &str, value: f64) -> MetricFamily {
    MetricFamily::single(name, MetricKind::Counter, help, value)
}

/// Adds a series. `labels` are sorted by name; those without a value are only padding of the page, as in Node Exporter's.
pub(super) fn push(family: &mut MetricFamily, labels: &[(&str, &str)], value: f64) {
    for (name, _) in labels.iter().filter(|(_, value)| value.is_empty()) {
        pad(family, name);
    }
    let labels = labels.iter().copied().filter(|(_, value)| !value.is_empty());
    let labels = Labels::from_sorted_pairs(labels);
    family
        .metrics
        .push(Metric::new(labels, MetricValue::Number(value)));
}

fn pad(family: &mut MetricFamily, name: &str) {
    let position = family
        .padded_labels
        .binary_search_by(|other| other.as_str().cmp(name));
    if let Err(position) = position {
        family.padded_labels.insert(position, name.to_owned());
    }
}

/// [`push`] without padding.
pub(super) fn push_known(family: &mut MetricFamily, labels: &[(&str, &str)], value: f64) {
    let known: Vec<_> = labels
        .iter()
        .copied()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    push(family, &known, value);
}

/// Appends the families that have series.
pub(super) fn append(out: &mut Vec<MetricFamily>, families: impl IntoIterator<Item = MetricFamily>) {
    out.extend(families.into_iter().filter(|family| !family.metrics.is_empty()));
}

/// Families under their names, each made as its first series comes.
#[derive(Default)]
pub(super) struct FamilySet(BTreeMap<String, MetricFamily>);

impl FamilySet {
    /// Adds a series to a counter where the name says `_total`, otherwise to a gauge. `labels` are sorted by name.
    pub(super) fn add(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let kind = if name.ends_with("_total") {
            MetricKind::Counter
        } else {
            MetricKind::Gauge
        };
        push(self.family(name, help, kind), labels, value);
    }

    /// [`FamilySet::add`] for values of which nobody knows what they are.
    pub(super) fn add_untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        push(self.family(name, help, MetricKind::Untyped), labels, value);
    }

    pub(super) fn append_to(self, out: &mut Vec<MetricFamily>) {
        out.extend(self.0.into_values());
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricKind) -> &mut MetricFamily {
        self.0
            .entry(name.to_owned())
            .or_insert_with(|| MetricFamily::new(name, kind, help))
    }
}
