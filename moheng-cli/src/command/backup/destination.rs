//! The folder that holds backups, and the one that is being written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use moheng_tsdb::backup::{self, Manifest, ManifestFile};
use moheng_tsdb::storage::{Directory, OpenMode, RealDirectory};

use super::progress::Progress;
use crate::archive::MANIFEST_NAME;

/// What the name of an unfinished backup ends with.
pub(super) const PARTIAL_SUFFIX: &str = ".partial";
/// How much is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// A backup that is being written. Unless it is finished, dropping it removes what was written.
pub(super) struct NewBackup {
    folder: PathBuf,
    id: String,
    partial: PathBuf,
    files: RealDirectory,
    is_finished: bool,
}

impl NewBackup {
    /// Starts a backup below `folder`, which is made when it is missing.
    pub(super) fn start(folder: &Path, manifest: &Manifest) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (id, partial) = reserve(folder, manifest.created_ms)?;
        let files = RealDirectory::open(&partial)?;
        Ok(Self {
            folder: folder.to_owned(),
            id,
            partial,
            files,
            is_finished: false,
        })
    }

    /// Writes one file and makes it durable.
    pub(super) fn write_file(
        &self,
        file: &ManifestFile,
        content: &mut dyn Read,
        progress: &mut Progress,
    ) -> io::Result<()> {
        for (end, _) in file.path.match_indices('/') {
            self.files
                .create_directory(file.path.get(..end).unwrap_or_default())?;
        }
        let target = self.files.open(&file.path, OpenMode::Create)?;
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let length = content.read(&mut buffer)?;
            if length == 0 {
                return target.sync();
            }
            target.append(buffer.get(..length).unwrap_or_default())?;
            progress.add(length as u64);
        }
    }

    /// Writes the manifest, reads everything back to verify it, and gives the backup its name.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<String, moheng_tsdb::Error> {
        let write_error = |source| moheng_tsdb::Error::Io {
            context: format!("writing {}", self.partial.display()),
            source,
        };
        self.write_manifest(manifest).map_err(write_error)?;
        backup::verify(&self.files)?;
        fs::rename(&self.partial, self.folder.join(&self.id))
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(write_error)?;
        self.is_finished = true;
        Ok(self.id.clone())
    }

    fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let mut directories: Vec<&str> = Vec::new();
        for file in &manifest.files {
            for (end, _) in file.path.match_indices('/') {
                let path = file.path.get(..end).unwrap_or_default();
                if !directories.contains(&path) {
                    directories.push(path);
                }
            }
        }
        for directory in directories {
            self.files.sync_directory(directory)?;
        }
        let target = self.files.open(MANIFEST_NAME, OpenMode::Create)?;
        target.append(manifest.to_json().as_bytes())?;
        target.sync()?;
        self.files.sync_directory("")
    }
}

impl Drop for NewBackup {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed keeps its name, which says that it is not a backup.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// Finds a name that is free and makes the unfinished folder for it.
fn reserve(folder: &Path, created_ms: i64) -> io::Result<(String, PathBuf)> {
    let time = Timestamp::from_millisecond(created_ms)
        .map_err(io::Error::other)?
        .to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    for number in 1..1_000 {
        let id = if number == 1 {
            time.clone()
        } else {
            format!("{time}-{number}")
        };
        if folder.join(&id).exists() {
            continue;
        }
        let partial = folder.join(format!("{id}{PARTIAL_SUFFIX}"));
        match fs::create_dir(&partial) {
            Ok(()) => return Ok((id, partial)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("too many backups are called {time}"),
    ))
}

/// What is known of a folder below a destination.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) state: State,
}

/// Whether a backup can be restored.
#[derive(Debug)]
pub(super) enum State {
    /// All its files are there, in their sizes.
    Complete(Manifest),
    /// It is still being written, or never was finished.
    Partial,
    /// Something is missing or cannot be read.
    Damaged(String),
}

/// The backups below `folder`, the oldest first. Folders that look like something else are left out.
pub(super) fn find(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let id = name.strip_suffix(PARTIAL_SUFFIX).unwrap_or(&name);
        if !is_id(id) || !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        let state = if id == name {
            examine(&path)
        } else {
            State::Partial
        };
        found.push(Found {
            id: id.to_owned(),
            path,
            state,
        });
    }
    found.sort_by(|a, b| order(&a.id).cmp(&order(&b.id)));
    Ok(found)
}

/// Whether a name has the form that [`reserve`] gives.
pub(super) fn is_id(name: &str) -> bool {
    let (time, number) = name.split_once('-').unwrap_or((name, "2"));
    let form = "dddddddxdddddd".len() + 2;
    time.len() == form
        && time.ends_with('Z')
        && time.as_bytes().get(8) == Some(&b'T')
        && time
            .bytes()
            .enumerate()
            .all(|(index, byte)| index == 8 || index == form - 1 || byte.is_ascii_digit())
        && number.parse::<u32>().is_ok()
}

/// By time, then by number.
fn order(id: &str) -> (&str, u32) {
    let (time, number) = id.split_once('-').unwrap_or((id, "1"));
    (time, number.parse().unwrap_or_default())
}

fn examine(path: &Path) -> State {
    match check_sizes(path) {
        Ok(manifest) => State::Complete(manifest),
        Err(message) => State::Damaged(message),
    }
}

fn check_sizes(path: &Path) -> Result<Manifest, String> {
    let files = RealDirectory::open(path).map_err(|error| error.to_string())?;
    let manifest = backup::read_manifest(&files).map_err(|error| error.to_string())?;
    for file in &manifest.files {
        let size_bytes = files
            .open(&file.path, OpenMode::Read)
            .and_then(|opened| opened.size_bytes())
            .map_err(|error| format!("{}: {error}", file.path))?;
        if size_bytes != file.size_bytes {
            return Err(format!(
                "{}: {size_bytes} bytes instead of {}",
                file.path, file.size_bytes
            ));
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..3)
            .map(|_| reserve(folder.path(), 1_795_380_653_600).unwrap().0)
            .collect();
        assert_eq!(
            names,
            ["20261122T205053Z", "20261122T205053Z-2", "20261122T205053Z-3"]
        );
        assert!(names.iter().all(|name| is_id(name)));
    }

    #[test]
    fn other_names_are_not_backups() {
        for name in [
            "",
            "lost+found",
            "20261122T205053",
            "2026112xT205053Z",
            "20261122T205053Z-x",
            "../20261122",
        ] {
            assert!(!is_id(name), "{name}");
        }
    }
}
