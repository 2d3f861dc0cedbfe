//! `backup create`.

use std::io::{self, Read, Write, stdout};
use std::path::Path;
use std::sync::Arc;

use moheng_metrics::SystemClock;
use moheng_tsdb::backup::{self, Manifest, ManifestFile};
use moheng_tsdb::storage::RealDirectory;

use super::destination::NewBackup;
use super::failed;
use super::progress::{Progress, format_size, say};
use crate::archive::{ArchiveSink, read_archive};
use crate::args::CreateArgs;
use crate::client::{BodyReader, Client};
use crate::command::CommandError;
use crate::command::run::small_runtime;

const SNAPSHOT_PATH: &str = "/api/v1/admin/moheng/snapshot";

/// Runs `backup create`.
pub(super) fn create(args: &CreateArgs) -> Result<(), CommandError> {
    let (id, manifest) = match &args.data_dir {
        Some(directory) => from_directory(directory, &args.to)?,
        None => from_server(&args.server, &args.to)?,
    };
    let path = args.to.join(id);
    let (size, series, samples) = (
        format_size(manifest.size_bytes()),
        manifest.series_count,
        manifest.sample_count,
    );
    writeln!(
        stdout(),
        "{}: {size}, {series} series, {samples} samples",
        path.display()
    )
    .map_err(CommandError::output)
}

/// Copies a data directory, whether a server is running on it or not.
fn from_directory(directory: &Path, to: &Path) -> Result<(String, Manifest), CommandError> {
    let source = directory.display();
    let files = RealDirectory::open(directory).map_err(|error| failed(&source, error))?;
    let snapshot = backup::read_directory(Arc::new(files), &SystemClock::new())
        .map_err(|error| failed(&source, error))?;
    let manifest = snapshot.manifest().clone();
    let destination = to.display();
    let new = NewBackup::start(to, &manifest).map_err(|error| failed(&destination, error))?;
    let mut progress = start_progress(&manifest);
    for file in &manifest.files {
        let mut reader = snapshot.open_file(file).map_err(|error| failed(&source, error))?;
        new.write_file(file, &mut reader, &mut progress)
            .map_err(|error| failed(&file.path, error))?;
    }
    let id = new
        .finish(&manifest)
        .map_err(|error| failed(&destination, error))?;
    Ok((id, manifest))
}

/// Receives a snapshot from a running server.
fn from_server(server: &str, to: &Path) -> Result<(String, Manifest), CommandError> {
    let client = Client::new(server)?;
    let runtime = small_runtime()?;
    let reader = runtime.block_on(async {
        let response = client.post(SNAPSHOT_PATH, &[]).await?;
        Ok::<_, CommandError>(BodyReader::new(response.into_body()))
    })?;
    let mut receiver = Receiver {
        to,
        new: None,
        progress: Progress::default(),
    };
    let manifest = read_archive(reader, &mut receiver).map_err(|error| failed(server, error))?;
    let new = receiver
        .new
        .ok_or_else(|| failed(server, "the archive is empty"))?;
    let id = new
        .finish(&manifest)
        .map_err(|error| failed(to.display(), error))?;
    Ok((id, manifest))
}

/// Writes what arrives.
struct Receiver<'a> {
    to: &'a Path,
    new: Option<NewBackup>,
    progress: Progress,
}

impl ArchiveSink for Receiver<'_> {
    fn start(&mut self, manifest: &Manifest) -> io::Result<()> {
        self.new = Some(NewBackup::start(self.to, manifest)?);
        self.progress = start_progress(manifest);
        Ok(())
    }

    fn file(&mut self, file: &ManifestFile, content: &mut dyn Read) -> io::Result<()> {
        let new = self
            .new
            .as_ref()
            .ok_or_else(|| io::Error::other("a file before the manifest"))?;
        new.write_file(file, content, &mut self.progress)
    }
}

fn start_progress(manifest: &Manifest) -> Progress {
    let (files, size_bytes) = (manifest.files.len(), manifest.size_bytes());
    say(&format!("copying {files} files, {}", format_size(size_bytes)));
    Progress::new(size_bytes)
}
