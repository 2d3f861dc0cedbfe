//! `tsdb dump` and `tsdb dump-openmetrics`: all samples as text, series by series, a chunk in memory at a time.

use std::fmt::Write as _;
use std::io::{BufWriter, Write, stdout};

use moheng_metrics::{
    Labels, METRIC_NAME, SampleBuffer, SampleCursor, SelectedSeries, format_float, is_valid_label_name,
    is_valid_metric_name,
};

use super::failed;
use super::open::{open_db, warn};
use super::selection::{UnionCursor, selects};
use crate::args::{DumpArgs, DumpFormat, SelectionArgs};
use crate::command::CommandError;

/// Runs `tsdb dump`.
pub(super) fn dump(args: &DumpArgs) -> Result<(), CommandError> {
    let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
    let format = args.format;
    let mut text = String::new();
    let mut samples = SampleBuffer::new();
    each_series(&args.selection, |mut series| {
        let prefix = match format {
            DumpFormat::Prom => format!("{} ", series.labels),
            DumpFormat::Seriesjson => json_labels(&series.labels),
        };
        while read(&args.selection, &mut *series.samples, &mut samples)? {
            text.clear();
            if format == DumpFormat::Seriesjson {
                text.push_str(&prefix);
                text.push('\n');
                return out.write_all(text.as_bytes()).map_err(CommandError::output);
            }
            write_samples(&prefix, &samples, &mut text);
            out.write_all(text.as_bytes()).map_err(CommandError::output)?;
        }
        Ok(())
    })?;
    out.flush().map_err(CommandError::output)
}

/// Runs `tsdb dump-openmetrics`.
pub(super) fn dump_openmetrics(args: &SelectionArgs) -> Result<(), CommandError> {
    let mut out = BufWriter::with_capacity(1 << 16, stdout().lock());
    let mut text = String::new();
    let mut samples = SampleBuffer::new();
    let mut histograms = 0;
    each_series(args, |mut series| {
        let prefix = openmetrics_series(&series.labels);
        while read(args, &mut *series.samples, &mut samples)? {
            histograms += samples.histograms.len();
            text.clear();
            let floats = &samples.floats;
            for (&time_ms, &value) in floats.timestamps_ms.iter().zip(&floats.values) {
                text.push_str(&prefix);
                format_float(value, &mut text);
                text.push(' ');
                push_seconds(time_ms, &mut text);
                text.push('\n');
            }
            out.write_all(text.as_bytes()).map_err(CommandError::output)?;
        }
        Ok(())
    })?;
    out.write_all(b"# EOF\n").map_err(CommandError::output)?;
    out.flush().map_err(CommandError::output)?;
    if histograms > 0 {
        warn(&format!(
            "{histograms} native histograms are left out: OpenMetrics has no way to write them"
        ));
    }
    Ok(())
}

/// Calls `visit` for every selected series.
fn each_series(
    args: &SelectionArgs,
    mut visit: impl FnMut(SelectedSeries<'_>) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let selects = selects(args)?;
    let db = open_db(&args.directory)?;
    let context = args.directory.display();
    let mut cursor = UnionCursor::new(&db, &selects).map_err(|error| failed(&context, error))?;
    while let Some(series) = cursor.next_series().map_err(|error| failed(&context, error))? {
        visit(series)?;
    }
    Ok(())
}

/// Puts the next batch of a series, which is never empty, in place of the last one.
fn read(
    args: &SelectionArgs,
    cursor: &mut dyn SampleCursor,
    samples: &mut SampleBuffer,
) -> Result<bool, CommandError> {
    samples.clear();
    cursor
        .read(samples)
        .map_err(|error| failed(args.directory.display(), error))
}

/// A line per sample, ascending by time.
fn write_samples(prefix: &str, samples: &SampleBuffer, text: &mut String) {
    let floats = &samples.floats;
    let mut floats = floats.timestamps_ms.iter().zip(&floats.values).peekable();
    let mut histograms = samples.histograms.iter().peekable();
    loop {
        let float_ms = floats.peek().map(|(time_ms, _)| **time_ms);
        let histogram_ms = histograms.peek().map(|(time_ms, _)| *time_ms);
        let is_float =
            histogram_ms.is_none_or(|histogram_ms| float_ms.is_some_and(|float_ms| float_ms < histogram_ms));
        text.push_str(prefix);
        let time_ms = if is_float {
            let Some((&time_ms, &value)) = floats.next() else {
                text.truncate(text.len() - prefix.len());
                return;
            };
            format_float(value, text);
            time_ms
        } else {
            let Some((time_ms, view)) = histograms.next() else {
                return;
            };
            let _ = write!(text, "{view}");
            time_ms
        };
        let _ = writeln!(text, " {time_ms}");
    }
}

/// The labels as a JSON object, ascending by name.
fn json_labels(labels: &Labels) -> String {
    let pairs = labels.iter().map(|(name, value)| {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!("{}:{}", text(name), text(value))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// The series as OpenMetrics writes it, with a blank behind. Names that need quotes get them, as OpenMetrics 1.0 with UTF-8 names has it.
fn openmetrics_series(labels: &Labels) -> String {
    let name = labels.get(METRIC_NAME).unwrap_or_default();
    let is_plain = is_valid_metric_name(name);
    let mut parts = Vec::new();
    if !is_plain && !name.is_empty() {
        parts.push(openmetrics_quoted(name));
    }
    for (label, value) in labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
        let value = openmetrics_quoted(value);
        parts.push(if is_valid_label_name(label) {
            format!("{label}={value}")
        } else {
            format!("{}={value}", openmetrics_quoted(label))
        });
    }
    let mut text = if is_plain { name.to_owned() } else { String::new() };
    if !parts.is_empty() {
        text.extend(["{", &parts.join(","), "}"]);
    }
    text.push(' ');
    text
}

fn openmetrics_quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Milliseconds as seconds with three decimals, exactly.
fn push_seconds(time_ms: i64, text: &mut String) {
    let sign = if time_ms < 0 { "-" } else { "" };
    let magnitude = time_ms.unsigned_abs();
    let _ = write!(text, "{sign}{}.{:03}", magnitude / 1000, magnitude % 1000);
}

#[cfg(test)]
mod tests {
    use moheng_metrics::HistogramView;
    use moheng_metrics::histogram::{FloatHistogram, HistogramLayout};

    use super::*;

    #[test]
    fn samples_of_both_kinds_come_by_time() {
        let mut samples = SampleBuffer::new();
        let mut text = String::new();
        write_samples("x ", &samples, &mut text);
        assert_eq!(text, "");
        let histogram = FloatHistogram {
            count: 2.0,
            sum: 3.5,
            ..FloatHistogram::empty(HistogramLayout::exponential(0, 0.001))
        };
        samples.floats.push(1, 1e6);
        samples.floats.push(3, f64::NAN);
        samples.histograms.push(2, HistogramView::from(&histogram));
        samples.histograms.push(4, HistogramView::from(&histogram));
        write_samples("x ", &samples, &mut text);
        assert_eq!(
            text,
            "x 1e+06 1\nx {count:2, sum:3.5} 2\nx NaN 3\nx {count:2, sum:3.5} 4\n"
        );
    }

    #[test]
    fn series_as_openmetrics_and_json() {
        let check = |pairs: &[(&str, &str)], openmetrics: &str, json: &str| {
            let labels = Labels::from_pairs(pairs.iter().copied());
            assert_eq!(openmetrics_series(&labels), openmetrics);
            assert_eq!(json_labels(&labels), json);
        };
        check(&[("__name__", "up")], "up ", "{\"__name__\":\"up\"}");
        check(
            &[("__name__", "up"), ("a", "x\"\\\n"), ("b.c", "ü")],
            "up{a=\"x\\\"\\\\\\n\",\"b.c\"=\"ü\"} ",
            "{\"__name__\":\"up\",\"a\":\"x\\\"\\\\\\n\",\"b.c\":\"ü\"}",
        );
        check(
            &[("__name__", "my.metric"), ("a", "1")],
            "{\"my.metric\",a=\"1\"} ",
            "{\"__name__\":\"my.metric\",\"a\":\"1\"}",
        );
    }

    #[test]
    fn seconds_are_exact() {
        for (time_ms, expected) in [
            (0, "0.000"),
            (-1, "-0.001"),
            (1_795_370_400_123, "1795370400.123"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            let mut text = String::new();
            push_seconds(time_ms, &mut text);
            assert_eq!(text, expected);
        }
    }
}
