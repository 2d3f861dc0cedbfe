//! Finds a consistent point of a data directory by reading its log.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::Clock;

use super::copy::checksum_all;
use super::manifest::{Manifest, ManifestFile};
use super::snapshot::{PinnedFiles, Snapshot, is_replaced};
use crate::Error;
use crate::block::{BlockMeta, list_blocks};
use crate::db::{LogEnds, refuse_unsupported};
use crate::format::names;
use crate::format::wal_histograms::read_histograms;
use crate::format::wal_record::{RecordKind, read_series, record_kind};
use crate::format::wal_samples::{read_samples, read_started_samples};
use crate::storage::{Directory, File, list_or_empty};
use crate::wal::{LogFiles, SegmentEvent, SegmentFile, SegmentReader};

/// How often a listing is repeated when another process removes files meanwhile.
const ATTEMPTS: usize = 5;

/// A consistent point of a data directory that may be in use by another process: up to the last whole record. Its lock
/// is not taken and nothing is changed.
///
/// # Errors
///
/// When the directory holds something this version cannot back up, or the disk fails.
#[expect(clippy::needless_pass_by_value, reason = "public, and as the others take it")]
pub fn read_directory(directory: Arc<dyn Directory>, clock: &dyn Clock) -> Result<Snapshot, Error> {
    refuse_unsupported(&*directory)?;
    scan(&*directory, None, clock)
}

/// A point of a directory; `end` is the last segment of each log and how much of it belongs to the point, where known.
fn scan(directory: &dyn Directory, end: Option<LogEnds>, clock: &dyn Clock) -> Result<Snapshot, Error> {
    let mut attempt = 1;
    loop {
        match pin(directory, end) {
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            pinned => return pinned?.into_snapshot(clock),
        }
    }
}

/// The files of a point of a directory, open.
#[derive(Debug)]
pub(crate) struct Pinned {
    files: PinnedFiles,
    blocks: Vec<BlockMeta>,
    /// With their sizes in bytes.
    block_files: Vec<(String, u64)>,
    late_log: LogFiles,
    log: LogFiles,
}

/// Opens the files of a point of a directory; `end` is the last segment of each log and how much of it belongs to the point, where
/// known. Whoever removes files has to wait until this returns.
///
/// # Errors
///
/// When a block is damaged, the disk fails, or another process removes files meanwhile.
pub(crate) fn pin(directory: &dyn Directory, end: Option<LogEnds>) -> Result<Pinned, Error> {
    // Late samples first: the series that they name are in the other log by then.
    let mut late_log = LogFiles::list_log(directory, names::LATE_SAMPLES_LOG)
        .map_err(Error::io("listing the log of late samples"))?;
    let mut log = LogFiles::list(directory).map_err(Error::io("listing the write-ahead log"))?;
    if let Some(end) = end {
        cut(&mut late_log, end.late);
        cut(&mut log, end.in_order);
    }
    let mut pinned = Pinned {
        files: PinnedFiles::default(),
        blocks: Vec::new(),
        block_files: Vec::new(),
        late_log,
        log,
    };
    pinned.add_blocks(directory)?;
    for segment in pinned.late_log.in_order().chain(pinned.log.in_order()) {
        pinned.files.open(directory, &segment.path)?;
    }
    Ok(pinned)
}

impl Pinned {
    /// Reads all of the files and says what they are.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(crate) fn into_snapshot(self, clock: &dyn Clock) -> Result<Snapshot, Error> {
        let mut counter = Counter::default();
        let mut manifest = Manifest {
            created_ms: clock.now_ms(),
            ..Manifest::default()
        };
        for (path, size_bytes) in self.block_files {
            manifest.files.push(ManifestFile {
                crc32c: checksum_all(self.files.reader(&path, size_bytes)?, &path)?,
                size_bytes,
                path,
            });
        }
        for (log, segment) in [&self.late_log, &self.log]
            .into_iter()
            .flat_map(|log| log.in_order().map(move |segment| (log, segment)))
        {
            let whole_end = counter.count(self.files.get(&segment.path)?, segment)?;
            // Only the last segment can be in the middle of a write; damage elsewhere is kept as it is.
            let is_growing = log.segments.last() == Some(segment);
            let size_bytes = if is_growing { whole_end } else { segment.size_bytes };
            let reader = self.files.reader(&segment.path, size_bytes)?;
            manifest.files.push(ManifestFile {
                path: segment.path.clone(),
                size_bytes,
                crc32c: checksum_all(reader, &segment.path)?,
            });
        }
        manifest.series_count = counter.series.len() as u64;
        manifest.sample_count = counter.samples;
        for block in &self.blocks {
            // A series that is in several blocks, or in the log too, counts once for each; samples that are in both count twice.
            manifest.series_count += block.stats.series;
            manifest.sample_count += block.stats.samples;
        }
        let ranges = self.blocks.iter().map(|block| (block.start_ms, block.end_ms - 1));
        let range = ranges
            .chain(counter.range)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        manifest.start_ms = range.map(|(start_ms, _)| start_ms);
        manifest.end_ms = range.map(|(_, end_ms)| end_ms);
        Ok(Snapshot::new(self.files, manifest))
    }

    fn add_blocks(&mut self, directory: &dyn Directory) -> Result<(), Error> {
        let listing = list_blocks(directory)?;
        let obsolete = listing.obsolete();
        if let Some((_, error)) = listing.damaged.into_iter().next() {
            return Err(error);
        }
        self.blocks = listing.blocks;
        self.blocks.retain(|block| !obsolete.contains(&block.ulid));
        for block in &self.blocks {
            let mut files = Vec::new();
            list_files(directory, &block.ulid.to_string(), &mut files)?;
            for (path, mut size_bytes) in files {
                if is_replaced(&path) {
                    size_bytes = self.files.copy(directory, &path)?;
                } else {
                    self.files.open(directory, &path)?;
                }
                self.block_files.push((path, size_bytes));
            }
        }
        Ok(())
    }
}

/// Leaves out what is behind the end of a log: a segment, and how much of it is not.
fn cut(log: &mut LogFiles, (number, size_bytes): (u32, u64)) {
    log.segments
        .retain(|segment| segment.number < number || (segment.number == number && size_bytes > 0));
    for segment in log.segments.iter_mut().filter(|segment| segment.number == number) {
        segment.size_bytes = size_bytes;
    }
}

/// The files of a block below a directory with their sizes in bytes. What others put there is left out.
pub(super) fn list_files(
    directory: &dyn Directory,
    path: &str,
    files: &mut Vec<(String, u64)>,
) -> Result<(), Error> {
    let entries = list_or_empty(directory, path).map_err(Error::io(format!("listing {path}")))?;
    for entry in entries {
        let path = format!("{path}/{}", entry.name);
        if entry.is_directory {
            list_files(directory, &path, files)?;
        } else if names::is_block_file(&path) {
            files.push((path, entry.size_bytes));
        }
    }
    Ok(())
}

/// Counts series and samples of the whole records of segments.
#[derive(Debug, Default)]
pub(super) struct Counter {
    /// Hashes of label sets.
    pub(super) series: HashSet<u64, FixedState>,
    pub(super) samples: u64,
    pub(super) range: Option<(i64, i64)>,
}

impl Counter {
    /// Adds a segment and returns where its last whole record ends.
    pub(super) fn count(&mut self, file: Arc<dyn File>, segment: &SegmentFile) -> Result<u64, Error> {
        let fail = || Error::io(format!("reading {}", segment.path));
        let mut reader = SegmentReader::from_file(file, segment.size_bytes).map_err(fail())?;
        loop {
            match reader.next_event().map_err(fail())? {
                SegmentEvent::Record(record) => {
                    if let Err(error) = self.record(record) {
                        tracing::warn!(segment = %segment.path, %error, "a record is not well formed");
                    }
                }
                SegmentEvent::Damage(_) => {}
                SegmentEvent::End => return Ok(reader.whole_end()),
            }
        }
    }

    fn record(&mut self, record: &[u8]) -> Result<(), crate::format::DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Series => read_series(body, &mut Vec::new(), |_, labels| {
                let mut hasher = FixedState::default().build_hasher();
                for (name, value) in labels {
                    hasher.write_usize(name.len());
                    hasher.write(name.as_bytes());
                    hasher.write(value.as_bytes());
                }
                self.series.insert(hasher.finish());
            }),
            RecordKind::Samples => {
                let mut samples = Vec::new();
                read_samples(body, &mut samples)?;
                self.samples(samples.iter().map(|sample| sample.timestamp_ms));
                Ok(())
            }
            RecordKind::SamplesWithStarts => {
                let mut samples = Vec::new();
                read_started_samples(body, &mut samples)?;
                self.samples(samples.iter().map(|(place, _)| place.timestamp_ms));
                Ok(())
            }
            RecordKind::Histograms
            | RecordKind::FloatHistograms
            | RecordKind::CustomHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::HistogramsWithStarts
            | RecordKind::FloatHistogramsWithStarts => {
                let mut histograms = Vec::new();
                read_histograms(kind, body, &mut histograms)?;
                self.samples(histograms.iter().map(|histogram| histogram.place.timestamp_ms));
                Ok(())
            }
            RecordKind::Deletions
            | RecordKind::Exemplars
            | RecordKind::MappedChunks
            | RecordKind::Metadata => Ok(()),
        }
    }

    fn samples(&mut self, timestamps_ms: impl Iterator<Item = i64>) {
        for timestamp_ms in timestamps_ms {
            self.samples += 1;
            let (start_ms, end_ms) = self.range.unwrap_or((i64::MAX, i64::MIN));
            self.range = Some((start_ms.min(timestamp_ms), end_ms.max(timestamp_ms)));
        }
    }
}
