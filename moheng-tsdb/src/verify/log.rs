//! Both logs: every record, and whether the series that records are about are named.

use std::collections::HashSet;
use std::io;

use foldhash::fast::FixedState;

use super::watch::Watch;
use super::{Problem, Report};
use crate::Error;
use crate::format::wal_annotations::{read_exemplars, read_metadata};
use crate::format::wal_histograms::read_histograms;
use crate::format::wal_record::{RecordKind, read_deletions, read_mapped_chunks, read_series, record_kind};
use crate::format::wal_samples::{read_samples, read_started_samples};
use crate::format::{DecodeError, names};
use crate::storage::Directory;
use crate::wal::{Damage, LogFiles, SegmentEvent, SegmentFile, SegmentReader};

/// What both logs consisted of at a moment.
pub(super) struct Logs {
    log: LogFiles,
    late_log: LogFiles,
}

impl Logs {
    pub(super) fn list(directory: &dyn Directory) -> Result<Self, Error> {
        let list = |log| LogFiles::list_log(directory, log).map_err(Error::io(format!("listing {log}")));
        Ok(Self {
            late_log: list(names::LATE_SAMPLES_LOG)?,
            log: list(names::WAL)?,
        })
    }
}

/// The references of the series that the log names.
pub(super) type KnownSeries = HashSet<u64, FixedState>;

/// Reads both logs and returns the series that they name.
pub(super) fn verify_logs(
    directory: &dyn Directory,
    logs: &Logs,
    watch: &mut Watch<'_>,
    report: &mut Report,
) -> Result<KnownSeries, Error> {
    let mut check = LogCheck {
        directory,
        known: KnownSeries::default(),
        unknown: Unknown::default(),
        samples: 0,
    };
    for (name, log) in [(names::WAL, &logs.log), (names::LATE_SAMPLES_LOG, &logs.late_log)] {
        for number in &log.missing {
            let problem = Problem::damage(names::segment(name, *number), "the segment is missing");
            report.add(problem.affecting("what it held and blocks do not"));
        }
        for segment in log.in_order() {
            if watch.start(&segment.path).is_break() {
                return Ok(check.known);
            }
            check.segment(log, segment, watch, report)?;
        }
    }
    report.counts.log_series = check.known.len() as u64;
    report.counts.log_samples = check.samples;
    Ok(check.known)
}

struct LogCheck<'a> {
    directory: &'a dyn Directory,
    known: KnownSeries,
    unknown: Unknown,
    samples: u64,
}

/// What a segment says of series that are not named before.
#[derive(Default)]
struct Unknown {
    samples: u64,
    others: u64,
}

impl LogCheck<'_> {
    fn segment(
        &mut self,
        log: &LogFiles,
        segment: &SegmentFile,
        watch: &mut Watch<'_>,
        report: &mut Report,
    ) -> Result<(), Error> {
        let fail = || Error::io(format!("reading {}", segment.path));
        let path = &segment.path;
        let mut reader = match SegmentReader::open(self.directory, path, segment.size_bytes) {
            // A server has written a checkpoint meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                report.add(Problem::note(path, "it was removed meanwhile"));
                return Ok(());
            }
            reader => reader.map_err(fail())?,
        };
        let is_last = log.segments.last() == Some(segment);
        self.unknown = Unknown::default();
        let mut told_bytes = 0;
        loop {
            let before = reader.whole_end();
            match reader.next_event().map_err(fail())? {
                SegmentEvent::Record(record) => {
                    if let Err(error) = self.record(record) {
                        let message = format!("a record is not well formed: {error}");
                        report.add(
                            Problem::damage(path, message)
                                .at(before)
                                .affecting("what it says"),
                        );
                    }
                }
                SegmentEvent::Damage(damage) => report.add(about(path, damage, is_last)),
                SegmentEvent::End => break,
            }
            let read_bytes = reader.whole_end().saturating_sub(told_bytes);
            told_bytes += read_bytes;
            if watch.add(read_bytes).is_break() {
                return Ok(());
            }
        }
        let _ = watch.add(segment.size_bytes.saturating_sub(told_bytes));
        self.report_unknown(path, report);
        Ok(())
    }

    fn report_unknown(&self, path: &str, report: &mut Report) {
        let Unknown { samples, others } = self.unknown;
        if samples > 0 {
            let message = format!("{samples} samples are of series that the log does not name");
            report.add(Problem::damage(path, message).affecting("these samples"));
        }
        if others > 0 {
            let message =
                format!("{others} exemplars, metadata or deletions are of series that the log does not name");
            report.add(Problem::note(path, message));
        }
    }

    fn record(&mut self, record: &[u8]) -> Result<(), DecodeError> {
        let (kind, body) = record_kind(record)?;
        match kind {
            RecordKind::Series => {
                let known = &mut self.known;
                read_series(body, &mut Vec::new(), |reference, _| {
                    known.insert(reference);
                })?;
            }
            RecordKind::Samples => {
                let mut samples = Vec::new();
                read_samples(body, &mut samples)?;
                self.count_samples(samples.iter().map(|sample| sample.reference));
            }
            RecordKind::SamplesWithStarts => {
                let mut samples = Vec::new();
                read_started_samples(body, &mut samples)?;
                self.count_samples(samples.iter().map(|(place, _)| place.reference));
            }
            RecordKind::Histograms
            | RecordKind::FloatHistograms
            | RecordKind::CustomHistograms
            | RecordKind::CustomFloatHistograms
            | RecordKind::HistogramsWithStarts
            | RecordKind::FloatHistogramsWithStarts => {
                let mut histograms = Vec::new();
                read_histograms(kind, body, &mut histograms)?;
                self.count_samples(histograms.iter().map(|histogram| histogram.place.reference));
            }
            RecordKind::Deletions => {
                let mut deletions = Vec::new();
                read_deletions(body, &mut deletions)?;
                self.count_others(deletions.iter().map(|deletion| deletion.reference));
            }
            RecordKind::Exemplars => {
                let mut exemplars = Vec::new();
                read_exemplars(body, &mut exemplars)?;
                self.count_others(exemplars.iter().map(|exemplar| exemplar.reference));
            }
            RecordKind::Metadata => {
                let mut metadata = Vec::new();
                read_metadata(body, &mut metadata)?;
                self.count_others(metadata.iter().map(|metadata| metadata.reference));
            }
            // The chunks they name go when blocks have their samples; the markers stay.
            RecordKind::MappedChunks => read_mapped_chunks(body, &mut Vec::new())?,
        }
        Ok(())
    }

    fn count_samples(&mut self, references: impl Iterator<Item = u64>) {
        for reference in references {
            self.samples += 1;
            self.unknown.samples += u64::from(!self.known.contains(&reference));
        }
    }

    fn count_others(&mut self, references: impl Iterator<Item = u64>) {
        let known = &self.known;
        self.unknown.others += references.filter(|reference| !known.contains(reference)).count() as u64;
    }
}

fn about(path: &str, damage: Damage, is_last: bool) -> Problem {
    if is_last && damage.is_unfinished {
        let message = format!("the last write has not finished: {}", damage.message);
        return Problem::note(path, message).at(damage.offset);
    }
    Problem::damage(path, damage.message)
        .at(damage.offset)
        .affecting("records from there to the end of the page, where blocks do not have their samples")
}
