//! All blocks of a directory.

use std::io;
use std::sync::Arc;

use super::watch::{Watch, tree_bytes};
use super::{Problem, Report};
use crate::Error;
use crate::block::{Block, BlockMeta, list_blocks, verify_block};
use crate::format::names;
use crate::storage::{Directory, OpenMode};

pub(super) fn verify_blocks(
    directory: &Arc<dyn Directory>,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let listing = list_blocks(&**directory)?;
    let obsolete = listing.obsolete();
    for (name, error) in listing.damaged {
        let is_missing = is_missing(&error);
        let problem = match error {
            Error::Unsupported(message) => Problem::damage(names::block_meta(&name), message),
            _ if is_missing && is_gone(&**directory, &name) => continue,
            _ if is_missing => Problem::note(
                &name,
                "there is no meta.json: a block that is being copied here, or what is left of one",
            ),
            error => Problem::of(error)?,
        };
        report.add(problem.affecting(format!("all samples of {name}")));
    }
    for meta in &listing.blocks {
        let name = meta.ulid.to_string();
        if watch.start(&name).is_break() {
            return Ok(());
        }
        if obsolete.contains(&meta.ulid) {
            let message = "another block was made of it; it is removed at the next start";
            report.add(Problem::note(&name, message));
        }
        let before = watch.done_bytes();
        verify_one(directory, &name, meta, watch, report)?;
        // What is not chunks, or could not be read, is done too.
        let read_bytes = watch.done_bytes() - before;
        let size_bytes = tree_bytes(&**directory, &name)?;
        let _ = watch.add(size_bytes.saturating_sub(read_bytes));
    }
    Ok(())
}

fn verify_one(
    directory: &Arc<dyn Directory>,
    name: &str,
    meta: &BlockMeta,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let opened = Block::open(Arc::clone(directory), name);
    let outcome = opened.and_then(|block| verify_block(&block, &mut |size_bytes| watch.add(size_bytes)));
    let found = match outcome {
        Ok(found) => found,
        Err(error) if is_missing(&error) && is_gone(&**directory, name) => return Ok(()),
        Err(error) => {
            let problem = match error {
                Error::Io { context, source } if is_missing_or_odd(source.kind()) => {
                    Problem::damage(name, format!("{context}: {source}"))
                }
                Error::Unsupported(message) => Problem::damage(name, message),
                error => Problem::of(error)?,
            };
            let (series, samples) = (meta.stats.series, meta.stats.samples);
            let affected = format!(
                "all of the block: {samples} samples of {series} series from {} to {}",
                meta.start_ms, meta.end_ms
            );
            report.add(problem.affecting(affected));
            return Ok(());
        }
    };
    let counts = &mut report.counts;
    counts.blocks += 1;
    counts.block_series += found.stats.series;
    counts.block_samples += found.stats.samples;
    for problem in found.problems {
        report.add(problem);
    }
    Ok(())
}

/// Whether a block was removed meanwhile: a server runs on the directory.
fn is_gone(directory: &dyn Directory, name: &str) -> bool {
    let opened = directory.open(&names::block_meta(name), OpenMode::Read);
    let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    opened.is_err_and(is_gone) && directory.list(name).is_err_and(is_gone)
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

fn is_missing_or_odd(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{FileTooLarge, IsADirectory, NotADirectory, NotFound, UnexpectedEof};
    matches!(
        kind,
        NotFound | UnexpectedEof | FileTooLarge | NotADirectory | IsADirectory
    )
}
