//! `tsdb analyze`: which labels make a block large, and which come and go.

use std::fmt::Write as _;
use std::io::{Write, stdout};

use moheng_tsdb::block::{Block, BlockAnalysis, list_blocks};
use serde_json::json;

use super::block_table::duration;
use super::failed;
use super::open::open_files;
use crate::args::AnalyzeArgs;
use crate::command::CommandError;

/// Runs `tsdb analyze`.
pub(super) fn analyze(args: &AnalyzeArgs) -> Result<(), CommandError> {
    let files = open_files(&args.directory)?;
    let context = args.directory.display();
    let name = if let Some(name) = &args.block {
        name.clone()
    } else {
        let listing = list_blocks(&*files).map_err(|error| failed(&context, error))?;
        let newest = listing
            .blocks
            .iter()
            .max_by_key(|block| (block.end_ms, block.ulid));
        let newest = newest.ok_or_else(|| failed(&context, "no blocks"))?;
        newest.ulid.to_string()
    };
    let block = Block::open(files, &name).map_err(|error| failed(&context, error))?;
    let analysis = block
        .analyze(args.limit)
        .map_err(|error| failed(&context, error))?;
    let text = if args.json {
        format!("{:#}\n", as_json(&analysis))
    } else {
        as_text(&analysis)
    };
    stdout().write_all(text.as_bytes()).map_err(CommandError::output)
}

/// A name in JSON, a heading, and what is listed with how many.
type List<'a> = (&'static str, &'static str, &'a [(String, u64)]);

/// What is listed, under which heading.
fn lists(analysis: &BlockAnalysis) -> [List<'_>; 6] {
    [
        (
            "churnByLabelPair",
            "Labels whose series come and go, in series that were absent",
            &analysis.churn_by_pair,
        ),
        (
            "churnByLabelName",
            "Label names whose series come and go, in series that were absent",
            &analysis.churn_by_name,
        ),
        (
            "seriesByLabelPair",
            "Labels that most series have",
            &analysis.series_by_pair,
        ),
        (
            "valueBytesByLabelName",
            "Label names whose values are longest together, in bytes",
            &analysis.value_bytes_by_name,
        ),
        (
            "valuesByLabelName",
            "Label names with most values",
            &analysis.values_by_name,
        ),
        (
            "seriesByMetric",
            "Metrics with most series",
            &analysis.series_by_metric,
        ),
    ]
}

fn as_text(analysis: &BlockAnalysis) -> String {
    let meta = &analysis.meta;
    let mut text = String::new();
    let span_ms = meta.end_ms.saturating_sub(meta.start_ms);
    for (what, value) in [
        ("Block", meta.ulid.to_string()),
        ("Duration", duration(span_ms)),
        ("Series", analysis.series.to_string()),
        ("Samples", meta.stats.samples.to_string()),
        ("Chunks", meta.stats.chunks.to_string()),
        ("Samples per chunk", format!("{:.1}", analysis.samples_per_chunk)),
        ("Label names", analysis.label_names.to_string()),
        ("Label pairs", analysis.label_pairs.to_string()),
        ("Labels of all series", analysis.labels_of_series.to_string()),
    ] {
        let _ = writeln!(text, "{what:<22}{value}");
    }
    for (_, heading, entries) in lists(analysis) {
        let _ = writeln!(text, "\n{heading}:");
        if entries.is_empty() {
            text.push_str("  none\n");
        }
        let width = entries.first().map_or(0, |(_, count)| count.to_string().len());
        for (name, count) in entries {
            let _ = writeln!(text, "  {count:>width$} {name}");
        }
    }
    text
}

fn as_json(analysis: &BlockAnalysis) -> serde_json::Value {
    let meta = &analysis.meta;
    let mut object = json!({
        "ulid": meta.ulid.to_string(),
        "minTime": meta.start_ms,
        "maxTime": meta.end_ms,
        "numSeries": analysis.series,
        "numSamples": meta.stats.samples,
        "numChunks": meta.stats.chunks,
        "samplesPerChunk": analysis.samples_per_chunk,
        "labelNames": analysis.label_names,
        "labelPairs": analysis.label_pairs,
        "labelsOfSeries": analysis.labels_of_series,
    });
    if let Some(fields) = object.as_object_mut() {
        for (key, _, entries) in lists(analysis) {
            let entries = entries
                .iter()
                .map(|(name, count)| json!({"name": name, "value": count}));
            fields.insert(key.to_owned(), entries.collect());
        }
    }
    object
}
