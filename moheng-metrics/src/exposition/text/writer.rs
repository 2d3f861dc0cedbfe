//! [`write_text`]: metric families as text.

use crate::{
    HistogramMetric, METRIC_NAME, Metric, MetricFamily, MetricValue, SummaryMetric, format_float,
    is_valid_label_name, is_valid_metric_name,
};

/// The content type of what [`write_text`] writes.
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Appends `families` in the text format, in their order, each with its `HELP` (where it has one) and `TYPE` line.
///
/// Names beyond `[a-zA-Z_:][a-zA-Z0-9_:]*` are quoted as version 1.0.0 of the format does; without such names the text
/// is version 0.0.4.
///
/// ```
/// use moheng_metrics::{MetricFamily, MetricKind, write_text};
///
/// let mut out = String::new();
/// write_text(&[MetricFamily::single("up", MetricKind::Gauge, "Whether it is.", 1.0)], &mut out);
/// assert_eq!(out, "# HELP up Whether it is.\n# TYPE up gauge\nup 1\n");
/// ```
pub fn write_text(families: &[MetricFamily], out: &mut String) {
    for family in families {
        let is_plain = is_valid_metric_name(&family.name);
        if !family.help.is_empty() {
            out.push_str("# HELP ");
            push_name(&family.name, is_plain, out);
            out.push(' ');
            push_escaped(&family.help, false, out);
            out.push('\n');
        }
        out.push_str("# TYPE ");
        push_name(&family.name, is_plain, out);
        out.push(' ');
        out.push_str(family.kind.as_str());
        out.push('\n');
        for metric in &family.metrics {
            push_metric(&family.name, is_plain, metric, out);
        }
    }
}

fn push_metric(family: &str, is_plain: bool, metric: &Metric, out: &mut String) {
    let mut line = |suffix: &str, bound: Option<(&str, f64)>, value: f64| {
        push_series(family, is_plain, suffix, metric, bound, out);
        out.push(' ');
        format_float(value, out);
        if let Some(timestamp_ms) = metric.timestamp_ms {
            out.push(' ');
            out.push_str(&timestamp_ms.to_string());
        }
        out.push('\n');
    };
    match &metric.value {
        MetricValue::Number(value) => line("", None, *value),
        MetricValue::Histogram(histogram) => push_histogram(histogram, line),
        MetricValue::Summary(summary) => push_summary(summary, line),
    }
}

fn push_histogram(histogram: &HistogramMetric, mut line: impl FnMut(&str, Option<(&str, f64)>, f64)) {
    for bucket in &histogram.buckets {
        line(
            "_bucket",
            Some(("le", bucket.upper_bound)),
            bucket.cumulative_count,
        );
    }
    if let Some(sum) = histogram.sum {
        line("_sum", None, sum);
    }
    line("_count", None, histogram.count);
}

fn push_summary(summary: &SummaryMetric, mut line: impl FnMut(&str, Option<(&str, f64)>, f64)) {
    for quantile in &summary.quantiles {
        line("", Some(("quantile", quantile.quantile)), quantile.value);
    }
    line("_sum", None, summary.sum);
    line("_count", None, summary.count);
}

fn push_series(
    family: &str,
    is_plain: bool,
    suffix: &str,
    metric: &Metric,
    bound: Option<(&str, f64)>,
    out: &mut String,
) {
    let mut separator = if is_plain {
        out.push_str(family);
        out.push_str(suffix);
        "{"
    } else {
        out.push_str("{\"");
        push_escaped(family, true, out);
        out.push_str(suffix);
        out.push('"');
        ","
    };
    // The family names the metric.
    for (name, value) in metric.labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
        out.push_str(separator);
        separator = ",";
        push_name(name, is_valid_label_name(name), out);
        out.push_str("=\"");
        push_escaped(value, true, out);
        out.push('"');
    }
    if let Some((name, bound)) = bound {
        out.push_str(separator);
        separator = ",";
        out.push_str(name);
        out.push_str("=\"");
        format_float(bound, out);
        out.push('"');
    }
    if separator == "," {
        out.push('}');
    }
}

fn push_name(name: &str, is_plain: bool, out: &mut String) {
    if is_plain {
        out.push_str(name);
        return;
    }
    out.push('"');
    push_escaped(name, true, out);
    out.push('"');
}

fn push_escaped(text: &str, with_quotes: bool, out: &mut String) {
    let mut rest = text;
    while let Some(index) = memchr::memchr3(b'\\', b'\n', b'"', rest.as_bytes()) {
        let (before, special) = rest.split_at(index);
        out.push_str(before);
        out.push_str(match special.as_bytes().first() {
            Some(b'\\') => "\\\\",
            Some(b'\n') => "\\n",
            _ if with_quotes => "\\\"",
            _ => "\"",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}
