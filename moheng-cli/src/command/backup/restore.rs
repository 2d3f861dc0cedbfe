//! `backup restore`.

use std::fs;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use moheng_tsdb::backup;
use moheng_tsdb::storage::RealDirectory;

use super::destination::{State, find, is_id};
use super::failed;
use super::progress::{format_size, say};
use crate::args::RestoreArgs;
use crate::command::CommandError;

/// Runs `backup restore`.
pub(super) fn restore(args: &RestoreArgs) -> Result<(), CommandError> {
    refuse_non_empty(&args.to)?;
    let (id, path) = choose(args)?;
    let from = path.display();
    let files = RealDirectory::open(&path).map_err(|error| failed(&from, error))?;
    say(&format!("verifying {id}"));
    let manifest = backup::verify(&files).map_err(|error| failed(&from, error))?;
    say(&format!("restoring {}", format_size(manifest.size_bytes())));
    let to = args.to.display();
    let target = RealDirectory::create(&args.to).map_err(|error| failed(&to, error))?;
    backup::restore(&files, &target).map_err(|error| failed(&to, error))?;
    let (series, samples) = (manifest.series_count, manifest.sample_count);
    writeln!(
        stdout(),
        "{to}: {series} series, {samples} samples of backup {id}"
    )
    .map_err(CommandError::output)
}

/// Says early that a directory is in use, before anything is read.
fn refuse_non_empty(directory: &Path) -> Result<(), CommandError> {
    match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(
            directory.display(),
            "the directory is not empty; a backup is only restored into an empty one",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(directory.display(), error)),
    }
}

/// The backup that was asked for, or the newest complete one.
fn choose(args: &RestoreArgs) -> Result<(String, PathBuf), CommandError> {
    if let Some(id) = &args.id {
        if !is_id(id) {
            return Err(CommandError::Usage(format!(
                "--id: `{id}` is not the ID of a backup"
            )));
        }
        return Ok((id.clone(), args.from.join(id)));
    }
    let found = find(&args.from).map_err(|error| failed(args.from.display(), error))?;
    found
        .into_iter()
        .rev()
        .find(|found| matches!(found.state, State::Complete(_)))
        .map(|found| (found.id, found.path))
        .ok_or_else(|| failed(args.from.display(), "there is no complete backup"))
}
