//! [`Manifest`]: what a backup consists of.

use crate::Error;
use crate::format::manifest::{FileJson, MANIFEST_VERSION, ManifestJson, VersionJson};
use crate::format::names;

/// What a backup consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// When the snapshot was taken, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// The files, in the order in which they are read.
    pub files: Vec<ManifestFile>,
    /// Series.
    pub series_count: u64,
    /// Samples in the files.
    pub sample_count: u64,
    /// The oldest timestamp in milliseconds.
    pub start_ms: Option<i64>,
    /// The newest timestamp in milliseconds.
    pub end_ms: Option<i64>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestFile {
    /// The path in the data directory, with `/`.
    pub path: String,
    /// How many bytes of the file belong to the backup: all that are in it.
    pub size_bytes: u64,
    /// The CRC-32C of these bytes.
    pub crc32c: u32,
}

impl Manifest {
    /// The size of all files in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// The content of `manifest.json`.
    pub fn to_json(&self) -> String {
        let json = ManifestJson {
            version: MANIFEST_VERSION,
            created_ms: self.created_ms,
            series_count: self.series_count,
            sample_count: self.sample_count,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            files: self
                .files
                .iter()
                .map(|file| FileJson {
                    path: file.path.clone(),
                    size_bytes: file.size_bytes,
                    crc32c: format!("{:08x}", file.crc32c),
                })
                .collect(),
        };
        // Strings and numbers always become JSON.
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads what [`Manifest::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// When it is not a manifest, or one of a later version.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let corrupt = |message: String| Error::Corrupt {
            path: names::MANIFEST.to_owned(),
            message,
        };
        let version: VersionJson =
            serde_json::from_slice(text).map_err(|error| corrupt(error.to_string()))?;
        if version.version != MANIFEST_VERSION {
            return Err(Error::Unsupported(format!(
                "{} has version {}, this version reads {MANIFEST_VERSION}",
                names::MANIFEST,
                version.version
            )));
        }
        let json: ManifestJson = serde_json::from_slice(text).map_err(|error| corrupt(error.to_string()))?;
        let files = json.files.into_iter().map(|file| {
            if !names::is_log_file(&file.path) && !names::is_block_file(&file.path) {
                return Err(corrupt(format!("{:?} is not a file of a database", file.path)));
            }
            let crc32c = u32::from_str_radix(&file.crc32c, 16)
                .map_err(|error| corrupt(format!("checksum of {}: {error}", file.path)))?;
            Ok(ManifestFile {
                path: file.path,
                size_bytes: file.size_bytes,
                crc32c,
            })
        });
        Ok(Self {
            created_ms: json.created_ms,
            files: files.collect::<Result<_, _>>()?,
            series_count: json.series_count,
            sample_count: json.sample_count,
            start_ms: json.start_ms,
            end_ms: json.end_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            created_ms: 1_700_000_000_000,
            files: vec![ManifestFile {
                path: "wal/00000003".to_owned(),
                size_bytes: 42,
                crc32c: 0x00ab_cdef,
            }],
            series_count: 2,
            sample_count: 3,
            start_ms: Some(-5),
            end_ms: None,
        }
    }

    #[test]
    fn json_round_trips() {
        let json = manifest().to_json();
        assert!(json.contains("\"crc32c\": \"00abcdef\""), "{json}");
        assert_eq!(Manifest::from_json(json.as_bytes()).unwrap(), manifest());
    }

    #[test]
    fn what_is_not_a_manifest_is_refused() {
        let check = |from: &str, to: &str, expected: &str| {
            let text = manifest().to_json().replacen(from, to, 1);
            let error = Manifest::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("\"version\": 1", "\"version\": 2", "version 2");
        check("wal/00000003", "../etc/passwd", "not a file of a database");
        check("wal/00000003", "wal/../../x", "not a file of a database");
        check("wal/00000003", "/wal/00000003", "not a file of a database");
        check("00abcdef", "xyz", "checksum of wal/00000003");
        check("\"series_count\": 2,", "", "series_count");
        check("{", "", "manifest.json is damaged");
    }
}
