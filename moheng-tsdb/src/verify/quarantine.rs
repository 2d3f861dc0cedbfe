//! What was set aside because it is damaged.

use super::watch::tree_bytes;
use crate::Error;
use crate::format::names;
use crate::storage::{Directory, list_or_empty};

/// A file or directory that was set aside because it is damaged, or a damaged part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// Where it is, below the data directory. It is named after what it was.
    pub path: String,
    /// Whether it is a directory, such as a block.
    pub is_directory: bool,
    /// The size of all of it in bytes.
    pub size_bytes: u64,
}

/// What lies in `quarantine/`, ascending by name. Nothing there is read again or removed: it is kept in case someone wants to look.
///
/// # Errors
///
/// When the disk fails.
pub fn list_quarantine(directory: &dyn Directory) -> Result<Vec<Quarantined>, Error> {
    let failed = Error::io(format!("listing {}", names::QUARANTINE));
    let entries = list_or_empty(directory, names::QUARANTINE).map_err(failed)?;
    entries
        .into_iter()
        .map(|entry| {
            let path = format!("{}/{}", names::QUARANTINE, entry.name);
            Ok(Quarantined {
                size_bytes: if entry.is_directory {
                    tree_bytes(directory, &path)?
                } else {
                    entry.size_bytes
                },
                is_directory: entry.is_directory,
                path,
            })
        })
        .collect()
}
