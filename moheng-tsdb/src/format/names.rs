//! Every name in a data directory, in one place.

/// The directory of the write-ahead log.
pub(crate) const WAL: &str = "wal";
/// The directory of the log of late samples, which is not supported yet.
pub(crate) const LATE_SAMPLES_LOG: &str = "wbl";
/// What is set aside because it is damaged; Prometheus does not look there.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Locked by the process that writes.
pub(crate) const LOCK: &str = "lock";
/// There while a restore into this directory has not finished.
pub(crate) const RESTORE_MARKER: &str = "restore.incomplete";
/// Describes a backup; its last file to be written.
pub(crate) const MANIFEST: &str = "manifest.json";

const CHECKPOINT_PREFIX: &str = "checkpoint.";

/// The path of a segment of the write-ahead log.
pub(crate) fn wal_segment(number: u32) -> String {
    format!("{WAL}/{number:08}")
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
        [WAL, segment] => segment_number(segment).is_some(),
        [WAL, checkpoint, segment] => {
            checkpoint_number(checkpoint).is_some() && segment_number(segment).is_some()
        }
        _ => false,
    }
}

/// Whether a directory is named like a block: a ULID, 26 characters of Crockford's base 32.
pub(crate) fn is_block(name: &str) -> bool {
    name.len() == 26
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'H' | b'J' | b'K' | b'M' | b'N' | b'P'..=b'T' | b'V'..=b'Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised() {
        assert_eq!(wal_segment(7), "wal/00000007");
        assert_eq!(segment_number("00000012"), Some(12));
        for name in ["", "12.tmp", "-1", "+1", "99999999999", "checkpoint.00000001"] {
            assert_eq!(segment_number(name), None, "{name}");
        }
        assert_eq!(checkpoint_number("checkpoint.00000012"), Some(12));
        assert_eq!(checkpoint_number("checkpoint.00000012.tmp"), None);
        assert_eq!(checkpoint_number("00000012"), None);
        assert!(is_log_file("wal/00000001") && is_log_file("wal/checkpoint.00000001/00000000"));
        assert!(!is_log_file("wal") && !is_log_file("wal/x") && !is_log_file("wal/../00000001"));
        assert!(is_block("01BKGV7JBM69T2G1BGBGM6KB12"));
        assert!(!is_block("01BKGV7JBM69T2G1BGBGM6KB1I"));
        assert!(!is_block("01BKGV7JBM69T2G1BGBGM6KB12.tmp"));
        assert!(!is_block("chunks_head"));
    }
}
