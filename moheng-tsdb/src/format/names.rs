//! Every name in a data directory, in one place.

/// The directory of the write-ahead log.
pub(crate) const WAL: &str = "wal";
/// The directory of the log of late samples.
pub(crate) const LATE_SAMPLES_LOG: &str = "wbl";
/// What is set aside because it is damaged; Prometheus does not look there.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Locked by the process that writes.
pub(crate) const LOCK: &str = "lock";
/// Takes room that is given back when the disk is full; Prometheus does not look at it.
pub(crate) const RESERVE: &str = "reserve";
/// The directory of snapshots, which are data directories of their own.
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// There while a restore into this directory has not finished.
pub(crate) const RESTORE_MARKER: &str = "restore.incomplete";
/// Describes a backup; its last file to be written.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The files of a block, in its directory.
pub(crate) const BLOCK_META: &str = "meta.json";
/// The index of a block.
pub(crate) const BLOCK_INDEX: &str = "index";
/// The directory of a block's chunks.
pub(crate) const BLOCK_CHUNKS: &str = "chunks";
/// The deletions of a block.
pub(crate) const BLOCK_TOMBSTONES: &str = "tombstones";
/// Ends the name of a block that is being written.
pub(crate) const CREATION_SUFFIX: &str = ".tmp-for-creation";
/// Ends the name of a block that is being removed.
pub(crate) const DELETION_SUFFIX: &str = ".tmp-for-deletion";

/// Ends the name of what is being written.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

const CHECKPOINT_PREFIX: &str = "checkpoint.";
const CHUNK_SNAPSHOT_PREFIX: &str = "chunk_snapshot.";
/// The directory of mapped chunks.
pub(crate) const HEAD_CHUNKS: &str = "chunks_head";

/// The path of a segment of a log, [`WAL`] or [`LATE_SAMPLES_LOG`].
pub(crate) fn segment(log: &str, number: u32) -> String {
    format!("{log}/{number:08}")
}

/// The path of the checkpoint that covers the segments up to this number.
pub(crate) fn checkpoint(last: u32) -> String {
    format!("{WAL}/{CHECKPOINT_PREFIX}{last:08}")
}

/// The path of a file of mapped chunks; numbers begin with 1.
pub(crate) fn head_chunk_file(number: u32) -> String {
    format!("{HEAD_CHUNKS}/{number:06}")
}

/// The path of a chunk snapshot that holds the log up to this offset of this segment.
pub(crate) fn chunk_snapshot(segment: u32, offset: u64) -> String {
    format!("{CHUNK_SNAPSHOT_PREFIX}{segment:06}.{offset:010}")
}

/// The segment and offset of a chunk snapshot, from the name of its directory.
pub(crate) fn chunk_snapshot_place(name: &str) -> Option<(u32, u64)> {
    let (segment, offset) = name.strip_prefix(CHUNK_SNAPSHOT_PREFIX)?.split_once('.')?;
    let offset = Some(offset).filter(|offset| offset.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some((segment_number(segment)?, offset.parse().ok()?))
}

/// The path of what a chunk snapshot has besides Prometheus's format, from that of its directory.
pub(crate) fn snapshot_supplement(snapshot: &str) -> String {
    format!("{snapshot}/supplement")
}

/// The path of a block's description.
pub(crate) fn block_meta(block: &str) -> String {
    format!("{block}/{BLOCK_META}")
}

/// The path of a block's index.
pub(crate) fn block_index(block: &str) -> String {
    format!("{block}/{BLOCK_INDEX}")
}

/// The path of the directory of a block's chunks.
pub(crate) fn block_chunks(block: &str) -> String {
    format!("{block}/{BLOCK_CHUNKS}")
}

/// The path of a file of a block's chunks; numbers begin with 1.
pub(crate) fn chunk_file(block: &str, number: u32) -> String {
    format!("{block}/{BLOCK_CHUNKS}/{number:06}")
}

/// The path of a block's deletions.
pub(crate) fn block_tombstones(block: &str) -> String {
    format!("{block}/{BLOCK_TOMBSTONES}")
}

/// The number of a segment, from its file name.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    name.parse().ok()
}

/// The number of the last segment a checkpoint covers, from the name of its directory.
pub(crate) fn checkpoint_number(name: &str) -> Option<u32> {
    segment_number(name.strip_prefix(CHECKPOINT_PREFIX)?)
}

/// Whether a path is that of a segment, in the log itself or in a checkpoint of it.
pub(crate) fn is_log_file(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [WAL | LATE_SAMPLES_LOG, segment] => segment_number(segment).is_some(),
        [WAL, checkpoint, segment] => {
            checkpoint_number(checkpoint).is_some() && segment_number(segment).is_some()
        }
        _ => false,
    }
}

/// Whether a directory is named like a block that is being written or removed. Prometheus before 2.30 ended the names in `.tmp` only.
pub(crate) fn is_temporary_block(name: &str) -> bool {
    [CREATION_SUFFIX, DELETION_SUFFIX, TEMPORARY_SUFFIX]
        .iter()
        .any(|suffix| name.strip_suffix(suffix).is_some_and(is_block))
}

/// Whether a directory is named like a block: a ULID, 26 characters of Crockford's base 32.
pub(crate) fn is_block(name: &str) -> bool {
    name.len() == 26
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'H' | b'J' | b'K' | b'M' | b'N' | b'P'..=b'T' | b'V'..=b'Z'))
}

/// Whether `path` is that of a file of a block: of its description, index, deletions or chunks.
pub(crate) fn is_block_file(path: &str) -> bool {
    let Some((block, file)) = path.split_once('/') else {
        return false;
    };
    let is_chunk_file = |name: &str| name.len() == 6 && name.bytes().all(|byte| byte.is_ascii_digit());
    is_block(block)
        && (matches!(file, "meta.json" | "index" | "tombstones")
            || file.strip_prefix("chunks/").is_some_and(is_chunk_file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised() {
        assert_eq!(segment(WAL, 7), "wal/00000007");
        assert_eq!(checkpoint(7), "wal/checkpoint.00000007");
        assert_eq!(head_chunk_file(7), "chunks_head/000007");
        assert_eq!(chunk_snapshot(12, 1234), "chunk_snapshot.000012.0000001234");
        assert_eq!(
            chunk_snapshot_place("chunk_snapshot.000012.0000001234"),
            Some((12, 1234))
        );
        for name in [
            "chunk_snapshot.000012",
            "chunk_snapshot.000012.+1",
            "chunk_snapshot.12.3.tmp",
        ] {
            assert_eq!(chunk_snapshot_place(name), None, "{name}");
        }
        assert_eq!(segment_number("00000012"), Some(12));
        for name in ["", "12.tmp", "-1", "+1", "99999999999", "checkpoint.00000001"] {
            assert_eq!(segment_number(name), None, "{name}");
        }
        assert_eq!(checkpoint_number("checkpoint.00000012"), Some(12));
        assert_eq!(checkpoint_number("checkpoint.00000012.tmp"), None);
        assert_eq!(checkpoint_number("00000012"), None);
        assert!(is_log_file("wbl/00000001") && !is_log_file("wbl/checkpoint.00000001/00000000"));
        assert!(is_log_file("wal/00000001") && is_log_file("wal/checkpoint.00000001/00000000"));
        assert!(!is_log_file("wal") && !is_log_file("wal/x") && !is_log_file("wal/../00000001"));
        assert!(is_block("01BKGV7JBM69T2G1BGBGM6KB12"));
        assert!(!is_block("01BKGV7JBM69T2G1BGBGM6KB1I"));
        assert!(!is_block("01BKGV7JBM69T2G1BGBGM6KB12.tmp"));
        assert!(!is_block("chunks_head"));
        for (path, expected) in [
            ("01BKGV7JBM69T2G1BGBGM6KB12/meta.json", true),
            ("01BKGV7JBM69T2G1BGBGM6KB12/chunks/000001", true),
            ("01BKGV7JBM69T2G1BGBGM6KB12/chunks/../000001", false),
            ("01BKGV7JBM69T2G1BGBGM6KB12/other", false),
            ("wal/meta.json", false),
        ] {
            assert_eq!(is_block_file(path), expected, "{path}");
        }
    }
}
