//! Replaying what is said about series besides their samples; see [`super::replay`].

use moheng_metrics::Exemplar;

use super::exemplars::check_behind;
use super::replay::Replay;
use crate::block::Interval;
use crate::format::DecodeError;
use crate::format::wal_annotations::{LoggedExemplar, read_exemplars, read_metadata};
use crate::format::wal_record::{LoggedDeletion, read_deletions};

impl Replay<'_> {
    pub(super) fn deletions(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut deletions = Vec::new();
        read_deletions(body, &mut deletions)?;
        self.add_deletions(deletions);
        Ok(())
    }

    pub(super) fn add_deletions(&mut self, deletions: Vec<LoggedDeletion>) {
        let mut unknown = 0;
        self.head.notes.change_deletions(|known| {
            for logged in deletions {
                let interval = Interval {
                    start_ms: logged.start_ms,
                    end_ms: logged.end_ms,
                };
                match self.find(logged.reference) {
                    Some(id) => known.add(id, interval),
                    None => unknown += 1,
                }
            }
        });
        self.counts.unknown_notes += unknown;
    }

    pub(super) fn exemplars(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut exemplars = Vec::new();
        read_exemplars(body, &mut exemplars)?;
        self.add_exemplars(exemplars);
        Ok(())
    }

    pub(super) fn add_exemplars(&mut self, exemplars: Vec<LoggedExemplar>) {
        let index = self.head.index();
        let mut ring = self.head.notes.exemplars();
        for logged in exemplars {
            let Some(id) = self.find(logged.reference) else {
                self.counts.unknown_notes += 1;
                continue;
            };
            let labels = index.build(id);
            let exemplar = Exemplar {
                labels: logged.labels,
                value: logged.value,
                timestamp_ms: Some(logged.timestamp_ms),
            };
            let before = ring.newest(&labels);
            // Those out of order were refused when they were logged, too.
            if before.is_none_or(|before| check_behind(before, logged.timestamp_ms, &exemplar) == Ok(true)) {
                ring.push(&labels, logged.timestamp_ms, &exemplar);
            }
        }
    }

    pub(super) fn metadata(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut metadata = Vec::new();
        read_metadata(body, &mut metadata)?;
        let mut table = self.head.notes.metadata();
        for logged in metadata {
            match self.find(logged.reference) {
                Some(id) => table.set(id, &logged.metadata),
                None => self.counts.unknown_notes += 1,
            }
        }
        Ok(())
    }
}
