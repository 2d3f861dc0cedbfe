//! Opening a data directory that may be in use, to read.

use std::io::{self, Write, stderr};
use std::path::Path;
use std::sync::Arc;

use moheng_tsdb::storage::{Directory, RealDirectory};
use moheng_tsdb::{Db, Error, ReplayStats};

use super::failed;
use crate::command::CommandError;

/// How often to look again when another process moves files meanwhile.
const ATTEMPTS: usize = 5;

/// The files of a data directory, which must exist.
pub(super) fn open_files(path: &Path) -> Result<Arc<dyn Directory>, CommandError> {
    if !path.is_dir() {
        return Err(failed(path.display(), "no such directory"));
    }
    let files = RealDirectory::open(path).map_err(|error| failed(path.display(), error))?;
    Ok(Arc::new(files))
}

/// A data directory, read-only. What could not be read of its log is said on standard error.
pub(super) fn open_db(path: &Path) -> Result<Db, CommandError> {
    let files = open_files(path)?;
    let mut attempt = 1;
    let db = loop {
        match Db::builder(Arc::clone(&files)).read_only(true).open() {
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            outcome => break outcome.map_err(|error| failed(path.display(), error))?,
        }
    };
    for warning in warnings(&db.stats().replay) {
        warn(&format!("{}: {warning}", path.display()));
    }
    Ok(db)
}

/// A line on standard error. Whoever closed it does not want to read it.
pub(super) fn warn(message: &str) {
    let _ = writeln!(stderr(), "warning: {message}");
}

fn warnings(replay: &ReplayStats) -> Vec<String> {
    let mut warnings = Vec::new();
    if replay.corruptions > 0 {
        warnings.push(format!(
            "{} places of the write-ahead log cannot be read; what they held is missing",
            replay.corruptions
        ));
    }
    if replay.unknown_references > 0 {
        warnings.push(format!(
            "{} samples of the write-ahead log are of series it does not name; they are left out",
            replay.unknown_references
        ));
    }
    for (kind, count) in &replay.skipped_records {
        warnings.push(format!(
            "{count} records of the write-ahead log ({kind}) are left out"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(warnings(&ReplayStats::default()), Vec::<String>::new());
        let mut replay = ReplayStats::default();
        replay.corruptions = 2;
        replay.unknown_references = 3;
        replay.skipped_records = vec![("markers", 1)];
        let said = warnings(&replay).join("\n");
        for expected in [
            "2 places",
            "3 samples",
            "1 records of the write-ahead log (markers)",
        ] {
            assert!(said.contains(expected), "{said}");
        }
    }
}
