//! [`Watch`]: how far it is, and whether to go on.

use std::io;
use std::ops::ControlFlow;

use crate::Error;
use crate::format::names;
use crate::storage::{Directory, list_or_empty};

/// The caller is told each time so many bytes were read.
const STEP_BYTES: u64 = 4 << 20;

/// How far verification is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The file or directory that is being read.
    pub path: String,
    /// How much was read, in bytes; roughly, as files may grow meanwhile.
    pub done_bytes: u64,
    /// How much there is to read, in bytes.
    pub total_bytes: u64,
}

/// Tells the caller how far it is.
pub(super) struct Watch<'a> {
    progress: Progress,
    on_progress: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    told_bytes: u64,
    is_broken_off: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        directory: &dyn Directory,
        on_progress: &'a mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Self, Error> {
        let mut total_bytes = 0;
        let entries = list_or_empty(directory, "").map_err(Error::io("listing the data directory"))?;
        for entry in entries.iter().filter(|entry| entry.is_directory) {
            let is_read = entry.name.starts_with("chunk")
                || [names::WAL, names::LATE_SAMPLES_LOG].contains(&entry.name.as_str())
                || names::is_block(&entry.name);
            if is_read {
                total_bytes += tree_bytes(directory, &entry.name)?;
            }
        }
        Ok(Self {
            progress: Progress {
                total_bytes,
                ..Progress::default()
            },
            on_progress,
            told_bytes: 0,
            is_broken_off: false,
        })
    }

    /// Something else is read now.
    pub(super) fn start(&mut self, path: &str) -> ControlFlow<()> {
        path.clone_into(&mut self.progress.path);
        self.tell()
    }

    /// So many bytes more were read.
    pub(super) fn add(&mut self, size_bytes: u64) -> ControlFlow<()> {
        let progress = &mut self.progress;
        progress.done_bytes += size_bytes;
        progress.total_bytes = progress.total_bytes.max(progress.done_bytes);
        if progress.done_bytes - self.told_bytes < STEP_BYTES {
            return self.outcome();
        }
        self.tell()
    }

    pub(super) fn done_bytes(&self) -> u64 {
        self.progress.done_bytes
    }

    pub(super) fn is_broken_off(&self) -> bool {
        self.is_broken_off
    }

    fn tell(&mut self) -> ControlFlow<()> {
        self.told_bytes = self.progress.done_bytes;
        if !self.is_broken_off {
            self.is_broken_off = (self.on_progress)(&self.progress).is_break();
        }
        self.outcome()
    }

    fn outcome(&self) -> ControlFlow<()> {
        if self.is_broken_off {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The size of all files below a directory.
pub(super) fn tree_bytes(directory: &dyn Directory, path: &str) -> Result<u64, Error> {
    let mut size_bytes = 0;
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let entries = match directory.list(&path) {
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(Error::io(format!("listing {path}")))?,
        };
        for entry in entries {
            size_bytes += entry.size_bytes;
            if entry.is_directory {
                open.push(format!("{path}/{}", entry.name));
            }
        }
    }
    Ok(size_bytes)
}
