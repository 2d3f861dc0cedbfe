//! Copying files from one directory to another.

use std::io::Read;

use super::manifest::ManifestFile;
use super::snapshot::SnapshotReader;
use crate::Error;
use crate::format::Checksum;
use crate::storage::{Directory, OpenMode};

/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// The CRC-32C of all that a reader reads of a file.
///
/// # Errors
///
/// When it cannot be read, or is shorter.
pub(super) fn checksum_all(reader: SnapshotReader, path: &str) -> Result<u32, Error> {
    let mut checksum = Checksum::new();
    read_all(reader, path, |bytes| {
        checksum.update(bytes);
        Ok(())
    })?;
    Ok(checksum.finish())
}

/// Copies files, which `open` opens, with their directories, and makes them durable.
///
/// # Errors
///
/// When a file is not what the manifest says, or the disk fails.
pub(super) fn copy_files(
    open: &dyn Fn(&ManifestFile) -> Result<SnapshotReader, Error>,
    to: &dyn Directory,
    files: &[ManifestFile],
) -> Result<(), Error> {
    let mut directories: Vec<&str> = Vec::new();
    for file in files {
        for (end, _) in file.path.match_indices('/') {
            let path = file.path.get(..end).unwrap_or_default();
            if !directories.contains(&path) {
                to.create_directory(path)
                    .map_err(Error::io(format!("creating {path}")))?;
                directories.push(path);
            }
        }
        copy_file(open(file)?, to, file)?;
    }
    directories.push("");
    for path in directories {
        to.sync_directory(path)
            .map_err(Error::io(format!("syncing the directory {path:?}")))?;
    }
    Ok(())
}

fn copy_file(from: SnapshotReader, to: &dyn Directory, file: &ManifestFile) -> Result<(), Error> {
    let fail = || Error::io(format!("writing {}", file.path));
    let target = to.open(&file.path, OpenMode::Create).map_err(fail())?;
    let mut checksum = Checksum::new();
    read_all(from, &file.path, |bytes| {
        checksum.update(bytes);
        target.append(bytes).map_err(fail())
    })?;
    check_checksum(file, checksum.finish())?;
    target.sync().map_err(fail())
}

/// Compares a file with what the manifest says.
pub(super) fn check_checksum(file: &ManifestFile, computed: u32) -> Result<(), Error> {
    if computed == file.crc32c {
        return Ok(());
    }
    Err(Error::Corrupt {
        path: file.path.clone(),
        message: format!("checksum {computed:08x}, the manifest says {:08x}", file.crc32c),
    })
}

fn read_all(
    mut reader: SnapshotReader,
    path: &str,
    mut on_bytes: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let length = reader
            .read(&mut buffer)
            .map_err(Error::io(format!("reading {path}")))?;
        if length == 0 {
            return Ok(());
        }
        on_bytes(buffer.get(..length).unwrap_or_default())?;
    }
}
