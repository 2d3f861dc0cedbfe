//! Which segments a log consists of, in the order they are read.

use std::io;

use crate::format::names;
use crate::storage::{Directory, list_or_empty};

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) number: u32,
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
}

/// What a log consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogFiles {
    /// The newest checkpoint, read before the segments.
    pub(crate) checkpoint: Vec<SegmentFile>,
    /// The segments the checkpoint does not cover, ascending.
    pub(crate) segments: Vec<SegmentFile>,
    /// Numbers between the first and the last that have no file.
    pub(crate) missing: Vec<u32>,
    /// The number the next new segment gets.
    pub(crate) next_number: u32,
}

impl LogFiles {
    /// Lists the log in `wal/`; foreign files there are ignored.
    pub(crate) fn list(directory: &dyn Directory) -> io::Result<Self> {
        Self::list_log(directory, names::WAL)
    }

    /// Lists the log in this directory, `wal/` or `wbl/`; foreign files there are ignored.
    pub(crate) fn list_log(directory: &dyn Directory, log: &str) -> io::Result<Self> {
        let entries = list_or_empty(directory, log)?;
        let checkpoint = entries
            .iter()
            .filter(|entry| entry.is_directory)
            .filter_map(|entry| Some((names::checkpoint_number(&entry.name)?, entry.name.as_str())))
            .max();
        let first = checkpoint.map_or(0, |(number, _)| number.saturating_add(1));
        let mut files = Self {
            next_number: first,
            ..Self::default()
        };
        if let Some((_, name)) = checkpoint {
            files.checkpoint = segments_in(directory, &format!("{log}/{name}"))?;
        }
        files.segments = segments_in(directory, log)?;
        files.segments.retain(|segment| segment.number >= first);
        // Without a checkpoint a log may begin anywhere: older segments were dropped when their samples were.
        let mut expected = checkpoint.map_or_else(
            || files.segments.first().map_or(0, |segment| segment.number),
            |_| first,
        );
        for segment in &files.segments {
            // A gap costs a line in the log, not a list without bound.
            files.missing.extend((expected..segment.number).take(100));
            expected = segment.number.saturating_add(1);
            files.next_number = expected;
        }
        Ok(files)
    }

    /// The number of the newest checkpoint.
    pub(crate) fn checkpoint_number(&self) -> Option<u32> {
        let parent = self
            .checkpoint
            .first()
            .map(|segment| crate::storage::parent(&segment.path));
        names::checkpoint_number(parent?.rsplit('/').next()?)
    }

    /// Checkpoint first, then the segments.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &SegmentFile> {
        self.checkpoint.iter().chain(&self.segments)
    }
}

/// The segments in a directory, ascending.
pub(crate) fn segments_in(directory: &dyn Directory, path: &str) -> io::Result<Vec<SegmentFile>> {
    let mut segments: Vec<SegmentFile> = directory_entries(directory, path)?
        .filter(|(_, is_directory, _)| !is_directory)
        .filter_map(|(name, _, size_bytes)| {
            Some(SegmentFile {
                number: names::segment_number(&name)?,
                path: format!("{path}/{name}"),
                size_bytes,
            })
        })
        .collect();
    segments.sort_by_key(|segment| segment.number);
    Ok(segments)
}

fn directory_entries(
    directory: &dyn Directory,
    path: &str,
) -> io::Result<impl Iterator<Item = (String, bool, u64)>> {
    Ok(list_or_empty(directory, path)?
        .into_iter()
        .map(|entry| (entry.name, entry.is_directory, entry.size_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{MemoryDirectory, OpenMode};

    fn check(paths: &[&str], checkpoint: &[u32], segments: &[u32], missing: &[u32], next: u32) {
        let directory = MemoryDirectory::new();
        for path in paths {
            for (end, _) in path.match_indices('/') {
                directory.create_directory(&path[..end]).unwrap();
            }
            if !path.ends_with('/') {
                directory.open(path, OpenMode::Create).unwrap();
            }
        }
        let files = LogFiles::list(&directory).unwrap();
        let numbers = |list: &[SegmentFile]| list.iter().map(|file| file.number).collect::<Vec<_>>();
        assert_eq!(numbers(&files.checkpoint), checkpoint, "{paths:?}");
        assert_eq!(numbers(&files.segments), segments, "{paths:?}");
        assert_eq!(files.missing, missing, "{paths:?}");
        assert_eq!(files.next_number, next, "{paths:?}");
        let has_checkpoint = paths.iter().any(|path| path.contains("checkpoint.00000004/0"));
        assert_eq!(
            files.checkpoint_number(),
            has_checkpoint.then_some(4),
            "{paths:?}"
        );
    }

    #[test]
    fn logs_are_listed() {
        check(&[], &[], &[], &[], 0);
        check(
            &["wal/00000000", "wal/00000001", "wal/x", "wal/5.tmp"],
            &[],
            &[0, 1],
            &[],
            2,
        );
        check(&["wal/00000003", "wal/00000006"], &[], &[3, 6], &[4, 5], 7);
        check(
            &[
                "wal/checkpoint.00000001/00000000",
                "wal/checkpoint.00000004/00000000",
                "wal/checkpoint.00000004/00000001",
                "wal/checkpoint.00000009.tmp/00000000",
                "wal/00000004",
                "wal/00000005",
            ],
            &[0, 1],
            &[5],
            &[],
            6,
        );
        check(
            &["wal/checkpoint.00000004/00000000", "wal/00000007"],
            &[0],
            &[7],
            &[5, 6],
            8,
        );
        check(&["wal/checkpoint.00000004/"], &[], &[], &[], 5);
    }
}
