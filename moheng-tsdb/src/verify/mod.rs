//! Reading all of a data directory and naming what is wrong with it, without changing anything.
//!
//! The directory may be in use by a server, of this crate or Prometheus, or be a backup or a snapshot: blocks, both logs with their
//! checkpoint, mapped chunks, chunk snapshots and the manifest of a backup are read, every checksum is computed again, every chunk
//! decoded, and what refers to something else is looked up there.
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use moheng_tsdb::storage::{Directory, MemoryDirectory};
//! use moheng_tsdb::{Db, verify};
//!
//! let directory: Arc<dyn Directory> = Arc::new(MemoryDirectory::new());
//! Db::builder(directory.clone()).open()?.close()?;
//! let report = verify::verify_directory(&directory, |progress| {
//!     assert!(progress.done_bytes <= progress.total_bytes);
//!     ControlFlow::Continue(())
//! })?;
//! assert!(report.is_complete && !report.is_damaged());
//! # Ok::<(), moheng_tsdb::Error>(())
//! ```

mod blocks;
mod chunk_snapshots;
mod log;
mod mapped;
mod problem;
mod quarantine;
mod watch;

use std::ops::ControlFlow;
use std::sync::Arc;

pub use problem::{Problem, Severity};
pub use quarantine::{Quarantined, list_quarantine};
pub use watch::Progress;
use watch::Watch;

use crate::Error;
use crate::backup;
use crate::format::names;
use crate::storage::{Directory, list_or_empty};

/// What reading all of a data directory found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong, or odd: at most [`PROBLEMS_MAX`] of each severity, in the order found.
    pub problems: Vec<Problem>,
    /// How many places are damaged, those included that are not in the list.
    pub damage_count: u64,
    /// What is in the directory.
    pub counts: Counts,
    /// What was set aside because it is damaged.
    pub quarantine: Vec<Quarantined>,
    /// Whether all was read: the caller did not break it off.
    pub is_complete: bool,
}

/// How much of what a data directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes that were read and checked.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Series of blocks; one that is in several counts for each.
    pub block_series: u64,
    /// Samples in blocks.
    pub block_samples: u64,
    /// Series that the write-ahead log names.
    pub log_series: u64,
    /// Samples in the logs.
    pub log_samples: u64,
    /// Chunks in `chunks_head/`.
    pub mapped_chunks: u64,
    /// Series in chunk snapshots.
    pub snapshot_series: u64,
}

/// So many problems of each severity are named; all damage is counted.
pub const PROBLEMS_MAX: usize = 1000;

impl Report {
    /// Whether something cannot be read or is not what was written.
    pub fn is_damaged(&self) -> bool {
        self.damage_count > 0
    }

    fn add(&mut self, problem: Problem) {
        if problem.severity == Severity::Damage {
            self.damage_count += 1;
        }
        let is_alike = |other: &&Problem| other.severity == problem.severity;
        if self.problems.iter().filter(is_alike).count() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

/// Reads all of a data directory and says what is wrong with it. Nothing is changed and no lock is taken. `on_progress` is called now
/// and then, and can break it off; the report then says what was found so far.
///
/// # Errors
///
/// When the disk fails. Damage is in the report.
pub fn verify_directory(
    directory: &Arc<dyn Directory>,
    mut on_progress: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Report, Error> {
    let mut report = Report::default();
    // The log of late samples is listed first: the series that it names are in the other one by then.
    let logs = log::Logs::list(&**directory)?;
    let mut watch = Watch::new(&**directory, &mut on_progress)?;
    look_around(&**directory, &mut report)?;
    read_all(directory, &logs, &mut watch, &mut report)?;
    report.quarantine = list_quarantine(&**directory)?;
    report.is_complete = !watch.is_broken_off();
    report.counts.bytes = watch.done_bytes();
    Ok(report)
}

/// Reads everything, until it is broken off.
fn read_all(
    directory: &Arc<dyn Directory>,
    logs: &log::Logs,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    blocks::verify_blocks(directory, watch, report)?;
    if watch.is_broken_off() {
        return Ok(());
    }
    let known = log::verify_logs(&**directory, logs, watch, report)?;
    if watch.is_broken_off() {
        return Ok(());
    }
    mapped::verify_mapped_chunks(&**directory, &known, watch, report)?;
    if watch.is_broken_off() {
        return Ok(());
    }
    chunk_snapshots::verify_chunk_snapshots(&**directory, watch, report)?;
    if watch.is_broken_off() {
        return Ok(());
    }
    verify_manifest(&**directory, report)
}

/// Names that say something by being there.
fn look_around(directory: &dyn Directory, report: &mut Report) -> Result<(), Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the data directory"))?;
    for entry in entries {
        if entry.name == names::RESTORE_MARKER {
            let message = "a restore into this directory has not finished";
            report.add(Problem::damage(entry.name, message).affecting("all of the directory"));
        } else if entry.is_directory && names::is_temporary_block(&entry.name) {
            let message =
                "a block whose writing or removal has not finished; it is removed at the next start";
            report.add(Problem::note(entry.name, message));
        }
    }
    Ok(())
}

/// Compares a backup with its manifest.
fn verify_manifest(directory: &dyn Directory, report: &mut Report) -> Result<(), Error> {
    let entries = list_or_empty(directory, "").map_err(Error::io("listing the data directory"))?;
    if entries.iter().all(|entry| entry.name != names::MANIFEST) {
        return Ok(());
    }
    match backup::verify(directory) {
        Ok(_) => Ok(()),
        Err(error @ Error::Unsupported(_)) => {
            report.add(Problem::damage(names::MANIFEST, error.to_string()));
            Ok(())
        }
        Err(error) => {
            report.add(Problem::of(error)?.affecting("a restore of this backup"));
            Ok(())
        }
    }
}
