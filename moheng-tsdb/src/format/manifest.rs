//! `manifest.json` of a backup, as it is written.

use serde::{Deserialize, Serialize};

/// The version this code writes.
pub(crate) const MANIFEST_VERSION: u32 = 1;

/// The JSON of a manifest.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ManifestJson {
    pub(crate) version: u32,
    pub(crate) created_ms: i64,
    pub(crate) series_count: u64,
    pub(crate) sample_count: u64,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) files: Vec<FileJson>,
}

/// The JSON of one file of a backup.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FileJson {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    /// Eight hexadecimal digits.
    pub(crate) crc32c: String,
}

/// Only the version, which says whether the rest can be read.
#[derive(Debug, Deserialize)]
pub(crate) struct VersionJson {
    pub(crate) version: u32,
}
