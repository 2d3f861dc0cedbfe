//! [`write_text`]: metric families as text.

use crate::exposition::output::{Bound, FamilyWriter, Output, missing_infinite_bucket};
use crate::number::FloatText;
use crate::{EscapingScheme, Metric, MetricFamily, MetricValue, NameKind, escape_name};

/// The content type of what [`write_text`] writes, as long as all names are plain.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends `families` in the text format, in their order, each with its `HELP` (where it has one) and `TYPE` line.
///
/// Names beyond `[a-zA-Z_:][a-zA-Z0-9_:]*` are quoted as version 1.0.0 of the format does; without such names the text
/// is version 0.0.4. Families without a name are left out, since the format cannot name them. [`crate::exposition::write`] writes any
/// format.
///
/// ```
/// use moheng_metrics::{MetricFamily, MetricKind, write_text};
///
/// let mut out = String::new();
/// write_text(&[MetricFamily::single("up", MetricKind::Gauge, "Whether it is.", 1.0)], &mut out);
/// assert_eq!(out, "# HELP up Whether it is.\n# TYPE up gauge\nup 1\n");
/// ```
pub fn write_text(families: &[MetricFamily], out: &mut String) {
    write_families(families, EscapingScheme::AllowUtf8, out);
}

/// [`write_text`] with names escaped.
pub(in crate::exposition) fn write_families<O: Output>(
    families: &[MetricFamily],
    escaping: EscapingScheme,
    out: &mut O,
) {
    for family in families.iter().filter(|family| !family.name.is_empty()) {
        let name = escape_name(&family.name, escaping, NameKind::Metric);
        let mut writer = FamilyWriter::new(&name, escaping, out).with_padded_labels(&family.padded_labels);
        if !family.help.is_empty() {
            writer.comment("# HELP ", &family.help, false);
        }
        writer.comment("# TYPE ", family.kind.as_str(), false);
        for metric in &family.metrics {
            write_metric(&mut writer, metric);
        }
    }
}

fn write_metric<O: Output>(writer: &mut FamilyWriter<'_, O>, metric: &Metric) {
    let mut line = |suffix: &str, label: Option<&'static str>, bound: Option<f64>, value: f64| {
        let value_of_bound = bound.map(FloatText::new);
        let bound = Bound {
            label,
            value: value_of_bound,
        };
        writer.series(suffix, &metric.labels, bound);
        writer.float(value);
        if let Some(timestamp_ms) = metric.timestamp_ms {
            writer.text(" ");
            writer.milliseconds(timestamp_ms);
        }
        writer.text("\n");
    };
    match &metric.value {
        MetricValue::Number(value) => line("", None, None, *value),
        MetricValue::Histogram(histogram) => {
            let mut line = |suffix: &str, bound, value| line(suffix, Some("le"), bound, value);
            for bucket in histogram
                .buckets
                .iter()
                .chain(&missing_infinite_bucket(histogram))
            {
                line("_bucket", Some(bucket.upper_bound), bucket.cumulative_count);
            }
            if let Some(sum) = histogram.sum {
                line("_sum", None, sum);
            }
            line("_count", None, histogram.count);
        }
        MetricValue::Summary(summary) => {
            let mut line = |suffix: &str, bound, value| line(suffix, Some("quantile"), bound, value);
            for quantile in &summary.quantiles {
                line("", Some(quantile.quantile), quantile.value);
            }
            line("_sum", None, summary.sum);
            line("_count", None, summary.count);
        }
    }
}
