//! [`HeadCursor`]: hands out what was captured, decoding as it goes.

use std::ops::Range;
use std::sync::Arc;

use moheng_metrics::{SampleBuffer, SampleCursor, SelectedSeries, SeriesCursor, SourceError};

use super::late::LateCursor;
use super::merge::MergedSamples;
use super::undeleted::Undeleted;
use crate::chunk::Encoding;
use crate::head::{Capture, CapturedSeries, MappedFiles, SealedChunk};

/// Hands out the series of a capture.
#[derive(Debug)]
pub(crate) struct HeadCursor {
    series: std::vec::IntoIter<CapturedSeries>,
    open_bytes: Arc<[u8]>,
    files: MappedFiles,
    start_ms: i64,
    /// The last millisecond that is selected.
    end_ms: i64,
}

impl HeadCursor {
    pub(crate) fn new(capture: Capture, start_ms: i64) -> Self {
        Self {
            series: capture.series.into_iter(),
            open_bytes: capture.open_bytes.into(),
            files: capture.files,
            start_ms,
            end_ms: capture.end_ms,
        }
    }

    /// The next series when its chunks can be handed on as they are: none is of late samples, all are sealed, undeleted, within the range, and of an
    /// encoding that is wanted.
    pub(crate) fn next_whole(
        &mut self,
        end_ms: i64,
        is_wanted: impl Fn(Encoding) -> bool,
    ) -> Option<CapturedSeries> {
        let series = self.series.as_slice().first()?;
        let end_ms = end_ms.min(series.end_ms);
        let is_whole = |chunk: &SealedChunk| {
            chunk.start_ms >= self.start_ms && chunk.end_ms() <= end_ms && is_wanted(chunk.encoding)
        };
        let is_handed_on = series.deleted.is_none()
            && series.late.is_empty()
            && series.open.is_empty()
            && series
                .sealed
                .is_sorted_by(|before, after| before.end_ms() < after.start_ms)
            && series.sealed.iter().all(is_whole);
        if is_handed_on { self.series.next() } else { None }
    }

    /// Where mapped chunks are.
    pub(crate) fn files(&self) -> &MappedFiles {
        &self.files
    }
}

impl<'a> SeriesCursor<'a> for HeadCursor {
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        Ok(self.series.next().map(|series| {
            let samples = HeadSamples {
                sealed: series.sealed.into_iter(),
                files: self.files.clone(),
                buffer: Vec::new(),
                open: (!series.open.is_empty())
                    .then(|| (series.open_encoding, Arc::clone(&self.open_bytes), series.open)),
                start_ms: self.start_ms,
                end_ms: series.end_ms,
            };
            let mut samples: Box<dyn SampleCursor + 'a> = match series.deleted {
                None => Box::new(samples),
                Some(deleted) => Box::new(Undeleted::new(samples, deleted)),
            };
            if !series.late.is_empty() {
                let late = LateCursor::new(series.late, self.start_ms, self.end_ms);
                samples = Box::new(MergedSamples::new(vec![samples, Box::new(late)]));
            }
            SelectedSeries {
                labels: series.labels,
                samples,
            }
        }))
    }

    fn remaining_hint(&self) -> Option<usize> {
        Some(self.series.len())
    }
}

/// The samples of one series, a chunk at a time.
#[derive(Clone)]
struct HeadSamples {
    sealed: std::vec::IntoIter<SealedChunk>,
    files: MappedFiles,
    /// What was read last of a file.
    buffer: Vec<u8>,
    open: Option<(Encoding, Arc<[u8]>, Range<usize>)>,
    start_ms: i64,
    end_ms: i64,
}

impl SampleCursor for HeadSamples {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        loop {
            let before = (buffer.floats.len(), buffer.histograms.len());
            if let Some(chunk) = self.sealed.next() {
                let bytes = chunk.bytes(&self.files, &mut self.buffer)?;
                decode(chunk.encoding, bytes, buffer)?;
            } else if let Some((encoding, bytes, range)) = self.open.take() {
                decode(encoding, bytes.get(range).unwrap_or_default(), buffer)?;
            } else {
                return Ok(false);
            }
            buffer.floats.retain_range(before.0, self.start_ms, self.end_ms);
            buffer
                .histograms
                .retain_range(before.1, self.start_ms, self.end_ms);
            if (buffer.floats.len(), buffer.histograms.len()) != before {
                return Ok(true);
            }
        }
    }
}

fn decode(encoding: Encoding, chunk: &[u8], samples: &mut SampleBuffer) -> Result<(), SourceError> {
    encoding
        .decode(chunk, samples)
        .map_err(|error| SourceError::Corrupt(format!("a chunk in memory: {error}")))
}
