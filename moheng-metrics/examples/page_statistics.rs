//! Reads a page of metrics in the text format, or in OpenMetrics, and says what is large in it.
//!
//!     curl -s http://127.0.0.1:9100/metrics | cargo run -p moheng-metrics --example page_statistics

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::{Read, Write, stdin, stdout};

use moheng_metrics::exposition::{LineParser, OpenMetricsParser};
use moheng_metrics::{METRIC_NAME, TextEntry, TextParser};

/// More is not a page.
const MAX_PAGE_BYTES: u64 = 256 << 20;
/// As many rows are shown.
const ROWS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut page = Vec::new();
    stdin().lock().take(MAX_PAGE_BYTES).read_to_end(&mut page)?;
    let parser = if page.trim_ascii_end().ends_with(b"# EOF") {
        LineParser::OpenMetrics(OpenMetricsParser::new(&page))
    } else {
        LineParser::Text(TextParser::new(&page))
    };

    let mut series_by_name: BTreeMap<String, usize> = BTreeMap::new();
    let mut values_by_label: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut samples, mut described) = (0_usize, BTreeSet::new());
    for entry in parser {
        match entry? {
            TextEntry::Sample(sample) => {
                samples += 1;
                let labels = sample.labels()?;
                *series_by_name.entry(labels.metric_name().to_owned()).or_default() += 1;
                for (label, value) in labels.iter().filter(|(label, _)| *label != METRIC_NAME) {
                    let values = values_by_label.entry(label.to_owned()).or_default();
                    values.insert(value.to_owned());
                }
            }
            TextEntry::Type { name, .. } => {
                described.insert(name.into_owned());
            }
            TextEntry::Help { .. } | TextEntry::Unit { .. } => {}
        }
    }

    let mut out = stdout().lock();
    let (bytes, families) = (page.len(), described.len());
    writeln!(
        out,
        "{bytes} bytes, {families} families with a type, {samples} samples"
    )?;
    writeln!(out, "\nnames with most series")?;
    for (name, count) in largest(series_by_name) {
        writeln!(out, "{count:8} {name}")?;
    }
    writeln!(out, "\nlabels with most values")?;
    let counts = values_by_label
        .into_iter()
        .map(|(label, values)| (label, values.len()));
    for (label, count) in largest(counts) {
        writeln!(out, "{count:8} {label}")?;
    }
    Ok(())
}

fn largest(counts: impl IntoIterator<Item = (String, usize)>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(ROWS);
    counts
}
