//! Snapshots as tar archives: the manifest first, then its files in its order.

use std::io::{self, Read, Write};

use moheng_tsdb::backup::{Manifest, ManifestFile, Snapshot};

/// The name of the manifest in archives and backups.
pub(crate) const MANIFEST_NAME: &str = "manifest.json";

/// No manifest is larger.
const MANIFEST_LIMIT_BYTES: u64 = 64 << 20;

/// Writes `snapshot` as an archive.
pub(crate) fn write_archive<W: Write>(snapshot: &Snapshot, writer: W) -> io::Result<W> {
    let manifest = snapshot.manifest();
    let mut archive = tar::Builder::new(writer);
    let json = manifest.to_json();
    append(
        &mut archive,
        manifest,
        MANIFEST_NAME,
        json.len() as u64,
        json.as_bytes(),
    )?;
    for file in &manifest.files {
        let reader = snapshot.open_file(file).map_err(io::Error::other)?;
        append(&mut archive, manifest, &file.path, file.size_bytes, reader)?;
    }
    archive.into_inner()
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    manifest: &Manifest,
    path: &str,
    size_bytes: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_path(path)?;
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header.set_mtime(u64::try_from(manifest.created_ms / 1000).unwrap_or_default());
    header.set_cksum();
    archive.append(&header, content)
}

/// Takes what is in an archive.
pub(crate) trait ArchiveSink {
    /// Takes the manifest, before any file.
    fn start(&mut self, manifest: &Manifest) -> io::Result<()>;

    /// Takes one file of the manifest, with its content to read to the end.
    fn file(&mut self, file: &ManifestFile, content: &mut dyn Read) -> io::Result<()>;
}

/// Reads an archive into `sink`.
///
/// What the archive says is not trusted: its entries must be exactly the files of the manifest, in its order, and the
/// manifest names none outside of a database.
pub(crate) fn read_archive(reader: impl Read, sink: &mut dyn ArchiveSink) -> io::Result<Manifest> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries()?;
    let mut next = |path: &str, size_bytes: Option<u64>| -> io::Result<_> {
        let entry = entries
            .next()
            .ok_or_else(|| invalid(format!("the archive ends before {path}")))??;
        let found = entry.path_bytes();
        if found.as_ref() != path.as_bytes() || !entry.header().entry_type().is_file() {
            let found = String::from_utf8_lossy(&found).into_owned();
            return Err(invalid(format!(
                "the archive has {found:?} where {path} was expected"
            )));
        }
        match size_bytes {
            Some(size_bytes) if entry.size() != size_bytes => Err(invalid(format!(
                "{path} has {} bytes in the archive, {size_bytes} were expected",
                entry.size()
            ))),
            _ => Ok(entry),
        }
    };
    let first = next(MANIFEST_NAME, None)?;
    if first.size() > MANIFEST_LIMIT_BYTES {
        return Err(invalid(format!("{MANIFEST_NAME} is too large")));
    }
    let mut json = Vec::new();
    first.take(MANIFEST_LIMIT_BYTES).read_to_end(&mut json)?;
    let manifest = Manifest::from_json(&json).map_err(io::Error::other)?;
    sink.start(&manifest)?;
    for expected in &manifest.files {
        let mut entry = next(&expected.path, Some(expected.size_bytes))?;
        sink.file(expected, &mut entry)?;
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use moheng_metrics::{AppendBatch, Labels, SampleSink};
    use moheng_tsdb::Db;
    use moheng_tsdb::storage::MemoryDirectory;

    use super::*;

    fn archive() -> Vec<u8> {
        let db = Db::builder(Arc::new(MemoryDirectory::new())).open().unwrap();
        let labels = Labels::from_pairs([("__name__", "up")]);
        let mut batch = AppendBatch::new();
        batch.push_labels(&labels, 1_000, 1.0);
        db.append(&batch).unwrap();
        write_archive(&db.snapshot().unwrap(), Vec::new()).unwrap()
    }

    #[derive(Default)]
    struct Listing {
        manifest: String,
        files: Vec<(String, u64)>,
    }

    impl ArchiveSink for Listing {
        fn start(&mut self, manifest: &Manifest) -> io::Result<()> {
            self.manifest = manifest.to_json();
            Ok(())
        }

        fn file(&mut self, file: &ManifestFile, content: &mut dyn Read) -> io::Result<()> {
            let size_bytes = io::copy(content, &mut io::sink())?;
            self.files.push((file.path.clone(), size_bytes));
            Ok(())
        }
    }

    /// The paths and sizes in an archive, or why it is refused.
    fn read(bytes: &[u8]) -> Result<Listing, String> {
        let mut listing = Listing::default();
        match read_archive(bytes, &mut listing) {
            Ok(_) => Ok(listing),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn archives_are_read_back() {
        let files = read(&archive()).unwrap().files;
        assert!(
            files
                .iter()
                .all(|(path, size_bytes)| path.starts_with("wal/") && *size_bytes > 0)
        );
        assert!(!files.is_empty());
    }

    #[test]
    fn a_part_of_an_archive_is_refused() {
        let bytes = archive();
        for length in [0, 100, 512, 1_500] {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        let without_files = tar_of(&[(MANIFEST_NAME, manifest_of(&bytes).as_bytes())]);
        assert!(
            read(&without_files)
                .err()
                .unwrap()
                .contains("the archive ends before wal/")
        );
    }

    #[test]
    fn unexpected_entries_are_refused() {
        let manifest = manifest_of(&archive());
        for (path, expected) in [
            ("wal/99999999", "where wal/"),
            ("/etc/passwd", "where wal/"),
            ("../x", "where wal/"),
        ] {
            let bytes = tar_of(&[(MANIFEST_NAME, manifest.as_bytes()), (path, b"x")]);
            let error = read(&bytes).err().unwrap();
            assert!(error.contains(expected), "{path}: {error}");
        }
        let evil = manifest.replace("wal/00000000", "../../evil");
        assert_ne!(evil, manifest);
        let error = read(&tar_of(&[(MANIFEST_NAME, evil.as_bytes())])).err().unwrap();
        assert!(error.contains("not a file of a database"), "{error}");
    }

    fn manifest_of(archive: &[u8]) -> String {
        read(archive).unwrap().manifest
    }

    /// An archive with any paths, those included that the tar crate refuses to write.
    fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }
}
