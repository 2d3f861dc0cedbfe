//! [`Undeleted`]: samples without those that are deleted.

use std::sync::Arc;

use moheng_metrics::{SampleBuffer, SampleCursor, SourceError};

use super::rows::append_undeleted;
use crate::block::Interval;

/// The samples of a cursor without those in deleted ranges.
pub(super) struct Undeleted<C> {
    samples: C,
    /// Ascending and apart from each other.
    deleted: Arc<[Interval]>,
    decoded: SampleBuffer,
}

impl<C: SampleCursor> Undeleted<C> {
    pub(super) fn new(samples: C, deleted: Arc<[Interval]>) -> Self {
        Self {
            samples,
            deleted,
            decoded: SampleBuffer::new(),
        }
    }
}

impl<C: SampleCursor> SampleCursor for Undeleted<C> {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        let before = buffer.len();
        while buffer.len() == before {
            self.decoded.clear();
            if !self.samples.read(&mut self.decoded)? {
                return Ok(false);
            }
            append_undeleted(&self.decoded, (i64::MIN, i64::MAX), &self.deleted, buffer);
        }
        Ok(true)
    }
}
