//! [`RecordBatch`]: records on their way from the thread that reads them to those that apply them.

use std::ops::Range;

/// Whole records of one segment, one after the other.
#[derive(Debug, Default)]
pub(crate) struct RecordBatch {
    segment: String,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl RecordBatch {
    /// No records yet of the segment with this path.
    pub(crate) fn of(segment: &str) -> Self {
        Self {
            segment: segment.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    /// Takes the newest record back, before which there were so many bytes.
    pub(crate) fn pop(&mut self, size_bytes: usize) {
        self.bytes.truncate(size_bytes);
        self.ends.pop();
    }

    /// The path of the segment.
    pub(crate) fn segment(&self) -> &str {
        &self.segment
    }

    /// The size of all records.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.places().map(|place| self.bytes(place))
    }

    /// Where the records are, for [`RecordBatch::bytes`].
    pub(crate) fn places(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start..end)
    }

    /// What is at a place.
    pub(crate) fn bytes(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or_default()
    }
}
