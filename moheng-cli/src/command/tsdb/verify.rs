//! `tsdb verify`: everything that is damaged in a data directory.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::ops::ControlFlow;
use std::path::Path;

use moheng_tsdb::verify::{Counts, Problem, Progress, Report, Severity, verify_directory};
use serde_json::json;

use super::failed;
use super::open::open_files;
use crate::args::VerifyArgs;
use crate::command::CommandError;

/// Runs `tsdb verify`.
pub(super) fn verify(args: &VerifyArgs) -> Result<(), CommandError> {
    let files = open_files(&args.directory)?;
    let context = args.directory.display();
    let mut bar = Bar::default();
    let report = verify_directory(&files, |progress| {
        bar.show(progress);
        ControlFlow::Continue(())
    });
    bar.clear();
    let report = report.map_err(|error| failed(&context, error))?;
    let text = if args.json {
        format!("{:#}\n", as_json(&args.directory, &report))
    } else {
        as_text(&report)
    };
    stdout()
        .write_all(text.as_bytes())
        .map_err(CommandError::output)?;
    match report.damage_count {
        0 => Ok(()),
        1 => Err(failed(&context, "one place is damaged")),
        count => Err(failed(&context, format!("{count} places are damaged"))),
    }
}

/// A line that says how far it is, where someone can see it.
#[derive(Default)]
struct Bar {
    percent: Option<u64>,
}

impl Bar {
    fn show(&mut self, progress: &Progress) {
        let percent = progress.done_bytes * 100 / progress.total_bytes.max(1);
        if self.percent == Some(percent) || !stderr().is_terminal() {
            return;
        }
        self.percent = Some(percent);
        // Nobody depends on it.
        let _ = write!(stderr(), "\r\x1b[K{percent} % {}", progress.path);
    }

    fn clear(&self) {
        if self.percent.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

fn as_text(report: &Report) -> String {
    let mut text = String::new();
    for problem in &report.problems {
        let _ = writeln!(text, "{}: {problem}", severity(problem));
    }
    for entry in &report.quarantine {
        let _ = writeln!(
            text,
            "set aside earlier: {} ({} bytes)",
            entry.path, entry.size_bytes
        );
    }
    let Counts {
        bytes,
        blocks,
        block_series,
        block_samples,
        log_series,
        log_samples,
        mapped_chunks,
        snapshot_series,
        ..
    } = report.counts;
    let _ = writeln!(
        text,
        "{bytes} bytes read: {blocks} blocks with {block_samples} samples of {block_series} series, \
         a log with {log_samples} samples of {log_series} series, {mapped_chunks} mapped chunks, \
         {snapshot_series} series in chunk snapshots"
    );
    text
}

fn severity(problem: &Problem) -> &'static str {
    match problem.severity {
        Severity::Note => "note",
        Severity::Damage => "damage",
    }
}

fn as_json(directory: &Path, report: &Report) -> serde_json::Value {
    let counts = &report.counts;
    let problem = |problem: &Problem| {
        json!({
            "severity": severity(problem),
            "path": problem.path,
            "offset": problem.offset,
            "message": problem.message,
            "affected": problem.affected,
        })
    };
    let quarantine = report.quarantine.iter().map(|entry| {
        json!({
            "path": entry.path,
            "isDirectory": entry.is_directory,
            "sizeBytes": entry.size_bytes,
        })
    });
    json!({
        "directory": directory,
        "damageCount": report.damage_count,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        "quarantine": quarantine.collect::<Vec<_>>(),
        "counts": {
            "bytes": counts.bytes,
            "blocks": counts.blocks,
            "blockSeries": counts.block_series,
            "blockSamples": counts.block_samples,
            "logSeries": counts.log_series,
            "logSamples": counts.log_samples,
            "mappedChunks": counts.mapped_chunks,
            "snapshotSeries": counts.snapshot_series,
        },
    })
}
