//! [`Family`]: a family whose lines are still being read.

use std::collections::HashMap;

use super::assembly::{Assembly, Shape};
use crate::exposition::grammar::{bound_label, seconds_as_ms};
use crate::exposition::{ParseError, TextSample};
use crate::{
    HistogramMetric, Labels, METRIC_NAME, Metric, MetricFamily, MetricKind, MetricValue, parse_float,
};

/// What a sample is of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// All of it.
    Number,
    Bucket,
    Quantile,
    Sum,
    Count,
    /// When it started.
    Created,
}

impl Role {
    /// The role of a sample whose name is that of the family and `suffix`; `None` when it does not belong to the family.
    pub(super) fn of(
        kind: MetricKind,
        suffix: &str,
        has_quantile: bool,
        is_openmetrics: bool,
    ) -> Option<Self> {
        use MetricKind::{Counter, GaugeHistogram, Histogram, Info, Summary};
        Some(match (kind, suffix) {
            (Counter, "_total") | (Info, "_info") if is_openmetrics => Self::Number,
            (Counter | Info, "") if is_openmetrics => return None,
            (Counter | Histogram | Summary, "_created") if is_openmetrics => Self::Created,
            (Histogram | GaugeHistogram, "_bucket") => Self::Bucket,
            (Histogram | Summary, "_sum") | (GaugeHistogram, "_gsum") => Self::Sum,
            (Histogram | Summary, "_count") | (GaugeHistogram, "_gcount") => Self::Count,
            (Summary, "") if has_quantile => Self::Quantile,
            (_, "") => Self::Number,
            _ => return None,
        })
    }
}

/// A family whose lines are still being read.
#[derive(Debug)]
pub(super) struct Family {
    /// As `TYPE` lines have it.
    pub(super) name: String,
    pub(super) kind: MetricKind,
    pub(super) help: String,
    pub(super) unit: String,
    metrics: Vec<Metric>,
    /// Where in `metrics` a histogram or summary is, and what has come of it.
    assemblies: HashMap<Key, (usize, Assembly)>,
    created: HashMap<Key, i64>,
}

/// Labels and time: what the lines of a histogram or summary have in common.
type Key = (Labels, Option<i64>);

impl Family {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: MetricKind::Untyped,
            help: String::new(),
            unit: String::new(),
            metrics: Vec::new(),
            assemblies: HashMap::new(),
            created: HashMap::new(),
        }
    }

    /// Whether there was no sample yet.
    pub(super) fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Adds a sample.
    pub(super) fn add(
        &mut self,
        role: Role,
        sample: &TextSample<'_>,
        labels: &Labels,
    ) -> Result<(), ParseError> {
        let bound_name = bound_label(self.kind).filter(|_| role != Role::Number);
        let is_kept = |name: &str| name != METRIC_NAME && Some(name) != bound_name;
        let kept = Labels::from_sorted_pairs(labels.iter().filter(|(name, _)| is_kept(name)));
        if role == Role::Number {
            let exemplar = sample.exemplar()?;
            self.metrics.push(Metric {
                timestamp_ms: sample.timestamp_ms,
                exemplar: exemplar.map(Box::new),
                ..Metric::new(kept, MetricValue::Number(sample.value))
            });
            return Ok(());
        }
        let key = (kept, sample.timestamp_ms);
        if role == Role::Created {
            let start_ms = seconds_as_ms(sample.value_text()).map_err(|_| {
                sample.error("the time at which it was created is no time in seconds".to_owned())
            })?;
            self.created.insert(key, start_ms);
            return Ok(());
        }
        let assembly = self.assembly(key, sample.series_start);
        match role {
            Role::Bucket | Role::Quantile => {
                let name = bound_name.unwrap_or_default();
                let bound = labels.get(name).and_then(parse_float);
                let bound = bound.filter(|bound| !bound.is_nan()).ok_or_else(|| {
                    sample.error(format!("this sample has no label {name:?} that is a number"))
                })?;
                let exemplar = sample.exemplar()?;
                assembly.push(bound, sample.value, exemplar);
                Ok(())
            }
            Role::Sum => assembly.set_sum(sample),
            _ => assembly.set_count(sample),
        }
    }

    fn assembly(&mut self, key: Key, position: usize) -> &mut Assembly {
        let (metrics, kind) = (&mut self.metrics, self.kind);
        let (_, assembly) = self
            .assemblies
            .entry(key)
            .or_insert_with_key(|(labels, timestamp_ms)| {
                // Replaced when all lines have been read.
                let placeholder = MetricValue::Histogram(Box::<HistogramMetric>::default());
                metrics.push(Metric {
                    timestamp_ms: *timestamp_ms,
                    ..Metric::new(labels.clone(), placeholder)
                });
                let shape = match kind {
                    MetricKind::Summary => Shape::Summary,
                    _ => Shape::Histogram,
                };
                (metrics.len() - 1, Assembly::new(shape, position))
            });
        assembly
    }

    /// Puts the parts together. `text` is the whole exposition, to tell where in it something is missing.
    pub(super) fn finish(mut self, text: &[u8], is_openmetrics: bool) -> Result<MetricFamily, ParseError> {
        for (index, assembly) in self.assemblies.into_values() {
            if let Some(metric) = self.metrics.get_mut(index) {
                metric.value = assembly.finish(text)?;
            }
        }
        if !self.created.is_empty() {
            for metric in &mut self.metrics {
                let key = (metric.labels.clone(), metric.timestamp_ms);
                metric.start_timestamp_ms = self.created.get(&key).copied();
            }
        }
        let suffix = match self.kind {
            MetricKind::Counter if is_openmetrics => "_total",
            MetricKind::Info if is_openmetrics => "_info",
            _ => "",
        };
        Ok(MetricFamily {
            padded_labels: Vec::new(),
            name: self.name + suffix,
            kind: self.kind,
            help: self.help,
            unit: self.unit,
            metrics: self.metrics,
        })
    }
}
