//! `backup list`.

use std::io::{Write, stdout};

use super::destination::{Found, State, find};
use super::failed;
use super::progress::format_size;
use crate::args::ListArgs;
use crate::command::CommandError;
use crate::output::align;
use crate::time::format_time;

/// Runs `backup list`.
pub(super) fn list(args: &ListArgs) -> Result<(), CommandError> {
    let found = find(&args.from).map_err(|error| failed(args.from.display(), error))?;
    let header = [
        "id",
        "time",
        "newest sample",
        "size",
        "series",
        "samples",
        "state",
    ]
    .map(str::to_owned);
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let text = if rows.is_empty() {
        "no backups\n".to_owned()
    } else {
        align(&header, &rows)
    };
    stdout().write_all(text.as_bytes()).map_err(CommandError::output)
}

fn row(found: &Found) -> Vec<String> {
    let unknown = || "-".to_owned();
    let facts = match &found.state {
        State::Complete(manifest) => [
            format_time(manifest.created_ms),
            manifest.end_ms.map_or_else(unknown, format_time),
            format_size(manifest.size_bytes()),
            manifest.series_count.to_string(),
            manifest.sample_count.to_string(),
            "complete".to_owned(),
        ],
        State::Partial => [
            unknown(),
            unknown(),
            unknown(),
            unknown(),
            unknown(),
            "unfinished".to_owned(),
        ],
        State::Damaged(message) => [
            unknown(),
            unknown(),
            unknown(),
            unknown(),
            unknown(),
            format!("damaged: {message}"),
        ],
    };
    std::iter::once(found.id.clone()).chain(facts).collect()
}
