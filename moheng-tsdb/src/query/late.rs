//! [`LateCursor`]: the late samples of one series.

use std::sync::Arc;

use moheng_metrics::{SampleBuffer, SampleCursor, SourceError};

use super::rows::{append_float, append_histogram};
use crate::chunk::Encoding;

/// Hands out late samples, ascending by time, all at once.
pub(super) struct LateCursor {
    /// The first written first. They may overlap; of samples with the same timestamp the first one counts.
    chunks: Vec<(Encoding, Arc<[u8]>)>,
    start_ms: i64,
    end_ms: i64,
}

/// Where a sample is in a buffer.
#[derive(Clone, Copy)]
struct Row {
    timestamp_ms: i64,
    is_histogram: bool,
    index: usize,
}

impl LateCursor {
    pub(super) fn new(chunks: Vec<(Encoding, Arc<[u8]>)>, start_ms: i64, end_ms: i64) -> Self {
        Self {
            chunks,
            start_ms,
            end_ms,
        }
    }
}

impl SampleCursor for LateCursor {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        let mut decoded = SampleBuffer::new();
        let mut rows: Vec<Row> = Vec::new();
        for (encoding, bytes) in self.chunks.drain(..) {
            let before = (decoded.floats.len(), decoded.histograms.len());
            encoding
                .decode(&bytes, &mut decoded)
                .map_err(|error| SourceError::Corrupt(format!("a chunk of late samples: {error}")))?;
            add_rows(&decoded.floats.timestamps_ms, before.0, false, &mut rows);
            add_rows(&decoded.histograms.timestamps_ms, before.1, true, &mut rows);
        }
        rows.retain(|row| (self.start_ms..=self.end_ms).contains(&row.timestamp_ms));
        rows.sort_by_key(|row| row.timestamp_ms);
        rows.dedup_by_key(|row| row.timestamp_ms);
        for row in &rows {
            if row.is_histogram {
                append_histogram(&decoded, row.index, buffer, true);
            } else {
                append_float(&decoded, row.index, buffer);
            }
        }
        Ok(!rows.is_empty())
    }
}

fn add_rows(times_ms: &[i64], from: usize, is_histogram: bool, rows: &mut Vec<Row>) {
    let new = times_ms.iter().enumerate().skip(from);
    rows.extend(new.map(|(index, &timestamp_ms)| Row {
        timestamp_ms,
        is_histogram,
        index,
    }));
}
