//! Checkpoints: what is still needed of old segments, so that these can be removed.
//!
//! `checkpoint.N/` holds segments of its own with the records of everything up to segment N that is needed; reading begins
//! there and goes on with segment N + 1.

use std::collections::BTreeMap;

use super::files::{LogFiles, SegmentFile};
use super::reader::{SegmentEvent, SegmentReader};
use super::record_files::{SegmentShape, SegmentsWriter, WRITE_BYTES};
use super::repair::set_aside;
use crate::Error;
use crate::format::DecodeError;
use crate::format::names;
use crate::format::wal_annotations::{ExemplarsEncoder, put_metadata, read_exemplars, read_metadata};
use crate::format::wal_histograms::{HistogramsEncoder, read_histograms};
use crate::format::wal_record::{
    RecordKind, put_deletion, put_series, read_deletions, read_series, record_kind,
};
use crate::format::wal_samples::{
    SamplesEncoder, StartedSamplesEncoder, count_samples, read_samples, read_started_samples,
};
use crate::storage::{Directory, list_or_empty, remove_tree};

/// What of a log is still needed.
pub(crate) struct Keep<'a> {
    /// Whether the series with this reference is needed.
    pub(crate) series: &'a dyn Fn(u64) -> bool,
    /// Samples and exemplars from here on are needed.
    pub(crate) start_ms: i64,
    /// Deletions that end here or later are needed.
    pub(crate) deletions_start_ms: i64,
}

/// What a checkpoint kept and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckpointCounts {
    pub(crate) kept_series: u64,
    pub(crate) dropped_series: u64,
    /// Floats and histograms.
    pub(crate) kept_samples: u64,
    pub(crate) dropped_samples: u64,
    /// Places of the old segments that could not be read; copies of these segments are in quarantine.
    pub(crate) damages: u64,
    pub(crate) size_bytes: u64,
}

/// Writes `checkpoint.{last}` of the checkpoint and the segments up to number `last` of `files`. All of it is durable when this
/// returns, and reading begins with it; [`remove_before`] then removes what it covers. When it is there already, it stays.
///
/// # Errors
///
/// When the disk is full or fails; the log is as before.
pub(crate) fn write_checkpoint(
    directory: &dyn Directory,
    files: &LogFiles,
    last: u32,
    shape: SegmentShape,
    keep: &Keep<'_>,
) -> Result<CheckpointCounts, Error> {
    let path = names::checkpoint(last);
    let temporary = format!("{path}{}", names::TEMPORARY_SUFFIX);
    let fail = || Error::io(format!("writing {path}"));
    let entries = list_or_empty(directory, names::WAL).map_err(fail())?;
    if entries
        .iter()
        .any(|entry| names::checkpoint_number(&entry.name) == Some(last))
    {
        return Ok(CheckpointCounts::default());
    }
    remove_tree(directory, &temporary).map_err(fail())?;
    directory.create_directory(&temporary).map_err(fail())?;
    let mut writer = SegmentsWriter::new(directory, &temporary, shape);
    let mut filter = Filter {
        keep,
        metadata: BTreeMap::new(),
        counts: CheckpointCounts::default(),
    };
    let segments = files.segments.iter().filter(|segment| segment.number <= last);
    for segment in files.checkpoint.iter().chain(segments) {
        copy_segment(directory, segment, &mut filter, &mut writer)?;
    }
    let mut metadata = Vec::new();
    for (reference, one) in &filter.metadata {
        put_metadata(&mut metadata, *reference, one);
        if metadata.len() >= WRITE_BYTES {
            writer.record(&metadata).map_err(fail())?;
            metadata.clear();
        }
    }
    writer.record(&metadata).map_err(fail())?;
    filter.counts.size_bytes = writer.finish().map_err(fail())?;
    directory
        .rename(&temporary, &path)
        .and_then(|()| directory.sync_directory(names::WAL))
        .map_err(fail())?;
    Ok(filter.counts)
}

/// Removes the segments up to number `last` and the checkpoints before `checkpoint.{last}`, oldest first.
///
/// # Errors
///
/// When the disk fails; some of them may still be there, which does no harm.
pub(crate) fn remove_before(directory: &dyn Directory, last: u32) -> Result<(), Error> {
    let fail = || Error::io(format!("removing what {} covers", names::checkpoint(last)));
    let entries = list_or_empty(directory, names::WAL).map_err(fail())?;
    for entry in entries {
        let path = format!("{}/{}", names::WAL, entry.name);
        if entry.is_directory {
            if names::checkpoint_number(&entry.name).is_some_and(|number| number < last) {
                remove_tree(directory, &path).map_err(fail())?;
            }
        } else if names::segment_number(&entry.name).is_some_and(|number| number <= last) {
            directory.remove(&path).map_err(fail())?;
        }
    }
    directory.sync_directory(names::WAL).map_err(fail())
}

/// Removes checkpoints that were never finished.
///
/// # Errors
///
/// When the disk fails.
pub(crate) fn remove_unfinished(directory: &dyn Directory) -> Result<(), Error> {
    let fail = || Error::io("removing unfinished checkpoints");
    for entry in list_or_empty(directory, names::WAL).map_err(fail())? {
        let number = entry
            .name
            .strip_suffix(names::TEMPORARY_SUFFIX)
            .and_then(names::checkpoint_number);
        if entry.is_directory && number.is_some() {
            remove_tree(directory, &format!("{}/{}", names::WAL, entry.name)).map_err(fail())?;
        }
    }
    Ok(())
}

/// Copies what is needed of a segment.
fn copy_segment(
    directory: &dyn Directory,
    segment: &SegmentFile,
    filter: &mut Filter<'_>,
    writer: &mut SegmentsWriter<'_>,
) -> Result<(), Error> {
    let fail = || Error::io(format!("reading {}", segment.path));
    let mut reader = SegmentReader::open(directory, &segment.path, u64::MAX).map_err(fail())?;
    let mut is_set_aside = false;
    let mut damage = |message: String| -> Result<(), Error> {
        if !is_set_aside {
            set_aside(directory, &segment.path).map_err(fail())?;
            is_set_aside = true;
        }
        tracing::warn!(segment = %segment.path, damage = %message, "damage in a segment that a checkpoint replaces");
        Ok(())
    };
    loop {
        match reader.next_event().map_err(fail())? {
            SegmentEvent::Record(record) => match filter.record(record) {
                Ok(Kept::All) => writer
                    .record(record)
                    .map_err(Error::io(writer.path().to_owned()))?,
                Ok(Kept::Part(part)) => writer
                    .record(&part)
                    .map_err(Error::io(writer.path().to_owned()))?,
                Err(error) => {
                    filter.counts.damages += 1;
                    damage(error.to_string())?;
                }
            },
            SegmentEvent::Damage(found) => {
                filter.counts.damages += 1;
                damage(found.message)?;
            }
            SegmentEvent::End => return Ok(()),
        }
    }
}

/// What is kept of a record.
enum Kept {
    All,
    /// Encoded again; empty when nothing is kept.
    Part(Vec<u8>),
}

impl Kept {
    /// All when nothing was dropped.
    fn new(record: Vec<u8>, dropped: usize) -> Self {
        if dropped == 0 {
            Self::All
        } else {
            Self::Part(record)
        }
    }
}

/// Leaves out of records what is not needed any more.
struct Filter<'a> {
    keep: &'a Keep<'a>,
    /// The newest of each series.
    metadata: BTreeMap<u64, moheng_metrics::Metadata>,
    counts: CheckpointCounts,
}

impl Filter<'_> {
    fn record(&mut self, record: &[u8]) -> Result<Kept, DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Series => self.series(body),
            RecordKind::Samples => self.samples(body),
            RecordKind::SamplesWithStarts => self.started_samples(body),
            RecordKind::Deletions => self.deletions(body),
            RecordKind::Exemplars => self.exemplars(body),
            RecordKind::Metadata => {
                let mut metadata = Vec::new();
                read_metadata(body, &mut metadata)?;
                metadata.retain(|one| (self.keep.series)(one.reference));
                self.metadata
                    .extend(metadata.into_iter().map(|one| (one.reference, one.metadata)));
                Ok(Kept::Part(Vec::new()))
            }
            RecordKind::Histograms
            | RecordKind::FloatHistograms
            | RecordKind::CustomHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::HistogramsWithStarts
            | RecordKind::FloatHistogramsWithStarts => self.histograms(kind, body),
            // These belong into the log of late samples, which has no checkpoints.
            RecordKind::MappedChunks => Ok(Kept::Part(Vec::new())),
        }
    }

    fn series(&mut self, body: &[u8]) -> Result<Kept, DecodeError> {
        let mut out = Vec::new();
        let (mut kept, mut dropped) = (0, 0);
        read_series(body, &mut Vec::new(), |reference, labels| {
            if (self.keep.series)(reference) {
                kept += 1;
                put_series(&mut out, reference, labels.iter().copied());
            } else {
                dropped += 1;
            }
        })?;
        self.counts.kept_series += kept;
        self.counts.dropped_series += dropped;
        Ok(Kept::new(out, dropped as usize))
    }

    fn samples(&mut self, body: &[u8]) -> Result<Kept, DecodeError> {
        // Most records are all old or all new.
        let (all, kept) = count_samples(body, self.keep.start_ms)?;
        if kept == 0 || kept == all {
            return Ok(self.kept_samples(&[], all, kept));
        }
        let mut samples = Vec::with_capacity(all);
        read_samples(body, &mut samples)?;
        samples.retain(|sample| sample.timestamp_ms >= self.keep.start_ms);
        let mut encoder = SamplesEncoder::default();
        for &sample in &samples {
            encoder.push(sample);
        }
        Ok(self.kept_samples(encoder.record(), all, samples.len()))
    }

    fn started_samples(&mut self, body: &[u8]) -> Result<Kept, DecodeError> {
        let mut samples = Vec::new();
        read_started_samples(body, &mut samples)?;
        let all = samples.len();
        samples.retain(|(place, _)| place.timestamp_ms >= self.keep.start_ms);
        let mut encoder = StartedSamplesEncoder::default();
        for &(place, value) in &samples {
            encoder.push(place, value);
        }
        Ok(self.kept_samples(encoder.record(), all, samples.len()))
    }

    fn histograms(&mut self, kind: RecordKind, body: &[u8]) -> Result<Kept, DecodeError> {
        let mut histograms = Vec::new();
        read_histograms(kind, body, &mut histograms)?;
        let all = histograms.len();
        histograms.retain(|histogram| histogram.place.timestamp_ms >= self.keep.start_ms);
        let mut encoder = HistogramsEncoder::new(kind);
        for histogram in &histograms {
            encoder.push(histogram.place, histogram.value.as_ref());
        }
        Ok(self.kept_samples(encoder.record(), all, histograms.len()))
    }

    fn kept_samples(&mut self, record: &[u8], all: usize, kept: usize) -> Kept {
        self.counts.kept_samples += kept as u64;
        self.counts.dropped_samples += (all - kept) as u64;
        Kept::new(record.to_vec(), all - kept)
    }

    fn deletions(&mut self, body: &[u8]) -> Result<Kept, DecodeError> {
        let mut deletions = Vec::new();
        read_deletions(body, &mut deletions)?;
        let all = deletions.len();
        deletions
            .retain(|one| one.end_ms >= self.keep.deletions_start_ms && (self.keep.series)(one.reference));
        let mut out = Vec::new();
        for &deletion in &deletions {
            put_deletion(&mut out, deletion);
        }
        Ok(Kept::new(out, all - deletions.len()))
    }

    fn exemplars(&mut self, body: &[u8]) -> Result<Kept, DecodeError> {
        let mut exemplars = Vec::new();
        read_exemplars(body, &mut exemplars)?;
        let all = exemplars.len();
        exemplars.retain(|one| one.timestamp_ms >= self.keep.start_ms && (self.keep.series)(one.reference));
        let mut encoder = ExemplarsEncoder::default();
        for one in &exemplars {
            encoder.push(one.reference, one.timestamp_ms, one.value, &one.labels);
        }
        Ok(Kept::new(encoder.record().to_vec(), all - exemplars.len()))
    }
}

#[cfg(test)]
mod tests;
