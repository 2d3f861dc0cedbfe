//! Any bytes as small files of a data directory.

use std::sync::Arc;

use crate::Db;
use crate::backup;
use crate::block::{Ulid, list_blocks};
use crate::format::Checksum;
use crate::format::chunk_snapshot::{SnapshotRecord, put_deletions, put_exemplars, put_series, read_record};
use crate::format::head_chunk_file::{self, MappedChunk};
use crate::format::names;
use crate::format::snapshot_extent::{read_extent, write_extent};
use crate::format::tombstones::{read_tombstones, write_tombstones};
use crate::storage::{Directory, MemoryDirectory, OpenMode};

/// Takes bytes for what the first of them says: deletions of a block, full chunks of memory, records of a chunk snapshot, the
/// descriptions of a block and of a backup, a name. What is read is written and read the same again.
///
/// # Panics
///
/// When that is not so.
pub fn check_file(bytes: &[u8]) {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    match kind % 7 {
        0 => check_tombstones(content),
        1 => check_mapped_chunks(content),
        2 => check_snapshot_record(content),
        3 => {
            if let Ok(extent) = read_extent(content) {
                assert_eq!(read_extent(&write_extent(&extent)), Ok(extent));
            }
        }
        4 => {
            let name = Ulid::new(0, 1).to_string();
            let directory = directory_with(&names::block_meta(&name), content);
            // Whatever is wrong is damage of that block.
            let listing = list_blocks(&directory);
            assert!(listing.is_ok_and(|listing| listing.blocks.len() + listing.damaged.len() == 1));
        }
        5 => {
            // A manifest names files that are not there.
            let directory = directory_with(names::MANIFEST, content);
            let _ = backup::verify(&directory);
        }
        _ => {
            let text = String::from_utf8_lossy(content);
            if let Ok(ulid) = text.parse::<Ulid>() {
                assert_eq!(ulid.to_string().parse().ok(), Some(ulid));
            }
        }
    }
}

fn directory_with(path: &str, content: &[u8]) -> MemoryDirectory {
    let directory = MemoryDirectory::new();
    if let Some((parent, _)) = path.rsplit_once('/') {
        let _ = directory.create_directory(parent);
    }
    let written = directory
        .open(path, OpenMode::Create)
        .and_then(|file| file.append(content));
    assert!(written.is_ok(), "memory has room");
    directory
}

fn check_tombstones(content: &[u8]) {
    let read = |file: &[u8]| read_tombstones(file).ok();
    let _ = read(content);
    // A checksum is never met by chance.
    let mut framed = write_tombstones(std::iter::empty());
    framed.truncate(framed.len() - 4);
    framed.extend_from_slice(content);
    let mut checksum = Checksum::new();
    checksum.update(content);
    framed.extend_from_slice(&checksum.finish().to_be_bytes());
    if let Some(tombstones) = read(&framed) {
        let again = write_tombstones(tombstones.iter().copied());
        assert_eq!(read(&again).as_ref(), Some(&tombstones));
    }
}

/// A database whose only file has one chunk of any content.
fn check_mapped_chunks(content: &[u8]) {
    let _ = head_chunk_file::read_chunk(content);
    let (encoding, data) = content.split_first().unwrap_or((&1, &[]));
    let chunk = MappedChunk {
        reference: 1,
        start_ms: i64::from(*encoding),
        end_ms: i64::from(*encoding) + data.len() as i64,
        encoding: encoding % 16,
        is_late: encoding / 16 % 4 == 3,
        data,
    };
    let mut file = head_chunk_file::header().to_vec();
    head_chunk_file::put_chunk(&mut file, &chunk);
    let found = head_chunk_file::read_chunk(file.get(head_chunk_file::HEADER_BYTES..).unwrap_or_default());
    assert!(found.is_ok_and(|found| found.is_some_and(|(found, _)| found == chunk)));
    let directory = directory_with(&names::head_chunk_file(1), &file);
    let opened = Db::builder(Arc::new(directory)).without_worker().open();
    assert!(opened.is_ok(), "damage is set aside");
}

fn check_snapshot_record(content: &[u8]) {
    let recode = |record: &[u8]| {
        let mut out = Vec::new();
        match read_record(record).ok()? {
            SnapshotRecord::Series(series) => put_series(&mut out, &series),
            SnapshotRecord::Deletions(deletions) => put_deletions(&mut out, &deletions),
            SnapshotRecord::Exemplars(exemplars) => put_exemplars(&mut out, &exemplars),
        }
        Some(out)
    };
    if let Some(once) = recode(content) {
        assert_eq!(recode(&once).as_ref(), Some(&once));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_taken() {
        for kind in 0..7 {
            for length in [0, 1, 7, 40, 300] {
                let mut bytes = vec![kind];
                bytes.extend((0..length).map(|number| (number * 37 % 251) as u8));
                check_file(&bytes);
            }
        }
    }
}
