//! OTLP requests as series: what the specification says, and what no request may do.

mod answers;
mod golden;
mod json;
mod messages;
mod names;
mod random;
mod refused;

use moheng_metrics::ExposedNativeHistogram;
use moheng_metrics::otlp::{OtlpOptions, Translation, translate_json};

/// A request with one resource, one scope and these metrics.
fn request(resource: &str, metrics: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{resource}]}},"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#
    )
}

/// A text attribute.
fn text(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
}

#[expect(clippy::panic, reason = "the request is part of the test")]
fn translated(json: &str, options: &OtlpOptions) -> Translation {
    translate_json(json.as_bytes(), options).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// One line per sample, exemplar and warning.
fn lines(translation: &Translation) -> Vec<String> {
    let mut lines = Vec::new();
    for series in &translation.series {
        let start = |start_ms: i64| {
            if start_ms == 0 {
                String::new()
            } else {
                format!(" since {start_ms}")
            }
        };
        for sample in &series.floats {
            let value = if moheng_metrics::is_stale_nan(sample.value) {
                "stale".to_owned()
            } else {
                format!("{}", sample.value)
            };
            let since = start(sample.start_timestamp_ms);
            lines.push(format!(
                "{} {value} @{}{since}",
                series.labels, sample.timestamp_ms
            ));
        }
        for sample in &series.histograms {
            let ExposedNativeHistogram::Integer(histogram) = &sample.value else {
                lines.push("a float histogram".to_owned());
                continue;
            };
            let layout = &histogram.layout;
            let spans = |spans: &[moheng_metrics::histogram::BucketSpan]| -> Vec<(i32, u32)> {
                spans.iter().map(|span| (span.offset, span.length)).collect()
            };
            let value = if histogram.is_stale() {
                "stale".to_owned()
            } else {
                format!(
                    "schema {} count {} sum {} zero {} {:?} bounds {:?} + {:?} {:?} - {:?} {:?} {:?}",
                    layout.schema,
                    histogram.count,
                    histogram.sum,
                    histogram.zero_count,
                    layout.zero_threshold,
                    layout.custom_bounds,
                    spans(&layout.positive),
                    histogram.positive,
                    spans(&layout.negative),
                    histogram.negative,
                    histogram.reset_hint,
                )
            };
            let since = start(sample.start_timestamp_ms);
            lines.push(format!(
                "{} {value} @{}{since}",
                series.labels, sample.timestamp_ms
            ));
        }
        for (timestamp_ms, exemplar) in &series.exemplars {
            lines.push(format!(
                "{} # {} {} @{timestamp_ms}",
                series.labels, exemplar.labels, exemplar.value
            ));
        }
    }
    lines.extend(
        translation
            .warnings
            .list()
            .iter()
            .map(|warning| format!("! {warning}")),
    );
    lines
}

#[track_caller]
fn check(json: &str, options: &OtlpOptions, expected: &[&str]) {
    assert_eq!(lines(&translated(json, options)), expected, "{json}");
}
