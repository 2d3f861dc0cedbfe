//! [`Notes`]: what is said about series besides their samples, and appending it; see [`super::append`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use foldhash::fast::FixedState;
use moheng_metrics::{
    AppendBatch, Exemplar, Labels, Metadata, SampleError, SampleOutcome, Select, SeriesKey, SeriesRef,
};

use super::append::REJECTED;
use super::deletions::Deletions;
use super::exemplars::{ExemplarRing, check_behind, is_short_enough};
use super::metadata::MetadataTable;
use super::page::place;
use super::series::Tail;
use super::{Head, SeriesId};
use crate::ExemplarStats;
use crate::format::wal_annotations::{ExemplarsEncoder, put_metadata};

/// What is said about series besides their samples. The locks are taken last of all.
#[derive(Debug)]
pub(super) struct Notes {
    exemplars: Mutex<ExemplarRing>,
    metadata: Mutex<MetadataTable>,
    /// A query uses those of the moment it started.
    deletions: RwLock<Arc<Deletions>>,
}

/// Memory that batches reuse.
#[derive(Debug, Default)]
pub(super) struct NoteScratch {
    /// Those of the exemplars, then those of the metadata.
    pub(super) ids: Vec<SeriesId>,
    /// The exemplars that passed the checks, by their place in the batch, with the labels of their series.
    exemplars: Vec<(usize, Labels)>,
    /// The metadata that changes something, by their place in the batch.
    metadata: Vec<(usize, SeriesId)>,
    exemplar_record: ExemplarsEncoder,
    metadata_record: Vec<u8>,
}

/// What happened to the notes of a batch.
#[derive(Debug, Default)]
pub(super) struct NoteOutcomes {
    pub(super) exemplars: Vec<SampleOutcome>,
    pub(super) metadata: Vec<SampleOutcome>,
}

/// The pages that a batch has locked, ascending.
pub(super) struct LockedTails<'a, 'b> {
    pub(super) page_numbers: &'a [usize],
    pub(super) tails: &'a [MutexGuard<'b, Vec<Tail>>],
}

impl LockedTails<'_, '_> {
    /// The series with this id, if it has samples.
    fn used(&self, id: SeriesId) -> Result<&Tail, SampleError> {
        let (number, slot) = place(id);
        let page = self.page_numbers.binary_search(&number).ok();
        let tail = page.and_then(|page| self.tails.get(page)?.get(slot));
        tail.filter(|tail| (tail.has_samples || tail.is_published) && !tail.is_removed)
            .ok_or(SampleError::UnknownReference)
    }
}

impl Notes {
    /// No notes yet, and room for so many exemplars.
    pub(super) fn new(max_exemplars: usize) -> Self {
        Self {
            exemplars: Mutex::new(ExemplarRing::new(max_exemplars)),
            metadata: Mutex::default(),
            deletions: RwLock::default(),
        }
    }

    /// Forgets series that are removed. Their exemplars stay.
    pub(super) fn remove(&self, ids: &[SeriesId]) {
        self.metadata().remove(ids);
        if !self.deletions().is_empty() {
            self.change_deletions(|deletions| deletions.remove(ids));
        }
    }

    /// The deletions at this moment.
    pub(super) fn deletions(&self) -> Arc<Deletions> {
        Arc::clone(&self.deletions.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the deletions, all at once.
    pub(super) fn change_deletions(&self, change: impl FnOnce(&mut Deletions)) {
        let mut deletions = self.deletions.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut deletions));
    }

    pub(super) fn exemplars(&self) -> MutexGuard<'_, ExemplarRing> {
        self.exemplars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn metadata(&self) -> MutexGuard<'_, MetadataTable> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NoteScratch {
    pub(super) fn is_empty(&self) -> bool {
        self.exemplars.is_empty() && self.metadata.is_empty()
    }

    /// The record to be logged before the samples; empty when there is none.
    pub(super) fn metadata_record(&self) -> &[u8] {
        &self.metadata_record
    }

    /// The record to be logged behind the samples; empty when there is none.
    pub(super) fn exemplar_record(&self) -> &[u8] {
        self.exemplar_record.record()
    }
}

impl Head {
    /// The exemplars of the series that some of the selections match, ascending by labels.
    pub(crate) fn exemplars(&self, selects: &[Select]) -> Vec<(Labels, Vec<Exemplar>)> {
        self.notes.exemplars().select(selects)
    }

    /// Makes room for more exemplars or fewer; the newest stay.
    pub(crate) fn set_max_exemplars(&self, max_exemplars: usize) {
        self.notes.exemplars().set_limit(max_exemplars);
    }

    /// What the exemplars count.
    pub(crate) fn exemplar_stats(&self) -> ExemplarStats {
        self.notes.exemplars().stats()
    }

    /// The metadata of the series that a selection matches, ascending by labels, whatever its time range.
    pub(crate) fn metadata(&self, select: &Select) -> Vec<(Labels, Arc<Metadata>)> {
        let index = self.index();
        let mut ids = index.matching(&select.matchers).into_owned();
        let known: Vec<(SeriesId, Arc<Metadata>)> = {
            let metadata = self.notes.metadata();
            ids.retain(|&id| metadata.get(id).is_some());
            ids.sort_unstable_by(|&a, &b| index.compare(a, b));
            ids.truncate(select.limit.unwrap_or(usize::MAX));
            let known = ids.iter().map(|&id| Some((id, Arc::clone(metadata.get(id)?))));
            known.flatten().collect()
        };
        let with_labels = known
            .into_iter()
            .map(|(id, metadata)| (index.build(id), metadata));
        with_labels.collect()
    }

    /// Finds the series of the notes, which exist or were just created for the samples of the batch.
    pub(super) fn resolve_notes(&self, batch: &AppendBatch<'_>, scratch: &mut NoteScratch) {
        scratch.ids.clear();
        if batch.exemplars.is_empty() && batch.metadata.is_empty() {
            return;
        }
        let index = self.index();
        let exemplars = batch.exemplars.iter().map(|entry| entry.series);
        let metadata = batch.metadata.iter().map(|entry| entry.series);
        scratch.ids.extend(exemplars.chain(metadata).map(|key| {
            let found = match key {
                SeriesKey::Reference(SeriesRef(number)) => {
                    number.checked_sub(1).and_then(|id| SeriesId::try_from(id).ok())
                }
                SeriesKey::Labels(labels) => index.find(index.hash(labels), labels),
            };
            found.unwrap_or(REJECTED)
        }));
    }

    /// Checks every note and encodes those that change something. The samples of the batch were checked before.
    pub(super) fn check_notes(
        &self,
        batch: &AppendBatch<'_>,
        locked: &LockedTails<'_, '_>,
        scratch: &mut NoteScratch,
    ) -> NoteOutcomes {
        scratch.exemplars.clear();
        scratch.metadata.clear();
        scratch.exemplar_record.clear();
        scratch.metadata_record.clear();
        if scratch.ids.is_empty() {
            return NoteOutcomes::default();
        }
        NoteOutcomes {
            exemplars: self.check_exemplars(batch, locked, scratch),
            metadata: self.check_metadata(batch, locked, scratch),
        }
    }

    fn check_exemplars(
        &self,
        batch: &AppendBatch<'_>,
        locked: &LockedTails<'_, '_>,
        scratch: &mut NoteScratch,
    ) -> Vec<SampleOutcome> {
        let index = self.index();
        let mut ring = self.notes.exemplars();
        if !ring.is_enabled() {
            return vec![Err(SampleError::Unsupported); batch.exemplars.len()];
        }
        // The newest of each series in this batch.
        let mut newest: HashMap<SeriesId, Exemplar, FixedState> = HashMap::default();
        let mut outcomes = Vec::with_capacity(batch.exemplars.len());
        for (position, (entry, &id)) in batch.exemplars.iter().zip(&scratch.ids).enumerate() {
            let (timestamp_ms, exemplar) = (entry.timestamp_ms, entry.exemplar);
            let outcome = locked.used(id).and_then(|tail| {
                if !is_short_enough(&exemplar.labels) {
                    return Err(SampleError::InvalidExemplar);
                }
                let labels = index.build(id);
                let before = newest.get(&id).or_else(|| ring.newest(&labels));
                let is_new = before.map_or(Ok(true), |before| check_behind(before, timestamp_ms, exemplar));
                if is_new? {
                    let record = &mut scratch.exemplar_record;
                    record.push(tail.reference, timestamp_ms, exemplar.value, &exemplar.labels);
                    scratch.exemplars.push((position, labels));
                    let timed = Exemplar {
                        timestamp_ms: Some(timestamp_ms),
                        ..exemplar.clone()
                    };
                    newest.insert(id, timed);
                }
                Ok(SeriesRef(u64::from(id) + 1))
            });
            outcomes.push(outcome);
        }
        let is_late = |outcome: &&SampleOutcome| **outcome == Err(SampleError::OutOfOrder);
        ring.count_out_of_order(outcomes.iter().filter(is_late).count() as u64);
        outcomes
    }

    fn check_metadata(
        &self,
        batch: &AppendBatch<'_>,
        locked: &LockedTails<'_, '_>,
        scratch: &mut NoteScratch,
    ) -> Vec<SampleOutcome> {
        let table = self.notes.metadata();
        let mut newest: HashMap<SeriesId, &Metadata, FixedState> = HashMap::default();
        let ids = scratch.ids.get(batch.exemplars.len()..).unwrap_or_default();
        let mut outcomes = Vec::with_capacity(batch.metadata.len());
        for (position, (entry, &id)) in batch.metadata.iter().zip(ids).enumerate() {
            outcomes.push(locked.used(id).map(|tail| {
                let before = newest.get(&id).copied();
                let before = before.or_else(|| table.get(id).map(|metadata| &**metadata));
                if before != Some(entry.metadata) {
                    put_metadata(&mut scratch.metadata_record, tail.reference, entry.metadata);
                    scratch.metadata.push((position, id));
                    newest.insert(id, entry.metadata);
                }
                SeriesRef(u64::from(id) + 1)
            }));
        }
        outcomes
    }

    /// Changes memory; the batch is in the log.
    pub(super) fn publish_notes(&self, batch: &AppendBatch<'_>, scratch: &NoteScratch) {
        if !scratch.exemplars.is_empty() {
            let mut ring = self.notes.exemplars();
            for (position, labels) in &scratch.exemplars {
                if let Some(entry) = batch.exemplars.get(*position) {
                    ring.push(labels, entry.timestamp_ms, entry.exemplar);
                }
            }
        }
        if !scratch.metadata.is_empty() {
            let mut table = self.notes.metadata();
            for &(position, id) in &scratch.metadata {
                if let Some(entry) = batch.metadata.get(position) {
                    table.set(id, entry.metadata);
                }
            }
        }
    }
}
