//! [`OpenFiles`]: files of the kernel that stay open, since opening costs several times as much as reading.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// At most this many files stay open; others are opened for each read.
const FILES_MAX: usize = 128;
/// A file that was not used within this many uses of others makes room for a new one.
const USES_MAX: u64 = 2 * FILES_MAX as u64;
/// What a file of a device says after the device has gone.
const NO_SUCH_DEVICE: i32 = 19;

#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<PathBuf, OpenFile>,
    uses: u64,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    last_use: u64,
}

impl OpenFiles {
    /// Calls `read` with the file, which may be read from any position by now. A file whose device has gone is opened once
    /// more: there may be another of that name.
    pub(crate) fn with<T>(&self, path: &Path, mut read: impl FnMut(&File) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.uses += 1;
        let uses = state.uses;
        if let Some(open) = state.files.get_mut(path) {
            open.last_use = uses;
            match read(&open.file) {
                Err(error) if error.raw_os_error() == Some(NO_SUCH_DEVICE) => {
                    state.files.remove(path);
                }
                result => return result,
            }
        }
        let file = File::open(path)?;
        let result = read(&file);
        state.keep(path, file);
        result
    }
}

impl State {
    fn keep(&mut self, path: &Path, file: File) {
        let uses = self.uses;
        if self.files.len() >= FILES_MAX {
            self.files.retain(|_, open| open.last_use + USES_MAX > uses);
        }
        if self.files.len() < FILES_MAX {
            let last_use = uses;
            self.files.insert(path.to_owned(), OpenFile { file, last_use });
        }
    }
}

/// Reads a file from its start, wherever an earlier reader stopped.
#[derive(Debug)]
pub(crate) struct FromStart<'a> {
    file: &'a File,
    position: u64,
}

impl<'a> FromStart<'a> {
    pub(crate) fn of(file: &'a File) -> Self {
        Self { file, position: 0 }
    }
}

impl Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = read_at(self.file, buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, position)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(position))?;
    file.read(buffer)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn content(files: &OpenFiles, path: &Path) -> io::Result<String> {
        files.with(path, |file| io::read_to_string(FromStart::of(file)))
    }

    #[test]
    fn a_file_is_read_from_its_start_every_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let files = OpenFiles::default();
        assert_eq!(
            content(&files, &path).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        for text in ["one", "two and more", ""] {
            fs::write(&path, text).unwrap();
            assert_eq!(content(&files, &path).unwrap(), text);
        }
        assert_eq!(files.state.lock().unwrap().files.len(), 1);
    }

    #[test]
    fn a_device_that_has_gone_is_looked_for_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "old").unwrap();
        let files = OpenFiles::default();
        content(&files, &path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "new").unwrap();
        let mut calls = 0;
        let found = files.with(&path, |file| {
            calls += 1;
            match calls {
                1 => Err(io::Error::from_raw_os_error(NO_SUCH_DEVICE)),
                _ => io::read_to_string(FromStart::of(file)),
            }
        });
        assert_eq!(found.unwrap(), "new");
        assert_eq!(content(&files, &path).unwrap(), "new");
    }

    #[test]
    fn the_number_of_open_files_is_bounded_and_those_in_use_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = |number: usize| directory.path().join(number.to_string());
        let files = OpenFiles::default();
        for number in 0..3 * FILES_MAX {
            fs::write(path(number), number.to_string()).unwrap();
            assert_eq!(content(&files, &path(number)).unwrap(), number.to_string());
            assert_eq!(content(&files, &path(0)).unwrap(), "0");
            assert!(files.state.lock().unwrap().files.len() <= FILES_MAX);
        }
        let state = files.state.lock().unwrap();
        assert!(state.files.contains_key(&path(0)));
        assert!(
            state.files.contains_key(&path(3 * FILES_MAX - 1)),
            "files out of use make room"
        );
        assert!(!state.files.contains_key(&path(1)));
    }
}
