//! Verifying and restoring a backup.

use super::copy::{check_checksum, checksum_all, copy_files};
use super::manifest::{Manifest, ManifestFile};
use super::scan::{Counter, list_files};
use super::snapshot::{SnapshotReader, refuse_non_empty};
use crate::Error;
use crate::block::list_blocks;
use crate::format::names;
use crate::storage::{Directory, OpenMode, read_to_end};
use crate::wal::LogFiles;

/// No manifest is larger: a backup of a million segments has less.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// Reads the manifest of a backup.
///
/// # Errors
///
/// When there is none (the backup did not finish, or the directory is not one), or it cannot be read.
pub fn read_manifest(backup: &dyn Directory) -> Result<Manifest, Error> {
    let text = read_to_end(backup, names::MANIFEST, MANIFEST_BYTES_MAX).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Error::Invalid(format!(
                "there is no {}: not a backup, or one that did not finish",
                names::MANIFEST
            ))
        } else {
            Error::io(format!("reading {}", names::MANIFEST))(error)
        }
    })?;
    Manifest::from_json(&text)
}

/// Reads all of a backup, compares it with its manifest, and counts its series and samples again.
///
/// # Errors
///
/// [`Error::Corrupt`] with the first difference.
pub fn verify(backup: &dyn Directory) -> Result<Manifest, Error> {
    let manifest = read_manifest(backup)?;
    let list = |log| LogFiles::list_log(backup, log).map_err(Error::io("listing the backup"));
    let (log, late_log) = (list(names::WAL)?, list(names::LATE_SAMPLES_LOG)?);
    let segments = || log.in_order().chain(late_log.in_order());
    let mut counter = Counter::default();
    let blocks = list_blocks(backup)?.blocks;
    let mut block_files = Vec::new();
    for block in &blocks {
        list_files(backup, &block.ulid.to_string(), &mut block_files)?;
    }
    for file in &manifest.files {
        let corrupt = |message: String| Error::Corrupt {
            path: file.path.clone(),
            message,
        };
        let segment = segments().find(|segment| segment.path == file.path);
        let in_block = block_files.iter().find(|(path, _)| *path == file.path);
        let size_bytes = segment.map(|segment| segment.size_bytes);
        let Some(size_bytes) = size_bytes.or(in_block.map(|(_, size_bytes)| *size_bytes)) else {
            return Err(corrupt("it is missing".to_owned()));
        };
        if size_bytes != file.size_bytes {
            return Err(corrupt(format!(
                "{size_bytes} bytes, the manifest says {}",
                file.size_bytes
            )));
        }
        let reader = SnapshotReader::open(backup, &file.path, file.size_bytes)?;
        check_checksum(file, checksum_all(reader, &file.path)?)?;
        if let Some(segment) = segment {
            let opened = backup.open(&segment.path, OpenMode::Read);
            counter.count(
                opened.map_err(Error::io(format!("opening {}", segment.path)))?,
                segment,
            )?;
        }
    }
    let is_extra = |path: &&String| manifest.files.iter().all(|file| file.path != **path);
    let in_log = segments().map(|segment| &segment.path);
    let in_blocks = block_files.iter().map(|(path, _)| path);
    if let Some(extra) = in_log.chain(in_blocks).find(is_extra) {
        return Err(Error::Corrupt {
            path: extra.clone(),
            message: "it is not in the manifest".to_owned(),
        });
    }
    let mut found = (counter.series.len() as u64, counter.samples);
    for block in &blocks {
        found.0 += block.stats.series;
        found.1 += block.stats.samples;
    }
    if found != (manifest.series_count, manifest.sample_count) {
        return Err(Error::Corrupt {
            path: names::MANIFEST.to_owned(),
            message: format!(
                "it says {} series and {} samples, the files hold {} and {}",
                manifest.series_count, manifest.sample_count, found.0, found.1
            ),
        });
    }
    Ok(manifest)
}

/// Makes a data directory of a backup, checking every byte on the way. The target must be empty.
///
/// Until the restore is complete the target holds a marker, and a database refuses to open it.
///
/// # Errors
///
/// When the target is not empty, the backup is damaged, or a disk fails. What was written stays.
pub fn restore(backup: &dyn Directory, to: &dyn Directory) -> Result<Manifest, Error> {
    let manifest = read_manifest(backup)?;
    refuse_non_empty(to)?;
    let fail = || Error::io(format!("writing {}", names::RESTORE_MARKER));
    to.open(names::RESTORE_MARKER, OpenMode::Create)
        .and_then(|marker| marker.sync())
        .and_then(|()| to.sync_directory(""))
        .map_err(fail())?;
    let open = |file: &ManifestFile| SnapshotReader::open(backup, &file.path, file.size_bytes);
    copy_files(&open, to, &manifest.files)?;
    to.remove(names::RESTORE_MARKER)
        .and_then(|()| to.sync_directory(""))
        .map_err(fail())?;
    Ok(manifest)
}
