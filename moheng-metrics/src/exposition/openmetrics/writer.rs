//! Metric families as OpenMetrics.

use std::collections::HashSet;

use super::exemplar::fits;
use crate::exposition::output::{Bound, FamilyWriter, Output, missing_infinite_bucket};
use crate::number::FloatText;
use crate::{
    EscapingScheme, Exemplar, HistogramMetric, Metric, MetricFamily, MetricKind, MetricValue, NameKind,
    SummaryMetric, escape_name,
};

/// Appends `families` and the line that ends the exposition.
///
/// The format wants counters that end in `_total` and info metrics that end in `_info`, and names the family without; any other, and one
/// whose family's name is taken then, is written as of an unknown type or as a gauge, rather than under another name. A unit that the name does not end in is left out, and so are exemplars that are
/// too long or not of a counter or bucket.
pub(in crate::exposition) fn write_families<O: Output>(
    families: &[MetricFamily],
    escaping: EscapingScheme,
    out: &mut O,
) {
    let mut taken: HashSet<&str> = families
        .iter()
        .filter(|family| !matches!(family.kind, MetricKind::Counter | MetricKind::Info))
        .map(|family| family.name.as_str())
        .collect();
    for family in families.iter().filter(|family| !family.name.is_empty()) {
        let name = escape_name(&family.name, escaping, NameKind::Metric);
        let (mut stem, mut kind) = stem_and_kind(&name, family.kind);
        let raw_stem = stem_and_kind(&family.name, family.kind).0;
        if matches!(kind, MetricKind::Counter | MetricKind::Info) && !taken.insert(raw_stem) {
            (stem, kind) = (&name, without_suffix(kind));
        }
        let mut writer = FamilyWriter::new(stem, escaping, out).with_padded_labels(&family.padded_labels);
        if !family.help.is_empty() {
            writer.comment("# HELP ", &family.help, true);
        }
        writer.comment("# TYPE ", kind.as_openmetrics_str(), true);
        if is_unit(&family.unit, stem) && !matches!(kind, MetricKind::Info | MetricKind::StateSet) {
            writer.comment("# UNIT ", &family.unit, true);
        }
        for metric in &family.metrics {
            write_metric(&mut writer, kind, metric);
        }
    }
    out.push("# EOF\n");
}

/// The family's name as this format has it, and a type that goes with it.
fn stem_and_kind(name: &str, kind: MetricKind) -> (&str, MetricKind) {
    let suffix = match kind {
        MetricKind::Counter => "_total",
        MetricKind::Info => "_info",
        _ => return (name, kind),
    };
    match name.strip_suffix(suffix) {
        Some(stem) if !stem.is_empty() => (stem, kind),
        _ => (name, without_suffix(kind)),
    }
}

/// The type that samples of this type have when they lack its suffix.
fn without_suffix(kind: MetricKind) -> MetricKind {
    match kind {
        MetricKind::Info => MetricKind::Gauge,
        _ => MetricKind::Untyped,
    }
}

fn is_unit(unit: &str, stem: &str) -> bool {
    let before = stem.strip_suffix(unit);
    !unit.is_empty() && before.is_some_and(|before| before.ends_with('_'))
}

fn write_metric<O: Output>(writer: &mut FamilyWriter<'_, O>, kind: MetricKind, metric: &Metric) {
    let label = match &metric.value {
        MetricValue::Number(_) => None,
        MetricValue::Histogram(_) => Some("le"),
        MetricValue::Summary(_) => Some("quantile"),
    };
    let mut lines = Lines {
        writer,
        metric,
        label,
    };
    match &metric.value {
        MetricValue::Number(value) => {
            let suffix = match kind {
                MetricKind::Counter => "_total",
                MetricKind::Info => "_info",
                _ => "",
            };
            let exemplar = metric.exemplar.as_deref();
            lines.number(
                suffix,
                None,
                *value,
                exemplar.filter(|_| kind == MetricKind::Counter),
            );
        }
        MetricValue::Histogram(histogram) => lines.histogram(histogram, kind),
        MetricValue::Summary(summary) => lines.summary(summary),
    }
    let has_start = matches!(
        kind,
        MetricKind::Counter | MetricKind::Histogram | MetricKind::Summary
    );
    if let Some(start_ms) = metric.start_timestamp_ms.filter(|_| has_start) {
        lines.created(start_ms);
    }
}

/// Writes the lines of one metric.
struct Lines<'a, 'w, O> {
    writer: &'a mut FamilyWriter<'w, O>,
    metric: &'a Metric,
    /// The label of its buckets or quantiles.
    label: Option<&'static str>,
}

impl<O: Output> Lines<'_, '_, O> {
    /// The count stands only beside a sum, the format says; the infinite bucket says the same.
    fn histogram(&mut self, histogram: &HistogramMetric, kind: MetricKind) {
        for bucket in histogram
            .buckets
            .iter()
            .chain(&missing_infinite_bucket(histogram))
        {
            let bound = Some(bucket.upper_bound);
            self.number(
                "_bucket",
                bound,
                bucket.cumulative_count,
                bucket.exemplar.as_ref(),
            );
        }
        let Some(sum) = histogram.sum else {
            return;
        };
        let is_gauge = kind == MetricKind::GaugeHistogram;
        let [sum_suffix, count_suffix] = if is_gauge {
            ["_gsum", "_gcount"]
        } else {
            ["_sum", "_count"]
        };
        self.number(sum_suffix, None, sum, None);
        self.number(count_suffix, None, histogram.count, None);
    }

    fn summary(&mut self, summary: &SummaryMetric) {
        for quantile in &summary.quantiles {
            self.number("", Some(quantile.quantile), quantile.value, None);
        }
        self.number("_sum", None, summary.sum, None);
        self.number("_count", None, summary.count, None);
    }

    fn number(&mut self, suffix: &str, bound: Option<f64>, value: f64, exemplar: Option<&Exemplar>) {
        self.series(suffix, bound);
        self.writer.float(value);
        self.timestamp(self.metric.timestamp_ms);
        if let Some(exemplar) = exemplar.filter(|exemplar| fits(&exemplar.labels)) {
            self.writer.text(" # ");
            self.writer.labels(&exemplar.labels);
            self.writer.text(" ");
            self.writer.float(exemplar.value);
            self.timestamp(exemplar.timestamp_ms);
        }
        self.writer.text("\n");
    }

    fn created(&mut self, start_ms: i64) {
        self.series("_created", None);
        self.writer.seconds(start_ms);
        self.timestamp(self.metric.timestamp_ms);
        self.writer.text("\n");
    }

    fn series(&mut self, suffix: &str, bound: Option<f64>) {
        let bound = Bound {
            label: self.label,
            value: bound.map(FloatText::bound),
        };
        self.writer.series(suffix, &self.metric.labels, bound);
    }

    fn timestamp(&mut self, timestamp_ms: Option<i64>) {
        if let Some(timestamp_ms) = timestamp_ms {
            self.writer.text(" ");
            self.writer.seconds(timestamp_ms);
        }
    }
}
